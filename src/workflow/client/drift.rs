//! Routes that differ from what the connections say.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::{Engine, Route};
use crate::{
    error::{Error, Result},
    workflow::records::Held,
};

/// Routes that are compared at once.
const AT_ONCE: usize = 16;

/// How a route and its connection differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// The connection has no route.
    NoRoute,
    /// The route says something else than the connection.
    Differs,
    /// The route is of a connection that there is not.
    NoConnection,
    /// What the connection says cannot be read as a whole.
    Unreadable,
}

/// One that differs.
#[derive(Debug, Clone, Serialize)]
pub struct Drifted {
    /// The connection's name.
    pub connection: String,
    /// How.
    pub drift: Drift,
    /// In what: `domain`, `host`, `port`, `ca`, `token`.
    pub differs: Vec<String>,
    /// Where the route leads; `None` where there is none.
    pub agent: Option<String>,
    /// Who wrote it.
    pub written_by: Option<String>,
    /// When, RFC 3339.
    pub written_at: Option<String>,
    /// What cannot be read, and why.
    pub error: Option<Error>,
}

/// What a connection says: a route, or its name and why it tells none.
pub type Expected = Result<Route, (String, Error)>;

impl Drifted {
    fn new(connection: String, drift: Drift, differs: Vec<String>, route: Option<&Held>) -> Self {
        Self {
            connection,
            drift,
            differs,
            agent: route.map(Held::agent),
            written_by: route.map(|route| route.written_by.clone()),
            written_at: route.map(|route| route.written_at.clone()),
            error: None,
        }
    }

    fn unreadable((connection, error): (String, Error)) -> Self {
        Self { error: Some(error), ..Self::new(connection, Drift::Unreadable, Vec::new(), None) }
    }
}

/// Compares what the engine holds with what the connections say; `is_hidden` tells whose routes are not looked at. By
/// connection.
///
/// # Errors
/// Those of the way to the engine.
pub async fn drift(engine: &Engine, expected: Vec<Expected>, is_hidden: impl Fn(&str) -> bool) -> Result<Vec<Drifted>> {
    let name = |one: &Expected| match one {
        Ok(route) => route.connection.to_lowercase(),
        Err((connection, _)) => connection.to_lowercase(),
    };
    let known: HashSet<String> = expected.iter().map(name).collect();
    let compare = |one: Expected| async move {
        let route = match one {
            Ok(route) => route,
            Err(unreadable) => return Ok(Some(Drifted::unreadable(unreadable))),
        };
        let compared = engine.compare(&route).await?;
        Ok::<_, Error>(match compared.route {
            None => Some(Drifted::new(route.connection, Drift::NoRoute, Vec::new(), None)),
            Some(_) if compared.differs.is_empty() => None,
            Some(held) => Some(Drifted::new(route.connection, Drift::Differs, compared.differs, Some(&held))),
        })
    };
    let compared: Vec<_> = stream::iter(expected).map(compare).buffered(AT_ONCE).try_collect().await?;
    let mut drifted: Vec<Drifted> = compared.into_iter().flatten().collect();
    for held in engine.list().await? {
        if !known.contains(&held.connection.to_lowercase()) && !is_hidden(&held.connection) {
            drifted.push(Drifted::new(held.connection.clone(), Drift::NoConnection, Vec::new(), Some(&held)));
        }
    }
    drifted.sort_by_cached_key(|one| one.connection.to_lowercase());
    Ok(drifted)
}
