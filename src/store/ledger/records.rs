//! What the ledger writes, as SQL.

use rusqlite::{Connection, Transaction};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Check, EndPart, EndRun, NewPart, NewRun};
use crate::{
    error::{Error, Result},
    store::{
        audit::{self, Act, Actor},
        failed,
        runs::WriteState,
    },
};

/// One thing to write, with the time at which it was handed in.
#[derive(Debug)]
pub(super) enum Record {
    BeginRun(NewRun, String),
    ResumeRun(String),
    BeginPart(NewPart, String),
    EndPart(EndPart),
    Check(Check, String),
    WriteSent {
        path: String,
        kind: String,
        target: String,
        did: String,
        did_not: String,
        at: String,
    },
    /// With another sentence for what was done, where there is one.
    WriteSettled(u32, WriteState, Option<String>, String),
    FinishRun(EndRun, String),
    Flush,
}

impl Record {
    /// Writes the record; answers the number of a write, else 0. `run` is set by the records that begin one.
    pub(super) fn apply(&self, t: &Transaction<'_>, run: &mut Option<String>) -> Result<u32> {
        match self {
            Self::BeginRun(new, at) => {
                begin_run(t, new, at)?;
                *run = Some(new.id.clone());
                return Ok(0);
            }
            Self::ResumeRun(id) => {
                one(
                    execute(t, "UPDATE run SET ended_at = NULL, verdict = NULL, exit = NULL WHERE id = ?1", [id])?,
                    "run",
                )?;
                note(t, id, &Act { what: "run-resumed", ..Act::default() })?;
                *run = Some(id.clone());
                return Ok(0);
            }
            Self::Flush => return Ok(0),
            _ => {}
        }
        let Some(run) = run.as_deref() else {
            return Err(Error::new("store.unknown_run", "the ledger was given a part before its run"));
        };
        match self {
            Self::BeginPart(part, at) => begin_part(t, run, part, at).map(|()| 0),
            Self::EndPart(part) => end_part(t, run, part).map(|()| 0),
            Self::Check(check, at) => add_check(t, run, check, at).map(|()| 0),
            Self::WriteSent { path, kind, target, did, did_not, at } => t
                .prepare_cached(
                    "INSERT INTO write (run, number, path, kind, target, did, did_not, state, sent_at)
                     SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, 'sent', ?7 FROM write WHERE run = ?1
                     RETURNING number",
                )
                .and_then(|mut query| query.query_row((run, path, kind, target, did, did_not, at), |row| row.get(0)))
                .map_err(failed),
            Self::WriteSettled(number, state, did, at) => {
                let sql = "UPDATE write SET state = ?3, settled_at = ?4, did = coalesce(?5, did)
                     WHERE run = ?1 AND number = ?2";
                one(execute(t, sql, (run, number, state.as_str(), at, did))?, "write").map(|()| 0)
            }
            Self::FinishRun(end, at) => finish_run(t, run, end, at).map(|()| 0),
            Self::BeginRun(..) | Self::ResumeRun(_) | Self::Flush => Ok(0),
        }
    }
}

fn begin_run(c: &Connection, new: &NewRun, at: &str) -> Result<()> {
    let values = (
        &new.id,
        &new.script,
        new.lab,
        new.params.to_string(),
        &new.operator,
        std::process::id(),
        env!("CARGO_PKG_VERSION"),
        at,
    );
    execute(
        c,
        "INSERT INTO run (id, script, lab, params, operator, pid, version, started_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        values,
    )?;
    for (name, text) in &new.sources {
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(text));
        execute(c, "INSERT INTO source (hash, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING", (&hash, text))?;
        execute(c, "INSERT INTO run_source (run, name, hash) VALUES (?1, ?2, ?3)", (&new.id, name, &hash))?;
    }
    let mut data = json!({"script": new.script, "lab": new.lab, "params": new.params});
    if new.insist {
        data["insist"] = true.into();
    }
    note(c, &new.id, &Act { what: "run-begun", data, ..Act::default() })
}

/// Tells the audit trail of the run as its operator's. Steps and items are the ledger's alone.
fn note(c: &Connection, run: &str, act: &Act<'_>) -> Result<()> {
    let operator: String = c
        .prepare_cached("SELECT operator FROM run WHERE id = ?1")
        .and_then(|mut query| query.query_row([run], |row| row.get(0)))
        .map_err(failed)?;
    audit::add(c, &Actor::new(&operator, Some(run)), act)
}

fn begin_part(c: &Connection, run: &str, part: &NewPart, at: &str) -> Result<()> {
    execute(
        c,
        "INSERT INTO part (run, path, occurrence, kind, key, started_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (run, path, occurrence) DO UPDATE SET kind = excluded.kind, key = excluded.key,
            started_at = excluded.started_at, verdict = NULL, ms = NULL, value = NULL, error = NULL",
        (run, &part.path, part.occurrence, part.kind.as_str(), &part.key, at),
    )
    .map(|_| ())
}

fn end_part(c: &Connection, run: &str, part: &EndPart) -> Result<()> {
    let known = execute(
        c,
        "UPDATE part SET verdict = ?4, ms = ?5, value = ?6, error = ?7 WHERE run = ?1 AND path = ?2 AND occurrence = ?3",
        (
            run,
            &part.path,
            part.occurrence,
            part.verdict.as_str(),
            part.ms as i64,
            part.value.as_ref().map(Value::to_string),
            part.error.as_ref().map(Value::to_string),
        ),
    )?;
    one(known, "part")
}

/// Its path says that it is a check, so that a step or an item of the same name is another part.
fn add_check(c: &Connection, run: &str, check: &Check, at: &str) -> Result<()> {
    let slash = if check.part.is_empty() { "" } else { "/" };
    let path = format!("{}{slash}check {}", check.part, check.key);
    execute(
        c,
        "INSERT INTO part (run, path, occurrence, kind, key, verdict, started_at, ms, value, error)
         SELECT ?1, ?2, coalesce(max(occurrence) + 1, 0), 'check', ?3, ?4, ?5, ?6, ?7, ?8
         FROM part WHERE run = ?1 AND path = ?2",
        (
            run,
            &path,
            &check.key,
            check.verdict.as_str(),
            at,
            check.ms as i64,
            (!check.note.is_empty()).then(|| json!({"note": check.note}).to_string()),
            check.error.as_ref().map(Value::to_string),
        ),
    )
    .map(|_| ())
}

fn finish_run(c: &Connection, run: &str, end: &EndRun, at: &str) -> Result<()> {
    let known = execute(
        c,
        "UPDATE run SET ended_at = ?2, verdict = ?3, exit = ?4, counts = ?5, changed = ?6, unchanged = ?7 WHERE id = ?1",
        (
            run,
            at,
            end.verdict.as_str(),
            end.exit,
            end.counts.to_string(),
            Value::from(end.changed.clone()).to_string(),
            Value::from(end.unchanged.clone()).to_string(),
        ),
    )?;
    one(known, "run")?;
    let data = json!({"exit": end.exit, "counts": end.counts});
    note(c, run, &Act { what: "run-ended", verdict: Some(end.verdict), data, ..Act::default() })
}

fn execute(c: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<usize> {
    c.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(failed)
}

fn one(rows: usize, what: &str) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err(Error::new("store.unknown_run", format!("the ledger has no such {what}"))) }
}
