//! `libretto runs`.

use serde_json::json;

use super::{Session, args::RunsCommand, seconds};
use crate::{
    error::{Error, Result},
    report::{FAILING, Paint, VERDICT, beside, duration, plain},
    rotation::recover::{Settled, settled},
    store::{
        Store,
        running::is_running,
        runs::{PartKind, PartRecord, RunRecord, RunSummary, WriteState},
    },
    verdict::Verdict,
};

pub(super) fn runs(session: &Session, command: &RunsCommand) -> Result<u8> {
    match command {
        RunsCommand::List { limit } => list(session, *limit),
        RunsCommand::Show { run } => show(session, run),
    }
}

fn list(session: &Session, limit: usize) -> Result<u8> {
    let out = session.out;
    let store = session.store()?;
    for run in store.runs(limit)? {
        let now = Now::of(&store, &run)?;
        if out.json {
            out.line(&now.json(&run).to_string());
            continue;
        }
        let lab = if run.lab { " (lab)" } else { "" };
        out.line(
            format!("{}  {}  {}{}{}", run.run, seconds(&run.started_at), now.column(session), plain(&run.script), lab)
                .trim_end(),
        );
    }
    Ok(0)
}

/// What is to be said of a run now.
#[derive(Clone, Copy)]
enum Now {
    Ended(Verdict),
    Running,
    /// Its process is gone; what it wrote is told by its parts and writes.
    CutShort,
}

impl Now {
    fn of(store: &Store, run: &RunSummary) -> Result<Self> {
        Ok(match run.verdict {
            Some(verdict) => Self::Ended(verdict),
            None if is_running(store, &run.run) => Self::Running,
            // It may have ended since its row was read.
            None => store.run(&run.run)?.and_then(|now| now.summary.verdict).map_or(Self::CutShort, Self::Ended),
        })
    }

    fn column(self, session: &Session) -> String {
        match self {
            Self::Ended(verdict) => session.out.look.verdict(verdict),
            Self::Running => format!("{:<VERDICT$}", "running"),
            Self::CutShort => format!("{:<VERDICT$}", "cut short"),
        }
    }

    /// The run's line for machines: a run without a verdict goes on, or was cut short.
    fn json(self, run: &RunSummary) -> serde_json::Value {
        let mut line = json!(run);
        line["running"] = matches!(self, Self::Running).into();
        line
    }
}

fn show(session: &Session, id: &str) -> Result<u8> {
    if id.is_empty() {
        return Err(
            Error::new("run.unknown", "an empty text is no id of a run").hint("`libretto runs list` shows them")
        );
    }
    let store = session.store()?;
    let Some(record) = store.run(id)? else {
        return Err(Error::new("run.unknown", format!("there is no run {id}")).hint("`libretto runs list` shows them"));
    };
    let now = Now::of(&store, &record.summary)?;
    let settled = settled(&store, &record.summary.run)?;
    if session.out.json {
        session.out.line(&now.json(&record.summary).to_string());
        for part in &record.parts {
            session.out.line(&json!(part).to_string());
        }
        for write in &record.writes {
            session.out.line(&json!({ "write": write }).to_string());
        }
        for one in &settled {
            session.out.line(&json!({ "recovered": one }).to_string());
        }
    } else {
        print(session, &record, &settled, now);
    }
    Ok(0)
}

