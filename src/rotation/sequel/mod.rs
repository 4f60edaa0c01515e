//! A second change after the first: the old password is put back because a dependent cannot take the new one (undo), or yet
//! another one is set because somebody knows the old one, which still binds for an hour after one change alone (revoke).
//!
//! Each is a full transaction of its own, with a version row and a journal of its own, on the targets that have the first
//! change and no others: any other one would count the sign-in as a wrong password. Those are carried along as not proven.
//! The first one has ended before the
//! second begins, so that a crash in between leaves nothing in doubt.

mod allowed;
mod behind;
mod half;

use std::sync::Arc;

use serde_json::json;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use allowed::former;
pub(super) use allowed::refuse_impossible;
use behind::Behind;
pub(super) use behind::with_behind;
pub(super) use half::{again, binds_until, half_revoked, not_begun, not_revoked};

use super::{
    Done,
    account::{self, Known},
    books::Books,
    controllers::Controller,
    dependents::{self, Found, Handing, OtherConnection},
    outcome, pinned, promote_verdict,
    report::{DependentReport, Log, Outcome},
    request::{Mode, OnFailure, Request},
    transaction, unsettled,
};
use crate::{
    connection::{self, credentials},
    directory::{Endpoint, Session},
    error::{Error, Result},
    secret::{Secret, redact::redact},
    store::{events::Failure, journal},
    verdict::Verdict,
};

/// How long a Kerberos ticket lives by default (Default Domain Policy, maximum lifetime for user ticket).
const TICKET: Duration = Duration::hours(10);

/// What makes a change the second one.
pub(super) struct Sequel {
    /// `undo` or `revoke`.
    pub(super) of: &'static str,
    /// The rotation before it.
    pub(super) after: String,
    /// Where that one was made: this one goes there too.
    pinned: String,
    /// The server that this led to.
    server: Option<String>,
    /// The password that is put back.
    pub(super) former: Option<Secret>,
    /// What has not got the first change, and does not take part.
    pub(super) behind: Behind,
}

impl Sequel {
    pub(super) fn pinned(&self, open: &[Controller]) -> Result<usize> {
        let is_it = |one: &Controller| {
            let is_server = pinned::is_one_server(one.own_name.as_deref(), self.server.as_deref());
            one.name.eq_ignore_ascii_case(&self.pinned) && is_server
        };
        open.iter().position(is_it).ok_or_else(|| {
            Error::new("rotation.target_down", format!("{}, which has the first change, does not answer", self.pinned))
                .retryable()
        })
    }

    /// A reset wherever it may be one: the password is as young as can be, and a former one is remembered.
    pub(super) async fn mode(
        &self,
        known: &Known,
        request: &Request,
        books: &Books,
        session: &Session,
    ) -> Result<Mode> {
        let own = request.via.is_none();
        if own && account::is_administrator(session, &known.account.principal.dn).await? {
            account::refuse(known, request, session)?;
            return Ok(Mode::OwnReset);
        }
        account::judge(known, request, books, session).await
    }
}

/// Puts the old password back.
pub(super) async fn undo(request: &Request, first: Done, books: &Books, log: Log<'_>) -> Result<Outcome> {
    let names: Vec<&str> = first.dependents.iter().filter(|one| failed(one)).map(|one| one.name.as_str()).collect();
    let why = format!("{} could not take the new one", names.join(", "));
    let tried = |name: &str| {
        let of = first.dependents.iter().find(|report| report.name == name);
        of.is_some_and(|report| report.verdict == Verdict::Ok || failed_at_all(report))
    };
    let secret = former(&first.plan.stored, books).await;
    let (second, mut log) = match secret {
        Ok(secret) => second(request, &first, books, (log, "undo"), Some(secret), tried).await,
        Err(error) => (Err(error), log),
    };
    match second {
        Ok(second) => {
            let said = format!("undone: {why}");
            end_first(books, &first, Verdict::Failed, "undone", &second, Some((first.recorded.candidate.id, said)))
                .await;
            let message = format!("the old password is back (version {}): {why}", second.recorded.candidate.version);
            let error = Error::new("rotation.undone", format!("{message}{}", left(&second)))
                .hint("mend what keeps it from taking a new password, then rotate again");
            let earlier = first.dependents.into_iter().filter(failed).collect();
            let mut outcome = outcome::of(second, log.stages, earlier);
            (outcome.verdict, outcome.error) = (Verdict::Failed, Some(Failure::from(&error)));
            Ok(outcome)
        }
        Err(error) if error.verdict() == Verdict::InDoubt => Err(error),
        Err(error) => {
            log.of = "";
            let said = format!("{why}, and the old password could not be put back: {}", error.message());
            let mut outcome = outcome::of(first, log.stages, Vec::new());
            let error = Error::new("rotation.not_undone", format!("the password is changed and current; {said}"))
                .hint("mend what keeps it from taking the new one, then `libretto recover` hands it over again");
            (outcome.verdict, outcome.error) = (outcome.verdict.max(Verdict::Partial), Some(Failure::from(&error)));
            Ok(outcome)
        }
    }
}

