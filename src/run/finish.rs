//! The end of a run: its verdict, computed from the ledger alone, its exit code, what changed and what did not.

use std::{sync::atomic::Ordering, time::Duration};

use crate::{
    error::{Error, Result},
    script::{Script, context::World},
    secret::redact::redact,
    store::{
        Store,
        events::{Counts, Event, Failure},
        ledger::{EndPart, EndRun, NewPart},
        runs::{PartKind, WriteRecord, WriteState},
        totals::Totals,
    },
    verdict::Verdict,
};

/// A run that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The run's id.
    pub run: String,
    /// The verdict of the whole.
    pub verdict: Verdict,
    /// The program's exit code.
    pub exit: u8,
    /// Steps and items by verdict.
    pub counts: Counts,
    /// What is different in the world.
    pub changed: Vec<String>,
    /// What was meant to change and did not.
    pub unchanged: Vec<String>,
    /// What may have changed: writes without an answer.
    pub in_doubt: Vec<String>,
    /// What ended the script.
    pub error: Option<Failure>,
    /// How long it took.
    pub took: Duration,
}

impl Finished {
    /// The run's last event.
    #[must_use]
    pub fn event(&self) -> Event {
        Event::RunFinished {
            verdict: self.verdict,
            counts: self.counts.clone(),
            changed: self.changed.clone(),
            unchanged: self.unchanged.clone(),
            in_doubt: self.in_doubt.clone(),
            exit: self.exit,
            ms: self.took.as_millis() as u64,
            error: self.error.clone(),
        }
    }
}

/// Sums a run up and ends it in the ledger.
pub(super) fn sum_up(
    world: &World,
    home: &Store,
    script: &Script,
    error: Option<Failure>,
    took: Duration,
) -> Result<Finished> {
    world.ledger.flush().wait()?;
    if error.is_some() {
        record_not_started(world, home, script)?;
    }
    let Totals { counts, heaviest, writes } = home.totals(&world.run)?;
    let [changed, unchanged, in_doubt] = sentences(&writes);
    let interrupted = world.interrupt.stop.is_cancelled();
    let verdict = verdict(heaviest, error.as_ref(), !changed.is_empty(), !in_doubt.is_empty());
    let exit = exit_code(verdict, interrupted);
    world
        .ledger
        .finish_run(EndRun {
            verdict,
            exit: i32::from(exit),
            counts: serde_json::to_value(&counts).unwrap_or_default(),
            changed: changed.clone(),
            unchanged: unchanged.clone(),
        })
        .wait()?;
    Ok(Finished { run: world.run.clone(), verdict, exit, counts, changed, unchanged, in_doubt, error, took })
}

/// The end of a run whose ledger could not be written or read: what is known is that it is not known. A write without an
/// answer is in doubt; otherwise the run has failed.
pub(super) fn without_ledger(world: &World, error: &Error, took: Duration) -> Finished {
    let in_doubt = world.open_writes.load(Ordering::SeqCst) > 0;
    let verdict = if in_doubt { Verdict::InDoubt } else { Verdict::Failed };
    let error = Failure { verdict, ..Failure::from(&error.clone().context("the run could not be summed up")) };
    Finished {
        run: world.run.clone(),
        verdict,
        exit: exit_code(verdict, false),
        counts: Counts::new(),
        changed: Vec::new(),
        unchanged: Vec::new(),
        in_doubt: if in_doubt {
            vec!["a write that was sent; the ledger could not be asked which".to_owned()]
        } else {
            Vec::new()
        },
        error: Some(error),
        took,
    }
}

/// The exit code of a verdict, as `CLI.md` promises: the first that applies of in doubt, interrupted, failed, inconclusive.
#[must_use]
pub fn exit_code(verdict: Verdict, interrupted: bool) -> u8 {
    match verdict {
        Verdict::InDoubt => 3,
        _ if interrupted => 130,
        Verdict::Failed | Verdict::Partial | Verdict::NotStarted => 1,
        Verdict::Inconclusive => 4,
        Verdict::Ok | Verdict::Skipped => 0,
    }
}

/// Steps that surely would have come and did not.
fn record_not_started(world: &World, home: &Store, script: &Script) -> Result<()> {
    for step in script.outline.steps.iter().filter(|step| step.is_certain) {
        // As it would have been told.
        let step = redact(&step.name).into_owned();
        if home.has_part(&world.run, &step)? {
            continue;
        }
        world.ledger.begin_part(NewPart { path: step.clone(), occurrence: 0, kind: PartKind::Step, key: None });
        let ended = EndPart {
            path: step.clone(),
            occurrence: 0,
            verdict: Verdict::NotStarted,
            ms: 0,
            value: None,
            error: None,
        };
        world.ledger.end_part(ended);
        world.events.emit(Event::StepFinished { step, verdict: Verdict::NotStarted, ms: 0, error: None });
    }
    world.ledger.flush().wait()
}

/// What changed, what did not, what is in doubt.
fn sentences(writes: &[WriteRecord]) -> [Vec<String>; 3] {
    let sentences = |states: &[WriteState], did: bool| -> Vec<String> {
        let fitting = writes.iter().filter(|write| states.contains(&write.state) && !write.is_repeated(writes));
        fitting
            .map(|write| if did { write.did.clone() } else { write.did_not.clone() })
            .filter(|text| !text.is_empty())
            .collect()
    };
    [
        sentences(&[WriteState::Done], true),
        sentences(&[WriteState::Failed], false),
        sentences(&[WriteState::Sent, WriteState::InDoubt], true)
            .into_iter()
            .map(|did| format!("nobody knows whether this was done: {did}"))
            .collect(),
    ]
}

fn verdict(heaviest: Verdict, error: Option<&Failure>, changed: bool, in_doubt: bool) -> Verdict {
    let whole = heaviest.max(error.map_or(Verdict::Skipped, |error| error.verdict));
    match whole {
        _ if in_doubt => Verdict::InDoubt,
        Verdict::Failed | Verdict::NotStarted if changed => Verdict::Partial,
        Verdict::NotStarted => Verdict::Failed,
        Verdict::Skipped => Verdict::Ok,
        other => other,
    }
}
