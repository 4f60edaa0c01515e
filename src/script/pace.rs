//! How long a whole run has computed without waiting for anything: shared by the script and all items of its batches.
//!
//! One task's own time says nothing of forty that loop one after the other, or of a batch inside a batch inside a batch.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

/// The pace of a run.
pub(super) struct Pace {
    /// Tasks that wait for an operation now.
    waiting: Cell<usize>,
    /// When the last wait ended.
    since: Cell<Instant>,
    /// Set when the run has computed for too long, and never taken back: whatever comes is ended.
    is_spent: Cell<bool>,
}

impl Pace {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self { waiting: Cell::new(0), since: Cell::new(Instant::now()), is_spent: Cell::new(false) })
    }

    /// A task waits for an operation until the answer is dropped.
    pub(super) fn wait(self: &Rc<Self>) -> Waiting {
        self.waiting.set(self.waiting.get() + 1);
        Waiting(Rc::clone(self))
    }

    /// Whether the run has computed for longer than `limit` while no task waited.
    pub(super) fn exceeds(&self, limit: Duration) -> bool {
        if self.waiting.get() == 0 && self.since.get().elapsed() > limit {
            self.is_spent.set(true);
        }
        self.is_spent.get()
    }

    /// Whether it was found to have exceeded its limit.
    pub(super) fn is_spent(&self) -> bool {
        self.is_spent.get()
    }
}

/// A task waits for as long as this lives.
pub(super) struct Waiting(Rc<Pace>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
        self.0.since.set(Instant::now());
    }
}
