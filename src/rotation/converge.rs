//! Converge: wait until each other target has the change, then prove it there with one bind.
//!
//! A target that lags is never signed in on with the new password: there it is a wrong one, and a few of these lock the
//! account everywhere. What tells is `pwdLastSet`, read over the session that preflight opened. Only the very value that
//! the pinned target has will do: a later one means that somebody set yet another password since. The bind goes to the very
//! server that was looked at: a name may lead to another one by then, which lags.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    books::Books,
    change::Recorded,
    controllers::{Controller, Down},
    pinned::{self, Was},
    preflight::Plan,
    report::{Observer, Stage, Staged, TargetReport, milliseconds},
    request::{Reader, Request},
    unsettled,
};
use crate::{
    directory::{self, Identity, Session, outcome},
    error::{Error, Result},
    secret::redact::redact,
    store::rows::{CredentialId, PrincipalId},
    verdict::Verdict,
};

/// The first pause between two looks; each is twice the one before, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// Why the previous password is not tried.
pub(super) const NO_HISTORY: &str = "without a history of passwords the previous one must not be tried";

const OVERTAKEN: &str = "another password was set on it since: this one is not valid there";

/// How it goes on one target.
pub(super) enum Fate {
    /// Proven.
    Proven,
    /// Nothing was tried, and why.
    Left(String),
    /// It refuses the password.
    Refused(String),
}

/// What the looks at all targets share.
pub(super) struct Following<'a> {
    pub(super) books: &'a Books,
    /// The account's DN.
    pub(super) dn: &'a str,
    pub(super) candidate: Identity,
    pub(super) principal: PrincipalId,
    /// The candidate's row.
    pub(super) version: CredentialId,
    /// `pwdLastSet` on the pinned target.
    pub(super) mark: i64,
    /// Who may open a session that was lost again; else why nobody may.
    pub(super) reader: Result<Reader, String>,
    pub(super) wait: Duration,
    pub(super) deadline: Instant,
    pub(super) hurry: &'a CancellationToken,
    /// Held during each sign-in.
    pub(super) refused: Mutex<Refused>,
}

/// Which target refused a password, if one did: no other is signed in on with it then.
#[derive(Default)]
pub(super) struct Refused {
    candidate: Option<String>,
    reader: Option<String>,
}

/// Follows the change to every other target. Answers a report of each, the pinned one first.
pub(super) async fn converge(
    request: &Request,
    plan: &Plan,
    books: &Books,
    recorded: &Recorded,
    proof: &Session,
    observer: &dyn Observer,
) -> Staged<Vec<TargetReport>> {
    let begun = Instant::now();
    let tell = |target: &str, of: Option<&String>, fate: Fate| {
        let report = TargetReport { connection: of.cloned(), ..report(target, fate, begun) };
        observer.target_ended(&report);
        report
    };
    let mut reports = vec![tell(&plan.pinned.name, plan.pinned.of.as_ref(), Fate::Proven)];
    let mark = directory::pwd_last_set(proof, &plan.account.dn).await;
    let following = mark.as_ref().ok().map(|mark| Following {
        books,
        dn: &plan.account.dn,
        candidate: Identity { name: plan.username.clone(), password: plan.candidate.clone() },
        principal: recorded.candidate.principal,
        version: recorded.candidate.id,
        mark: *mark,
        reader: reader(request, plan),
        wait: request.wait,
        deadline: begun + request.wait,
        hurry: &request.hurry,
        refused: Mutex::default(),
    });
    let following = following.as_ref();
    let others = plan.others.iter().map(async |other| {
        let fate = match following {
            Some(following) => following.follow(other).await,
            None => Fate::Left(format!("when the password was set on {} may not be read", plan.pinned.name)),
        };
        tell(&other.name, other.of.as_ref(), fate)
    });
    reports.extend(join_all(others).await);
    let of_down =
        |down: &Down| tell(&down.target, down.of.as_ref(), Fate::Left(format!("it was down: {}", down.error)));
    reports.extend(plan.down.iter().map(of_down));
    note_all(plan.after_converge(request), books, recorded, &reports)
        .await
        .map_err(|error| unsettled("the new password works, and the journal could not be written", &error))?;
    let verdict = reports.iter().map(|report| report.verdict).max().unwrap_or(Verdict::Ok);
    let proven = reports.iter().filter(|report| report.verdict == Verdict::Ok).count();
    let note = format!("{proven} of {} targets have it", reports.len());
    Ok((reports, verdict, note))
}

/// A session lost on the way is opened once more: as the administrative account, else with the previous password, which
/// still signs in for a while where a history of passwords is kept, and never with the new one.
fn reader(request: &Request, plan: &Plan) -> Result<Reader, String> {
    if request.via.is_none() && !plan.history {
        return Err(NO_HISTORY.to_owned());
    }
    plan.reader(request).map_err(|error| error.to_string())
}

pub(super) fn report(target: &str, fate: Fate, begun: Instant) -> TargetReport {
    let (verdict, note) = match fate {
        Fate::Proven => (Verdict::Ok, String::new()),
        Fate::Left(why) => (Verdict::Inconclusive, why),
        Fate::Refused(why) => (Verdict::Failed, why),
    };
    TargetReport { target: target.to_owned(), verdict, ms: milliseconds(begun.elapsed()), note, connection: None }
}

/// The journal's word for what came of a target. Of a refusal it was once `refused-after-convergence`.
pub(super) fn settled_as(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "converged",
        Verdict::Failed => "refused",
        _ => "not-converged",
    }
}

