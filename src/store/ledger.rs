//! Writing the ledger of one run: a thread with its own SQLite connection that commits in groups.
//!
//! Parts are queued and on the disk within 50 ms; what a caller waits for (a write that is about to be sent, the run's
//! end) is on the disk when the answer comes. Callers redact text before they hand it in.

mod records;
mod writer;

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, mpsc},
    task::{Context, Poll},
    thread::JoinHandle,
};

use serde_json::Value;
use tokio::sync::oneshot;

use records::Record;
use writer::{Answer, Job};

use super::{
    Store, moment,
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
    /// Whether it signs in although a lockout budget is spent.
    pub insist: bool,
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

/// Something that was looked at or done inside a part, once it is over.
#[derive(Debug, Clone)]
pub struct Check {
    /// The path of the part; empty outside of any.
    pub part: String,
    /// E.g. a target's name, or a stage of a rotation.
    pub key: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Milliseconds.
    pub ms: u64,
    /// What was found; often empty.
    pub note: String,
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
pub struct Ledger(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    // Both are taken in `drop` alone.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has answered nobody, and each waiting caller was told so.
            let _ = thread.join();
        }
    }
}

impl Ledger {
    /// Starts the thread; it ends when the last clone is dropped, which waits until everything queued is on the disk.
    pub fn start(store: &Store) -> Result<Self> {
        let (jobs, inbox) = mpsc::channel();
        let writer = writer::Writer::new(store, inbox)?;
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run())
            .map_err(|e| Error::new("store.ledger_ended", format!("the ledger's thread cannot be started: {e}")))?;
        Ok(Self(Arc::new(Handle { jobs: Some(jobs), thread: Some(thread) })))
    }

    /// Writes the run, its parameters and sources. Everything after it belongs to this run.
    pub fn begin_run(&self, run: NewRun) -> Reply<()> {
        self.ask(Record::BeginRun(run, moment::now()), Answer::Done)
    }

    /// Takes up an earlier run, by its full id: its parts are overwritten as they are done again, its writes go on being
    /// numbered.
    pub fn resume_run(&self, id: String) -> Reply<()> {
        self.ask(Record::ResumeRun(id), Answer::Done)
    }

    /// Queues the beginning of a part.
    pub fn begin_part(&self, part: NewPart) {
        self.send(Job { record: Record::BeginPart(part, moment::now()), answer: None });
    }

    /// Queues the end of a part.
    pub fn end_part(&self, part: EndPart) {
        self.send(Job { record: Record::EndPart(part), answer: None });
    }

    /// Queues a check that is over.
    pub fn check(&self, check: Check) {
        self.send(Job { record: Record::Check(check, moment::now()), answer: None });
    }

    /// Records a write that is about to be sent; answers its number, once that is on the disk.
    pub fn write_sent(&self, path: &str, kind: &str, target: &str, did: &str, did_not: &str) -> Reply<u32> {
        let [path, kind, target, did, did_not] = [path, kind, target, did, did_not].map(str::to_owned);
        self.ask(Record::WriteSent { path, kind, target, did, did_not, at: moment::now() }, Answer::Number)
    }

    /// Records how a write ended.
    pub fn write_settled(&self, number: u32, state: WriteState) -> Reply<()> {
        self.ask(Record::WriteSettled(number, state, None, moment::now()), Answer::Done)
    }

    /// Records that a write was done, and the sentence for that.
    pub fn write_done(&self, number: u32, did: String) -> Reply<()> {
        self.ask(Record::WriteSettled(number, WriteState::Done, Some(did), moment::now()), Answer::Done)
    }

    /// Ends the run.
    pub fn finish_run(&self, end: EndRun) -> Reply<()> {
        self.ask(Record::FinishRun(end, moment::now()), Answer::Done)
    }

    /// Answers when everything that was queued is on the disk.
    ///
    /// # Errors
    /// What kept a queued part from being written, once.
    pub fn flush(&self) -> Reply<()> {
        self.ask(Record::Flush, Answer::Done)
    }

    fn ask<T>(&self, record: Record, answer: impl FnOnce(oneshot::Sender<Result<T>>) -> Answer) -> Reply<T> {
        let (sender, receiver) = oneshot::channel();
        self.send(Job { record, answer: Some(answer(sender)) });
        Reply(receiver)
    }

    fn send(&self, job: Job) {
        // Where the thread is gone, the job's answer is dropped with it, and who waits for it is told.
        if let Some(jobs) = &self.0.jobs {
            let _ = jobs.send(job);
        }
    }
}

fn ended() -> Error {
    Error::new("store.ledger_ended", "the ledger's thread has ended before it answered")
        .hint("what was asked for may not be on the disk; `libretto runs show` tells what is")
}
