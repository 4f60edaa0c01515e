//! Which secret is valid: found out with as few sign-ins as can be, and never twice with one that was refused.
//!
//! 1. Over an administrative account `pwdLastSet` tells, without any sign-in as the account: what is still as it was before
//!    the write, when no write can land any more, was not changed.
//! 2. Else the secrets sign in on the pinned target, one that somebody says to have set first, then the one that was sent last: for an hour after a change the one
//!    before signs in too, which proves nothing. So one that is not the last counts only where `pwdLastSet` bears it out.
//!
//! What each sign-in said is journalled (`tried`), for the next recovery.

mod doubt;
mod refusals;

use std::{sync::Mutex, time::Duration};

use serde_json::json;
use time::OffsetDateTime;

use self::refusals::Refusal;
use super::{Onlooker, Request, case::Case};
use crate::{
    connection::credentials::{self, Credential, GRACE},
    directory::{self, Endpoint, Identity, Session, ticks},
    error::Result,
    rotation::{
        books::Books,
        change,
        request::{Reader, Via},
        standing,
    },
    store::rows::CredentialId,
};

/// How often `pwdLastSet` is read while a late write may still land.
const PAUSE: Duration = Duration::from_secs(1);

/// By how much the clocks of a domain may differ (MS-KILE 3.1.1.2, the usual skew).
const SKEW: time::Duration = time::Duration::minutes(5);

/// Which secret is valid.
pub(super) enum Judgement {
    /// That of the last write; it has just signed in on the pinned target, and the session stays open.
    Candidate(Box<Session>),
    /// Another one, which the store may not have, and why.
    Other(Option<CredentialId>, String),
}

