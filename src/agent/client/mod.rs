//! The client of Remote Agents, Libretto's own and others'. What an agent can do, and how it wants to be asked, it says itself, in
//! its Swagger 2.0 or OpenAPI 3 document: paths, bodies and the token's header are taken from there.
//!
//! - `http`: one client per agent; times and sizes bounded, no redirects, a token only over TLS or to this machine;
//! - [`document`] and [`schema`]: what an agent publishes, in serde structs of our own; [`read`]: where it is looked for;
//! - [`find`]: operations by what they are called; [`fill`]: bodies by their schemas; `answer`: what a reply means.

mod answer;
pub mod document;
pub mod fill;
pub mod find;
mod http;
pub mod read;
pub mod schema;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use self::{
    document::{Document, Operation},
    fill::{Request, Values},
    find::Wanted,
    http::Http,
    read::Found,
};
use crate::{error::Result, secret::Secret};

/// How an agent is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// CA certificates in PEM; only they are trusted then. Otherwise the system's.
    pub ca_pem: Option<Arc<str>>,
    /// How long one request may take, its answer included.
    pub timeout: Duration,
    /// The proxy to go through, as `HTTPS_PROXY` tells it; never to this machine.
    pub proxy: Option<Arc<str>>,
    /// Hosts that are reached without the proxy, as `NO_PROXY` tells them.
    pub no_proxy: Option<Arc<str>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { ca_pem: None, timeout: Duration::from_mins(1), proxy: None, no_proxy: None }
    }
}

/// Where an agent listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// Name or address, an IPv6 one without brackets.
    pub host: String,
    /// 40002 as a rule.
    pub port: u16,
}

impl Address {
    /// Whether it is this machine, so that nothing is on the way.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// What an agent answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// `POST /api/Connections/TestConnection`.
    pub operation: String,
    /// The HTTP status, 200 to 299.
    pub status: u16,
    /// Parsed where it is JSON, else its text.
    pub body: Value,
}

/// One agent. Its document is fetched at the first need, once, and again when an operation is gone.
pub struct Agent {
    address: Address,
    http: Http,
    found: tokio::sync::Mutex<Option<(Arc<Found>, Instant)>>,
}

/// A document that was read less than this ago is not read again because of a 404.
const FRESH: Duration = Duration::from_secs(5);

impl Agent {
    /// Makes the client. Nothing is asked yet.
    ///
    /// # Errors
    /// `agent.bad_ca`, `agent.bad_proxy`.
    pub fn new(address: Address, options: &Options) -> Result<Self> {
        Ok(Self { http: Http::new(&address, options)?, address, found: tokio::sync::Mutex::default() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Its document; fetched where nobody has it yet.
    ///
    /// # Errors
    /// `agent.unreachable`, `agent.timeout`, `agent.tls`, `agent.html`, `agent.empty_document`, `agent.foreign_document`,
    /// `agent.no_document`, `agent.wrong_token`.
    pub async fn found(&self, token: Option<&Secret>) -> Result<Arc<Found>> {
        let mut known = self.found.lock().await;
        if let Some((found, _)) = &*known {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(read::find(&self.http, &self.address, token).await?);
        *known = Some((Arc::clone(&found), Instant::now()));
        Ok(found)
    }

    /// Its document, read again unless somebody else has done so since, or just now.
    async fn found_again(&self, stale: &Arc<Found>, token: Option<&Secret>) -> Result<Option<Arc<Found>>> {
        let mut known = self.found.lock().await;
        match &*known {
            Some((found, _)) if !Arc::ptr_eq(found, stale) => return Ok(Some(Arc::clone(found))),
            Some((_, since)) if since.elapsed() < FRESH => return Ok(None),
            _ => {}
        }
        let found = Arc::new(read::find(&self.http, &self.address, token).await?);
        *known = Some((Arc::clone(&found), Instant::now()));
        Ok(Some(found))
    }

    /// Forgets the document.
    pub async fn forget(&self) {
        *self.found.lock().await = None;
    }

    /// The operation that is wanted.
    ///
    /// # Errors
    /// Those of [`Agent::found`]; `agent.no_operation`, which says what was looked for; `agent.ambiguous_operation`.
    pub async fn operation(&self, wanted: &Wanted<'_>, token: Option<&Secret>) -> Result<(Arc<Found>, Operation)> {
        let found = self.found(token).await?;
        let operation = find::find(&found.document, wanted).map_err(|e| e.with("agent", self.address.to_string()))?;
        let operation = operation.clone();
        Ok((found, operation))
    }

    /// Asks for an operation, its parameters and body filled from `values`. When the agent does not know the path any more,
    /// its document is read again and the operation looked for once more.
    ///
    /// # Errors
    /// Those of [`Agent::operation`]; `agent.cannot_fill`; `agent.wrong_token`, `agent.no_token`, `agent.forbidden`,
    /// `agent.too_large`, `agent.throttled`, `agent.failed`, `agent.bad_answer`, `agent.broken`; the code that the agent itself
    /// answers with; in doubt when a write has no answer.
    pub async fn ask(&self, wanted: &Wanted<'_>, values: &Values, token: Option<&Secret>) -> Result<Answer> {
        let (found, operation) = self.operation(wanted, token).await?;
        let request = fill::fill(&found.document, &operation, values)?;
        match self.send(&found, &operation, request, token, wanted.writes).await {
            Err(gone) if answer::is_gone(&gone) => {
                let Some(found) = self.found_again(&found, token).await? else { return Err(gone) };
                let again = find::find(&found.document, wanted)?;
                if (&again.method, &again.path) == (&operation.method, &operation.path) {
                    return Err(gone);
                }
                let request = fill::fill(&found.document, again, values)?;
                self.send(&found, again, request, token, wanted.writes).await
            }
            answered => answered,
        }
    }

    async fn send(
        &self,
        found: &Found,
        operation: &Operation,
        request: Request,
        token: Option<&Secret>,
        writes: bool,
    ) -> Result<Answer> {
        let reply = self.http.send(&found.base, &found.document, operation, &request, (token, writes)).await?;
        answer::of(&self.address, operation, reply, token.is_some())
    }

    /// The document's own words for status: whether anybody answers at all, without a token.
    ///
    /// # Errors
    /// As [`Agent::found`].
    pub async fn document(&self, token: Option<&Secret>) -> Result<Document> {
        Ok(self.found(token).await?.document.clone())
    }
}

/// The agents of a process: one client each, whoever asks.
#[derive(Default)]
pub struct Agents(Mutex<HashMap<(Address, [u8; 32]), Arc<Agent>>>);

impl Agents {
    /// Those of this process.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Agents> = LazyLock::new(Agents::default);
        &SHARED
    }

    /// The agent at an address, reached in this way.
    ///
    /// # Errors
    /// As [`Agent::new`].
    pub fn at(&self, address: Address, options: &Options) -> Result<Arc<Agent>> {
        let way = format!("{:?}{:?}{:?}{:?}", options.ca_pem, options.proxy, options.no_proxy, options.timeout);
        let key = (address, Sha256::digest(way).into());
        let mut agents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&key) {
            return Ok(Arc::clone(agent));
        }
        let agent = Arc::new(Agent::new(key.0.clone(), options)?);
        agents.insert(key, Arc::clone(&agent));
        Ok(agent)
    }
}
