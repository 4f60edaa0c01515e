//! What a test found, stage by stage.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::HomeServer;
use crate::{
    error::{Error, Result},
    verdict::Verdict,
};

/// The parts of a test, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Name, connection, dialect.
    Negotiate,
    /// Account and password; waits for its turn among the servers of one test.
    SignIn,
    /// Share and folder.
    TreeConnect,
    /// The probe file; only where it was asked for.
    Probe,
}

/// How one stage ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageReport {
    /// Which.
    pub stage: Stage,
    /// How it ended; stages after one that failed are `not-started`.
    pub verdict: Verdict,
    /// Milliseconds it took.
    pub ms: u64,
}

/// What the test of one server found.
#[derive(Debug, Clone, Serialize)]
pub struct ServerReport {
    /// The server, as a path in JSON.
    pub server: HomeServer,
    /// `ok`; `failed`; `inconclusive` (no answer); `skipped` (a provider that Libretto does not reach); `not-started` (the
    /// password was already refused elsewhere, or the gate was shut). For all but `ok`, `error` says why.
    pub verdict: Verdict,
    /// Milliseconds in all, waiting included.
    pub ms: u64,
    /// `3.1.1`, `3.0.2`, `3.0`, `2.1` or `2.0.2`, once negotiated.
    pub dialect: Option<&'static str>,
    /// Whether every message after the sign-in was signed (an encrypted one needs no signature: MS-SMB2 3.1.4.1).
    pub signed: bool,
    /// Whether the server or the share had the traffic encrypted.
    pub encrypted: bool,
    /// The stages in their order.
    pub stages: Vec<StageReport>,
    /// Why the verdict is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl ServerReport {
    /// The report of a server that is left out, on purpose or because nobody may try; the verdict is that of `why`.
    #[must_use]
    pub fn left_out(server: HomeServer, why: Error) -> Self {
        Record::begin(Vec::new()).finish(server, Err(Stop::from(why)))
    }
}

/// Why a test ended early.
pub(super) struct Stop {
    pub(super) verdict: Verdict,
    pub(super) error: Error,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self { verdict: error.verdict(), error }
    }
}

impl Stop {
    pub(super) fn not_started(error: Error) -> Self {
        Self { verdict: Verdict::NotStarted, error }
    }
}

/// Keeps the times of a test that is under way.
pub(super) struct Record {
    started: Instant,
    planned: Vec<Stage>,
    done: Vec<StageReport>,
    pub(super) dialect: Option<&'static str>,
    pub(super) signed: bool,
    pub(super) encrypted: bool,
}

impl Record {
    pub(super) fn begin(planned: Vec<Stage>) -> Self {
        let started = Instant::now();
        Self { started, planned, done: Vec::new(), dialect: None, signed: false, encrypted: false }
    }

    /// Performs one stage and notes how it went.
    pub(super) async fn stage<T, E: Into<Stop>>(
        &mut self,
        stage: Stage,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Stop> {
        let started = Instant::now();
        let outcome = work.await.map_err(Into::into);
        let verdict = outcome.as_ref().map_or_else(|stop| stop.verdict, |_| Verdict::Ok);
        self.done.push(StageReport { stage, verdict, ms: millis(started.elapsed()) });
        outcome
    }

    pub(super) fn finish(self, server: HomeServer, outcome: Result<(), Stop>) -> ServerReport {
        let mut stages = self.done;
        let left = self.planned.into_iter().skip(stages.len());
        stages.extend(left.map(|stage| StageReport { stage, verdict: Verdict::NotStarted, ms: 0 }));
        let (verdict, error) = match outcome {
            Ok(()) => (Verdict::Ok, None),
            Err(stop) => (stop.verdict, Some(stop.error)),
        };
        ServerReport {
            server,
            verdict,
            ms: millis(self.started.elapsed()),
            dialect: self.dialect,
            signed: self.signed,
            encrypted: self.encrypted,
            stages,
            error,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
