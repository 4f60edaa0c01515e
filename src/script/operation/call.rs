//! One call of an operation: what the script's thread knows of it, and how it waits for its end.

use std::{
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use rhai::{EvalAltResult, NativeCallContext};
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    error::{Error, Result},
    script::{
        context::Context,
        diagnose::raise,
        fiber,
        task::{Ending, Task},
    },
};

/// How long an interrupt waits for the answer to a write that was sent.
const WRITE_GRACE: Duration = Duration::from_secs(5);

pub(super) fn wrong_argument(operation: &str, what: &str) -> Error {
    Error::new("script.argument", format!("{operation}: {what}"))
        .hint(format!("`libretto doc {operation}` shows what it takes"))
}

/// One call of an operation, seen from the script's thread.
pub struct Call<'a> {
    /// The interpreter's context.
    pub context: NativeCallContext<'a>,
    /// The script or item that called.
    pub task: Rc<Task>,
    /// `ad::test_target`.
    pub operation: Rc<str>,
    pub(super) names: Rc<[&'static str]>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        context: Option<NativeCallContext<'a>>,
        operation: Rc<str>,
        names: Rc<[&'static str]>,
    ) -> Result<Self, Box<EvalAltResult>> {
        match (context, fiber::current::<Task>()) {
            (Some(context), Some(task)) => Ok(Self { context, task, operation, names }),
            // Operations exist only in engines that run tasks; a constant expression cannot reach them.
            _ => Err("an operation was called outside of a run".into()),
        }
    }

    /// The error as the script gets it, at the place of the call.
    #[must_use]
    pub fn fail(&self, error: &Error) -> Box<EvalAltResult> {
        raise(&self.task.world.told(error), &self.operation, self.context.call_source(), self.context.call_position())
    }

    /// An argument was not what it must be.
    #[must_use]
    pub fn wrong_argument(&self, what: impl Into<String>) -> Box<EvalAltResult> {
        self.fail(&wrong_argument(&self.operation, &what.into()))
    }
}

/// Runs `future` where the input and output is done, and suspends the script until it is done. The only place that knows
/// of interrupts and deadlines: a script that waits ends at once, unless a write was sent, whose answer is awaited.
pub fn block<T: Send + 'static>(
    task: &Task,
    context: &Context,
    future: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<Result<T>, Box<EvalAltResult>> {
    if let Some(why) = task.ending() {
        return Err(task.end(why));
    }
    let waiting = task.pace.wait();
    let mut job = AbortOnDrop(task.io.spawn(future));
    let (world, deadline) = (Arc::clone(&task.world), task.deadline);
    let (writes, hurry) = (Arc::clone(&context.writes_in_flight), context.hurry.clone());
    let finished = fiber::wait(async move {
        let why = tokio::select! { biased;
            result = &mut job => return Ok(result),
            () = world.interrupt.stop.cancelled() => Ending::Interrupted,
            () = sleep_until(deadline) => Ending::TimedOut,
        };
        hurry.cancel();
        if writes.load(Ordering::SeqCst) > 0 {
            tokio::select! { biased;
                result = &mut job => return Ok(result),
                () = world.interrupt.at_once.cancelled() => {}
                () = tokio::time::sleep(WRITE_GRACE) => {}
            }
        }
        Err(why)
    });
    drop(waiting);
    task.has_waited();
    match finished {
        Ok(Ok(Ok(result))) => Ok(result),
        Ok(Ok(Err(_panicked))) => Ok(Err(internal())),
        Ok(Err(why)) => Err(task.end(why)),
        Err(fiber::Dropped) => Err(task.end(Ending::Interrupted)),
    }
}

pub(super) fn internal() -> Error {
    Error::new("script.internal", "the operation met a fault of Libretto's own")
        .hint("please report it, with the output of the same command and `-v`")
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// A task of the runtime that ends with whoever waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}
