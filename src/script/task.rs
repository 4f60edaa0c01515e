//! What the script thread knows of a running script or item: the data of its fiber.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use rhai::{Engine, EvalAltResult, Position};
use tokio::{runtime::Handle, time::Instant};

use super::{context::World, pace::Pace};
use crate::error::Error;

/// Why a script was ended from outside. Once set it stays: a `catch` cannot swallow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Ctrl-C, or the batch around it ended.
    Interrupted,
    /// The item's time was up.
    TimedOut,
    /// Too many steps of the interpreter.
    TooManyOperations,
    /// Too long without waiting for anything.
    TooLong,
    /// Too deep a recursion.
    TooDeep,
    /// Too much memory.
    TooMuchMemory,
}

impl Ending {
    /// The ending as an error, with its remedy.
    #[must_use]
    pub fn error(self) -> Error {
        match self {
            Self::Interrupted => Error::inconclusive("script.interrupted", "the script was interrupted"),
            Self::TimedOut => Error::inconclusive("script.timeout", "the time for this was up")
                .hint("raise `timeout` in the options of batch::each, or look at what hangs"),
            Self::TooManyOperations => {
                Error::new("script.too_many_operations", "the script took more steps than the limit allows")
                    .hint("look for an endless loop; `[limits] operations` in config.toml raises the limit")
            }
            Self::TooLong => Error::new("script.too_long", "the script computed longer than the limit allows")
                .hint("look for an endless loop; `[limits] busy_seconds` in config.toml raises the limit"),
            Self::TooDeep => Error::new("script.too_deep", "the script calls itself too deeply")
                .hint(
                    "look for a recursion without an end, or use a loop: functions call each other about 120 levels deep, closures \
                     (of step, map, filter) about 16, batches 8",
                ),
            Self::TooMuchMemory => {
                Error::new("script.too_much_memory", "the script uses more memory than the limit allows")
                    .hint("keep less at a time; `[limits] memory_mb` in config.toml raises the limit")
            }
        }
    }
}

/// A running script, or a running item of a batch.
pub struct Task {
    /// The run's surroundings.
    pub world: Arc<World>,
    /// Where operations run.
    pub io: Handle,
    /// The interpreter.
    pub engine: Rc<Engine>,
    /// When the time is up.
    pub deadline: Option<Instant>,
    /// Batches around this: 0 for a script itself.
    pub batches_around: usize,
    /// What the program used when the run began, for the memory limit.
    pub memory_before: usize,
    pub(super) pace: Rc<Pace>,
    ending: Cell<Option<Ending>>,
    operations: Cell<u64>,
    /// Interpreting since the last wait for an operation, but for the slice that runs now.
    busy: Cell<Duration>,
    slice: Cell<std::time::Instant>,
    parts: RefCell<Vec<Part>>,
}

/// The step or item that a task is in: its path, and what was counted in it so far.
struct Part {
    path: Arc<str>,
    occurrences: HashMap<String, u32>,
}

impl Task {
    /// The task of a whole script (`part` is empty) or of an item.
    #[must_use]
    pub fn new(world: Arc<World>, io: Handle, engine: Rc<Engine>, part: &str) -> Self {
        Self {
            world,
            io,
            engine,
            deadline: None,
            batches_around: 0,
            memory_before: crate::host::memory_in_use(),
            pace: Pace::new(),
            ending: Cell::new(None),
            operations: Cell::new(0),
            busy: Cell::new(Duration::ZERO),
            slice: Cell::new(std::time::Instant::now()),
            parts: RefCell::new(vec![Part { path: part.into(), occurrences: HashMap::new() }]),
        }
    }

    /// The task of one item of a batch that `self` performs.
    #[must_use]
    pub fn item(&self, path: &str, deadline: Option<Instant>) -> Self {
        Self {
            deadline: [deadline, self.deadline].into_iter().flatten().min(),
            batches_around: self.batches_around + 1,
            memory_before: self.memory_before,
            pace: Rc::clone(&self.pace),
            ..Self::new(Arc::clone(&self.world), self.io.clone(), Rc::clone(&self.engine), path)
        }
    }

    /// The path of the step or item around the code that runs now; empty outside of both.
    #[must_use]
    pub fn part(&self) -> Arc<str> {
        self.parts.borrow().last().map_or_else(|| "".into(), |part| Arc::clone(&part.path))
    }

    /// The path of a new part inside the present one, and which of that name it is there, from 0.
    pub fn next_part(&self, name: &str) -> (String, u32) {
        let mut parts = self.parts.borrow_mut();
        let Some(part) = parts.last_mut() else { return (name.to_owned(), 0) };
        let next = part.occurrences.entry(name.to_owned()).or_insert(0);
        let occurrence = *next;
        *next += 1;
        let path = if part.path.is_empty() { name.to_owned() } else { format!("{}/{name}", part.path) };
        (path, occurrence)
    }

    /// Runs `body` with `path` as the part around it.
    pub fn inside<R>(&self, path: &str, body: impl FnOnce() -> R) -> R {
        self.parts.borrow_mut().push(Part { path: path.into(), occurrences: HashMap::new() });
        let result = body();
        self.parts.borrow_mut().pop();
        result
    }

    /// Why the task was ended from outside, if it was.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending.get()
    }

    /// Ends the task: what to return to the interpreter. The first reason stays.
    pub fn end(&self, why: Ending) -> Box<EvalAltResult> {
        let why = self.ending.get().unwrap_or(why);
        self.ending.set(Some(why));
        terminated()
    }

    /// What a closure or script of this task came to. One that was ended has not done what it was to do, whatever it returned:
    /// some callers of closures go on without what they threw.
    ///
    /// # Errors
    /// The result's own, or the interpreter's word for "stop".
    pub fn conclude<T>(&self, result: Result<T, Box<EvalAltResult>>) -> Result<T, Box<EvalAltResult>> {
        match self.ending() {
            Some(why) if result.is_ok() => Err(self.end(why)),
            _ => result,
        }
    }

    /// Why nothing new may begin: the run was interrupted, or has computed for too long.
    #[must_use]
    pub fn run_is_over(&self) -> Option<Ending> {
        if self.world.interrupt.stop.is_cancelled() {
            return Some(Ending::Interrupted);
        }
        self.pace.is_spent().then_some(Ending::TooLong)
    }

    /// How long the task has been interpreting without waiting for an operation.
    pub(super) fn busy(&self) -> Duration {
        self.busy.get() + self.slice.get().elapsed()
    }

    /// Lets others run: their time is not this task's.
    pub(super) fn give_turn(&self) {
        self.busy.set(self.busy());
        super::fiber::yield_now();
        self.slice.set(std::time::Instant::now());
    }

    /// An operation was waited for: what comes after it counts anew.
    pub fn has_waited(&self) {
        self.busy.set(Duration::ZERO);
        self.slice.set(std::time::Instant::now());
    }

    /// Counts one step of the interpreter.
    pub(super) fn count_operation(&self) -> u64 {
        let count = self.operations.get() + 1;
        self.operations.set(count);
        count
    }
}

/// The interpreter's own word for "stop"; the reason is in the task.
#[allow(clippy::unnecessary_box_returns)] // the shape that the interpreter passes on
pub(super) fn terminated() -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorTerminated("ended".into(), Position::NONE))
}
