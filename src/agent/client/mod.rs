//! The client of Remote Agents, Libretto's own and others'. What an agent can do, and how it wants to be asked, it says itself, in
//! its Swagger 2.0 or `OpenAPI` 3 document: paths, bodies and the token's header are taken from there.
//!
//! - `http`: one client per agent; times and sizes bounded, no redirects, a token only over TLS or to this machine;
//! - [`document`] and [`schema`]: what an agent publishes, in serde structs of our own; [`read`]: where it is looked for;
//! - [`find`]: operations by what they are called; [`fill`]: bodies by their schemas; `answer`: what a reply means.

pub(crate) mod answer;
pub(crate) mod codes;
pub mod document;
pub mod fill;
pub mod find;
mod http;
mod options;
pub mod read;
pub mod schema;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

pub use self::options::Options;
use self::{
    document::{Document, Operation},
    fill::Values,
    find::Wanted,
    http::Http,
    read::Found,
};
pub use crate::cloud::{
    clouds::NationalCloud,
    errors::{may_not_be_known_yet, refuses_proof},
};
use crate::{
    error::{Error, Result},
    names::host_port,
    net::http::is_here,
    secret::Secret,
};

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
        is_here(&self.host)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&host_port(&self.host, self.port))
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
    known: Mutex<Known>,
    /// Who holds it reads the document.
    reading: tokio::sync::Mutex<()>,
}

/// What is known of an agent.
#[derive(Default)]
struct Known {
    found: Option<Arc<Found>>,
    /// When the document was read again last.
    again: Option<Instant>,
    /// When the last attempt to read it ended, and with what, where it came to nothing.
    failed: Option<(Instant, Error)>,
}

/// A document that was read again less than this ago is not read again: ten thousand unknown domains are no reason to.
const FRESH: Duration = Duration::from_secs(5);

impl Agent {
    /// Makes the client. Nothing is asked yet.
    ///
    /// # Errors
    /// `agent.bad_ca`, `agent.bad_proxy`.
    pub fn new(address: Address, options: &Options) -> Result<Self> {
        let http = Http::new(&address, options)?;
        Ok(Self { http, address, known: Mutex::default(), reading: tokio::sync::Mutex::default() })
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
        if let Some(found) = self.known().found.clone() {
            return Ok(found);
        }
        let came = Instant::now();
        let _turn = self.reading.lock().await;
        if let Some(found) = self.known().found.clone() {
            return Ok(found);
        }
        self.read(token, came).await
    }

    /// Its document, read again unless somebody else has done so since, or just now.
    async fn found_again(&self, stale: &Arc<Found>, token: Option<&Secret>) -> Result<Option<Arc<Found>>> {
        let came = Instant::now();
        let _turn = self.reading.lock().await;
        {
            let mut known = self.known();
            match &known.found {
                Some(found) if !Arc::ptr_eq(found, stale) => return Ok(Some(Arc::clone(found))),
                _ if known.again.is_some_and(|again| again.elapsed() < FRESH) => return Ok(None),
                _ => {}
            }
            known.again = Some(Instant::now());
        }
        self.read(token, came).await.map(Some)
    }

    /// Reads the document, for all that wait for it: who came before an attempt ended has its end, good or bad. One that only
    /// another's token has spoilt is made again.
    async fn read(&self, token: Option<&Secret>, came: Instant) -> Result<Arc<Found>> {
        if let Some((ended, error)) = &self.known().failed
            && *ended >= came
            && !matches!(error.code(), "agent.wrong_token" | "agent.no_token" | "agent.forbidden")
        {
            return Err(error.clone());
        }
        match read::find(&self.http, &self.address, token).await {
            Ok(found) => {
                let found = Arc::new(found);
                self.known().found = Some(Arc::clone(&found));
                Ok(found)
            }
            Err(error) => {
                self.known().failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the document.
    pub fn forget(&self) {
        self.known().found = None;
    }

    /// Asks for an operation, its parameters and body filled from `values`. When the agent does not know the path any more,
    /// its document is read again and the operation looked for once more.
    ///
    /// # Errors
    /// Those of [`Agent::found`]; `agent.no_operation`, which says what was looked for; `agent.ambiguous_operation`;
    /// `agent.cannot_fill`; `agent.wrong_token`, `agent.no_token`, `agent.forbidden`, `agent.too_large`, `agent.throttled`,
    /// `agent.failed`, `agent.bad_answer`, `agent.broken`; the code that the agent itself answers with; in doubt when a write
    /// has no answer.
    pub async fn ask(&self, which: Which<'_>, values: &Values, token: Option<&Secret>) -> Result<Answer> {
        let of_agent = |e: Error| e.with("agent", self.address.to_string());
        let found = self.found(token).await?;
        let operation = which.find(&found.document).map_err(of_agent)?;
        let gone = match self.send(&found, operation, values, token, which).await {
            Err(error) if answer::is_gone(&error) => error,
            answered => return answered,
        };
        let Some(again) = self.found_again(&found, token).await? else { return Err(gone) };
        let now = which.find(&again.document).map_err(of_agent)?;
        if (&now.method, &now.path) == (&operation.method, &operation.path) {
            return Err(gone);
        }
        self.send(&again, now, values, token, which).await
    }

    async fn send(
        &self,
        found: &Found,
        operation: &Operation,
        values: &Values,
        token: Option<&Secret>,
        which: Which<'_>,
    ) -> Result<Answer> {
        let request =
            fill::fill(&found.document, operation, values).map_err(|e| e.with("agent", self.address.to_string()))?;
        let way = (token, which.writes(operation));
        let reply = self.http.send(&found.base, &found.document, operation, &request, way).await?;
        answer::of(&self.address, operation, &reply, (token.is_some(), which.writes(operation)))
    }
}

/// Which operation is meant.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// One that every agent has, by whatever name.
    Wanted(&'a Wanted<'a>),
    /// One of this agent, as a person calls it: its id, `Group_End`, `METHOD /path`.
    Named(&'a str),
}

impl Which<'_> {
    /// Finds it.
    ///
    /// # Errors
    /// `agent.no_operation`, `agent.ambiguous_operation`.
    pub fn find<'d>(&self, document: &'d Document) -> Result<&'d Operation> {
        match self {
            Self::Wanted(wanted) => find::find(document, wanted),
            Self::Named(name) => find::named(document, name),
        }
    }

    fn writes(&self, operation: &Operation) -> bool {
        match self {
            Self::Wanted(wanted) => wanted.writes,
            Self::Named(_) => !operation.only_reads(),
        }
    }
}

/// The agents of a process: one client each, whoever asks.
#[derive(Default)]
pub struct Agents(Mutex<HashMap<Key, Arc<Agent>>>);

/// So many are kept; then those that nobody uses go.
const KEPT: usize = 1_024;

/// Where, and a hash of the way there.
type Key = (Address, [u8; 32]);

impl Agents {
    /// Those of this process.
    #[must_use]
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
        if agents.len() >= KEPT {
            // Addresses come and go; each has a client and a document. Who is at work keeps his own.
            agents.retain(|_, agent| Arc::strong_count(agent) > 1);
        }
        let agent = Arc::new(Agent::new(key.0.clone(), options)?);
        agents.insert(key, Arc::clone(&agent));
        Ok(agent)
    }
}
