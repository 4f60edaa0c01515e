//! The targets that were not proven when the rotation ended: whether they have the change by now, and one bind where they
//! have.
//!
//! What they should have is read on the pinned target; where that does not answer, on one that was proven.
//!
//! Who reads there is the administrative account; else the account itself with the previous password, which on a target that
//! lags is the valid one, and only where a history of passwords is kept. The new one is never the first to be tried.

use futures_util::future::join_all;
use tokio::{sync::Mutex, time::Instant};

use super::{case::Case, settle::Settling};
use crate::{
    directory::{self, Session, outcome},
    error::{Error, Result},
    rotation::{
        controllers::{self, Controller, Down},
        converge::{Fate, Following, NO_HISTORY, report},
        lockout,
        report::TargetReport,
        request::Reader,
    },
};

/// Why a target is left as it is.
const REFUSED_BEFORE: &str = "it refused the password before: not tried again";
const NO_PREVIOUS: &str = "no administrative connection is named, and no previous password of the account is kept";
const BEHIND: &str = "it may lack two changes, so the previous password may never have been valid there and must not be tried: \
                      once it surely has them, --insist signs in with the new one";

/// Looks at each target that is not proven.
pub(super) async fn look(settling: &Settling<'_>, session: Option<Session>) -> Result<Vec<TargetReport>> {
    let Settling { case, onlooker, .. } = settling;
    let (begun, pending) = (Instant::now(), case.pending());
    let mut reports = Vec::new();
    if pending.is_empty() {
        return Ok(reports);
    }
    match pinned(settling, session).await {
        Ok((mark, dn)) => reports = each(settling, &pending, mark, &dn, begun).await?,
        Err((asked, fate)) => {
            let why = format!("{asked} does not show what it should have");
            reports.push(report(&asked, fate, begun));
            reports.extend(pending.iter().map(|name| report(name, Fate::Left(why.clone()), begun)));
        }
    }
    for report in &reports {
        onlooker.target_ended(report);
    }
    Ok(reports)
}

/// Waits for the change on each target, and proves it where it has come.
async fn each(
    settling: &Settling<'_>,
    pending: &[String],
    mark: i64,
    dn: &str,
    begun: Instant,
) -> Result<Vec<TargetReport>> {
    let Settling { request, case, books, .. } = settling;
    let reader = reader(settling).await?;
    let following = Following {
        books,
        dn,
        candidate: request.identity_of(books, &case.candidate).await?,
        principal: case.candidate.principal,
        version: case.candidate.id,
        mark,
        reader: reader.clone().map_err(str::to_owned),
        wait: request.wait,
        deadline: begun + request.wait,
        hurry: &request.hurry,
        refused: Mutex::default(),
    };
    let endpoints = pending.iter().map(|name| request.endpoint(name)).collect::<Result<Vec<_>>>()?;
    let (open, down) = controllers::open_all(&endpoints).await;
    let fates = open.iter().map(async |one| report(&one.name, fate(settling, &following, &reader, one).await, begun));
    let mut reports = join_all(fates).await;
    let left = |down: &Down| report(&down.target, Fate::Left(format!("it was down: {}", down.error)), begun);
    reports.extend(down.iter().map(left));
    Ok(reports)
}

