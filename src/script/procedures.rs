//! Runs that a run starts, e.g. of the procedures that a connection declares. What starts them stands above this room.

use super::context::{CredentialState, World};
use crate::{
    error::Result,
    store::{events::Failure, rows::ConnectionId},
    verdict::Verdict,
};

/// Starts runs of other scripts. Both calls block.
pub trait Procedures: Send + Sync {
    /// Sees that the script exists, passes the check and takes a connection. Nothing is touched.
    ///
    /// # Errors
    /// `dependent.unfit`.
    fn look(&self, world: &World, order: &Order) -> Result<()>;

    /// Performs the script as a run of its own, with the grants that it declares less what this run denies.
    ///
    /// # Errors
    /// Of a run that could not begin.
    fn perform(&self, world: &World, order: &Order) -> Result<Performed>;
}

/// A run that another one starts.
#[derive(Debug, Clone)]
pub struct Order {
    /// The script's name.
    pub script: String,
    /// Its parameter `connection`.
    pub connection: String,
    /// What it knows of credentials from the start.
    pub credentials: Vec<(ConnectionId, CredentialState)>,
}

/// How such a run ended.
#[derive(Debug, Clone)]
pub struct Performed {
    /// Its id.
    pub run: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// What ended it, if anything did.
    pub error: Option<Failure>,
}
