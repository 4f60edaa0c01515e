//! What depends on an account's password, put together for a rotation: its other connections, the home-directory servers of
//! all of them, and the procedures that they declare.

mod home;
mod procedure;

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

use self::{home::Home, procedure::Declared};
use super::access;
use crate::{
    connection::Connection,
    error::Result,
    rotation::{Dependent, Dependents, Found, OtherConnection},
    script::context::Context,
};

/// The dependents of an account as a run sees them.
pub(in crate::api) struct OfAccount {
    context: Context,
}

impl OfAccount {
    /// For a rotation that `context` performs.
    pub(in crate::api) fn new(context: &Context) -> Self {
        Self { context: context.clone() }
    }

    async fn find(&self, connections: &[Connection]) -> Result<Found> {
        let mut found = Found::default();
        for connection in connections.iter().skip(1) {
            let endpoints = access::endpoints(&self.context, connection).await;
            let endpoints = endpoints.map_err(|error| error.context(format!("targets of {}", connection.name)))?;
            found.connections.push(OtherConnection { name: connection.name.clone(), endpoints });
        }
        found.others = self.others(connections)?;
        Ok(found)
    }

    /// All but the connections themselves. Nobody is asked, DNS included.
    pub(in crate::api) fn others(&self, connections: &[Connection]) -> Result<Vec<Arc<dyn Dependent>>> {
        let mut others = Vec::new();
        for connection in connections {
            self.add(&mut others, connection)?;
        }
        Ok(others)
    }

    /// One file server may serve several connections.
    fn add(&self, others: &mut Vec<Arc<dyn Dependent>>, connection: &Connection) -> Result<()> {
        let settings = connection.ad()?;
        for server in &settings.home_servers {
            let home = Home::new(&self.context, connection, server)?;
            if others.iter().all(|other| other.name() != home.name()) {
                others.push(Arc::new(home));
            }
        }
        for script in &settings.dependents {
            let declared = Declared::new(&self.context, connection, script);
            if others.iter().all(|other| other.name() != declared.name()) {
                others.push(Arc::new(declared));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for OfAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfAccount")
    }
}

impl Dependents for OfAccount {
    fn of<'a>(&'a self, connections: &'a [Connection]) -> BoxFuture<'a, Result<Found>> {
        Box::pin(self.find(connections))
    }
}
