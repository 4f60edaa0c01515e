//! What an operation may use: the run's world, and the part of the run that it was called in.

mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicUsize},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

pub use write::Write;

use super::{accounts::Accounts, procedures::Procedures};
use crate::{
    config::Config,
    connection::Scope,
    error::{Error, Result},
    host::Host,
    secret::{
        redact::{redact, redact_json},
        seal::Identity,
    },
    store::{
        Store,
        events::{Event, Events, Failure},
        ledger::{Check, Ledger},
        rows::{ConnectionId, CredentialId},
    },
    verdict::Verdict,
};

/// One run's surroundings, shared by all its operations.
pub struct World {
    /// The run's id.
    pub run: String,
    /// The home folder.
    pub home: PathBuf,
    /// The outside.
    pub host: Host,
    /// `config.toml`.
    pub config: Config,
    /// Connections and credentials; of a lab run, a temporary one.
    pub store: Store,
    /// The home's ledger.
    pub ledger: Ledger,
    /// The stream of events.
    pub events: Events,
    /// What the script may do.
    pub grants: Grants,
    /// Which connections it sees.
    pub scope: Scope,
    /// What the command line said about this run.
    pub options: RunOptions,
    /// How a run is told to stop.
    pub interrupt: Interrupt,
    /// In a lab: things that it has no server for, with the reason.
    pub missing: Vec<Missing>,
    /// In a lab: where its Remote Agent is, `host:port`. No other one is asked from there.
    pub lab_agent: Option<String>,
    /// The store's identity, loaded when a secret is first sealed or opened.
    pub identity: OnceLock<Identity>,
    /// What became of connections' credentials in this run.
    pub credentials: Mutex<BTreeMap<ConnectionId, CredentialState>>,
    /// How other runs are started from this one.
    pub procedures: Arc<dyn Procedures>,
    /// What was learnt of accounts by signing in.
    pub accounts: Accounts,
    /// Writes that were announced and not settled yet.
    pub open_writes: AtomicUsize,
    /// What this run has made where there was nothing, and the write of each.
    pub made: Mutex<BTreeMap<(ConnectionId, Made), u32>>,
    /// What number a Remote Agent gave to the copy that this run has handed to it, by connection.
    pub copies: Mutex<BTreeMap<ConnectionId, u64>>,
}

/// What a run can make of a connection, and take away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Made {
    /// The connection itself.
    Connection,
    /// Its Remote Agent's copy.
    Copy,
    /// Its route in the Workflow Engine.
    Route,
}

impl World {
    /// Who changes a credential, as others are told it.
    #[must_use]
    pub fn who(&self) -> String {
        format!("{}, run {}, pid {}", self.host.operator(), self.run, std::process::id())
    }
}

/// What this run knows of a connection's credential beyond the store.
#[derive(Debug, Clone)]
pub enum CredentialState {
    /// A candidate was recorded; the next test proves it.
    Candidate(CredentialId),
    /// It is current, and these targets may not have it yet: a sign-in there would count as a wrong password.
    Lagging(Vec<String>),
    /// A rotation that is not over has given it this one, which is proven, and started this run to hand it on. These targets
    /// may not have it yet.
    Handed {
        /// Its row.
        credential: CredentialId,
        /// As in `Lagging`.
        lagging: Vec<String>,
    },
}

impl CredentialState {
    /// The targets where a sign-in would count as a wrong password.
    #[must_use]
    pub fn lagging(&self) -> &[String] {
        match self {
            Self::Candidate(_) => &[],
            Self::Lagging(targets) | Self::Handed { lagging: targets, .. } => targets,
        }
    }
}

/// What takes the place of a hint that leads to `libretto recover`: a lab's directory and store end with the run.
const NOTHING_KEPT: &str = "this was the lab, and its directory and both passwords end with the run: there is nothing to recover. \
    Elsewhere both are kept, and `libretto recover` finds out which one is valid; to try that, keep `libretto lab` up in \
    another terminal, which tells how to make a connection to it";

impl World {
    /// An error as it is true in this run.
    #[must_use]
    pub fn told(&self, error: &Error) -> Error {
        let leads_to_recovery = error.remedy().is_some_and(|hint| hint.contains("libretto recover"));
        if self.options.lab && leads_to_recovery { error.clone().hint(NOTHING_KEPT) } else { error.clone() }
    }
}

/// Something that the lab has no server for.
#[derive(Debug, Clone)]
pub struct Missing {
    /// The thing, as the connection names it.
    pub what: String,
    /// Why there is none.
    pub why: String,
}