fn failed(report: &DependentReport) -> bool {
    report.kind != "connection" && failed_at_all(report)
}

fn failed_at_all(report: &DependentReport) -> bool {
    matches!(report.verdict, Verdict::Failed | Verdict::InDoubt | Verdict::Partial)
}

/// Whether a dependent could not take the new password.
pub(super) fn calls_for_undo(dependents: &[DependentReport]) -> bool {
    dependents.iter().any(failed)
}

fn left(second: &Done) -> String {
    match dependents::shortfall(&second.dependents) {
        Some(_) if dependents::worst(&second.dependents) == Verdict::Partial => {
            let bad: Vec<&str> =
                second.dependents.iter().filter(|one| failed_at_all(one)).map(|one| one.name.as_str()).collect();
            format!("; not taken again by {}", bad.join(", "))
        }
        _ => String::new(),
    }
}

/// Sets yet another password, so that the one that was known is not even the one before.
pub(super) async fn revoke(request: &Request, first: Done, books: &Books, log: Log<'_>) -> Result<Outcome> {
    let (second, log) = second(request, &first, books, (log, "revoke"), None, |_| true).await;
    match second {
        Ok(second) => {
            let known =
                first.plan.stored.current.as_ref().filter(|one| one.principal == second.recorded.candidate.principal);
            let retired = known.map(|one| (one.id, "revoked: replaced twice, so that it binds no more".to_owned()));
            end_first(books, &first, outcome::worst(&first.targets), "revoked", &second, retired).await;
            let mut outcome = outcome::of(second, log.stages, Vec::new());
            outcome.access_ends = Some(access_ends(&outcome));
            Ok(outcome)
        }
        Err(error) if error.verdict() == Verdict::InDoubt => Err(error),
        Err(error) => changed_once(request, first, books, log, &error).await,
    }
}

/// The second change did not come about: the dependents get the password of the first.
async fn changed_once(request: &Request, mut first: Done, books: &Books, log: Log<'_>, why: &Error) -> Result<Outcome> {
    let handing = Handing { books, rotation: &first.recorded.rotation, observer: log.observer, hurry: &request.hurry };
    let lost = |error: Error| unsettled("the new password works, and the journal could not be written", &error);
    first.dependents = first.hand(&handing).await.map_err(lost)?;
    let (id, verdict) = (first.recorded.rotation.clone(), promote_verdict(&first).max(Verdict::Partial));
    let data = json!({"code": why.code(), "message": redact(why.message())});
    let ended = books.with(move |books| journal::finish(&books.store, &id, verdict, "not-revoked", &data));
    ended.await.map_err(lost)?;
    let mut outcome = outcome::of(first, log.stages, Vec::new());
    let said = "the password was changed once, so the one before still binds for an hour; the second change";
    let error = Error::new("rotation.not_revoked", format!("{said}: {}", why.message()))
        .hint(why.remedy().unwrap_or("do it again within the hour").to_owned());
    (outcome.verdict, outcome.error) = (verdict, Some(Failure::from(&error)));
    Ok(outcome)
}