fn print(session: &Session, record: &RunRecord, settled: &[Settled], now: Now) {
    let (out, look, run) = (session.out, session.out.look, &record.summary);
    let lab = if run.lab { ", in the lab" } else { "" };
    out.line(&format!(
        "{} {}",
        look.paint(Paint::Heading, plain(&run.script)),
        look.paint(Paint::Faint, format!("run {}{lab}", run.run))
    ));
    out.line(&format!("  begun {} by {}", seconds(&run.started_at), plain(&run.operator)));
    if let serde_json::Value::Object(params) = &run.params {
        for (name, value) in params.iter().filter(|(_, value)| !value.is_null()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            out.line(&format!("  {}={}", plain(name), plain(&value)));
        }
    }
    out.line("");
    for part in record.parts.iter().filter(|part| !is_told_by_its_item(part)) {
        // A key may have slashes of its own, e.g. a share's.
        let in_key = part.key.as_deref().map_or(0, |key| key.matches('/').count());
        let depth = part.path.matches('/').count().saturating_sub(in_key);
        let name = match part.kind {
            PartKind::Item | PartKind::Check => part.key.clone().unwrap_or_else(|| part.path.clone()),
            _ => part.path.rsplit('/').next().unwrap_or(&part.path).to_owned(),
        };
        let name = plain(&name);
        let took = part.ms.map(|ms| duration(std::time::Duration::from_millis(ms))).unwrap_or_default();
        let verdict =
            part.verdict.map_or_else(|| format!("{:<VERDICT$}", "not ended"), |verdict| look.verdict(verdict));
        out.line(
            format!("{:indent$}{verdict}{name}  {}", "", look.paint(Paint::Faint, took), indent = depth * 2).trim_end(),
        );
        why(session, record, part, depth * 2 + VERDICT);
    }
    writes(session, record);
    recovered(session, settled);
    out.line("");
    match now {
        Now::Ended(verdict) => out.line(verdict.as_str()),
        Now::Running => out.line(&format!("running, in process {}", run.pid)),
        Now::CutShort => out.line("was cut short: its process ended before the run did"),
    }
}

/// A check that went well inside a batch's item adds nothing to the item's own line, and there may be thousands.
fn is_told_by_its_item(part: &PartRecord) -> bool {
    part.kind == PartKind::Check && part.verdict == Some(Verdict::Ok) && part.path.contains("batch::each/")
}

/// Why a part did not work, and what a check found. Of several faults each is told, but once: a step has the error of its heaviest item.
fn why(session: &Session, record: &RunRecord, part: &PartRecord, indent: usize) {
    let out = session.out;
    if let Some(note) = part.value.as_ref().filter(|_| part.kind == PartKind::Check).and_then(|v| v["note"].as_str()) {
        out.line(&format!("{:indent$}{}", "", out.look.paint(Paint::Faint, plain(note))));
    }
    let Some(error) = part.error.as_ref() else { return };
    let Some(message) = error["message"].as_str() else { return };
    out.line(&format!("{:indent$}{}{}", "", plain(message), place(&error["place"]).unwrap_or_default()));
    let is_same = |other: &serde_json::Value| other["code"] == error["code"] && other["message"] == error["message"];
    let is_items = |item: &PartRecord| {
        item.kind == PartKind::Item && item.path.starts_with(&part.path) && item.error.as_ref().is_some_and(is_same)
    };
    let is_check = |other: &PartRecord| {
        other.kind == PartKind::Check
            && other.path.strip_prefix(&part.path).is_some_and(|rest| rest.starts_with("/check "))
    };
    if record.parts.iter().any(is_check) {
        return; // each has its own line
    }
    if part.kind == PartKind::Item || !record.parts.iter().any(is_items) {
        for other in beside(out.look, message, error["details"].get(FAILING)) {
            out.line(&format!("{:indent$}{other}", ""));
        }
    }
}

/// ` (script:line:column)`, as the ledger keeps the place of an error.
fn place(place: &serde_json::Value) -> Option<String> {
    Some(format!(" ({}:{}:{})", plain(place["script"].as_str()?), place["line"], place["column"]))
}

/// What the run left in doubt and another one has settled since.
fn recovered(session: &Session, settled: &[Settled]) {
    let out = session.out;
    if !settled.is_empty() {
        out.line(&format!("\n{}", out.look.paint(Paint::Heading, "recovered since:")));
    }
    for one in settled {
        let (account, what, by) = (plain(&one.account), plain(&one.what), plain(&one.by));
        out.line(&format!("  {account}: {what}, {} by {by}", seconds(&one.at)));
    }
}

fn writes(session: &Session, record: &RunRecord) {
    let out = session.out;
    for (heading, states, did) in [
        ("changed", &[WriteState::Done][..], true),
        ("not changed", &[WriteState::Failed], false),
        ("in doubt", &[WriteState::Sent, WriteState::InDoubt], true),
    ] {
        let all = &record.writes;
        let fitting = all.iter().filter(|write| states.contains(&write.state) && !write.is_repeated(all));
        let sentences: Vec<&str> = fitting
            .map(|write| if did { &write.did } else { &write.did_not })
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        if !sentences.is_empty() {
            out.line(&format!("\n{}", out.look.paint(Paint::Heading, format!("{heading}:"))));
            for sentence in sentences {
                out.line(&format!("  {}", plain(sentence)));
            }
        }
    }
}
