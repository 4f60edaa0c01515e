//! After a rotation: which dependents have not taken the new password, and another try with them.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Dependent, Handing, NewSecret, Planned};
use crate::{
    connection::credentials::{self, State},
    error::{Error, Result},
    rotation::{
        books::Books,
        recover::Request,
        report::{DependentReport, Observer},
        sequel,
    },
    store::{
        Store,
        journal::{self, RotationEvent},
    },
    verdict::Verdict,
};

/// The journal's word for a dependent that is none any more.
pub(in crate::rotation) const GONE: &str = "dependent-gone";

/// A dependent of a rotation that has not taken the new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    /// `connection`, `home-server`, `procedure`.
    pub kind: String,
    /// As the journal calls it.
    pub name: String,
    /// What tells it from all others; `None` in journals that have only its name.
    pub id: Option<String>,
}

impl Open {
    fn is(&self, dependent: &dyn Dependent) -> bool {
        match &self.id {
            Some(id) => *id == dependent.id(),
            None => self.name == dependent.name(),
        }
    }

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
    let text = |one: &Value, key: &str| one.get(key).and_then(Value::as_str).map(str::to_owned);
    let all = planned.iter().map(|one| Open {
        kind: text(one, "kind").unwrap_or_default(),
        name: text(one, "name").unwrap_or_default(),
        id: text(one, "id"),
    });
    Ok(all.filter(|one| !is_settled(&events, &one.name)).collect())
}

/// How the targets stand by what was found out last.
fn targets(events: &[RotationEvent]) -> Verdict {
    let mut known: BTreeMap<Option<&str>, Verdict> = BTreeMap::new();
    for event in events {
        let verdict = match event.what.as_str() {
            "not-converged" => Verdict::Inconclusive,
            "refused-after-convergence" => Verdict::Failed,
            "converged" | "target-gone" => Verdict::Ok,
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
/// Of half a revocation it becomes `partial`, and one report more says so.
///
/// # Errors
/// `rotation.busy`, `rotation.unfinished`, the store's. What becomes of a dependent is in its report.
pub async fn retry_dependents(
    request: &Request,
    secret: &NewSecret,
    dependents: &[Arc<dyn Dependent>],
    observer: &dyn Observer,
) -> Result<Vec<DependentReport>> {
    let books = Books::new(&request.store, &request.identity, &request.who, request.lockout);
    let (principal, id) = (secret.principal, request.transaction.clone());
    let open = books
        .with(move |books| {
            books.lock(principal)?;
            open_dependents(&books.store, &id)
        })
        .await?;
    if open.is_empty() {
        // Somebody else was faster, or changed the password again.
        return Ok(Vec::new());
    }
    let handing = Handing { books: &books, rotation: &request.transaction, observer, hurry: &request.hurry };
    let mut reports = Vec::new();
    let mut planned = Vec::new();
    for one in open {
        match dependents.iter().find(|dependent| one.is(dependent.as_ref())) {
            Some(dependent) => planned.push(Planned { dependent: dependent.clone(), called: one.name, down: None }),
            None => reports.push(gone(&handing, one).await?),
        }
    }
    reports.extend(handing.all(&planned, secret, None).await?);
    let id = request.transaction.clone();
    let half = books.with(move |books| settle(&books.store, &id)).await?;
    reports.extend(half.map(|why| DependentReport {
        kind: "revocation",
        name: "the second change".to_owned(),
        verdict: Verdict::Partial,
        ms: 0,
        note: why.message().to_owned(),
    }));
    Ok(reports)
}

/// Notes that a dependent is none any more.
async fn gone(handing: &Handing<'_>, open: Open) -> Result<DependentReport> {
    let note = "it is none any more".to_owned();
    handing.books.event(handing.rotation, None, GONE, Some(&open.name), json!({"note": note})).await?;
    let report = DependentReport { kind: open.known_kind(), name: open.name, verdict: Verdict::Skipped, ms: 0, note };
    handing.observer.dependent_ended(&report);
    Ok(report)
}

/// Gives a rotation whose dependents were tried again its verdict, at one stroke: that of half a revocation is at least
/// `partial`, and why is answered.
fn settle(store: &Store, rotation: &str) -> Result<Option<Error>> {
    let Some(of) = journal::get(store, rotation)? else { return Ok(None) };
    let open = open_dependents(store, rotation)?;
    let events = journal::events(store, rotation)?;
    let last = |name: &str| {
        let of = events
            .iter()
            .rev()
            .find(|event| event.target.as_deref() == Some(name) && event.what.starts_with("dependent-"));
        of.map(|event| event.what.as_str())
    };
    let half = sequel::half_revoked(&of, &events);
    let floor = if half.is_some() { Verdict::Partial } else { Verdict::Ok };
    let verdict = open.iter().fold(targets(&events).max(floor), |worst, open| match last(&open.name) {
        Some("dependent-failed") => worst.max(Verdict::Partial),
        _ => worst.max(Verdict::Inconclusive),
    });
    let names: Vec<&str> = open.iter().map(|open| open.name.as_str()).collect();
    let mut data = json!({ "open": names });
    if let Some(why) = &half {
        data["half"] = why.message().into();
    }
    journal::finish(store, rotation, verdict, "dependents-retried", &data)?;
    Ok(half)
}
