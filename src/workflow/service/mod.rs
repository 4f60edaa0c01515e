//! The Workflow Engine's service: a store of routes, and the way of an action to the agent that its route names.
//!
//! The store is an ordinary one in a folder of its own, with an identity of its own. A route is on the disk when its write is
//! acknowledged. Agents' tokens come in and are sealed; no operation answers one, and one is only ever sent to the host that
//! it came for.

mod actions;
mod routes;
mod status;
mod wanted;

use std::{path::Path, sync::Arc, time::Instant};

use utoipa_axum::{router::OpenApiRouter, routes};

use self::actions::Ways;
use crate::{
    agent::client::Options,
    error::{Error, Result},
    secret::seal::Identity,
    service::{Limits, Problem, Service, Token, token},
    store::Store,
};

/// The port that the engine listens on unless told: the one after the Remote Agents'.
pub const PORT: u16 = 40003;

/// The engine's folder inside the home folder.
pub const FOLDER: &str = "workflow";

const ABOUT: &str = "Knows which Remote Agent each connection's actions go to, and sends them there. Agents' tokens go in and \
    never come out.\n\nTo try a route: *Authorize* with the token that `libretto workflow token` prints, open **Actions > Act**, \
    *Try it out*, name a connection and an operation of its agent, *Execute*.";

/// An engine: clones are the same one.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    identity: Identity,
    ways: Ways,
    since: Instant,
}

impl Engine {
    /// Opens the engine's store in `folder`; makes it at first use. `options` say how agents are reached; what is trusted as
    /// their certificate each route says itself.
    ///
    /// # Errors
    /// Those of the store and of its identity.
    pub fn open(folder: &Path, operator: &str, options: Options, limits: &Limits) -> Result<Self> {
        let store = store(folder, operator)?;
        let identity = Identity::load_or_make(&store)?;
        Ok(Self(Arc::new(Inner { store, identity, ways: Ways::new(options, limits), since: Instant::now() })))
    }

    /// The engine as a service.
    ///
    /// # Errors
    /// Those of its token.
    pub fn service(&self, limits: Limits) -> Result<Service> {
        let token = Token::of(&token::load_or_make(&self.0.store)?);
        let operations = OpenApiRouter::new()
            .routes(routes!(actions::act))
            .routes(routes!(routes::list))
            .routes(routes!(routes::get, routes::put, routes::delete))
            .routes(routes!(routes::compare))
            .routes(routes!(status::status))
            .with_state(self.clone());
        Ok(Service { name: "Workflow Engine", about: ABOUT, operations, token, limits })
    }

    /// Does something with the store, where it may wait for the disk.
    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let inner = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done.map_err(Problem::from),
            Err(e) => Err(Error::in_doubt("service.fault", format!("the service has a fault of its own: {e}")).into()),
        }
    }
}

/// The engine's store, for what needs no more than that.
///
/// # Errors
/// Those of the store.
pub fn store(folder: &Path, operator: &str) -> Result<Store> {
    Ok(Store::open(folder)?.acting_as(operator, None))
}
