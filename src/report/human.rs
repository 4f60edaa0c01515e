//! A run as a person reads it: a line per step with what was looked at below it, and the end that says everything.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::{
    beside::{self, beside},
    draw,
    look::{Look, Paint, VERDICT, duration, plain},
    sources::Sources,
};
use crate::{
    secret::redact::redact,
    store::events::{Counts, Event, Failure, Stamped},
    verdict::Verdict,
};

/// Failed items that are told at the end one by one.
const ITEMS_TOLD: usize = 20;
/// Columns of a step's or check's name.
const NAME: usize = 44;

/// Turns a run's events into lines.
pub struct Human {
    look: Look,
    quiet: bool,
    sources: Sources,
    checks: BTreeMap<String, Vec<String>>,
    failures: Vec<(String, Verdict, Option<Failure>)>,
    failed_items: usize,
    failed_steps: Vec<(String, Verdict, Option<Failure>)>,
    run: String,
}

impl Human {
    /// A report with the texts that errors are drawn in. A quiet one has only what went wrong, and the end.
    #[must_use]
    pub fn new(look: Look, quiet: bool, sources: &Sources) -> Self {
        Self {
            look,
            quiet,
            sources: sources.clone(),
            checks: BTreeMap::new(),
            failures: Vec::new(),
            failed_items: 0,
            failed_steps: Vec::new(),
            run: String::new(),
        }
    }

    /// What an event adds to the report; often nothing.
    pub fn event(&mut self, stamped: &Stamped) -> String {
        self.run.clone_from(&stamped.run);
        let text = match &stamped.event {
            Event::RunStarted { script, lab, .. } => self.started(script, *lab),
            Event::StepFinished { step, verdict, ms, error } => self.step(step, *verdict, *ms, error.as_ref()),
            Event::CheckFinished { step, key, verdict, ms, note, error } => {
                self.check(step, key, *verdict, *ms, note, error.as_ref())
            }
            Event::ItemFinished { key, verdict, error, .. } => self.item(key, *verdict, error.clone()),
            Event::BatchFinished { counts, ms, .. } => self.batch(counts, *ms),
            Event::Said { text, .. } if !self.quiet => self.said(text),
            Event::RunFinished { verdict, counts, changed, unchanged, in_doubt, ms, error, exit } => self.end(&End {
                verdict: *verdict,
                counts,
                changed,
                unchanged,
                in_doubt,
                ms: *ms,
                error: error.as_ref(),
                exit: *exit,
            }),
            Event::StepStarted { .. } | Event::BatchStarted { .. } | Event::Said { .. } => String::new(),
        };
        redact(&text).into_owned()
    }

    /// What a script prints may have lines; each is marked as the script's.
    fn said(&self, text: &str) -> String {
        let mark = self.look.paint(Paint::Faint, "|");
        let text = redact(text);
        let lines = if text.is_empty() { vec![""] } else { text.lines().collect() };
        lines
            .into_iter()
            .map(|line| format!("{mark} {}\n", plain(&line.replace('\t', "    "))))
            .collect::<Vec<_>>()
            .concat()
    }

    fn started(&self, script: &str, lab: bool) -> String {
        if self.quiet {
            return String::new();
        }
        let place = if lab { ", in the lab" } else { "" };
        format!(
            "{} {}\n\n",
            self.look.paint(Paint::Heading, plain(script)),
            self.look.paint(Paint::Faint, format!("run {}{place}", self.run))
        )
    }

    fn step(&mut self, step: &str, verdict: Verdict, ms: u64, error: Option<&Failure>) -> String {
        let checks = self.checks.remove(step).unwrap_or_default();
        if self.quiet && matches!(verdict, Verdict::Ok | Verdict::Skipped) {
            return String::new();
        }
        if !matches!(verdict, Verdict::Ok | Verdict::Skipped | Verdict::NotStarted)
            && let Some(mut error) = error.cloned()
        {
            if !checks.is_empty() {
                error.details.remove(beside::DETAIL);
            }
            self.failed_steps.push((step.to_owned(), verdict, Some(error)));
        }
        let took = if verdict == Verdict::NotStarted { String::new() } else { duration(Duration::from_millis(ms)) };
        let mut text = row(self.look, 0, verdict, step, &took);
        for line in &checks {
            text.push_str(line);
        }
        if let Some(error) = error.filter(|_| checks.is_empty()) {
            let _ = writeln!(
                text,
                "{:width$}{}",
                "",
                self.look.paint(Paint::Faint, plain(&error.message)),
                width = VERDICT + 4
            );
        }
        text
    }

    fn check(
        &mut self,
        step: &str,
        key: &str,
        verdict: Verdict,
        ms: u64,
        note: &str,
        error: Option<&Failure>,
    ) -> String {
        let note = plain(error.map_or(note, |error| error.message.as_str()));
        let took = duration(Duration::from_millis(ms));
        let mut text = row(
            self.look,
            4,
            verdict,
            key,
            if matches!(verdict, Verdict::NotStarted | Verdict::Skipped) { "" } else { &took },
        );
        if !note.is_empty() {
            let _ = writeln!(text, "{:width$}{}", "", self.look.paint(Paint::Faint, &note), width = VERDICT + 8);
        }
        // A check inside a batch's item belongs to the item, whose own verdict says it all.
        if !step.is_empty() && !step.contains("batch::each/") {
            self.checks.entry(step.to_owned()).or_default().push(text);
        }
        String::new()
    }

