//! The one line that moves while a run goes on: the step, or a batch with what is done and how long the rest may take.

use std::time::Instant;

use super::look::{duration, plain};
use crate::{
    store::events::{Counts, Event},
    verdict::Verdict,
};

/// Characters of a batch's bar.
const BAR: usize = 24;

/// What goes on.
#[derive(Debug, Default)]
pub struct Progress {
    steps: Vec<(String, Instant)>,
    checks: u64,
    batches: Vec<Batch>,
}

#[derive(Debug)]
struct Batch {
    path: String,
    total: u64,
    counts: Counts,
    begun: Instant,
}

impl Progress {
    /// Takes note of an event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::StepStarted { step } => {
                self.checks = 0;
                self.steps.push((step.clone(), Instant::now()));
            }
            Event::StepFinished { step, .. } => self.steps.retain(|(open, _)| open != step),
            Event::CheckFinished { .. } => self.checks += 1,
            Event::BatchStarted { batch, total } => {
                self.batches.push(Batch {
                    path: batch.clone(),
                    total: *total,
                    counts: Counts::new(),
                    begun: Instant::now(),
                });
            }
            Event::ItemFinished { batch, verdict, .. } => {
                if let Some(batch) = self.batches.iter_mut().rev().find(|open| open.path == *batch) {
                    *batch.counts.entry(*verdict).or_insert(0) += 1;
                }
            }
            Event::BatchFinished { batch, .. } => self.batches.retain(|open| open.path != *batch),
            _ => {}
        }
    }

    /// The line; `None` when there is nothing to wait for.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        if let Some(batch) = self.batches.first() {
            return Some(batch.line());
        }
        let (step, begun) = self.steps.last()?;
        let checks = if self.checks > 0 { format!(", {} done", self.checks) } else { String::new() };
        Some(format!("{} ({}{checks})", plain(step), duration(begun.elapsed())))
    }
}

impl Batch {
    fn line(&self) -> String {
        let done: u64 = self.counts.values().sum();
        let filled = usize::try_from(done * BAR as u64 / self.total.max(1)).unwrap_or(BAR).min(BAR);
        let bar = if filled == BAR {
            "=".repeat(BAR)
        } else {
            format!("{}>{}", "=".repeat(filled), " ".repeat(BAR - filled - 1))
        };
        let counts: Vec<String> = [
            Verdict::Ok,
            Verdict::Failed,
            Verdict::Inconclusive,
            Verdict::InDoubt,
            Verdict::Skipped,
            Verdict::NotStarted,
        ]
        .into_iter()
        .filter_map(|verdict| Some(format!("{verdict} {}", self.counts.get(&verdict)?)))
        .collect();
        let mut line = format!("[{bar}] {done}/{}", self.total);
        if !counts.is_empty() {
            line = format!("{line} {}", counts.join(" "));
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        if done > 0 && seconds > 0.5 {
            let rate = done as f64 / seconds;
            let left = std::time::Duration::from_secs_f64((self.total - done.min(self.total)) as f64 / rate);
            line = format!("{line}, {rate:.0}/s, {} left", duration(std::time::Duration::from_secs(left.as_secs())));
        }
        line
    }
}
