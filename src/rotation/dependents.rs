//! Dependents: what else signs in as the account, and has to take the new password after the targets have it.
//!
//! What they are is put together from above: this room knows neither file servers nor scripts. Other connections of the
//! account are dependents too; their targets are followed in converge like the connection's own, for they may lag.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    books::Books,
    report::{DependentReport, Observer, TargetReport, milliseconds},
};
use crate::{
    connection::Connection,
    directory::{Endpoint, Identity},
    error::{Error, Result},
    secret::{redact::redact, seal},
    store::{
        Store,
        journal::{self, RotationEvent},
        rows::{CredentialId, PrincipalId},
    },
    verdict::Verdict,
};

/// How often a dependent is asked whose error may pass.
const TRIES: u32 = 3;

/// How long to wait between them.
const PAUSE: Duration = Duration::from_millis(500);

/// What preflight says of what nobody can see from here.
pub(super) const UNKNOWN: &str =
    "services, tasks and pools elsewhere that use the account are not known to Libretto, unless declared";

/// A thing that has to take a new secret.
pub trait Dependent: fmt::Debug + Send + Sync {
    /// What reports and the journal call it; no two of a rotation have one name.
    fn name(&self) -> &str;

    /// What it is: `home-server`, `procedure`.
    fn kind(&self) -> &'static str;

    /// Whether it answers; nothing is changed by asking. An error that may pass (retryable) means that it is down.
    fn ready(&self) -> BoxFuture<'_, Result<()>>;

    /// Hands it the new secret, which the targets have. Answers a note for people. An error with verdict `skipped` says
    /// that there is nothing to be done; any other is its verdict.
    fn take<'a>(&'a self, secret: &'a NewSecret) -> BoxFuture<'a, Result<String>>;
}

/// Who knows the dependents of an account.
pub trait Dependents: fmt::Debug + Send + Sync {
    /// Those of an account by its connections, the rotated one first.
    fn of<'a>(&'a self, connections: &'a [Connection]) -> BoxFuture<'a, Result<Found>>;
}

/// The dependents of an account.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The account's other connections.
    pub connections: Vec<OtherConnection>,
    /// Everything else.
    pub others: Vec<Arc<dyn Dependent>>,
}

/// Those that were found before.
impl Dependents for Found {
    fn of<'a>(&'a self, _: &'a [Connection]) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async { Ok(self.clone()) })
    }
}

/// Another connection of the account.
#[derive(Debug, Clone)]
pub struct OtherConnection {
    /// Its name.
    pub name: String,
    /// Its targets.
    pub endpoints: Vec<Endpoint>,
}

/// A secret that a target has accepted.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// Account and password.
    pub identity: Identity,
    /// Whose sign-ins are counted.
    pub principal: PrincipalId,
    /// Its row.
    pub credential: CredentialId,
    /// Its version.
    pub version: u32,
    /// Targets that may not have it: a sign-in there counts as a wrong password, and a file server may ask just those.
    pub unproven: Vec<String>,
}

/// A dependent that preflight has asked.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) dependent: Arc<dyn Dependent>,
    /// It did not answer, and the run goes on without it.
    pub(super) down: Option<Error>,
}

/// Asks every dependent whether it answers. One that is down ends it, unless the run goes on without.
pub(super) async fn ask(dependents: Vec<Arc<dyn Dependent>>, allow_down: bool) -> Result<Vec<Planned>> {
    let mut planned = Vec::new();
    for dependent in dependents {
        let down = match dependent.ready().await {
            Ok(()) => None,
            Err(error) if allow_down && error.is_retryable() => Some(error),
            Err(error) => return Err(unready(dependent.as_ref(), &error)),
        };
        planned.push(Planned { dependent, down });
    }
    Ok(planned)
}

fn unready(dependent: &dyn Dependent, why: &Error) -> Error {
    let said = format!("{} cannot take a new password, and nothing was changed: {}", dependent.name(), why.message());
    let error = Error::new("rotation.dependent_down", said)
        .with("dependent", dependent.name().to_owned())
        .with("cause", why.code());
    let remedy = why.remedy().unwrap_or("mend it");
    if why.is_retryable() {
        error.hint(format!("{remedy}; or rotate without it (`allow_down`)")).retryable()
    } else {
        error.hint(remedy.to_owned())
    }
}

/// Where the account's secret is handed on: the rotation in the journal, who is told, and when to stop.
pub(super) struct Handing<'a> {
    pub(super) books: &'a Books,
    pub(super) rotation: &'a str,
    pub(super) observer: &'a dyn Observer,
    pub(super) hurry: &'a CancellationToken,
}

