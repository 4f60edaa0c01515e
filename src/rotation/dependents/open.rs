//! After a rotation: which dependents have not taken the new password, and another try with them.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Dependent, Handing, NewSecret, Planned};
use crate::{
    connection::credentials::{self, State},
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

/// The journal's word for a dependent that is none any more.
const GONE: &str = "dependent-gone";

/// A dependent of a rotation that has not taken the new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    /// `connection`, `home-server`, `procedure`.
    pub kind: String,
    /// As the journal calls it.
    pub name: String,
}

impl Open {
    fn known_kind(&self) -> &'static str {
        ["home-server", "procedure"].into_iter().find(|kind| *kind == self.kind).unwrap_or("connection")
    }
}

/// The dependents that a rotation had before it and that have not taken the new secret, as the journal knows them. Other
/// connections are settled by their targets' events.
///
/// # Errors
/// The store's.
pub fn open_dependents(store: &Store, rotation: &str) -> Result<Vec<Open>> {
    let Some(of) = journal::get(store, rotation)? else { return Ok(Vec::new()) };
    // Once it has ended, only the secret in use is one for them: a later change brings its own, and what was refused none.
    let is_current = || match of.candidate {
        Some(id) => credentials::by_id(store, id).map(|one| one.state == State::Current),
        None => Ok(false),
    };
    if of.finished_at.is_some() && !is_current()? {
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

/// Whether a dependent has taken the secret, or needs none. One that failed before is not settled by being left out.
fn is_settled(events: &[RotationEvent], name: &str) -> bool {
    let its = events.iter().filter(|event| event.target.as_deref() == Some(name));
    let words: Vec<&str> = its.map(|event| event.what.as_str()).collect();
    let failed = words.iter().any(|word| matches!(*word, "dependent-failed" | "dependent-open"));
    words.iter().any(|word| match *word {
        "dependent-ok" | GONE => true,
        "dependent-skipped" => !failed,
        _ => false,
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
    let gone: Vec<&Open> = open.iter().filter(|open| dependents.iter().all(|one| one.name() != open.name)).collect();
    let mut reports = Vec::new();
    for one in gone {
        let note = "it is none any more".to_owned();
        books.event(rotation, None, GONE, Some(&one.name), json!({"note": note})).await?;
        let report =
            DependentReport { name: one.name.clone(), kind: one.known_kind(), verdict: Verdict::Skipped, ms: 0, note };
        observer.dependent_ended(&report);
        reports.push(report);
    }
    let is_open = |one: &&Arc<dyn Dependent>| open.iter().any(|open| open.name == one.name());
    let planned: Vec<Planned> =
        dependents.iter().filter(is_open).map(|one| Planned { dependent: Arc::clone(one), down: None }).collect();
    let handing = Handing { books: &books, rotation, observer, hurry: &CancellationToken::new() };
    reports.extend(handing.all(&planned, secret, None).await?);
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
