//! Tests of targets: one sign-in and a small read each, and a canary that goes first.
//!
//! A wrong password is tried once, not once per target: every attempt counts towards lockout, and controllers that do not
//! know the password ask the PDC emulator, so that attempts on several of them add up there.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use futures_util::{
    future::BoxFuture,
    stream::{self, StreamExt},
};
use serde::Serialize;

use super::{
    endpoint::Endpoint,
    outcome,
    policy::{LOCKOUT, Lockout},
    session::{Identity, Session},
    target::Target,
};
use crate::{
    error::{Error, Result},
    verdict::Verdict,
};

/// Stands before every sign-in: the place to count attempts before they are sent and to refuse those that would lock an
/// account.
pub trait Gate: Send + Sync {
    /// Called when the controller is connected and before the attempt is sent. An error stops it; it is the report's.
    fn before_bind<'a>(&'a self, target: &'a Target, identity: &'a Identity) -> BoxFuture<'a, Result<()>>;

    /// Called with how the attempt ended. Not called when the caller went away: the attempt may have been counted.
    fn after_bind<'a>(
        &'a self,
        target: &'a Target,
        identity: &'a Identity,
        outcome: &'a Result<()>,
    ) -> BoxFuture<'a, ()>;
}

/// Lets every sign-in pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoGate;

impl Gate for NoGate {
    fn before_bind<'a>(&'a self, _: &'a Target, _: &'a Identity) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn after_bind<'a>(&'a self, _: &'a Target, _: &'a Identity, _: &'a Result<()>) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// How the test of one target ended.
#[derive(Debug, Clone, Serialize)]
pub struct TargetReport {
    /// The target as it is written.
    pub target: String,
    /// `ok`, `failed`, `inconclusive`, or `not-started` when another target had refused the credential.
    pub verdict: Verdict,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Why it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// The controller's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The controller's site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Whether it is a read-only controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// What wrong passwords do in the domain, where it may be read.
    #[serde(skip)]
    pub lockout: Option<Lockout>,
}

/// Connects to one target, signs in once, and reads the domain object.
pub async fn test_target(endpoint: &Endpoint, identity: &Identity, gate: &dyn Gate) -> TargetReport {
    let start = Instant::now();
    let mut report = TargetReport {
        target: endpoint.target.to_string(),
        verdict: Verdict::Ok,
        ms: 0,
        error: None,
        host: None,
        site: None,
        read_only: None,
        lockout: None,
    };
    if let Err(error) = sign_in_and_read(endpoint, identity, gate, &mut report).await {
        report.verdict = error.verdict();
        report.error = Some(error);
    }
    report.ms = milliseconds(start.elapsed());
    report
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

async fn sign_in_and_read(
    endpoint: &Endpoint,
    identity: &Identity,
    gate: &dyn Gate,
    report: &mut TargetReport,
) -> Result<()> {
    let session = Session::connect_through(endpoint, identity, gate).await?;
    let root = session.root_dse().await?;
    report.host.clone_from(&root.dns_host_name);
    report.site = root.site().map(str::to_owned);
    report.read_only = Some(root.is_read_only());
    let base = root.default_naming_context.as_str();
    let attributes: Vec<&str> = ["objectClass"].iter().chain(LOCKOUT).copied().collect();
    let found = session.read(base, &attributes).await?;
    report.lockout = found.as_ref().and_then(Lockout::of);
    session.close().await;
    if found.is_some() {
        return Ok(());
    }
    Err(Error::new("ad.no_rights", format!("{} signs the account in, but shows it nothing", endpoint.target))
        .hint("see that the account may read the domain; sign-ins as nobody must be off")
        .with("target", endpoint.target.to_string()))
}

/// Tests all targets, in reports of the same order.
///
/// One goes first, the canary. If the credential itself is refused there (wrong password, locked, disabled, expired, must
/// change, hours, workstation), no other sign-in is sent. If it is merely down, or hangs, or is not trusted, the next
/// target becomes the canary. Then the rest, at most `concurrently` at a time, until one of them refuses the credential.
pub async fn test_targets(
    endpoints: &[Endpoint],
    identity: &Identity,
    gate: &dyn Gate,
    concurrently: usize,
) -> Vec<TargetReport> {
    let refused: OnceLock<(String, Error)> = OnceLock::new();
    let note = |report: &TargetReport| {
        if let Some(error) = report.error.as_ref().filter(|error| outcome::refuses_credential(error)) {
            refused.get_or_init(|| (report.target.clone(), error.clone()));
        }
    };
    let mut reports = Vec::with_capacity(endpoints.len());
    for canary in endpoints {
        let report = test_target(canary, identity, gate).await;
        note(&report);
        let decided = report.verdict == Verdict::Ok || refused.get().is_some();
        reports.push(report);
        if decided {
            break;
        }
    }
    let refused = &refused;
    let note = &note;
    // Collected first: a stream that borrows from its items cannot be moved between threads.
    let tests: Vec<_> = endpoints[reports.len()..]
        .iter()
        .map(|endpoint| async move {
            if let Some((where_, why)) = refused.get() {
                return not_started(endpoint, where_, why);
            }
            let report = test_target(endpoint, identity, gate).await;
            note(&report);
            report
        })
        .collect();
    let rest: Vec<TargetReport> = stream::iter(tests).buffered(concurrently.max(1)).collect().await;
    reports.extend(rest);
    reports
}

fn not_started(endpoint: &Endpoint, refused_by: &str, why: &Error) -> TargetReport {
    let error = Error::new("ad.not_tried", format!("not tried, because {refused_by} refused the credential: {why}"))
        .hint(why.remedy().unwrap_or("mend the credential first"))
        .with("target", endpoint.target.to_string())
        .with("cause", why.code());
    TargetReport {
        target: endpoint.target.to_string(),
        verdict: Verdict::NotStarted,
        ms: 0,
        error: Some(error),
        host: None,
        site: None,
        read_only: None,
        lockout: None,
    }
}
