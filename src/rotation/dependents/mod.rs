//! Dependents: what else signs in as the account, and has to take the new password after the targets have it.
//!
//! What they are is put together from above: this room knows neither file servers nor scripts. Other connections of the
//! account are dependents too; their targets are followed in converge like the connection's own, for they may lag.

mod gather;
mod hand;
mod open;

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

pub(super) use gather::{Planned, ask, find, join, words};
pub(super) use hand::{Handing, of_connection, shortfall, worst};
pub(super) use open::GONE;
pub use open::{Open, open_dependents, retry_dependents};

use crate::{
    connection::Connection,
    directory::{Endpoint, Identity},
    error::Result,
    store::rows::{CredentialId, PrincipalId},
};

/// A thing that has to take a new secret.
pub trait Dependent: fmt::Debug + Send + Sync {
    /// What reports and the journal call it; no two of a rotation have one name.
    fn name(&self) -> &str;

    /// What tells it from all others for as long as it is the same one, whatever it is called by then.
    fn id(&self) -> String {
        self.name().to_owned()
    }

    /// What it is: `home-server`, `procedure`.
    fn kind(&self) -> &'static str;

    /// Whether it answers; nothing is changed by asking. An error that may pass (retryable) means that it is down.
    fn ready(&self) -> BoxFuture<'_, Result<()>>;

    /// Hands it the new secret, which the targets have. Answers a note for people. An error with verdict `skipped` says
    /// that there is nothing to be done; any other is its verdict.
    fn take<'a>(&'a self, secret: &'a NewSecret) -> BoxFuture<'a, Result<String>>;
}

/// Who knows the dependents of an account.
pub trait Dependents: fmt::Debug + Send + Sync {
    /// Those of an account by its connections, the rotated one first.
    fn of<'a>(&'a self, connections: &'a [Connection]) -> BoxFuture<'a, Result<Found>>;
}

/// The dependents of an account.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The account's other connections.
    pub connections: Vec<OtherConnection>,
    /// Everything else.
    pub others: Vec<Arc<dyn Dependent>>,
}

/// Those that were found before.
impl Dependents for Found {
    fn of<'a>(&'a self, _: &'a [Connection]) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async { Ok(self.clone()) })
    }
}

/// Another connection of the account.
#[derive(Debug, Clone)]
pub struct OtherConnection {
    /// Its name.
    pub name: String,
    /// Its targets.
    pub endpoints: Vec<Endpoint>,
}

/// A secret that a target has accepted.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// Account and password.
    pub identity: Identity,
    /// Whose sign-ins are counted.
    pub principal: PrincipalId,
    /// Its row.
    pub credential: CredentialId,
    /// Its version.
    pub version: u32,
    /// Targets that may not have it: a sign-in there counts as a wrong password, and a file server may ask just those.
    pub unproven: Vec<String>,
}
