//! Which secret is valid: found out with as few sign-ins as can be, and never twice with one that was refused.
//!
//! 1. Over an administrative account `pwdLastSet` tells, without any sign-in as the account: what is still as it was before
//!    the write, when no write can land any more, was not changed.
//! 2. Else the secrets sign in on the pinned target, one that somebody says to have set first, then the one that was sent
//!    last: for an hour after a change the one before signs in too, which proves nothing. So what signs in is weighed
//!    (`weigh`) by when the password was set (`times`).
//!
//! Where the name of the pinned target leads to another server, or nobody answers there, others are asked for what they can tell
//! (`elsewhere`).
//!
//! What each sign-in said is journalled (`tried`), for the next recovery.

mod doubt;
mod elsewhere;
mod refusals;
mod times;
mod weigh;

use std::sync::Mutex;

use serde_json::json;
use time::OffsetDateTime;

use self::{elsewhere::Elsewhere, refusals::Refusal};
use super::{Onlooker, Request, administrator::Administrator, case::Case};
use crate::{
    connection::{
        credentials::{self, Credential},
        former,
    },
    directory::{self, Identity, Session},
    error::{Error, Result},
    rotation::{
        books::Books,
        lockout,
        pinned::{self, Was},
        standing,
    },
    store::rows::CredentialId,
};

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
    administrator: &'a Administrator<'a>,
    onlooker: &'a dyn Onlooker,
    refusals: Mutex<Vec<Refusal>>,
    /// The server that is asked instead of the pinned one.
    elsewhere: Mutex<Option<Elsewhere>>,
    /// Other versions that hold the given secret: it is a former one then, and may sign in for the hour of grace.
    given_like: Vec<CredentialId>,
    /// Whether the candidate is a former secret that comes back.
    brings_back: bool,
}

impl<'a> Judge<'a> {
    pub(super) async fn new(
        request: &'a Request,
        books: &'a Books,
        case: &'a Case,
        administrator: &'a Administrator<'a>,
        onlooker: &'a dyn Onlooker,
    ) -> Result<Self> {
        let refusals = Mutex::new(refusals::journalled(case));
        let brings_back = case.brings_back || !versions_like(&case.candidate, books).await?.is_empty();
        let given_like = match &case.given {
            Some(given) => versions_like(given, books).await?,
            None => Vec::new(),
        };
        let elsewhere = Mutex::default();
        Ok(Self { request, books, case, administrator, onlooker, refusals, elsewhere, given_like, brings_back })
    }

    /// Finds out.
    pub(super) async fn judge(&self) -> Result<Judgement> {
        match Box::pin(self.on_pinned()).await {
            Err(error) => Box::pin(self.on_others(error)).await,
            judged => judged,
        }
    }

    async fn on_pinned(&self) -> Result<Judgement> {
        let mut mark = None;
        if let Some((session, dn)) = self.over_via().await? {
            mark = self.mark(&session, &dn).await?;
            if self.is_as_before(mark) {
                // It may have been set on another target, and this one asks that before it refuses.
                if self.case.given.is_some() {
                    self.refuse_barred(&session, &dn).await?;
                    if let Some(judgement) = self.given(mark).await? {
                        return Ok(judgement);
                    }
                }
                mark = self.after_limit(&session, &dn, mark).await?;
                if self.is_as_before(mark) {
                    return Ok(self.not_applied());
                }
            }
            self.refuse_barred(&session, &dn).await?;
        }
        Box::pin(self.by_signing_in(mark)).await
    }

