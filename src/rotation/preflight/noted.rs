//! What preflight leaves: a line for people, and what the journal has of the time before the change.

use serde_json::{Value, json};

use crate::rotation::{
    account::Known,
    controllers::{Controller, Down},
    dependents::Planned,
    request::{Mode, Request},
    stored::Stored,
};

/// What people are told.
pub(super) fn note(
    pinned: &Controller,
    others: &[Controller],
    down: &[Down],
    known: &Known,
    (mode, restores): (Mode, Option<u32>),
) -> String {
    let mut notes = vec![format!(
        "{} of {} targets answer, the change goes to {}",
        others.len() + 1,
        others.len() + 1 + down.len(),
        pinned.name
    )];
    let lagging: Vec<&str> =
        others.iter().filter(|other| other.before != pinned.before).map(|other| other.name.as_str()).collect();
    if !lagging.is_empty() {
        notes.push(format!("{} had not got the last change yet", lagging.join(", ")));
    }
    if mode == Mode::OwnReset {
        notes.push(match restores {
            None => "as an administrator it resets itself, for its password is younger than the minimum age".to_owned(),
            Some(_) => "as an administrator it resets itself, for an owner may not take a former password, nor change one so soon".to_owned(),
        });
    }
    notes.extend(known.doubts.iter().cloned());
    notes.join("; ")
}

/// What the journal keeps, for the recovery that may be needed.
pub(super) fn before(
    request: &Request,
    mode: Mode,
    stored: &Stored,
    known: &Known,
    (pinned, others): (&Controller, &[Controller]),
    down: &[Down],
    dependents: &[Planned],
) -> Value {
    let answering = std::iter::once(pinned).chain(others);
    let mut targets: Vec<Value> = answering
        .map(|one| {
            let (target, server) = (&one.name, &one.own_name);
            json!({"target": target, "server": server, "pwd_last_set": one.before, "read_only": one.read_only})
        })
        .collect();
    targets.extend(down.iter().map(|down| json!({"target": down.target, "down": down.error.message()})));
    json!({
        "mode": mode.as_str(),
        "by": request.who,
        "account": known.account.principal,
        "username": known.username,
        "server": pinned.own_name,
        "address": pinned.session.address(),
        "previous": stored.current.as_ref().map(|current| current.id),
        "policy": known.policy,
        "targets": targets,
        "dependents": dependents
            .iter()
            .map(|one| json!({"kind": one.dependent.kind(), "name": one.called, "id": one.dependent.id()}))
            .collect::<Vec<_>>(),
    })
}
