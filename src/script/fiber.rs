//! Fibers: a synchronous interpreter on a small stack of its own, seen from outside as a plain future.
//!
//! Rhai is synchronous, input and output are not. A [`Fiber`] runs the interpreter on a coroutine; when a host operation
//! calls [`wait`], the coroutine is switched out and the future handed to whoever polls the fiber, on the thread's own
//! stack. To the script it was a call that took a while.
//!
//! Fibers belong to the thread that made them (`!Send`): the interpreter keeps thread-bound values on its stack. A fiber
//! that is dropped while suspended is not unwound by a panic (Rhai's frames would abort the process); it is resumed with
//! [`Dropped`] until the script has returned.
//!
//! This module, with its `stack`, is the only one of Libretto with `unsafe` in it; each block is argued where it stands.
#![allow(unsafe_code)]

mod stack;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    ptr,
    rc::Rc,
    task::{Context, Poll},
};

use corosensei::{Coroutine, CoroutineResult, Yielder};
use futures_util::FutureExt;

/// Stack of a script, of an item of a batch, and of the thread that they live on: address space, of which only what is
/// touched takes memory. It is this large for values that are nested millions deep: the interpreter copies, compares and
/// drops them by recursion, where nothing can look at what is left, and the other limits end a script before it nests
/// deeper than this holds. An item may nest as deep as a script, so it has as much; ten thousand in flight take a tenth of
/// the address space of a process.
pub const SCRIPT_STACK: usize = 1 << 30;
/// Below this much left, a script is ended with a clear error: an overflow would be a bare SIGSEGV.
pub const STACK_RESERVE: usize = 48 << 10;

/// The fiber's owner went away. Return an error at once; every further [`wait`] answers the same.
#[derive(Debug, Clone, Copy)]
pub struct Dropped;

type Answer = Box<dyn Any>;
type Request = Pin<Box<dyn Future<Output = Answer>>>;
type Resumption = Result<Option<Answer>, Dropped>;
type FiberYielder = Yielder<Resumption, Request>;

/// What the thread knows of the fiber that it is running now.
#[derive(Clone)]
struct Running {
    /// Set by the coroutine when it first runs; it points into that coroutine's own stack.
    yielder: Rc<Cell<*const FiberYielder>>,
    data: Rc<dyn Any>,
    dropped: Rc<Cell<bool>>,
    /// The lowest usable address of the stack.
    floor: usize,
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
    /// A copy of `RUNNING.floor` that costs nothing to look at; 0 outside of fibers.
    static FLOOR: Cell<usize> = const { Cell::new(0) };
}

/// The data that the running fiber was made with; `None` outside of fibers or when it is of another type.
#[must_use]
pub fn current<T: 'static>() -> Option<Rc<T>> {
    RUNNING.with_borrow(|running| running.as_ref().and_then(|running| Rc::clone(&running.data).downcast().ok()))
}

/// Bytes of stack that the running fiber has left; `usize::MAX` outside of fibers.
#[must_use]
pub fn stack_left() -> usize {
    let floor = FLOOR.get();
    if floor == 0 {
        return usize::MAX;
    }
    let here = 0_u8;
    (&raw const *std::hint::black_box(&here)).addr().saturating_sub(floor)
}

/// Whether the running fiber's owner went away.
#[must_use]
pub fn is_dropped() -> bool {
    RUNNING.with_borrow(|running| running.as_ref().is_some_and(|running| running.dropped.get()))
}

/// Suspends the running fiber until `future` is done and returns its output.
///
/// Hold no lock guard, no `RefCell` borrow and no entered tracing span across this call: other fibers of the thread run
/// meanwhile.
///
/// # Errors
/// [`Dropped`] when the fiber is being torn down, or when there is no fiber to suspend.
pub fn wait<F>(future: F) -> Result<F::Output, Dropped>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let Some(running) = RUNNING.with_borrow(Clone::clone) else { return Err(Dropped) };
    let yielder = running.yielder.get();
    if running.dropped.get() || yielder.is_null() {
        return Err(Dropped);
    }
    // Not an `async` block, which would hold the future twice: as it was captured and as it is awaited.
    let request: Request = Box::pin(future.map(|output| Box::new(output) as Answer));
    // SAFETY: `RUNNING` holds this fiber only while `Fiber::resume` is switched into its coroutine (it is put back before
    // `resume` returns), so we are on that coroutine's stack and the yielder, a reference that the coroutine's entry
    // function received and that lives until that function returns, is alive. The pointer was written by that very
    // function. Neither leaves the thread: `Fiber` holds an `Rc` and is `!Send`.
    let answer = unsafe { &*yielder }.suspend(request)?;
    answer.and_then(|answer| answer.downcast::<F::Output>().ok()).map(|output| *output).ok_or(Dropped)
}

/// Gives the other fibers of the thread a turn.
pub fn yield_now() {
    // A dropped fiber notices at its next look at `is_dropped`.
    let _ = wait(tokio::task::yield_now());
}

