//! After a rotation: which dependents have not taken the new password, and another try with them.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Dependent, Handing, NewSecret, Planned};
use crate::{
    error::Result,
    rotation::{
        books::Books,
        lockout::LockoutOptions,
        report::{DependentReport, Observer},
    },
    secret::seal,
    store::{
        Store,
        journal::{self, RotationEvent},
    },
    verdict::Verdict,
};

/// A dependent of a rotation that has not taken the new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    /// `connection`, `home-server`, `procedure`.
    pub kind: String,
    /// As the journal calls it.
    pub name: String,
}

/// The dependents that a rotation had before it and that have not taken the new secret, as the journal knows them. Other
/// connections are settled by their targets' events.
///
/// # Errors
/// The store's.
pub fn open_dependents(store: &Store, rotation: &str) -> Result<Vec<Open>> {
    let Some(of) = journal::get(store, rotation)? else { return Ok(Vec::new()) };
    // A later change has another secret for them, or the same one again.
    if journal::history(store, of.principal)?.first().is_none_or(|latest| latest.id != rotation) {
        return Ok(Vec::new());
    }
    let events = journal::events(store, rotation)?;
    let planned = of.before.get("dependents").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |one: &Value, key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let all = planned.iter().map(|one| Open { kind: text(one, "kind"), name: text(one, "name") });
    Ok(all.filter(|one| !is_settled(&events, &one.name)).collect())
}

/// How the targets stand by what was found out last.
fn targets(events: &[RotationEvent]) -> Verdict {
    let mut known: BTreeMap<Option<&str>, Verdict> = BTreeMap::new();
    for event in events {
        let verdict = match event.what.as_str() {
            "not-converged" => Verdict::Inconclusive,
            "refused-after-convergence" => Verdict::Failed,
            "converged" => Verdict::Ok,
            _ => continue,
        };
        known.insert(event.target.as_deref(), verdict);
    }
    known.into_values().max().unwrap_or(Verdict::Ok)
}

fn is_settled(events: &[RotationEvent], name: &str) -> bool {
    events.iter().any(|event| {
        event.target.as_deref() == Some(name) && matches!(event.what.as_str(), "dependent-ok" | "dependent-skipped")
    })
}

/// Hands the secret of a rotation that has ended to those of `dependents` that have not taken it, and lets the journal know;
/// its verdict becomes `ok` when none is left open and nothing else was. The principal's lock is taken.
///
/// # Errors
/// `rotation.busy`, `rotation.unfinished`, the store's. What becomes of a dependent is in its report.
pub async fn retry_dependents(
    store: &Store,
    identity: &seal::Identity,
    who: &str,
    lockout: LockoutOptions,
    rotation: &str,
    (secret, dependents): (&NewSecret, &[Arc<dyn Dependent>]),
    observer: &dyn Observer,
) -> Result<Vec<DependentReport>> {
    let books = Books::new(store, identity, who, lockout);
    let (principal, id) = (secret.principal, rotation.to_owned());
    let open = books
        .with(move |books| {
            books.lock(principal)?;
            open_dependents(&books.store, &id)
        })
        .await?;
    let is_open = |one: &&Arc<dyn Dependent>| open.iter().any(|open| open.name == one.name());
    let planned: Vec<Planned> =
        dependents.iter().filter(is_open).map(|one| Planned { dependent: Arc::clone(one), down: None }).collect();
    let handing = Handing { books: &books, rotation, observer, hurry: &CancellationToken::new() };
    let reports = handing.all(&planned, secret, None).await?;
    let id = rotation.to_owned();
    books.with(move |books| settle(&books.store, &id)).await?;
    Ok(reports)
}

/// The verdict of a rotation whose dependents were tried again.
fn settle(store: &Store, rotation: &str) -> Result<()> {
    let open = open_dependents(store, rotation)?;
    let events = journal::events(store, rotation)?;
    let last = |name: &str| {
        let of = events
            .iter()
            .rev()
            .find(|event| event.target.as_deref() == Some(name) && event.what.starts_with("dependent-"));
        of.map(|event| event.what.as_str())
    };
    let what_targets_say = targets(&events);
    let verdict = open.iter().fold(what_targets_say, |worst, open| match last(&open.name) {
        Some("dependent-failed") => worst.max(Verdict::Partial),
        _ => worst.max(Verdict::Inconclusive),
    });
    let names: Vec<&str> = open.iter().map(|open| open.name.as_str()).collect();
    journal::finish(store, rotation, verdict, "dependents-retried", &json!({ "open": names }))
}