impl Handing<'_> {
    /// Hands the secret to each, one after the other, and notes in the journal what became of it.
    pub(super) async fn all(
        &self,
        planned: &[Planned],
        secret: &NewSecret,
        lagging: Option<&str>,
    ) -> Result<Vec<DependentReport>> {
        let mut reports = Vec::new();
        for one in planned {
            let begun = Instant::now();
            let outcome = match (&one.down, lagging) {
                (Some(down), _) => Err(Error::inconclusive("rotation.dependent_down", format!("it was down: {down}"))),
                (None, Some(target)) => Err(not_converged(target)),
                (None, None) => self.one(one.dependent.as_ref(), secret).await,
            };
            let report = report(one.dependent.as_ref(), outcome, begun);
            self.note(&report).await?;
            reports.push(report);
        }
        Ok(reports)
    }

    async fn one(&self, dependent: &dyn Dependent, secret: &NewSecret) -> Result<String> {
        let mut tried = 0;
        loop {
            if self.hurry.is_cancelled() {
                return Err(Error::inconclusive("rotation.stopped", "the run was told to stop before it"));
            }
            tried += 1;
            match dependent.take(secret).await {
                Err(error) if error.is_retryable() && tried < TRIES => tokio::time::sleep(PAUSE).await,
                ended => return ended,
            }
        }
    }

    /// Tells who looks, and the journal.
    pub(super) async fn note(&self, report: &DependentReport) -> Result<()> {
        self.observer.dependent_ended(report);
        let what = match report.verdict {
            Verdict::Ok => "dependent-ok",
            Verdict::Skipped => "dependent-skipped",
            Verdict::Inconclusive | Verdict::NotStarted => "dependent-open",
            Verdict::Partial | Verdict::Failed | Verdict::InDoubt => "dependent-failed",
        };
        let data = json!({"kind": report.kind, "ms": report.ms, "note": redact(&report.note)});
        self.books.event(self.rotation, None, what, Some(&report.name), data).await
    }
}

fn not_converged(target: &str) -> Error {
    let said = format!("not tried: {target} has not got the new password, and what signs in there would lock the account");
    Error::inconclusive("rotation.not_converged", said)
}

fn report(dependent: &dyn Dependent, outcome: Result<String>, begun: Instant) -> DependentReport {
    let (verdict, note) = match outcome {
        Ok(note) => (Verdict::Ok, note),
        Err(error) => (error.verdict(), redact(error.message()).into_owned()),
    };
    let (kind, name) = (dependent.kind(), dependent.name().to_owned());
    DependentReport { kind, name, verdict, ms: milliseconds(begun.elapsed()), note }
}

/// What became of another connection, by its targets.
pub(super) fn of_connection(name: &str, its: &[String], targets: &[TargetReport]) -> DependentReport {
    let its: Vec<&TargetReport> = targets.iter().filter(|target| its.contains(&target.target)).collect();
    let proven = its.iter().filter(|target| target.verdict == Verdict::Ok).count();
    DependentReport {
        kind: "connection",
        name: name.to_owned(),
        verdict: its.iter().map(|target| target.verdict).max().unwrap_or(Verdict::Ok),
        ms: its.iter().map(|target| target.ms).max().unwrap_or(0),
        note: format!("{proven} of {} targets have it", its.len()),
    }
}

/// What the dependents make of a rotation: one that failed makes it partial.
pub(super) fn worst(dependents: &[DependentReport]) -> Verdict {
    let weight = |report: &DependentReport| match report.verdict {
        Verdict::Failed | Verdict::InDoubt | Verdict::Partial => Verdict::Partial,
        Verdict::Inconclusive | Verdict::NotStarted => Verdict::Inconclusive,
        Verdict::Skipped | Verdict::Ok => Verdict::Ok,
    };
    dependents.iter().map(weight).max().unwrap_or(Verdict::Ok)
}

/// What is left to say where not every dependent has taken the new password.
pub(super) fn shortfall(dependents: &[DependentReport]) -> Option<Error> {
    let open = |report: &&DependentReport| !matches!(report.verdict, Verdict::Ok | Verdict::Skipped);
    let bad: Vec<&DependentReport> = dependents.iter().filter(open).collect();
    let first = bad.iter().max_by_key(|report| report.verdict)?;
    let names: Vec<&str> = bad.iter().map(|report| report.name.as_str()).collect();
    let message = format!(
        "the password is changed and current, and {} of {} dependents have not taken it ({}): {}",
        bad.len(),
        dependents.len(),
        names.join(", "),
        first.note
    );
    let error = match worst(dependents) {
        Verdict::Inconclusive => Error::inconclusive("rotation.dependents_open", message),
        _ => Error::new("rotation.dependents_failed", message),
    };
    Some(error.hint("mend what keeps them from it, then `libretto recover` hands it to them again"))
}

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
    rotation: &str,
    (secret, dependents): (&NewSecret, &[Arc<dyn Dependent>]),
    observer: &dyn Observer,
) -> Result<Vec<DependentReport>> {
    let books = Books::new(store, identity, who);
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
pub(super) fn settle(store: &Store, rotation: &str) -> Result<()> {
    let open = open_dependents(store, rotation)?;
    let events = journal::events(store, rotation)?;
    let last = |name: &str| {
        let of = events.iter().rev().find(|event| {
            event.target.as_deref() == Some(name) && event.what.starts_with("dependent-")
        });
        of.map(|event| event.what.as_str())
    };
    let what_targets_say = events.iter().fold(Verdict::Ok, |worst, event| match event.what.as_str() {
        "not-converged" => worst.max(Verdict::Inconclusive),
        "refused-after-convergence" => worst.max(Verdict::Failed),
        _ => worst,
    });
    let verdict = open.iter().fold(what_targets_say, |worst, open| match last(&open.name) {
        Some("dependent-failed") => worst.max(Verdict::Partial),
        _ => worst.max(Verdict::Inconclusive),
    });
    let names: Vec<&str> = open.iter().map(|open| open.name.as_str()).collect();
    journal::finish(store, rotation, verdict, "dependents-retried", &json!({ "open": names }))
}