/// A synchronous computation that may [`wait`], as a future.
#[must_use = "a fiber does nothing unless it is polled"]
pub struct Fiber<R: 'static> {
    coroutine: Option<Coroutine<Resumption, Request, R>>,
    stack_size: usize,
    running: Running,
    request: Option<Request>,
}

impl<R> Fiber<R> {
    /// Makes a fiber with a stack of `stack_size` bytes. `data` is what [`current`] finds while `body` runs.
    ///
    /// # Errors
    /// The operating system's, when it has no memory for the stack.
    pub fn new(stack_size: usize, data: Rc<dyn Any>, body: impl FnOnce() -> R + 'static) -> std::io::Result<Self> {
        let stack = stack::take(stack_size)?;
        let running = Running {
            yielder: Rc::new(Cell::new(ptr::null())),
            data,
            dropped: Rc::new(Cell::new(false)),
            floor: stack::floor(&stack),
        };
        let place = Rc::clone(&running.yielder);
        let coroutine = Coroutine::with_stack(stack, move |yielder: &FiberYielder, _first: Resumption| {
            place.set(ptr::from_ref(yielder));
            let result = body();
            place.set(ptr::null());
            result
        });
        Ok(Self { coroutine: Some(coroutine), stack_size, running, request: None })
    }

    /// Runs the coroutine until it waits or returns. `None` when it has returned before.
    fn resume(&mut self, resumption: Resumption) -> Option<CoroutineResult<Request, R>> {
        let coroutine = self.coroutine.as_mut()?;
        let outer = RUNNING.replace(Some(self.running.clone()));
        let outer_floor = FLOOR.replace(self.running.floor);
        let result = coroutine.resume(resumption);
        RUNNING.set(outer);
        FLOOR.set(outer_floor);
        if matches!(result, CoroutineResult::Return(_)) {
            self.keep_stack();
        }
        Some(result)
    }

    fn keep_stack(&mut self) {
        if let Some(coroutine) = self.coroutine.take() {
            stack::keep(self.stack_size, coroutine.into_stack());
        }
    }
}

impl<R> Unpin for Fiber<R> {}

impl<R> Future for Fiber<R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let mut answer = None;
        loop {
            if let Some(request) = &mut self.request {
                // While the driver polls, nothing of the fiber runs: a future that asks for it must not find it.
                let outer = RUNNING.take();
                let outer_floor = FLOOR.take();
                let polled = request.as_mut().poll(context);
                RUNNING.set(outer);
                FLOOR.set(outer_floor);
                match polled {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(value) => answer = Some(value),
                }
                self.request = None;
            }
            match self.resume(Ok(answer.take())) {
                Some(CoroutineResult::Yield(request)) => self.request = Some(request),
                Some(CoroutineResult::Return(result)) => return Poll::Ready(result),
                // Polled after completion, which the contract of `Future` leaves to us.
                None => return Poll::Pending,
            }
        }
    }
}

impl<R> Drop for Fiber<R> {
    fn drop(&mut self) {
        self.running.dropped.set(true);
        self.request = None;
        if self.coroutine.as_ref().is_some_and(|coroutine| coroutine.started() && !coroutine.done()) {
            while let Some(CoroutineResult::Yield(_)) = self.resume(Err(Dropped)) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn waits_without_blocking_its_thread() {
        let log = Rc::new(RefCell::new(Vec::new()));
        let make = |name: &'static str, ms: u64| {
            let log = Rc::clone(&log);
            Fiber::new(SCRIPT_STACK, Rc::new(name), move || {
                log.borrow_mut().push(format!("{} begins", current::<&str>().unwrap()));
                wait(tokio::time::sleep(Duration::from_millis(ms))).unwrap();
                log.borrow_mut().push(format!("{} ends", current::<&str>().unwrap()));
            })
            .unwrap()
        };
        let (slow, quick) = (make("slow", 40), make("quick", 5));
        on_a_runtime(async { futures_util::join!(slow, quick) });
        assert_eq!(*log.borrow(), ["slow begins", "quick begins", "quick ends", "slow ends"]);
        assert!(current::<&str>().is_none());
    }

    #[test]
    fn a_dropped_fiber_is_run_to_its_end_with_errors() {
        let ended = Rc::new(Cell::new(0));
        let seen = Rc::clone(&ended);
        let fiber = Fiber::new(SCRIPT_STACK, Rc::new(()), move || {
            while wait(std::future::pending::<()>()).is_ok() {}
            seen.set(seen.get() + 1);
            assert!(is_dropped());
            assert!(wait(async {}).is_err());
        })
        .unwrap();
        on_a_runtime(async { tokio::time::timeout(Duration::from_millis(5), fiber).await.unwrap_err() });
        assert_eq!(ended.get(), 1);
    }

    #[test]
    fn knows_how_much_stack_is_left() {
        assert_eq!(stack_left(), usize::MAX);
        let left = on_a_runtime(Fiber::new(SCRIPT_STACK, Rc::new(()), stack_left).unwrap());
        assert!(left > SCRIPT_STACK - (64 << 10) && left < SCRIPT_STACK, "{left}");
    }
}