    /// The administrative account on the pinned target, where there is one and it may sign in; and the account's DN.
    async fn over_via(&self) -> Result<Option<(Session, String)>> {
        let Some(via) = &self.request.via else { return Ok(None) };
        let session = self.open().await?;
        let read = async {
            self.administrator.sign_in(self.books, &session).await?;
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
        let untried = match self.given(mark).await {
            Ok(Some(judgement)) => return Ok(judgement),
            Ok(None) => None,
            // Nothing keeps the candidate of an acknowledged change from its proving bind.
            Err(error) if self.case.acknowledged && error.code() == "rotation.budget_spent" => Some(error),
            Err(error) => return Err(error),
        };
        self.tell_untried(untried.as_ref());
        // One more refusal of the candidate could leave nothing for the one before, which tells as much without one.
        if let Some(older) = self.case.older.first().filter(|_| self.was_refused_early())
            && let Some(session) = self.attempt(older, mark).await?
        {
            return self.weigh_older(older, session).await;
        }
        if let Some(session) = self.candidate(mark).await? {
            return self.weigh_candidate(session).await;
        }
        if let Some(error) = untried {
            return Err(error);
        }
        for older in &self.case.older {
            // Signing in would prove nothing of the one before.
            if self.is_graced(mark) {
                break;
            }
            if let Some(session) = self.attempt(older, mark).await? {
                return self.weigh_older(older, session).await;
            }
        }
        if self.may_yet_be_valid(mark) {
            return Err(
                self.in_doubt("no secret is valid yet, and the last one was tried while its write could still land")
            );
        }
        Err(self.none_valid("none of the secrets that are kept is valid"))
    }

    fn tell_untried(&self, untried: Option<&Error>) {
        if let (Some(error), Some(given)) = (untried, &self.case.given) {
            self.onlooker.told(&format!("version {}", given.version), error.message());
        }
    }

    /// The secret that somebody says to have set since: the later claim, so it goes before the candidate, which for an hour
    /// after that signs in as well. `None` where there is none, or it was refused.
    async fn given(&self, mark: Option<i64>) -> Result<Option<Judgement>> {
        let Some(given) = &self.case.given else { return Ok(None) };
        let Some(session) = self.attempt(given, mark).await? else { return Ok(None) };
        self.weigh_given(given, session).await.map(Some)
    }

    /// The secret of the last write. It proves nothing either for an hour after somebody has set yet another one, which shows
    /// where a password was set when the write could have landed no more.
    async fn candidate(&self, mark: Option<i64>) -> Result<Option<Session>> {
        let Some(session) = self.attempt(&self.case.candidate, mark).await? else { return Ok(None) };
        let dn = self.dn(&session).await?;
        let mark = self.mark(&session, &dn).await?;
        if self.is_overtaken(mark) {
            return Err(self.in_doubt(&format!(
                "version {} signs in on {}, where a password was set long after the write: somebody has set another one, \
                 and this one signs in for the hour of grace after that",
                self.case.candidate.version,
                self.place()
            )));
        }
        Ok(Some(session))
    }

    /// One bind on the pinned target; `None` when it was refused, now or before.
    async fn attempt(&self, credential: &Credential, mark: Option<i64>) -> Result<Option<Session>> {
        if !self.may_try(credential.id, mark) {
            self.onlooker.told(
                &format!("version {}", credential.version),
                &format!("{} refused it before: not tried again", self.place()),
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
        let (place, server) = (self.place(), self.server());
        let noted = json!({"credential": credential.id, "version": credential.version, "answer": answer,
            "pwd_last_set": mark, "server": server});
        self.books.event(&self.case.rotation.id, None, "tried", Some(&place), noted).await?;
        self.onlooker.told(&format!("version {}", credential.version), &format!("{answer} on {place}"));
        if signed_in.is_ok() {
            return Ok(Some(session));
        }
        let at = OffsetDateTime::now_utc();
        self.refused(Refusal { credential: credential.id, at, mark, server, is_of_before: false });
        Ok(None)
    }

    /// The proving bind after an acknowledged change is always allowed; every other one may be wrong.
    async fn sign_in(&self, session: &Session, identity: &Identity, credential: &Credential) -> Result<()> {
        let (principal, version) = (credential.principal, credential.id);
        if self.case.acknowledged && version == self.case.candidate.id {
            self.books.prove(session, identity, principal, version).await
        } else {
            self.books.sign_in(session, identity, principal, Some(version)).await
        }
    }

    async fn open(&self) -> Result<Session> {
        let session = match self.other() {
            Some(at) => pinned::connect(&at.endpoint, at.address, Some(&at.server), Was::LookedAt).await,
            None => self.request.pinned(self.case).await,
        };
        session.map_err(|error| self.unasked(&error))
    }

    /// Signing in as an account that is locked or switched off would tell nothing, and one that is about to be locked by others
    /// has no room for a wrong password. The proving bind after an acknowledged change is always allowed.
    async fn refuse_barred(&self, session: &Session, dn: &str) -> Result<()> {
        let account = directory::account(session, dn).await.map_err(|error| self.unasked(&error))?;
        standing::refuse_barred(&account, true).map_err(|error| self.unanswered(&error))?;
        let only_proves = self.case.acknowledged && self.case.given.is_none();
        if self.request.lockout.insist || only_proves {
            return Ok(());
        }
        let assumed = self.request.lockout.assumed;
        let policy = directory::policy(session, dn).await;
        let rules = policy.map_or(assumed, |policy| lockout::going_by(&policy, assumed));
        let moment = (OffsetDateTime::now_utc(), true);
        standing::refuse_near_lockout(&account, &rules, &self.case.pinned, moment)
    }
}

/// The account's other versions that hold the same secret.
async fn versions_like(one: &Credential, books: &Books) -> Result<Vec<CredentialId>> {
    let one = one.clone();
    books
        .with(move |books| {
            let (store, identity) = (&books.store, &books.identity);
            let secret = credentials::open(store, identity, &one)?;
            let versions = credentials::versions_of(store, one.principal)?;
            let holding = former::holding(store, identity, &versions, &secret)?;
            Ok(holding.into_iter().map(|version| version.id).filter(|id| *id != one.id).collect())
        })
        .await
}

impl Request {
    /// A session with the pinned target, which is the server that the write went to.
    pub(super) async fn pinned(&self, case: &Case) -> Result<Session> {
        self.on_server(case, case.server.as_deref()).await
    }

    /// A session with the server that its name leads to, if it is this one.
    pub(super) async fn on_server(&self, case: &Case, server: Option<&str>) -> Result<Session> {
        let address = case.address().filter(|_| server.is_some() && server == case.server.as_deref());
        pinned::connect(&self.endpoint(&case.pinned)?, address, server, Was::Changed).await
    }

    /// Whom a version signs in as, opened.
    pub(super) async fn identity_of(&self, books: &Books, credential: &Credential) -> Result<Identity> {
        let (name, credential) = (credential.username.clone(), credential.clone());
        let password = books.with(move |books| credentials::open(&books.store, &books.identity, &credential)).await?;
        Ok(Identity { name, password })
    }
}
