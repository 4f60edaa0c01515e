//! The group `Workflow`: how the engine is.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Engine, Inner};
use crate::{
    error::Result,
    service::{Answer, Problem},
    store::rows::routes,
};

/// How the engine is.
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
    routes: u64,
}

/// Says how the engine is
///
/// That it answers says that its token is right and that its store can be read.
#[utoipa::path(get, path = "/api/Workflow/Status", tag = "Workflow", operation_id = "Workflow_Status",
    responses((status = 200, description = "How it is", body = Status)))]
pub(super) async fn status(State(engine): State<Engine>) -> Result<Answer<Status>, Problem> {
    engine.stored(Inner::status).await.map(Answer)
}

impl Inner {
    fn status(&self) -> Result<Status> {
        Ok(Status {
            status: "up".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.since.elapsed().as_secs(),
            routes: self.store.read(routes::count)?,
        })
    }
}
