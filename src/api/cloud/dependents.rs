//! What has to take an app's new credential: the Remote Agents' copies of all its connections, and the Workflow Engine's routes to them.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

use crate::{
    api::{agent, we},
    connection::{Connection, Kind},
    error::{Error, Result},
    rotation::{Dependent, Dependents, Found, NewSecret},
    script::context::Context,
};

/// The dependents of an app as a run sees them.
pub(super) struct OfApp {
    context: Context,
}

impl OfApp {
    pub(super) fn new(context: &Context) -> Self {
        Self { context: context.clone() }
    }
}

impl fmt::Debug for OfApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfApp")
    }
}

impl Dependents for OfApp {
    fn of<'a>(&'a self, connections: &'a [Connection]) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async {
            let mut others: Vec<Arc<dyn Dependent>> = Vec::new();
            for connection in connections.iter().filter(|one| one.kind == Kind::MsOnline) {
                for what in [What::Copy, What::Route] {
                    others.push(Arc::new(One::new(&self.context, connection, what)?));
                }
            }
            // Agents first: a route leads to what they have.
            others.sort_by_key(|one| one.kind() != "agent");
            Ok(Found { connections: Vec::new(), others })
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Copy,
    Route,
}

/// An agent's copy of a connection, or the engine's route of it.
struct One {
    context: Context,
    connection: Connection,
    what: What,
    name: String,
}

impl One {
    fn new(context: &Context, connection: &Connection, what: What) -> Result<Self> {
        let name = match what {
            What::Copy => format!("agent {} for {}", connection.msonline()?.agent(), connection.name),
            What::Route => format!("route of {}", connection.name),
        };
        Ok(Self { context: context.clone(), connection: connection.clone(), what, name })
    }

    /// Why it is left out, if it is.
    fn left_out(&self) -> Option<Error> {
        let grant = if self.what == What::Copy { "agent:write" } else { "we:write" };
        let missing = self.context.world.grants.require(grant, "handing it on").err()?;
        Some(Error::skipped("rotation.left_out", missing.message()))
    }

    async fn answers(&self) -> Result<()> {
        if self.left_out().is_some() {
            return Ok(());
        }
        let answers = match self.what {
            What::Copy => agent::answers(&self.context, &self.connection).await,
            What::Route => we::answers(&self.context, &self.connection).await,
        };
        // What there is none of is told when its turn comes.
        answers.or_else(|error| if is_none(&error) { Ok(()) } else { Err(error) })
    }

    async fn hand(&self, secret: &NewSecret) -> Result<String> {
        if let Some(left_out) = self.left_out() {
            return Err(left_out);
        }
        let handed = match self.what {
            What::Copy => {
                agent::bring(&self.context, &self.connection, (secret.credential, &secret.identity.password)).await
            }
            What::Route => we::bring(&self.context, &self.connection).await,
        };
        handed.map_err(|error| if is_none(&error) { Error::skipped(error.code(), error.message()) } else { error })
    }
}

/// There is no such thing here, and none is wanted.
fn is_none(error: &Error) -> bool {
    matches!(error.code(), "agent.no_lab_agent" | "workflow.no_lab_engine" | "workflow.not_configured")
}

impl fmt::Debug for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "One({})", self.name)
    }
}

impl Dependent for One {
    fn name(&self) -> &str {
        &self.name
    }

    /// By the connection's own number: it may be given another name, and another agent.
    fn id(&self) -> String {
        format!("{} of connection {}", self.kind(), self.connection.id.0)
    }

    fn kind(&self) -> &'static str {
        match self.what {
            What::Copy => "agent",
            What::Route => "route",
        }
    }

    fn ready(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.answers())
    }

    fn take<'a>(&'a self, secret: &'a NewSecret) -> BoxFuture<'a, Result<String>> {
        Box::pin(self.hand(secret))
    }
}