/// When it is over, as far as that can be known from here.
fn access_ends(outcome: &Outcome) -> String {
    let unproven = outcome.unproven();
    let passwords = if unproven.is_empty() {
        "the password that was known is refused where this change has arrived".to_owned()
    } else {
        format!(
            "the password that was known is refused where this change has arrived, so not on {}, which have not got the second one",
            unproven.join(", ")
        )
    };
    let until =
        OffsetDateTime::now_utc().replace_nanosecond(0).map_or(None, |now| (now + TICKET).format(&Rfc3339).ok());
    let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
    format!(
        "{passwords}; Kerberos tickets that were issued before live on, by default for 10 hours{until}: to end them sooner, \
         disable the account"
    )
}

/// The second change, on the targets that have the first.
async fn second<'a>(
    request: &Request,
    first: &Done,
    books: &Books,
    (mut log, of): (Log<'a>, &'static str),
    former: Option<Secret>,
    takes: impl Fn(&str) -> bool,
) -> (Result<Done>, Log<'a>) {
    log.of = of;
    let (after, pinned) = (first.recorded.rotation.clone(), first.plan.pinned.name.clone());
    let server = first.plan.pinned.own_name.clone();
    let sequel = Sequel { of, after, pinned, server, former, behind: Behind::after(first) };
    let done = match next(request, first, books, takes).await {
        Ok(request) => Box::pin(transaction(&request, books, &mut log, Some(&sequel))).await,
        Err(error) => Err(error),
    };
    (done, log)
}

/// A target at the address where it answered before the first change: its name may lead to another server by now.
fn same_server(first: &Done, endpoint: &Endpoint) -> Endpoint {
    let mut known = std::iter::once(&first.plan.pinned).chain(&first.plan.others);
    let one = known.find(|one| one.name == endpoint.target.to_string());
    one.map_or_else(|| endpoint.clone(), Controller::where_it_answered)
}

async fn next(request: &Request, first: &Done, books: &Books, takes: impl Fn(&str) -> bool) -> Result<Request> {
    let id = request.connection.id;
    let connection = books.with(move |books| connection::by_id(&books.store, id)).await?;
    let proven: Vec<&str> =
        first.targets.iter().filter(|one| one.verdict == Verdict::Ok).map(|one| one.target.as_str()).collect();
    let is_proven = |endpoint: &&Endpoint| proven.contains(&endpoint.target.to_string().as_str());
    let pinned = &first.plan.pinned;
    let same = |endpoint: &Endpoint| same_server(first, endpoint);
    let mut endpoints: Vec<_> = request.endpoints.iter().filter(is_proven).map(same).collect();
    if endpoints.iter().all(|endpoint| endpoint.target.to_string() != pinned.name) {
        endpoints.push(pinned.where_it_answered());
    }
    let connections = first.plan.connections.iter().map(|(name, endpoints)| OtherConnection {
        name: name.clone(),
        endpoints: endpoints.iter().filter(is_proven).map(same).collect(),
    });
    let others = first.plan.dependents.iter().filter(|one| takes(one.dependent.name()));
    let found =
        Found { connections: connections.collect(), others: others.map(|one| Arc::clone(&one.dependent)).collect() };
    Ok(Request {
        connection,
        endpoints,
        username: None,
        password: None,
        candidate_of: None,
        dependents: Arc::new(found),
        // Half of what was begun is worse than all of it with something left open.
        allow_down: true,
        on_failure: OnFailure::Keep,
        revoke: false,
        ..request.clone()
    })
}

/// The first change is over for good, and a version is taken out of use. Should the store refuse that, no secret is lost.
async fn end_first(
    books: &Books,
    first: &Done,
    verdict: Verdict,
    what: &'static str,
    second: &Done,
    retired: Option<(crate::store::rows::CredentialId, String)>,
) {
    let (id, by) = (first.recorded.rotation.clone(), second.recorded.rotation.clone());
    let ended = books.with(move |books| {
        if let Some((id, why)) = retired {
            credentials::retire(&books.store, id, &why)?;
        }
        journal::finish(&books.store, &id, verdict, what, &json!({"by": by}))
    });
    if let Err(error) = ended.await {
        tracing::warn!("what the second change made of the first is not noted: {error}");
    }
}