/// What is needed to judge.
pub(super) struct Judge<'a> {
    request: &'a Request,
    books: &'a Books,
    case: &'a Case,
    onlooker: &'a dyn Onlooker,
    endpoint: Endpoint,
    refusals: Mutex<Vec<Refusal>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        request: &'a Request,
        books: &'a Books,
        case: &'a Case,
        onlooker: &'a dyn Onlooker,
    ) -> Result<Self> {
        let refusals = Mutex::new(refusals::journalled(case));
        Ok(Self { request, books, case, onlooker, endpoint: request.endpoint(&case.pinned)?, refusals })
    }

    /// Finds out.
    pub(super) async fn judge(&self) -> Result<Judgement> {
        let mut mark = None;
        if let Some((session, dn)) = self.over_via().await? {
            mark = self.mark(&session, &dn).await?;
            if !self.case.acknowledged && self.is_as_before(mark) {
                // It may have been set on another target, and this one asks that before it refuses.
                if self.case.given.is_some() {
                    self.refuse_barred(&session, &dn).await?;
                    if let Some(judgement) = self.given(mark).await? {
                        return Ok(judgement);
                    }
                }
                mark = self.after_limit(&session, &dn, mark).await?;
                if self.is_as_before(mark) {
                    let valid = self.case.older.first().map(|older| older.id);
                    return Ok(Judgement::Other(valid, self.not_applied()));
                }
            }
            self.refuse_barred(&session, &dn).await?;
        }
        self.by_signing_in(mark).await
    }

    /// The administrative account on the pinned target, where there is one and it may sign in; and the account's DN.
    async fn over_via(&self) -> Result<Option<(Session, String)>> {
        let Some(via) = &self.request.via else { return Ok(None) };
        let session = self.open().await?;
        let read = async {
            self.books.sign_in(&session, &via.identity, via.principal, Some(via.credential)).await?;
            directory::resolve(&session, self.case.guid()).await
        };
        match read.await {
            Ok(account) => Ok(Some((session, account.dn))),
            Err(error) => {
                self.onlooker.told("via", &format!("{} is of no use here: {error}", via.connection));
                Ok(None)
            }
        }
    }

    async fn by_signing_in(&self, mark: Option<i64>) -> Result<Judgement> {
        if let Some(judgement) = self.given(mark).await? {
            return Ok(judgement);
        }
        if let Some(session) = self.candidate(mark).await? {
            return self.weigh_candidate(session).await;
        }
        for older in &self.case.older {
            // Signing in would prove nothing of the one before.
            if self.is_graced(mark) {
                break;
            }
            if let Some(session) = self.attempt(older, mark).await? {
                return self.weigh(older, session).await;
            }
        }
        if self.may_yet_be_valid(mark) {
            return Err(
                self.in_doubt("no secret is valid yet, and the last one was tried while its write could still land")
            );
        }
        Err(self.none_valid("none of the secrets that are kept is valid"))
    }

    /// The secret that somebody says to have set since: the later claim, so it goes before the candidate, which for an hour
    /// after that signs in as well. `None` where there is none, or it was refused.
    async fn given(&self, mark: Option<i64>) -> Result<Option<Judgement>> {
        let Some(given) = &self.case.given else { return Ok(None) };
        let Some(session) = self.attempt(given, mark).await? else { return Ok(None) };
        let dn = self.dn(&session).await?;
        let first = self.mark(&session, &dn).await?;
        let mark = self.after_limit(&session, &dn, first).await?;
        if mark == first {
            return Ok(Some(Judgement::Other(Some(given.id), self.signed_in(given))));
        }
        // What was set after it may be the write, landing late.
        match self.candidate(mark).await? {
            Some(session) => Ok(Some(Judgement::Candidate(Box::new(session)))),
            None => Err(self.in_doubt("another password was set while this one was tried")),
        }
    }

    /// The candidate signed in. One that brings back a former password may do so for an hour whatever became of its write:
    /// there only `pwdLastSet` tells.
    async fn weigh_candidate(&self, session: Session) -> Result<Judgement> {
        if self.case.acknowledged || !self.case.brings_back {
            return Ok(Judgement::Candidate(Box::new(session)));
        }
        let dn = self.dn(&session).await?;
        let seen = self.mark(&session, &dn).await?;
        let mark = if self.is_as_before(seen) { self.after_limit(&session, &dn, seen).await? } else { seen };
        match mark {
            Some(_) if self.is_as_before(mark) => {
                let valid = self.case.older.first().map(|older| older.id);
                Ok(Judgement::Other(valid, self.not_applied()))
            }
            Some(_) if self.case.before.is_some() => Ok(Judgement::Candidate(Box::new(session))),
            _ if self.proves(mark) => Ok(Judgement::Candidate(Box::new(session))),
            _ => Err(self.in_doubt(
                "a former password that was to come back signs in, and when the password was set may not be read: for an hour \
                 after a change that proves nothing",
            )),
        }
    }

    /// A secret from before the write signed in. For an hour after a change that may mean nothing.
    async fn weigh(&self, accepted: &Credential, session: Session) -> Result<Judgement> {
        let dn = self.dn(&session).await?;
        let first = self.mark(&session, &dn).await?;
        let mark = self.after_limit(&session, &dn, first).await?;
        if !self.is_as_before(mark)
            && let Some(session) = self.candidate(mark).await?
        {
            return Ok(Judgement::Candidate(Box::new(session)));
        }
        let (version, signed_in) = (accepted.version, self.signed_in(accepted));
        match mark {
            _ if self.is_as_before(mark) => Ok(Judgement::Other(Some(accepted.id), self.not_applied())),
            Some(_) if self.case.before.is_some() && !self.is_graced(mark) => {
                let why = format!("{signed_in}, more than an hour after a password was set there");
                Ok(Judgement::Other(Some(accepted.id), why))
            }
            Some(_) if self.case.before.is_some() => Err(self.none_valid(&format!(
                "somebody has set another password; that version {version} still signs in is the hour of grace after that"
            ))),
            _ if self.proves(mark) => {
                let why = format!("{signed_in}, more than an hour after the write could land");
                Ok(Judgement::Other(Some(accepted.id), why))
            }
            _ => Err(self.in_doubt(&format!(
                "{signed_in}, and when its password was set may not be read: for an hour after a change that proves nothing"
            ))),
        }
    }

    /// The secret of the last write. It proves nothing either for an hour after somebody has set yet another one, which shows
    /// where a password was set when the write could have landed no more.
    async fn candidate(&self, mark: Option<i64>) -> Result<Option<Session>> {
        let Some(session) = self.attempt(&self.case.candidate, mark).await? else { return Ok(None) };
        let dn = self.dn(&session).await?;
        let mark = self.mark(&session, &dn).await?;
        let (set, limit) = (mark.and_then(ticks::moment), self.case.limit(self.request.late));
        let is_overtaken = set.zip(limit).is_some_and(|(set, limit)| set > limit + SKEW) && self.is_graced(mark);
        if is_overtaken && !self.request.insist {
            return Err(self.in_doubt(&format!(
                "version {} signs in on {}, where a password was set long after the write: somebody has set another one, \
                 and this one signs in for the hour of grace after that",
                self.case.candidate.version, self.case.pinned
            )));
        }
        Ok(Some(session))
    }

    /// One bind on the pinned target; `None` when it was refused, now or before.
    async fn attempt(&self, credential: &Credential, mark: Option<i64>) -> Result<Option<Session>> {
        if !self.may_try(credential.id, mark) {
            self.onlooker.told(
                &format!("version {}", credential.version),
                &format!("{} refused it before: not tried again", self.case.pinned),
            );
            return Ok(None);
        }
        let session = self.open().await?;
        let identity = self.request.identity_of(self.books, credential).await?;
        let signed_in = self.sign_in(&session, &identity, credential).await;
        let answer = match &signed_in {
            Ok(()) => "accepted",
            Err(error) if error.code() == "ad.wrong_password" => "refused",
            Err(error) => return Err(self.unanswered(error)),
        };
        let noted = json!({"credential": credential.id, "version": credential.version, "answer": answer,
            "pwd_last_set": mark});
        self.books.event(&self.case.rotation.id, None, "tried", Some(&self.case.pinned), noted).await?;
        self.onlooker.told(&format!("version {}", credential.version), &format!("{answer} on {}", self.case.pinned));
        if signed_in.is_ok() {
            return Ok(Some(session));
        }
        let refusal = Refusal { credential: credential.id, at: OffsetDateTime::now_utc(), mark };
        self.refusals.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(refusal);
        Ok(None)
    }

    /// The proving bind after an acknowledged change is always allowed; every other one may be wrong.
    async fn sign_in(&self, session: &Session, identity: &Identity, credential: &Credential) -> Result<()> {
        let (principal, version) = (credential.principal, Some(credential.id));
        if self.case.acknowledged && credential.id == self.case.candidate.id {
            self.books.sign_in_always(session, identity, principal, version).await
        } else {
            self.books.sign_in(session, identity, principal, version).await
        }
    }

    fn is_as_before(&self, mark: Option<i64>) -> bool {
        mark.is_some() && mark == self.case.before
    }

    /// Whether a password was set since the write, and so lately that the one before still signs in.
    fn is_graced(&self, mark: Option<i64>) -> bool {
        let set = mark.filter(|_| !self.is_as_before(mark)).and_then(ticks::moment);
        set.is_some_and(|set| set + GRACE + SKEW > OffsetDateTime::now_utc())
    }

    /// Whether a sign-in proves a secret though `pwdLastSet` does not bear it out: the hour after the write is over.
    fn proves(&self, mark: Option<i64>) -> bool {
        let limit = self.case.limit(self.request.late);
        !self.is_graced(mark) && limit.is_some_and(|limit| limit + GRACE + SKEW < OffsetDateTime::now_utc())
    }

    async fn dn(&self, session: &Session) -> Result<String> {
        Ok(directory::resolve(session, self.case.guid()).await.map_err(|error| self.unasked(&error))?.dn)
    }

    /// `pwdLastSet`; `None` where it may not be read.
    async fn mark(&self, session: &Session, dn: &str) -> Result<Option<i64>> {
        match directory::pwd_last_set(session, dn).await {
            Ok(mark) => Ok(Some(mark)),
            Err(error) if error.code() == "ad.no_rights" => Ok(None),
            Err(error) => Err(self.unasked(&error)),
        }
    }

    /// Waits until no write can land any more, or one has; answers `pwdLastSet` then.
    async fn after_limit(&self, session: &Session, dn: &str, seen: Option<i64>) -> Result<Option<i64>> {
        let Some(limit) = self.case.limit(self.request.late) else { return Ok(seen) };
        let mut told = false;
        loop {
            let rest = Duration::try_from(limit - OffsetDateTime::now_utc()).unwrap_or(Duration::ZERO);
            let rest = rest.min(self.request.late);
            if rest.is_zero() {
                return self.mark(session, dn).await;
            }
            if !std::mem::replace(&mut told, true) {
                let note = format!("the write may still land on {}: {} s more", self.case.pinned, rest.as_secs() + 1);
                self.onlooker.told("wait", &note);
            }
            tokio::select! { biased;
                () = self.request.hurry.cancelled() => {
                    return Err(self.in_doubt("the write may still land, and the run was told to stop waiting for that"));
                }
                () = tokio::time::sleep(rest.min(PAUSE)) => {}
            }
            let now = self.mark(session, dn).await?;
            if now != seen {
                return Ok(now);
            }
        }
    }

    async fn open(&self) -> Result<Session> {
        change::connect(&self.endpoint).await.map_err(|error| self.unasked(&error))
    }

    /// Signing in as an account that is locked or switched off would tell nothing.
    async fn refuse_barred(&self, session: &Session, dn: &str) -> Result<()> {
        let account = directory::account(session, dn).await.map_err(|error| self.unasked(&error))?;
        standing::refuse_barred(&account, true).map_err(|error| self.unanswered(&error))
    }
}

impl Request {
    /// Whom a version signs in as, opened.
    pub(super) async fn identity_of(&self, books: &Books, credential: &Credential) -> Result<Identity> {
        let (name, credential) = (credential.username.clone(), credential.clone());
        let password = books.with(move |books| credentials::open(&books.store, &books.identity, &credential)).await?;
        Ok(Identity { name, password })
    }

    /// The administrative account.
    pub(super) fn administrator(&self) -> Option<Reader> {
        self.via.as_ref().map(Via::reader)
    }
}
