//! `libretto runs`.

use serde_json::json;

use super::{Session, args::RunsCommand, seconds};
use crate::{
    error::{Error, Result},
    report::{Paint, VERDICT, duration},
    store::runs::{PartKind, RunRecord, RunSummary, WriteState},
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
    for run in session.store()?.runs(limit)? {
        if out.json {
            out.line(&json!(run).to_string());
            continue;
        }
        let lab = if run.lab { " (lab)" } else { "" };
        out.line(
            format!("{}  {}  {}{}{}", run.run, seconds(&run.started_at), verdict(session, &run), run.script, lab)
                .trim_end(),
        );
    }
    Ok(0)
}

fn verdict(session: &Session, run: &RunSummary) -> String {
    match run.verdict {
        Some(verdict) => session.out.look.verdict(verdict),
        // A run that was killed has no verdict; what it wrote is told by its parts and writes.
        None => format!("{:<VERDICT$}", "not ended"),
    }
}

fn show(session: &Session, id: &str) -> Result<u8> {
    let Some(record) = session.store()?.run(id)? else {
        return Err(Error::new("run.unknown", format!("there is no run {id}")).hint("`libretto runs list` shows them"));
    };
    if session.out.json {
        session.out.line(&json!(record.summary).to_string());
        for part in &record.parts {
            session.out.line(&json!(part).to_string());
        }
        for write in &record.writes {
            session.out.line(&json!({ "write": write }).to_string());
        }
    } else {
        print(session, &record);
    }
    Ok(0)
}

fn print(session: &Session, record: &RunRecord) {
    let (out, look, run) = (session.out, session.out.look, &record.summary);
    let lab = if run.lab { ", in the lab" } else { "" };
    out.line(&format!(
        "{} {}",
        look.paint(Paint::Heading, &run.script),
        look.paint(Paint::Faint, format!("run {}{lab}", run.run))
    ));
    out.line(&format!("  begun {} by {}", seconds(&run.started_at), run.operator));
    if let serde_json::Value::Object(params) = &run.params {
        for (name, value) in params.iter().filter(|(_, value)| !value.is_null()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            out.line(&format!("  {name}={value}"));
        }
    }
    out.line("");
    for part in &record.parts {
        let depth = part.path.matches('/').count();
        let name = match part.kind {
            PartKind::Item | PartKind::Check => part.key.clone().unwrap_or_else(|| part.path.clone()),
            _ => part.path.rsplit('/').next().unwrap_or(&part.path).to_owned(),
        };
        let took = part.ms.map(|ms| duration(std::time::Duration::from_millis(ms))).unwrap_or_default();
        let verdict =
            part.verdict.map_or_else(|| format!("{:<VERDICT$}", "not ended"), |verdict| look.verdict(verdict));
        out.line(
            format!("{:indent$}{verdict}{name}  {}", "", look.paint(Paint::Faint, took), indent = depth * 2).trim_end(),
        );
        let error = part.error.as_ref();
        if let Some(message) = error.and_then(|error| error["message"].as_str()) {
            let place = error.and_then(|error| place(&error["place"])).unwrap_or_default();
            out.line(&format!("{:indent$}{message}{place}", "", indent = depth * 2 + VERDICT));
        }
    }
    writes(session, record);
    let ended = run.verdict.map_or("not ended", Verdict::as_str);
    out.line(&format!("\n{ended}"));
}

/// ` (script:line:column)`, as the ledger keeps the place of an error.
fn place(place: &serde_json::Value) -> Option<String> {
    Some(format!(" ({}:{}:{})", place["script"].as_str()?, place["line"], place["column"]))
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
                out.line(&format!("  {sentence}"));
            }
        }
    }
}
