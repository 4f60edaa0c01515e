//! The client of the Workflow Engine's service: routes written, compared and shown, actions sent through them.

mod drift;
mod http;

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

pub use self::drift::{Drift, Drifted, Expected, drift};
use self::http::{Effect, Http};
use super::records::{Compared, Done, Held, TokenProof};
use crate::{
    error::{Error, Result},
    net::http::segment,
    secret::Secret,
};

/// An action waits as long as the engine does for an agent, and a little longer.
const ACTION: Duration = Duration::from_secs(150);
/// Everything else is the engine's own work.
const OWN: Duration = Duration::from_secs(30);

/// Where an engine is, and how it is reached.
#[derive(Clone)]
pub struct Options {
    /// `https://engine.corp.example:40003`.
    pub url: Url,
    /// The engine's token.
    pub token: Secret,
    /// What is trusted as its certificate instead of the system's roots, PEM.
    pub ca_pem: Option<Arc<str>>,
    /// The proxy to go through, as `HTTPS_PROXY` tells it; never to this machine.
    pub proxy: Option<Arc<str>>,
    /// Hosts that are reached without the proxy, as `NO_PROXY` tells them.
    pub no_proxy: Option<Arc<str>>,
}

/// A route as it should be.
#[derive(Debug, Clone)]
pub struct Route {
    /// The connection's name.
    pub connection: String,
    /// Its mail domain.
    pub domain: String,
    /// The agent's host name or address, an IPv6 one without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What is trusted as the agent's certificate instead of the system's roots, PEM.
    pub ca_pem: Option<Arc<str>>,
    /// The agent's token.
    pub token: Option<Secret>,
    /// Who says so.
    pub written_by: String,
}

impl Route {
    fn body(&self) -> Value {
        let mut body = self.open();
        body["token"] = self.token.as_ref().map(Secret::expose).into();
        body
    }

    /// All but the token, and what shows that it is the same.
    fn compared(&self) -> Value {
        let mut body = self.open();
        body["tokenProof"] = json!(self.token.as_ref().map(TokenProof::of));
        body
    }

    fn open(&self) -> Value {
        json!({ "domain": self.domain, "host": self.host, "port": self.port, "ca": self.ca_pem.as_deref(),
            "writtenBy": self.written_by })
    }
}

/// One engine.
pub struct Engine(Http, Duration);

impl Engine {
    /// Makes the client. Nothing is asked yet.
    ///
    /// # Errors
    /// `workflow.bad_ca`, `workflow.bad_proxy`; `workflow.in_the_clear` for plain HTTP to another machine.
    pub fn new(options: &Options) -> Result<Self> {
        Http::new(options).map(|http| Self(http, ACTION))
    }

    /// One that is given so long for an action.
    #[must_use]
    pub fn waiting(self, action: Duration) -> Self {
        Self(self.0, action)
    }

    /// Writes a route; it is on the engine's disk when this returns.
    ///
    /// # Errors
    /// Those of the way to the engine, see [`Engine::get`]; in doubt when there is no answer.
    pub async fn put(&self, route: &Route) -> Result<Held> {
        let (place, body) = (path(&route.connection), route.body());
        read(self.0.ask("PUT", &place, Some(&body), Effect::Writes, OWN).await?, Effect::Writes)
    }

    /// A connection's route.
    ///
    /// # Errors
    /// `workflow.unknown_route`; `workflow.unreachable`, `workflow.timeout`, `workflow.tls`, `workflow.wrong_token`,
    /// `workflow.foreign`, `workflow.bad_answer`, `workflow.broken`.
    pub async fn get(&self, connection: &str) -> Result<Held> {
        read(self.0.ask("GET", &path(connection), None, Effect::Reads, OWN).await?, Effect::Reads)
    }

    /// All routes, by connection.
    ///
    /// # Errors
    /// As [`Engine::get`].
    pub async fn list(&self) -> Result<Vec<Held>> {
        read(self.0.ask("GET", "/api/Routes", None, Effect::Reads, OWN).await?, Effect::Reads)
    }

    /// Removes a connection's route; answers what it was.
    ///
    /// # Errors
    /// As [`Engine::get`]; in doubt when there is no answer.
    pub async fn delete(&self, connection: &str) -> Result<Held> {
        read(self.0.ask("DELETE", &path(connection), None, Effect::Writes, OWN).await?, Effect::Writes)
    }

    /// How the engine's route differs from `route`. The token itself is not told.
    ///
    /// # Errors
    /// As [`Engine::get`], but for an unknown route, which is an answer.
    pub async fn compare(&self, route: &Route) -> Result<Compared> {
        let place = format!("{}/Compare", path(&route.connection));
        read(self.0.ask("POST", &place, Some(&route.compared()), Effect::Reads, OWN).await?, Effect::Reads)
    }

    /// Has a connection's agent do something.
    ///
    /// # Errors
    /// As [`Engine::get`]; `workflow.route_differs` when the route is for another domain; the agent's own, and those of the
    /// engine's way to it (`agent.unreachable`, `agent.wrong_token`); in doubt when it `writes` and there is no answer.
    pub async fn act(&self, whom: Whom<'_>, operation: &str, body: Option<&Value>, writes: bool) -> Result<Done> {
        let action =
            json!({ "connection": whom.connection, "domain": whom.domain, "operation": operation, "body": body });
        let effect = if writes { Effect::Writes } else { Effect::Reads };
        read(self.0.ask("POST", "/api/Actions", Some(&action), effect, self.1).await?, effect)
    }
}

/// Whose agent is meant.
#[derive(Debug, Clone, Copy)]
pub struct Whom<'a> {
    /// The connection's name, which others may have too.
    pub connection: &'a str,
    /// Its mail domain.
    pub domain: &'a str,
}

/// Where a route is. Names of connections may have letters of any script.
fn path(connection: &str) -> String {
    format!("/api/Routes/{}", segment(connection))
}

fn read<T: DeserializeOwned>(answer: Value, effect: Effect) -> Result<T> {
    // What serde says may quote the answer.
    serde_json::from_value(answer).map_err(|_| {
        let (code, said) = ("workflow.bad_answer", "the Workflow Engine's answer is not as it should be");
        // Whatever the answer looks like, the request was taken.
        if effect == Effect::Writes { Error::in_doubt(code, said) } else { Error::new(code, said) }
            .hint("see that engine and Libretto are of the same version, and that [workflow] url is the engine's")
    })
}
