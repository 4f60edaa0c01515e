//! A run that goes on: the script on its fiber, operations on the runtime, events to whoever looks.

use std::{
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicUsize},
    thread::JoinHandle,
    time::Instant,
};

use tokio::runtime::Handle;

use super::{
    arguments::{self, Value},
    finish::{self, Finished},
    lab::{self, LabWorld},
    prepare::Prepared,
    procedures::SubRuns,
};
use crate::{
    api,
    error::{Error, Result},
    script::{
        self, Interpreter, Script,
        accounts::Accounts,
        context::{CredentialState, Grants, Interrupt, Missing, World},
        diagnose::{failure, verdict_of},
        fiber::{Fiber, SCRIPT_STACK},
        library::{Library, Source},
        task::Task,
    },
    secret::{redact::redact, seal::Identity},
    store::{
        Store,
        events::{Event, EventStream, Events, Failure},
        ledger::{Ledger, NewRun, new_run_id},
        rows::ConnectionId,
        running::RunLock,
    },
    verdict::Verdict,
};

/// The thread's own stack, on which futures are polled while the script's is another. Records of a batch are put together
/// there, so values may be as deep as on a script's.
const THREAD_STACK: usize = SCRIPT_STACK;

/// A run that goes on.
pub struct Running {
    /// The run's id.
    pub id: String,
    /// What happens; closed when the run has ended.
    pub events: EventStream,
    /// How to stop it.
    pub interrupt: Interrupt,
    thread: JoinHandle<Result<Finished>>,
}

impl Running {
    /// Waits until the run has ended and is summed up in the ledger.
    ///
    /// # Errors
    /// The ledger's.
    pub fn finish(self) -> Result<Finished> {
        self.thread.join().unwrap_or_else(|_| Err(internal()))
    }
}

fn internal() -> Error {
    Error::new("run.internal", "the run met a fault of Libretto's own")
}

/// Begins a run: from here on it is in the ledger.
///
/// # Errors
/// Of parameters that cannot be read, of the lab, of the ledger; the script has not begun.
pub async fn start(mut prepared: Prepared, io: &Handle) -> Result<Running> {
    let lab = if prepared.options.lab { Some(LabWorld::start(&prepared.faults, None)?) } else { None };
    if let Some(lab) = &lab {
        prepared.config = lab.config(&prepared.config);
        lab::fill(lab, &mut prepared.values);
    }
    let surroundings = Surroundings {
        connections: lab.as_ref().map_or(&prepared.store, |lab| &lab.store).clone(),
        interrupt: Interrupt::default(),
        missing: if lab.is_some() { LabWorld::missing() } else { Vec::new() },
        lab_agent: lab.as_ref().map(|lab| lab.agent().0),
        identity: OnceLock::new(),
        credentials: Mutex::default(),
    };
    begin(prepared, surroundings, lab, io).await
}

/// What a run that is started from another one has from that.
pub(super) struct Surroundings {
    pub(super) connections: Store,
    pub(super) interrupt: Interrupt,
    pub(super) missing: Vec<Missing>,
    pub(super) lab_agent: Option<String>,
    pub(super) identity: OnceLock<Identity>,
    pub(super) credentials: Mutex<BTreeMap<ConnectionId, CredentialState>>,
}