/// Who reads on the targets: the administrative account, else the account itself with the previous password; else why nobody
/// may.
async fn reader(settling: &Settling<'_>) -> Result<Result<Reader, &'static str>> {
    let Settling { request, case, administrator, books, .. } = settling;
    if let Some(administrator) = administrator.unrefused().await {
        return Ok(Ok(administrator));
    }
    let Some(previous) = case.older.first() else { return Ok(Err(NO_PREVIOUS)) };
    if !case.has_history() {
        return Ok(Err(NO_HISTORY));
    }
    let identity = request.identity_of(books, previous).await?;
    Ok(Ok(Reader { identity, principal: previous.principal, version: previous.id, is_own: true }))
}

/// `pwdLastSet` on the pinned target, which the others should have as well, and the account's DN. The new password is proven
/// there, so signing in with it is safe; should it be refused all the same, somebody has set another one since.
async fn pinned(settling: &Settling<'_>, session: Option<Session>) -> Result<(i64, String), (String, Fate)> {
    let mut is_own = false;
    let work = async {
        let over_via = if session.is_none() { over_via(settling).await? } else { None };
        let (session, other_server) = if let Some(found) = session.map(|session| (session, None)).or(over_via) {
            found
        } else {
            is_own = true;
            (as_itself(settling).await?, None)
        };
        let (mark, dn) = changed(settling, &session).await?;
        match other_server {
            Some(error) if settling.case.before.is_none_or(|before| mark <= before) => Err(error),
            _ => Ok::<_, Error>((mark, dn)),
        }
    };
    match work.await.map_err(|error| unread(&error, is_own)) {
        Ok(found) => Ok(found),
        Err(Fate::Left(why)) => {
            let left = Err((settling.case.pinned.clone(), Fate::Left(why)));
            // One that answers may have counted a wrong password, whatever it said: then no other is asked.
            let answers = settling.request.pinned(settling.case).await.is_ok();
            if answers { left } else { on_proven(settling).await.unwrap_or(left) }
        }
        Err(fate) => Err((settling.case.pinned.clone(), fate)),
    }
}

/// The same on a target that was proven, which has the change too: the first that answers. `None`: none does. A sign-in that
/// somebody insisted on proves little: another controller may have answered it.
async fn on_proven(settling: &Settling<'_>) -> Option<Result<(i64, String), (String, Fate)>> {
    let Settling { request, case, administrator, books, .. } = settling;
    let proven = case.proven();
    let endpoints: Vec<_> = proven.iter().filter_map(|name| request.endpoint(name).ok()).collect();
    let one = controllers::open_all(&endpoints).await.0.into_iter().find(|one| !one.read_only)?;
    let is_own = administrator.unrefused().await.is_none();
    if is_own && !request.insist && was_refused(case, &one.name) {
        return Some(Err((one.name, Fate::Refused(REFUSED_BEFORE.to_owned()))));
    }
    let work = async {
        if is_own {
            let (identity, principal) = (request.identity_of(books, &case.candidate).await?, case.candidate.principal);
            books.sign_in(&one.session, &identity, principal, Some(case.candidate.id)).await?;
        } else {
            administrator.sign_in(books, &one.session).await?;
        }
        let (mark, dn) = changed(settling, &one.session).await?;
        if case.before.is_none_or(|before| mark <= before) {
            let lacks = format!("{} does not show the change either, though it was proven", one.name);
            return Err(Error::inconclusive("rotation.not_converged", lacks));
        }
        Ok((mark, dn))
    };
    let asked = format!("{} is asked instead of {}, which could not be", one.name, case.pinned);
    settling.onlooker.told("elsewhere", &asked);
    Some(work.await.map_err(|error| (one.name.clone(), unread(&error, is_own))))
}

/// When the password was set by what this session's target knows, and the account's DN.
async fn changed(settling: &Settling<'_>, session: &Session) -> Result<(i64, String)> {
    let Settling { request, case, books, .. } = settling;
    // What an earlier recovery cut short may be all that is left to the administrative account by what is assumed of it.
    if let Some(via) = &request.via {
        lockout::look_at(session, via, books, case.candidate.principal).await;
    }
    let dn = directory::resolve(session, case.guid()).await?.dn;
    Ok((directory::pwd_last_set(session, &dn).await?, dn))
}

/// What is said of a target that was to show what the others should have, and did not.
fn unread(error: &Error, is_own: bool) -> Fate {
    match error.code() {
        "rotation.refused_before" => Fate::Refused(REFUSED_BEFORE.to_owned()),
        "ad.wrong_password" if is_own => {
            Fate::Refused("it refuses the password now: somebody has set another one since".to_owned())
        }
        _ => Fate::Left(format!("it could not be asked: {error}")),
    }
}

/// A session as the administrative account; `None` where there is none, its own password is refused, or it may not be sent.
/// Where the name leads to another server now, that one does as well once it has the change; the error is for where it has not.
async fn over_via(settling: &Settling<'_>) -> Result<Option<(Session, Option<Error>)>> {
    let Settling { request, case, administrator, books, .. } = settling;
    if administrator.unrefused().await.is_none() {
        return Ok(None);
    }
    let (session, other_server) = match request.pinned(case).await {
        Err(error) if error.code() == "rotation.other_server" => (request.on_server(case, None).await?, Some(error)),
        session => (session?, None),
    };
    match administrator.sign_in(books, &session).await {
        Ok(()) => Ok(Some((session, other_server))),
        Err(error) if outcome::refuses_credential(&error) => Ok(None),
        Err(error) if ["rotation.budget_spent", "rotation.not_converged"].contains(&error.code()) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn as_itself(settling: &Settling<'_>) -> Result<Session> {
    let Settling { request, case, books, .. } = settling;
    if !request.insist && was_refused(case, &case.pinned) {
        return Err(Error::new("rotation.refused_before", REFUSED_BEFORE));
    }
    let session = request.pinned(case).await?;
    let (identity, principal) = (request.identity_of(books, &case.candidate).await?, case.candidate.principal);
    books.sign_in(&session, &identity, principal, Some(case.candidate.id)).await?;
    Ok(session)
}

async fn fate(
    settling: &Settling<'_>,
    following: &Following<'_>,
    reader: &Result<Reader, &'static str>,
    one: &Controller,
) -> Fate {
    let Settling { request, case, administrator, books, .. } = settling;
    let reader = match reader {
        Ok(reader) if reader.is_own && case.is_behind(&one.name) => return behind(settling, following, one).await,
        Ok(reader) => reader,
        Err(why) => return Fate::Left((*why).to_owned()),
    };
    if !request.insist && was_refused(case, &one.name) {
        return Fate::Refused(REFUSED_BEFORE.to_owned());
    }
    let signed_in = if reader.is_own {
        match following.sign_in_once(&one.session, reader).await {
            Ok(signed_in) => signed_in,
            Err(by) => return Fate::Left(not_again(&by)),
        }
    } else {
        administrator.sign_in(books, &one.session).await
    };
    match signed_in {
        Ok(()) => following.follow(one).await,
        // What lags would take it.
        Err(error) if reader.is_own && error.code() == "ad.wrong_password" => match following.try_unread(one).await {
            Fate::Refused(error) => Fate::Refused(format!(
                "it refuses the previous password and the new one, as if another was set: {error}"
            )),
            fate => fate,
        },
        Err(error) => Fate::Left(format!("it could not be looked at: {error}")),
    }
}

/// The previous password says nothing there. Whoever insists says that the new one has come.
async fn behind(settling: &Settling<'_>, following: &Following<'_>, one: &Controller) -> Fate {
    if !settling.request.insist {
        return Fate::Left(BEHIND.to_owned());
    }
    match following.try_unread(one).await {
        Fate::Refused(error) => Fate::Left(format!("it refuses the new password, which may not have come: {error}")),
        fate => fate,
    }
}

fn not_again(by: &str) -> String {
    format!(
        "not signed in on: {by} refused the previous password, and one refusal is enough; the next recovery goes on, or one over \
         an administrative connection (via) looks at all"
    )
}

fn was_refused(case: &Case, target: &str) -> bool {
    let mut of_target = case.events.iter().rev().filter(|event| event.target.as_deref() == Some(target));
    of_target.next().is_some_and(|event| matches!(event.what.as_str(), "refused" | "refused-after-convergence"))
}