/// What the command line said about a run.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of its own
pub struct RunOptions {
    /// How long a change may take to reach every target (`--wait`).
    pub wait: Duration,
    /// Sign in although the lockout budget is spent (`--insist`).
    pub insist: bool,
    /// Answer yes to every question (`--yes`).
    pub yes: bool,
    /// Ask before each step (`--step`).
    pub ask_each_step: bool,
    /// Runs against the embedded world (`--lab`).
    pub lab: bool,
}

/// The two ways a run is told to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// First Ctrl-C: stop; a write that was sent is awaited for a while.
    pub stop: CancellationToken,
    /// Second Ctrl-C: stop at once, whatever is in flight.
    pub at_once: CancellationToken,
}

/// The capabilities of a run.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// What the script declares (`GRANTS`).
    pub declared: BTreeSet<String>,
    /// What the run takes away again (`--deny`).
    pub denied: BTreeSet<String>,
}

impl Grants {
    /// # Errors
    /// `script.grant_denied` or `script.grant_undeclared`; nothing was touched.
    pub fn require(&self, grant: &str, operation: &str) -> Result<()> {
        if self.denied.contains(grant) {
            return Err(Error::new("script.grant_denied", format!("{operation} needs {grant}, which this run denies"))
                .hint(format!("run without --deny {grant}, if the script may do that")));
        }
        if !self.declared.contains(grant) {
            return Err(Error::new(
                "script.grant_undeclared",
                format!("{operation} needs {grant}, which the script does not declare"),
            )
            .hint(format!("add \"{grant}\" to the script's GRANTS")));
        }
        Ok(())
    }
}

/// What a call of an operation gets: the world, and where in the run the call stands.
#[derive(Clone)]
pub struct Context {
    /// The run's surroundings.
    pub world: Arc<World>,
    /// The step or item around the call.
    pub part: Arc<str>,
    /// Cancelled when the call should come to an end: by an interrupt, or because the item's time is up.
    pub hurry: CancellationToken,
    /// Writes that this call has sent and that nobody has answered yet.
    pub(super) writes_in_flight: Arc<AtomicUsize>,
}

impl Context {
    /// The context of one call.
    #[must_use]
    pub fn new(world: Arc<World>, part: Arc<str>) -> Self {
        let hurry = world.interrupt.stop.child_token();
        Self { world, part, hurry, writes_in_flight: Arc::default() }
    }

    /// The store's identity.
    ///
    /// # Errors
    /// As [`Identity::load_or_make`]: a store with credentials and without its identity is refused.
    pub fn identity(&self) -> Result<&Identity> {
        if let Some(identity) = self.world.identity.get() {
            return Ok(identity);
        }
        let identity = Identity::load_or_make(&self.world.store)?;
        Ok(self.world.identity.get_or_init(|| identity))
    }

    /// What this run knows of a connection's credential.
    #[must_use]
    pub fn credential_state(&self, connection: ConnectionId) -> Option<CredentialState> {
        self.world.credentials.lock().unwrap_or_else(PoisonError::into_inner).get(&connection).cloned()
    }

    /// Notes what became of a connection's credential; `None` forgets.
    pub fn note_credential(&self, connection: ConnectionId, state: Option<CredentialState>) {
        let mut states = self.world.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        match state {
            Some(state) => states.insert(connection, state),
            None => states.remove(&connection),
        };
    }

    /// Runs what blocks, e.g. a write of the store, where it holds up nobody else.
    ///
    /// # Errors
    /// The body's own.
    pub async fn blocking<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let context = self.clone();
        tokio::task::spawn_blocking(move || body(&context))
            .await
            .unwrap_or_else(|_| Err(Error::new("script.internal", "the operation met a fault of Libretto's own")))
    }

    /// Tells that one thing inside the step was looked at or done.
    pub fn check_finished(&self, key: &str, verdict: Verdict, took: Duration, note: &str, error: Option<&Error>) {
        let (ms, note) = (took.as_millis() as u64, redact(note).into_owned());
        let error = error.map(|error| Failure::from(&self.world.told(error)));
        self.world.ledger.check(Check {
            part: self.part.to_string(),
            key: redact(key).into_owned(),
            verdict,
            ms,
            note: note.clone(),
            error: error.as_ref().and_then(|error| serde_json::to_value(error).ok()).map(|mut error| {
                redact_json(&mut error);
                error
            }),
        });
        let (step, key) = (self.part.to_string(), key.to_owned());
        self.world.events.emit(Event::CheckFinished { step, key, verdict, ms, note, error });
    }
}