/// The journal remembers what is left to settle.
async fn note_all(next: Stage, books: &Books, recorded: &Recorded, reports: &[TargetReport]) -> Result<()> {
    for report in reports.iter().skip(1) {
        let what = settled_as(report.verdict);
        let data = json!({"ms": report.ms, "note": redact(&report.note)});
        books.event(&recorded.rotation, None, what, Some(&report.target), data).await?;
    }
    books.event(&recorded.rotation, Some(next), "converge-ended", None, json!({})).await
}

impl Following<'_> {
    /// Waits for the change on one target and proves it there.
    pub(super) async fn follow(&self, other: &Controller) -> Fate {
        tokio::select! { biased;
            fate = self.to_the_end(other) => fate,
            () = self.hurry.cancelled() => Fate::Left("the run was told to stop waiting for it".to_owned()),
        }
    }

    async fn to_the_end(&self, other: &Controller) -> Fate {
        if let Err(why) = self.arrival(other).await {
            return Fate::Left(why);
        }
        self.prove(other).await
    }

    /// One bind on a target that has the change.
    async fn prove(&self, other: &Controller) -> Fate {
        match self.bind_once(other).await {
            Err(by) => Fate::Left(format!("it has the change, and was not tried because {by} refused the password")),
            Ok(Ok(_)) => Fate::Proven,
            Ok(Err(error)) if outcome::refuses_credential(&error) => {
                Fate::Refused(format!("it has the change and refuses the password: {error}"))
            }
            Ok(Err(error)) => Fate::Left(format!("it has the change, and the password could not be tried: {error}")),
        }
    }

    /// One bind on a target of which nobody could tell whether it has the change: only when that was accepted is it proven.
    /// One that asks another server before it refuses takes what it has not got itself.
    pub(super) async fn try_unread(&self, other: &Controller) -> Fate {
        let session = match self.bind_once(other).await {
            Err(by) => return Fate::Left(format!("not tried because {by} refused the password")),
            Ok(Ok(session)) => session,
            Ok(Err(error)) if outcome::refuses_credential(&error) => return Fate::Refused(error.to_string()),
            Ok(Err(error)) => return Fate::Left(format!("the password could not be tried: {error}")),
        };
        match directory::pwd_last_set(&session, self.dn).await {
            Ok(seen) if seen < self.mark => Fate::Left("another server takes the password for it: it lags".to_owned()),
            Ok(seen) if seen > self.mark => Fate::Left(OVERTAKEN.to_owned()),
            _ => Fate::Proven,
        }
    }

    /// One sign-in with the candidate, unless a target has refused that: the error is its name.
    async fn bind_once(&self, other: &Controller) -> Result<Result<Session>, String> {
        let opened = pinned::again(other, Was::LookedAt).await;
        let mut refused = self.refused.lock().await;
        if let Some(by) = &refused.candidate {
            return Err(by.clone());
        }
        let session = match opened {
            Ok(session) => session,
            Err(error) => return Ok(Err(error)),
        };
        let signed_in = self.books.sign_in(&session, &self.candidate, self.principal, Some(self.version)).await;
        if signed_in.as_ref().is_err_and(outcome::refuses_credential) {
            refused.candidate = Some(other.name.clone());
        }
        Ok(signed_in.map(|()| session))
    }

    /// Ends when the target has the change; the error says why nobody waits any longer.
    async fn arrival(&self, other: &Controller) -> Result<(), String> {
        let mut pause = SHORTEST;
        let mut again = None;
        loop {
            let session = again.as_ref().unwrap_or(&other.session);
            match timeout_at(self.deadline, directory::pwd_last_set(session, self.dn)).await {
                Ok(Ok(seen)) if seen == self.mark => return Ok(()),
                Ok(Ok(seen)) if seen > self.mark => {
                    return Err(OVERTAKEN.to_owned());
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) if again.is_none() && error.code() != "ad.no_rights" => {
                    again = Some(self.reopened(other).await.map_err(|why| format!("{error}, and {why}"))?);
                }
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err(self.late()),
            }
            // The last look comes just before time is up.
            let rest = self.deadline.saturating_duration_since(Instant::now()).saturating_sub(SHORTEST);
            if rest.is_zero() {
                return Err(self.late());
            }
            sleep(pause.min(rest)).await;
            pause = LONGEST.min(2 * pause);
        }
    }

    fn late(&self) -> String {
        format!("it has not got the new password within {} s, and was not signed in on", self.wait.as_secs())
    }

    /// One sign-in to read, unless a target has refused the reader: the error is its name. None where the reader's own password
    /// may not have come to.
    pub(super) async fn sign_in_once(&self, session: &Session, reader: &Reader) -> Result<Result<()>, String> {
        let mut refused = self.refused.lock().await;
        if let Some(by) = &refused.reader {
            return Err(by.clone());
        }
        let Reader { identity, principal, version, .. } = reader;
        if let Err(error) = self.books.refuse_lagging(&session.target().to_string(), *version).await {
            return Ok(Err(error));
        }
        let signed_in = self.books.sign_in(session, identity, *principal, Some(*version)).await;
        if signed_in.as_ref().is_err_and(outcome::refuses_credential) {
            refused.reader = Some(session.target().to_string());
        }
        Ok(signed_in)
    }

    async fn reopened(&self, other: &Controller) -> Result<Session, String> {
        let reader = self.reader.as_ref().map_err(Clone::clone)?;
        let failed = |error: Error| format!("it could not be signed in on again: {error}");
        let session = pinned::again(other, Was::LookedAt).await.map_err(failed)?;
        match self.sign_in_once(&session, reader).await {
            Ok(Ok(())) => Ok(session),
            Ok(Err(error)) => Err(failed(error)),
            Err(by) => Err(format!("it was not signed in on again because {by} refused that")),
        }
    }
}
