//! What a run learns of accounts by signing in, whichever connection signs in: a password that one server refused is tried
//! nowhere else, and until a password was accepted once, its attempts go one by one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

use crate::{
    error::Error,
    store::rows::{ConnectionId, CredentialId},
};

/// The accounts of one run. An account is named by its objectGUID, or while that is unknown by its domain and name, so that
/// several connections of one account share what is known of it.
#[derive(Debug, Default)]
pub struct Accounts {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    refused: BTreeMap<String, Error>,
    accepted: BTreeSet<CredentialId>,
    turns: BTreeMap<String, Arc<tokio::sync::Mutex<()>>>,
    queues: BTreeMap<String, Arc<tokio::sync::Mutex<()>>>,
    spent: BTreeSet<String>,
    counted: BTreeMap<String, u32>,
    doubts: BTreeMap<ConnectionId, Error>,
}

/// The right to try a password that nobody has accepted yet; others of the account wait until it is dropped.
#[derive(Debug)]
pub struct Turn(#[allow(dead_code)] OwnedMutexGuard<()>); // held, not looked at

impl Accounts {
    /// Why a server refused the account in this run, if one did.
    #[must_use]
    pub fn refusal(&self, account: &str) -> Option<Error> {
        self.known().refused.get(account).cloned()
    }

    /// Notes that a server refused the account: nothing signs in as it any more in this run.
    pub fn refuse(&self, account: &str, why: &Error) {
        self.known().refused.insert(account.to_owned(), why.clone());
    }

    /// Notes that a server accepted this version: it may be tried on many at once.
    pub fn accept(&self, credential: CredentialId) {
        self.known().accepted.insert(credential);
    }

    /// The account has another password now: what was learnt of the one before is no longer true.
    pub fn forget(&self, account: &str) {
        let mut known = self.known();
        known.refused.remove(account);
        known.spent.remove(account);
        known.counted.remove(account);
    }

    /// Waits for the right to try a version. `None`: it was accepted before and needs none.
    pub async fn turn(&self, account: &str, credential: CredentialId) -> Option<Turn> {
        let turn = {
            let mut known = self.known();
            if known.accepted.contains(&credential) {
                return None;
            }
            Arc::clone(known.turns.entry(account.to_owned()).or_default())
        };
        let turn = Turn(turn.lock_owned().await);
        (!self.known().accepted.contains(&credential)).then_some(turn)
    }

    /// Waits until no other sign-in of the account waits for its budget: one that asks is enough.
    pub async fn queue(&self, account: &str) -> Turn {
        let queue = Arc::clone(self.known().queues.entry(account.to_owned()).or_default());
        Turn(queue.lock_owned().await)
    }

    /// Notes that the account's lockout budget is spent; `true` when that is news in this run.
    pub fn budget_spent(&self, account: &str) -> bool {
        self.known().spent.insert(account.to_owned())
    }

    /// Notes how many wrong passwords a controller has counted for the account now.
    pub fn counted(&self, account: &str, wrong: u32) {
        let mut known = self.known();
        let most = known.counted.entry(account.to_owned()).or_default();
        *most = wrong.max(*most);
    }

    /// The most that a controller has counted for the account, as far as this run has seen.
    #[must_use]
    pub fn counted_elsewhere(&self, account: &str) -> u32 {
        self.known().counted.get(account).copied().unwrap_or(0)
    }

    /// Notes what a target of the connection has shown that leaves open who answers for its domain.
    pub fn doubt(&self, connection: ConnectionId, why: &Error) {
        self.known().doubts.insert(connection, why.clone());
    }

    /// All targets of the connection were tested again, and none leaves that open any more.
    pub fn trust(&self, connection: ConnectionId) {
        self.known().doubts.remove(&connection);
    }

    /// Why it is open who answers for the connection's domain, if it is.
    #[must_use]
    pub fn doubted(&self, connection: ConnectionId) -> Option<Error> {
        self.known().doubts.get(&connection).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
