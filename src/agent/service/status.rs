//! The group `Agent`: how it is.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Agent, Inner};
use crate::{
    connection::{self, Scope},
    error::Result,
    service::{Answer, Problem},
};

/// How the agent is.
#[allow(clippy::struct_field_names)] // the members' names are for clients
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    /// `up`.
    #[schema(example = "up")]
    status: String,
    /// Libretto's version.
    #[schema(example = "0.1.0")]
    version: String,
    /// Since its start.
    uptime_seconds: u64,
    /// How many it holds.
    connections: usize,
    /// How many it has.
    licence_profiles: usize,
}

/// Says how the agent is
///
/// That it answers says that its token is right and that its store can be read.
#[utoipa::path(get, path = "/api/Agent/Status", tag = "Agent", operation_id = "Agent_Status",
    responses((status = 200, description = "How it is", body = Status)))]
pub(super) async fn status(State(agent): State<Agent>) -> Result<Answer<Status>, Problem> {
    agent.stored(Inner::status).await.map(Answer)
}

impl Inner {
    fn status(&self) -> Result<Status> {
        Ok(Status {
            status: "up".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.since.elapsed().as_secs(),
            connections: connection::all_names(&self.store, &Scope::all())?.len(),
            licence_profiles: self.profiles.list().len(),
        })
    }
}
