//! What an operation may use: the run's world, and the part of the run that it was called in.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{accounts::Accounts, procedures::Procedures};
use crate::{
    config::Config,
    connection::Scope,
    error::{Error, Result},
    host::Host,
    secret::{redact::redact, seal::Identity},
    store::{
        Store,
        events::{Event, Events, Failure},
        ledger::Ledger,
        rows::{ConnectionId, CredentialId},
        runs::WriteState,
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
        self.world.events.emit(Event::CheckFinished {
            step: self.part.to_string(),
            key: key.to_owned(),
            verdict,
            ms: took.as_millis() as u64,
            note: redact(note).into_owned(),
            error: error.map(|error| Failure::from(&self.world.told(error))),
        });
    }

    /// Records that a write is about to be sent; durable when this returns. Until it is settled or dropped, an interrupt
    /// waits for the call. `did` and `did_not` are the sentences for the end of the run.
    ///
    /// # Errors
    /// The ledger's. Then nothing may be sent.
    pub async fn write(&self, kind: &str, target: &str, did: &str, did_not: &str) -> Result<Write> {
        let in_flight = InFlight::enter(&self.writes_in_flight);
        let text = |text: &str| redact(text).into_owned();
        let number = self.world.ledger.write_sent(&self.part, kind, &text(target), &text(did), &text(did_not)).await?;
        self.world.open_writes.fetch_add(1, Ordering::SeqCst);
        Ok(Write { number, world: Arc::clone(&self.world), _in_flight: in_flight })
    }
}

/// A write that was sent. Dropped without being settled it stays what it is: in doubt.
#[must_use = "a write that is not settled stays in doubt"]
pub struct Write {
    number: u32,
    world: Arc<World>,
    _in_flight: InFlight,
}

impl Write {
    /// Its number in the run.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Records how the write ended.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn settle(self, state: WriteState) -> Result<()> {
        self.world.ledger.write_settled(self.number, state).await?;
        if matches!(state, WriteState::Done | WriteState::Failed) {
            self.world.open_writes.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Records that the write was done, and what is true now in place of what was to be.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn settle_done(self, did: String) -> Result<()> {
        self.world.ledger.write_done(self.number, redact(&did).into_owned()).await?;
        self.world.open_writes.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    /// Records how the write ended, by the result of sending it, and passes that on.
    ///
    /// # Errors
    /// The result's own, or the ledger's.
    pub async fn settle_by<T>(self, result: Result<T>) -> Result<T> {
        self.settle(match &result {
            Ok(_) => WriteState::Done,
            Err(e) if e.verdict() == Verdict::InDoubt => WriteState::InDoubt,
            Err(_) => WriteState::Failed,
        })
        .await?;
        result
    }

    /// The same for a write that answers whether anything had to be changed. What was so already is done, and is told neither
    /// as changed nor as unchanged.
    ///
    /// # Errors
    /// As [`Write::settle_by`].
    pub async fn settle_if_needed(self, result: Result<bool>) -> Result<bool> {
        match result {
            Ok(false) => self.settle_done(String::new()).await.map(|()| false),
            result => self.settle_by(result).await,
        }
    }
}

/// Counts a write for as long as it lives.
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn enter(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
