//! The store as a rotation uses it: every call off the asynchronous threads, and the principal's lock held by each call
//! until it is done. A rotation that is dropped while a row is being written frees its lock only after that row.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::{lockout::LockoutOptions, recover, report::Stage};
use crate::{
    directory::{Identity, Session, is_same_target, outcome},
    error::{Error, Result},
    secret::seal,
    store::{
        Store,
        budget::{self, Answer, Ask, AttemptId},
        journal::{self, Progress},
        locks::PrincipalLock,
        rows::{CredentialId, PrincipalId, principals},
    },
};

/// Store, identity and the locks that are held.
#[derive(Clone)]
pub(super) struct Books {
    pub(super) store: Store,
    pub(super) identity: seal::Identity,
    who: String,
    lockout: LockoutOptions,
    locks: Arc<Mutex<Vec<PrincipalLock>>>,
}

impl Books {
    pub(super) fn new(store: &Store, identity: &seal::Identity, who: &str, lockout: LockoutOptions) -> Self {
        Self { store: store.clone(), identity: identity.clone(), who: who.to_owned(), lockout, locks: Arc::default() }
    }

    /// Performs what blocks.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let books = self.clone();
        tokio::task::spawn_blocking(move || body(&books))
            .await
            .unwrap_or_else(|_| Err(Error::new("rotation.internal", "the store met a fault of Libretto's own")))
    }

    /// Takes a principal's lock, unless it is held already, and refuses one whose last rotation has not ended. Blocks.
    pub(super) fn lock(&self, principal: PrincipalId) -> Result<PrincipalId> {
        let principal = self.hold(principal)?;
        self.store.read(|c| journal::refuse_unfinished(c, principal))?;
        Ok(principal)
    }

    /// Takes a principal's lock, unless it is held already. Blocks.
    pub(super) fn hold(&self, principal: PrincipalId) -> Result<PrincipalId> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        let principal = self.store.read(|c| principals::surviving(c, principal))?;
        if let Some(held) = locks.iter().find(|lock| lock.principal() == principal) {
            return Ok(held.principal());
        }
        let lock = PrincipalLock::take(&self.store, principal, &self.who)?;
        let principal = lock.principal();
        locks.push(lock);
        Ok(principal)
    }

    /// Refuses where an earlier rotation has left a version that this target may not have: it would count as a wrong password.
    pub(super) async fn refuse_lagging(&self, target: &str, version: CredentialId) -> Result<()> {
        if self.lockout.insist {
            return Ok(());
        }
        let name = target.to_owned();
        let lagging = self.with(move |b| {
            let is_it = |one: &str| is_same_target(one, &name);
            let lagging = journal::lagging(&b.store, version)?.filter(|lagging| lagging.holds(is_it));
            lagging.iter().try_for_each(|lagging| lagging.seen(&b.store, is_it))?;
            Ok(lagging)
        });
        lagging.await?.map_or(Ok(()), |lagging| Err(lagging.refusal(target, target)))
    }

    /// Where somebody insisted on signing in where that is refused, and was right, the journal knows it from now on.
    pub(super) async fn note_arrival(&self, target: &str, version: CredentialId) {
        if !self.lockout.insist {
            return;
        }
        let target = target.to_owned();
        // What is not noted is refused again, which costs an insistence and nothing else.
        let _ = self.with(move |books| recover::arrived(&books.store, version, &target, &books.who)).await;
    }

    /// Counts a password that the directory found wrong otherwise than by a sign-in.
    pub(super) async fn count_wrong(
        &self,
        session: &Session,
        identity: &Identity,
        principal: PrincipalId,
        version: CredentialId,
    ) -> Result<()> {
        let ask = self.ask(session, identity, principal, Some(version));
        self.with(move |b| {
            let attempt = budget::begin(&b.store, &ask)?;
            budget::answered(&b.store, attempt, Answer::Wrong)
        })
        .await
    }

    /// Signs in once with this version, if the lockout budget has room for a wrong one. The attempt is on the disk before it
    /// is sent and is cleared when it was accepted. Which version it carries the caller knows: the one that is current by
    /// now may be another.
    pub(super) async fn sign_in(
        &self,
        session: &Session,
        identity: &Identity,
        principal: PrincipalId,
        version: Option<CredentialId>,
    ) -> Result<()> {
        let ask = self.ask(session, identity, principal, version);
        if self.lockout.insist {
            let attempt = self.with(move |b| budget::begin(&b.store, &ask)).await?;
            return self.bind(session, identity, attempt).await;
        }
        let ask = &ask;
        let spend = || {
            let ask = ask.clone();
            self.with(move |b| budget::spend(&b.store, &ask))
        };
        let attempt = budget::patiently(spend).await?;
        self.bind(session, identity, attempt).await
    }

    /// The proving bind after an acknowledged change, which what was spent does not keep from being sent.
    pub(super) async fn prove(
        &self,
        session: &Session,
        identity: &Identity,
        principal: PrincipalId,
        version: CredentialId,
    ) -> Result<()> {
        if self.lockout.insist {
            return self.sign_in(session, identity, principal, Some(version)).await;
        }
        let ask = &self.ask(session, identity, principal, Some(version));
        let spend = || {
            let ask = ask.clone();
            self.with(move |b| budget::prove(&b.store, &ask))
        };
        let attempt = budget::patiently(spend).await?;
        self.bind(session, identity, attempt).await
    }

    fn ask(
        &self,
        session: &Session,
        identity: &Identity,
        principal: PrincipalId,
        version: Option<CredentialId>,
    ) -> Ask {
        let target = session.target().to_string();
        Ask { credential: version, assumed: self.lockout.assumed, ..Ask::ldap(principal, &identity.name, &target) }
    }

    async fn bind(&self, session: &Session, identity: &Identity, attempt: AttemptId) -> Result<()> {
        let bound = session.bind(identity).await;
        let answer = match &bound {
            Ok(()) => Answer::Accepted,
            Err(error) if outcome::may_be_wrong(error) => Answer::Wrong,
            Err(error) if outcome::refuses_credential(error) => Answer::NotCounted,
            Err(_) => Answer::None,
        };
        // One that stays on the books as it was costs caution, not correctness.
        let _ = self.with(move |b| budget::answered(&b.store, attempt, answer)).await;
        bound
    }

    /// Adds an event to the journal, and moves the rotation on when a stage is given.
    pub(super) async fn event(
        &self,
        rotation: &str,
        stage: Option<Stage>,
        what: &'static str,
        target: Option<&str>,
        data: Value,
    ) -> Result<()> {
        let (rotation, target) = (rotation.to_owned(), target.map(str::to_owned));
        self.with(move |books| {
            let progress = Progress { stage: stage.map(|stage| stage.as_str().to_owned()), ..Progress::default() };
            journal::step(&books.store, &rotation, &progress, what, target.as_deref(), &data).map(|_| ())
        })
        .await
    }
}