/// Begins a run in its surroundings.
///
/// # Errors
/// As [`start`].
pub(super) async fn begin(
    prepared: Prepared,
    surroundings: Surroundings,
    lab: Option<LabWorld>,
    io: &Handle,
) -> Result<Running> {
    let Prepared { host, config, store, interpreter, script, values, denied, scope, options, .. } = prepared;
    let Surroundings { connections, interrupt, missing, lab_agent, identity, credentials } = surroundings;
    // A program that a parameter comes from takes its time, and whoever starts a run may want to stop it.
    let resolving = {
        let (host, connections, scope, values) = (host.clone(), connections.clone(), scope.clone(), values.clone());
        tokio::task::spawn_blocking(move || arguments::resolve(&host, &connections, &scope, &values))
    };
    let arguments = resolving.await.unwrap_or_else(|_| Err(internal()))?;
    let id = new_run_id();
    let (events, receiver) = Events::new(&id);
    let (store, connections) =
        (store.acting_as(&host.operator(), Some(&id)), connections.acting_as(&host.operator(), Some(&id)));
    let lock = RunLock::take(&store, &id)?;
    let ledger = Ledger::start(&store)?;
    ledger
        .begin_run(NewRun {
            id: id.clone(),
            script: script.source.name.clone(),
            lab: options.lab,
            insist: options.insist,
            params: arguments::for_ledger(&values),
            operator: host.operator(),
            sources: script
                .texts()
                .into_iter()
                .map(|(name, text)| {
                    let text = redact(&text).into_owned();
                    (name, text)
                })
                .collect(),
        })
        .await?;
    tracing::info!("run {id} of {} begins", script.source.name);
    let world = Arc::new(World {
        run: id.clone(),
        home: store.home().to_path_buf(),
        config,
        store: connections,
        ledger,
        events,
        grants: Grants { declared: script.declaration.grants.clone(), denied },
        scope,
        options,
        interrupt: interrupt.clone(),
        missing,
        lab_agent,
        identity,
        credentials,
        procedures: Arc::new(SubRuns),
        accounts: Accounts::default(),
        open_writes: AtomicUsize::new(0),
        made: Mutex::default(),
        copies: Mutex::default(),
        host,
    });
    // The tree and the values belong to the script's thread (`Rc` inside), so it reads the script again there.
    let source = script.source.clone();
    drop((script, interpreter));
    let (io, home) = (io.clone(), store);
    let thread = std::thread::Builder::new()
        .name("script".to_owned())
        .stack_size(THREAD_STACK)
        .spawn(move || {
            let finished = perform_here(&world, &io, &home, source, arguments);
            drop((lab, lock));
            finished
        })
        .map_err(|e| Error::new("run.no_thread", format!("the system gives no thread for the script: {e}")))?;
    Ok(Running { id, events: receiver, interrupt, thread })
}

/// Performs the script on the calling thread, which becomes the one that all its fibers live on.
fn perform_here(
    world: &Arc<World>,
    io: &Handle,
    home: &Store,
    source: Source,
    arguments: Vec<(String, Value)>,
) -> Result<Finished> {
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| Error::new("run.no_thread", format!("the system gives no runtime for the script: {e}")))?;
    let library = Library::new(&world.home, &world.host.working_folder);
    let interpreter = api::interpreter(&world.config.limits);
    let script = interpreter
        .read(&library, source)
        .map_err(|_| Error::new("script.changed", "the script changed while it was being started"))?;
    world.events.emit(Event::RunStarted {
        script: script.source.name.clone(),
        lab: world.options.lab,
        steps: script.outline.steps.iter().map(|step| step.name.clone()).collect(),
    });
    let error = runtime.block_on(perform(world, io, interpreter, &script, arguments));
    let finished = finish::sum_up(world, home, &script, error, begun.elapsed())
        .unwrap_or_else(|error| finish::without_ledger(world, &error, begun.elapsed()));
    world.events.emit(finished.event());
    Ok(finished)
}

/// What ended the script, if anything did.
async fn perform(
    world: &Arc<World>,
    io: &Handle,
    interpreter: Interpreter,
    script: &Script,
    arguments: Vec<(String, Value)>,
) -> Option<Failure> {
    let arguments = arguments.into_iter().map(|(name, value)| (name, value.into_dynamic())).collect();
    let engine = interpreter.ready(script, arguments);
    let task = Rc::new(Task::new(Arc::clone(world), io.clone(), Rc::clone(&engine), ""));
    let (ast, name, own_task) = (script.ast.clone(), script.source.name.clone(), Rc::clone(&task));
    let has_steps = !script.outline.steps.is_empty();
    let fiber = Fiber::new(SCRIPT_STACK, task, move || match own_task.conclude(script::perform(&engine, &ast)) {
        // A script with steps has said how it went; one without may answer with records that do.
        Ok(_) if has_steps => None,
        Ok(value) => match verdict_of(&value) {
            (Verdict::Ok | Verdict::Skipped, _) => None,
            (verdict, error) => Some(error.unwrap_or_else(|| unnamed(verdict))),
        },
        Err(error) => Some(failure(&error, &own_task, &name)),
    });
    match fiber {
        Ok(fiber) => fiber.await.filter(|failure| failure.verdict != Verdict::Skipped),
        Err(e) => Some(Failure::from(&Error::new(
            "run.no_memory",
            format!("the system has no memory for the script's stack: {e}"),
        ))),
    }
}

fn unnamed(verdict: Verdict) -> Failure {
    Failure { verdict, ..Failure::from(&Error::new("script.verdict", format!("the script's answer is {verdict}"))) }
}