    fn item(&mut self, key: &str, verdict: Verdict, error: Option<Failure>) -> String {
        if !matches!(verdict, Verdict::Ok | Verdict::Skipped | Verdict::NotStarted) {
            self.failed_items += 1;
            if self.failures.len() < ITEMS_TOLD {
                self.failures.push((key.to_owned(), verdict, error));
            }
        }
        String::new()
    }

    fn batch(&self, counts: &Counts, ms: u64) -> String {
        if self.quiet {
            return String::new();
        }
        let total: u64 = counts.values().sum();
        let rate = total as f64 / (ms.max(1) as f64 / 1000.0);
        if total == 0 {
            return "    no items\n".to_owned();
        }
        let items = if total == 1 { "item" } else { "items" };
        let took = duration(Duration::from_millis(ms));
        format!("    {total} {items}: {}, {took}, {rate:.0}/s\n", words(self.look, counts))
    }

    fn end(&self, end: &End) -> String {
        let look = self.look;
        let mut text = String::new();
        self.tell_failures(&mut text, end.error);
        if let Some(error) = end.error {
            let _ = write!(text, "\n{}", draw::failure(look, &self.sources, error));
        }
        if !self.quiet || end.exit != 0 {
            let verdict = look.paint(Paint::Verdict(end.verdict), end.verdict);
            let counts = words(look, end.counts);
            let counts = if counts.is_empty() { String::new() } else { format!(": {counts}") };
            let _ = writeln!(text, "\n{verdict} in {}{counts}", duration(Duration::from_millis(end.ms)));
        }
        list(&mut text, look, "changed", end.changed);
        list(&mut text, look, "not changed", end.unchanged);
        list(&mut text, look, "in doubt", end.in_doubt);
        if end.changed.is_empty() && end.unchanged.is_empty() && end.in_doubt.is_empty() && !self.quiet {
            let _ = writeln!(text, "nothing was changed");
        }
        if let Some(next) = self.next(end) {
            let _ = writeln!(text, "{} {next}", look.paint(Paint::Hint, "next:"));
        }
        text
    }

    /// Items by name, and steps that ended badly without ending the script; what ended it is drawn below them.
    fn tell_failures(&self, text: &mut String, drawn: Option<&Failure>) {
        let same = |a: &Failure, b: &Failure| a.code == b.code && a.message == b.message;
        let mut told: Vec<&(String, Verdict, Option<Failure>)> = self.failures.iter().collect();
        for step in &self.failed_steps {
            let known = told.iter().filter_map(|(_, _, error)| error.as_ref()).chain(drawn);
            if !step.2.iter().any(|error| known.clone().any(|known| same(known, error))) {
                told.push(step);
            }
        }
        for (key, verdict, error) in &told {
            let message = error.as_ref().map(|error| plain(&error.message)).unwrap_or_default();
            let place = error.as_ref().and_then(|error| error.place.as_ref());
            let place = place.map(|place| self.look.paint(Paint::Faint, format!(" ({})", draw::position(place))));
            let place = place.unwrap_or_default();
            let (verdict, key) = (self.look.verdict(*verdict), self.look.paint(Paint::Heading, plain(key)));
            let _ = write!(text, "\n{verdict}{key}  {message}{place}");
            let failing = error.as_ref().and_then(|error| error.details.get(beside::DETAIL));
            for other in beside(self.look, &message, failing) {
                let _ = write!(text, "\n{:VERDICT$}{other}", "");
            }
            if let Some(hint) = error.as_ref().and_then(|error| error.hint.as_deref()) {
                let _ = write!(text, "\n{:VERDICT$}{} {}", "", self.look.paint(Paint::Hint, "help:"), plain(hint));
            }
        }
        if !told.is_empty() {
            text.push('\n');
        }
        if self.failed_items > self.failures.len() {
            let _ = writeln!(text, "and {} more", self.failed_items - self.failures.len());
        }
    }

    /// The command to go on with.
    fn next(&self, end: &End) -> Option<String> {
        match end.exit {
            0 => None,
            _ if self.run.is_empty() => None,
            _ => Some(format!("libretto runs show {}", self.run)),
        }
    }
}

/// What the last event says.
struct End<'a> {
    verdict: Verdict,
    counts: &'a Counts,
    changed: &'a [String],
    unchanged: &'a [String],
    in_doubt: &'a [String],
    ms: u64,
    error: Option<&'a Failure>,
    exit: u8,
}

fn row(look: Look, indent: usize, verdict: Verdict, name: &str, took: &str) -> String {
    let name = plain(name);
    let text = format!(
        "{:indent$}{}{name:<width$} {}",
        "",
        look.verdict(verdict),
        look.paint(Paint::Faint, took),
        width = NAME - indent
    );
    format!("{}\n", text.trim_end())
}

/// `2 ok, 1 skipped`.
fn words(look: Look, counts: &Counts) -> String {
    let word = |(verdict, count): (&Verdict, &u64)| look.paint(Paint::Verdict(*verdict), format!("{count} {verdict}"));
    counts.iter().rev().map(word).collect::<Vec<_>>().join(", ")
}

fn list(text: &mut String, look: Look, heading: &str, sentences: &[String]) {
    if !sentences.is_empty() {
        let _ = writeln!(text, "{}", look.paint(Paint::Heading, format!("{heading}:")));
        for sentence in sentences {
            let _ = writeln!(text, "  {}", plain(sentence));
        }
    }
}
