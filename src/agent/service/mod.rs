//! The Remote Agent's service: its own store of connections, and the operations on them.
//!
//! Its store is an ordinary one, in a folder of its own, with an identity of its own: its copy of a connection is not the one
//! that Libretto keeps. Connections are named by their domains, so that there is one per mail domain. Secrets come in and are
//! sealed; no operation answers one.

mod connections;
mod egress;
mod licences;
mod profiles;
mod records;
mod sign_in;
mod status;
mod test;
mod users;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use utoipa_axum::{router::OpenApiRouter, routes};

use self::{egress::Egress, profiles::Profiles, sign_in::Tenants};
use crate::{
    cloud::{Cloud, Options},
    error::{Error, Result},
    secret::seal::Identity,
    service::{Limits, Problem, Service, Token, token},
    store::Store,
};

/// The agent's folder inside the home folder.
pub const FOLDER: &str = "agent";

const ABOUT: &str = "Holds Microsoft Online connections and talks to the cloud for them. Secrets go in and never come out.\n\n\
    To test a connection: *Authorize* with the token that `libretto agent token` prints, open **Connections > \
    TestConnection**, *Try it out*, put a domain in place of `string`, *Execute*.";

/// An agent: clones are the same one.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    store: Store,
    identity: Identity,
    profiles: Profiles,
    cloud: Cloud,
    egress: Egress,
    tenants: Tenants,
    since: Instant,
    /// Changes of connections take turns: what one does depends on which secret an app has by then.
    changing: Mutex<()>,
}

impl Agent {
    /// Opens the agent's store in `folder`; makes it at first use.
    ///
    /// # Errors
    /// Those of the store and of its identity; `agent.profiles_unreadable`.
    pub fn open(folder: &Path, operator: &str, options: Options) -> Result<Self> {
        let store = store(folder, operator)?;
        let identity = Identity::load_or_make(&store)?;
        let profiles = Profiles::open(folder)?;
        let egress = Egress::new(&options);
        let cloud = Cloud::new(options)?;
        Ok(Self(Arc::new(Inner {
            store,
            identity,
            profiles,
            cloud,
            egress,
            tenants: Tenants::default(),
            since: Instant::now(),
            changing: Mutex::new(()),
        })))
    }

    /// The agent as a service.
    ///
    /// # Errors
    /// Those of its token.
    pub fn service(&self, limits: Limits) -> Result<Service> {
        let token = Token::of(&token::load_or_make(&self.0.store)?);
        let operations = OpenApiRouter::new()
            .routes(routes!(test::test_connection))
            .routes(routes!(connections::add))
            .routes(routes!(connections::update))
            .routes(routes!(connections::list))
            .routes(routes!(connections::get))
            .routes(routes!(connections::delete))
            .routes(routes!(status::status))
            .routes(routes!(egress::check_egress))
            .routes(routes!(profiles::list))
            .routes(routes!(profiles::set))
            .routes(routes!(profiles::delete))
            .routes(routes!(users::find))
            .routes(routes!(users::enable))
            .routes(routes!(users::disable))
            .routes(routes!(users::revoke_sessions))
            .routes(routes!(users::reset_password))
            .routes(routes!(users::assign_licence))
            .routes(routes!(users::remove_licence))
            .with_state(self.clone());
        Ok(Service { name: "Remote Agent", about: ABOUT, operations, token, limits })
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

impl Inner {
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The agent's store, for what needs no more than that.
///
/// # Errors
/// Those of the store.
pub fn store(folder: &Path, operator: &str) -> Result<Store> {
    Ok(Store::open(folder)?.acting_as(operator, None))
}
