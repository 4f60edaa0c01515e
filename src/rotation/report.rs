//! What a rotation tells while it goes on, and what it answers.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::{
    error::{Error, Result},
    store::events::Failure,
    verdict::Verdict,
};

/// The stages, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the room's head says what each does
pub enum Stage {
    Preflight,
    Record,
    Change,
    Prove,
    Converge,
    Dependents,
    Promote,
    /// Of an app's credential alone: the one before ends, or works on for a while.
    Retire,
}

impl Stage {
    /// The word in the journal and in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Record => "record",
            Self::Change => "change",
            Self::Prove => "prove",
            Self::Converge => "converge",
            Self::Dependents => "dependents",
            Self::Promote => "promote",
            Self::Retire => "retire",
        }
    }
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageReport {
    /// Of which change, where a rotation makes two: `undo`, `revoke`; empty for the first.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub of: &'static str,
    /// Which.
    pub stage: Stage,
    /// How.
    pub verdict: Verdict,
    /// Milliseconds that it took.
    pub ms: u64,
    /// What there is to say of it, for people; empty when there is nothing.
    pub note: String,
}

/// What became of the new password on one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetReport {
    /// The target as it is written.
    pub target: String,
    /// `ok`: proven there. `inconclusive`: it lags or is down, and nothing was tried. `failed`: it has the change and
    /// refuses the password.
    pub verdict: Verdict,
    /// Milliseconds since the change was acknowledged.
    pub ms: u64,
    /// Why it is not `ok`.
    pub note: String,
    /// The other connection of the account that brought it; `None` for a target of the rotated one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
}

/// What became of the new password at one dependent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DependentReport {
    /// `connection`, `home-server`, `procedure`.
    pub kind: &'static str,
    /// Which.
    pub name: String,
    /// `ok`: it has taken it. `failed`: it has not. `inconclusive`: it was not tried, or could not be told. `skipped`: it
    /// has nothing to take.
    pub verdict: Verdict,
    /// Milliseconds that it took.
    pub ms: u64,
    /// What there is to say of it.
    pub note: String,
}

/// A rotation that changed the password, proved it and made it current.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// `ok`, or that of the target that is worst off; `partial` when a dependent has not taken the new password; `failed` when
    /// the old one was put back.
    pub verdict: Verdict,
    /// The account's name, as the connection has it now.
    pub principal: String,
    /// Its objectGUID.
    pub guid: String,
    /// The version that is current now.
    pub version: u32,
    /// The earlier version whose password that is, where one was brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<u32>,
    /// Where the password was changed.
    pub pinned: String,
    /// Every connection that uses the account.
    pub connections: Vec<String>,
    /// The pinned target first.
    pub targets: Vec<TargetReport>,
    /// What else had to take the new password.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<DependentReport>,
    /// When access with what was known before ends; only after `revoke`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_ends: Option<String>,
    /// The stages.
    pub stages: Vec<StageReport>,
    /// Why it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

impl Outcome {
    /// The targets that may not have the new password: a sign-in with it there would count as a wrong one.
    #[must_use]
    pub fn unproven(&self) -> Vec<String> {
        self.targets.iter().filter(|t| t.verdict != Verdict::Ok).map(|t| t.target.clone()).collect()
    }
}

/// The one write, before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The account's name.
    pub account: String,
    /// Where it will be changed.
    pub pinned: String,
    /// The version that the new password has.
    pub version: u32,
    /// The earlier version whose password it is, where one is brought back.
    pub restores: Option<u32>,
    /// Of which change, where a rotation makes two: `undo`, `revoke`; empty for the first.
    pub of: &'static str,
}

/// Who is told how it goes.
pub trait Observer: Send + Sync {
    /// A stage has ended; with `error` when it ended the rotation.
    fn stage_ended(&self, report: &StageReport, error: Option<&Error>);

    /// It is known what became of a target.
    fn target_ended(&self, report: &TargetReport);

    /// It is known what became of a dependent.
    fn dependent_ended(&self, _: &DependentReport) {}

    /// The write is about to be sent. What the observer wants on the disk before must be there when this ends; an error
    /// means that nothing is sent.
    fn change_announced<'a>(&'a self, change: &'a Announcement) -> BoxFuture<'a, Result<()>>;
}

/// What a stage answers: its value, its verdict, its note.
pub(super) type Staged<T> = Result<(T, Verdict, String)>;

/// Tells the observer of each stage and keeps the list.
pub(super) struct Log<'a> {
    pub(super) observer: &'a dyn Observer,
    pub(super) stages: Vec<StageReport>,
    /// Of which change.
    pub(super) of: &'static str,
}

impl Log<'_> {
    /// Performs a stage.
    pub(super) async fn stage<T>(&mut self, stage: Stage, work: impl Future<Output = Staged<T>>) -> Result<T> {
        let begun = Instant::now();
        let ended = work.await;
        let (verdict, note) = match &ended {
            Ok((_, verdict, note)) => (*verdict, note.clone()),
            Err(error) => (error.verdict(), error.message().to_owned()),
        };
        let report = StageReport { of: self.of, stage, verdict, ms: milliseconds(begun.elapsed()), note };
        self.observer.stage_ended(&report, ended.as_ref().err());
        self.stages.push(report);
        ended.map(|(value, ..)| value)
    }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
