//! The stage: each dependent is handed the new password, and what became of it is told and journalled.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Dependent, NewSecret, Planned};
use crate::{
    error::{Error, Result},
    rotation::{
        books::Books,
        report::{DependentReport, Observer, TargetReport, milliseconds},
    },
    secret::redact::redact,
    verdict::Verdict,
};

/// How often a dependent is asked whose error may pass.
const TRIES: u32 = 3;

/// How long a dependent that is being asked may still take when the run is told to stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait between them.
const PAUSE: Duration = Duration::from_millis(500);

/// Where the account's secret is handed on: the rotation in the journal, who is told, and when to stop.
pub(in crate::rotation) struct Handing<'a> {
    pub(in crate::rotation) books: &'a Books,
    pub(in crate::rotation) rotation: &'a str,
    pub(in crate::rotation) observer: &'a dyn Observer,
    pub(in crate::rotation) hurry: &'a CancellationToken,
}

impl Handing<'_> {
    /// Hands the secret to each, one after the other, and notes in the journal what became of it.
    pub(in crate::rotation) async fn all(
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
            self.note_as(&one.called, &report).await?;
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
            let answer = tokio::select! { biased;
                answer = dependent.take(secret) => answer,
                () = self.patience() => Err(Error::inconclusive("rotation.stopped", "the run was told to stop before it answered")),
            };
            match answer {
                Err(error) if error.is_retryable() && tried < TRIES => tokio::time::sleep(PAUSE).await,
                ended => return ended,
            }
        }
    }

    /// Ends some time after the run was told to stop.
    async fn patience(&self) {
        self.hurry.cancelled().await;
        tokio::time::sleep(PATIENCE).await;
    }

    /// Tells who looks, and the journal.
    pub(in crate::rotation) async fn note(&self, report: &DependentReport) -> Result<()> {
        self.note_as(&report.name, report).await
    }

    /// The same of one that the journal calls so.
    pub(super) async fn note_as(&self, called: &str, report: &DependentReport) -> Result<()> {
        self.observer.dependent_ended(report);
        let what = match report.verdict {
            Verdict::Ok => "dependent-ok",
            Verdict::Skipped => "dependent-skipped",
            Verdict::Inconclusive | Verdict::NotStarted => "dependent-open",
            Verdict::Partial | Verdict::Failed | Verdict::InDoubt => "dependent-failed",
        };
        let data = json!({"kind": report.kind, "ms": report.ms, "note": redact(&report.note)});
        self.books.event(self.rotation, None, what, Some(called), data).await
    }
}

fn not_converged(target: &str) -> Error {
    let said =
        format!("not tried: {target} has not got the new password, and what signs in there would lock the account");
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
pub(in crate::rotation) fn of_connection(name: &str, its: &[String], targets: &[TargetReport]) -> DependentReport {
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
pub(in crate::rotation) fn worst(dependents: &[DependentReport]) -> Verdict {
    let weight = |report: &DependentReport| match report.verdict {
        Verdict::Failed | Verdict::InDoubt | Verdict::Partial => Verdict::Partial,
        Verdict::Inconclusive | Verdict::NotStarted => Verdict::Inconclusive,
        Verdict::Skipped | Verdict::Ok => Verdict::Ok,
    };
    dependents.iter().map(weight).max().unwrap_or(Verdict::Ok)
}

/// What is left to say where not every dependent has taken the new password.
pub(in crate::rotation) fn shortfall(dependents: &[DependentReport]) -> Option<Error> {
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
