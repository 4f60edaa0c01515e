//! The ledger's thread: gathers records, commits them together, answers who waits.

use std::{
    mem,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::records::Record;
use crate::{
    error::{Error, Result},
    store::{Store, failed},
};

/// What nobody waits for is on the disk after this time at the latest...
const GATHER: Duration = Duration::from_millis(50);
/// ... or when so much has come together.
const GROUP: usize = 500;

#[derive(Debug)]
pub(super) struct Job {
    pub(super) record: Record,
    /// Who waits for it.
    pub(super) answer: Option<Answer>,
}

#[derive(Debug)]
pub(super) enum Answer {
    Done(oneshot::Sender<Result<()>>),
    Number(oneshot::Sender<Result<u32>>),
}

impl Answer {
    /// Who asked may have gone away (a run that was interrupted): then nobody is told.
    fn give(self, outcome: Result<u32>) {
        match self {
            Self::Done(sender) => drop(sender.send(outcome.map(|_| ()))),
            Self::Number(sender) => drop(sender.send(outcome)),
        }
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    inbox: Receiver<Job>,
    run: Option<String>,
    /// Queued records whose commit failed (a full disk): they go with the next group.
    kept: Vec<Job>,
    /// Why a queued record could not be written at all; `flush` tells.
    lost: Option<Error>,
    /// Last: a temporary store's folder outlives the connection to it.
    _store: Store,
}

impl Writer {
    pub(super) fn new(store: &Store, inbox: Receiver<Job>) -> Result<Self> {
        let connection = store.second_connection()?;
        Ok(Self { connection, inbox, run: None, kept: Vec::new(), lost: None, _store: store.clone() })
    }

    pub(super) fn run(mut self) {
        while let Ok(first) = self.inbox.recv() {
            let group = self.gather(first);
            self.write(group);
        }
        let rest = mem::take(&mut self.kept);
        self.write(rest);
    }

    fn gather(&mut self, first: Job) -> Vec<Job> {
        let deadline = Instant::now() + GATHER;
        let mut group = mem::take(&mut self.kept);
        let mut awaited = first.answer.is_some();
        let mut room = GROUP;
        group.push(first);
        while room > 1 {
            let patience = if awaited { Duration::ZERO } else { deadline.saturating_duration_since(Instant::now()) };
            match self.inbox.recv_timeout(patience) {
                Ok(job) => {
                    awaited |= job.answer.is_some();
                    group.push(job);
                    room -= 1;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        group
    }

    fn write(&mut self, group: Vec<Job>) {
        let run = self.run.clone();
        match self.commit(&group) {
            Ok(outcomes) => {
                for (job, outcome) in group.into_iter().zip(outcomes) {
                    self.settle(job, outcome);
                }
            }
            Err(error) => {
                self.run = run;
                for job in group {
                    match job.answer {
                        Some(answer) => answer.give(Err(error.clone())),
                        None => self.kept.push(job),
                    }
                }
            }
        }
    }

    /// One transaction for all. A record that is wrong in itself fails alone; anything else fails the group.
    fn commit(&mut self, group: &[Job]) -> Result<Vec<Result<u32>>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut outcomes = Vec::with_capacity(group.len());
        for job in group {
            let outcome = job.record.apply(&transaction, &mut self.run);
            match outcome {
                Err(error) if !matches!(error.code(), "store.failed" | "store.unknown_run") => return Err(error),
                outcome => outcomes.push(outcome),
            }
        }
        transaction.commit().map_err(failed)?;
        Ok(outcomes)
    }

    fn settle(&mut self, job: Job, outcome: Result<u32>) {
        match (job.answer, outcome) {
            (Some(answer), Ok(_)) if matches!(job.record, Record::Flush) => {
                answer.give(self.lost.take().map_or(Ok(0), Err));
            }
            (Some(answer), outcome) => answer.give(outcome),
            (None, Err(error)) => self.lost = Some(error),
            (None, Ok(_)) => {}
        }
    }
}
