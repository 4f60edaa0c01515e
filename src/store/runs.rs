//! Reading the ledger: runs, their parts and their writes.

mod record;

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;

pub use record::{PartKind, PartRecord, RunRecord, RunSummary, WriteRecord, WriteState};

use super::{Store, failed, query_one};
use crate::{
    error::{Error, Result},
    verdict::Verdict,
};

const SUMMARY: &str =
    "SELECT id, script, lab, params, operator, pid, version, started_at, ended_at, verdict, exit, counts,
    changed, unchanged FROM run";

impl Store {
    /// The latest `limit` runs, newest first.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunSummary>> {
        self.read(|c| {
            let sql = format!("{SUMMARY} ORDER BY started_at DESC, id LIMIT ?1");
            let mut query = c.prepare_cached(&sql).map_err(failed)?;
            let rows = query.query_map([limit as i64], summary).map_err(failed)?;
            rows.collect::<Result<_, _>>().map_err(failed)
        })
    }

    /// A run by its id or the beginning of it.
    ///
    /// # Errors
    /// `run.ambiguous` when several ids begin so.
    pub fn run(&self, id: &str) -> Result<Option<RunRecord>> {
        self.read(|c| {
            let Some(id) = resolve(c, id)? else { return Ok(None) };
            let sql = format!("{SUMMARY} WHERE id = ?1");
            let summary = query_one(c, &sql, [&id], summary).map_err(failed)?;
            let (parts, writes, sources) = (parts(c, &id)?, writes(c, &id)?, sources(c, &id)?);
            Ok(Some(RunRecord { summary, parts, writes, sources }))
        })
    }

    /// The text of a script or module that a run used.
    pub fn source(&self, hash: &str) -> Result<Option<String>> {
        self.read(|c| {
            query_one(c, "SELECT text FROM source WHERE hash = ?1", [hash], |row| row.get(0)).optional().map_err(failed)
        })
    }
}

/// The full id of the run that `id` begins; `None` when there is none.
pub(crate) fn resolve(c: &Connection, id: &str) -> Result<Option<String>> {
    // `;` follows the digits and `g` the letters of a hexadecimal id; U+10FFFF follows everything.
    let mut query = c
        .prepare_cached("SELECT id FROM run WHERE id >= ?1 AND id < ?1 || char(0x10ffff) ORDER BY id LIMIT 2")
        .map_err(failed)?;
    let found: Vec<String> = query.query_map([id], |row| row.get(0)).and_then(Iterator::collect).map_err(failed)?;
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        [first, ..] if first == id => Ok(Some(first.clone())),
        _ => Err(Error::new("run.ambiguous", format!("several runs' ids begin with {id}")).hint("give more of the id")),
    }
}

fn summary(row: &Row<'_>) -> rusqlite::Result<RunSummary> {
    Ok(RunSummary {
        run: row.get(0)?,
        script: row.get(1)?,
        lab: row.get(2)?,
        params: json(row.get(3)?),
        operator: row.get(4)?,
        pid: row.get(5)?,
        version: row.get(6)?,
        started_at: row.get(7)?,
        ended_at: row.get(8)?,
        verdict: verdict(row.get_ref(9)?.as_str_or_null()?),
        exit: row.get(10)?,
        counts: row.get::<_, Option<String>>(11)?.map(json).unwrap_or_default(),
        changed: row.get::<_, Option<String>>(12)?.map(json).unwrap_or_default(),
        unchanged: row.get::<_, Option<String>>(13)?.map(json).unwrap_or_default(),
    })
}

fn parts(c: &Connection, run: &str) -> Result<Vec<PartRecord>> {
    let mut query = c
        .prepare_cached(
            "SELECT path, occurrence, kind, key, verdict, started_at, ms, value, error FROM part WHERE run = ?1 ORDER BY id",
        )
        .map_err(failed)?;
    let rows = query
        .query_map([run], |row| {
            Ok(PartRecord {
                path: row.get(0)?,
                occurrence: row.get(1)?,
                kind: PartKind::parse(&row.get::<_, String>(2)?),
                key: row.get(3)?,
                verdict: verdict(row.get_ref(4)?.as_str_or_null()?),
                started_at: row.get(5)?,
                ms: row.get::<_, Option<i64>>(6)?.map(|ms| ms as u64),
                value: row.get::<_, Option<String>>(7)?.map(json),
                error: row.get::<_, Option<String>>(8)?.map(json),
            })
        })
        .map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

pub(super) fn writes(c: &Connection, run: &str) -> Result<Vec<WriteRecord>> {
    let mut query = c
        .prepare_cached(
            "SELECT number, path, kind, target, did, did_not, state, sent_at, settled_at FROM write WHERE run = ?1
             ORDER BY number",
        )
        .map_err(failed)?;
    let rows = query
        .query_map([run], |row| {
            Ok(WriteRecord {
                number: row.get(0)?,
                path: row.get(1)?,
                kind: row.get(2)?,
                target: row.get(3)?,
                did: row.get(4)?,
                did_not: row.get(5)?,
                state: WriteState::parse(&row.get::<_, String>(6)?),
                sent_at: row.get(7)?,
                settled_at: row.get(8)?,
            })
        })
        .map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

fn sources(c: &Connection, run: &str) -> Result<Vec<(String, String)>> {
    let mut query =
        c.prepare_cached("SELECT name, hash FROM run_source WHERE run = ?1 ORDER BY name").map_err(failed)?;
    let rows = query.query_map([run], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

fn verdict(word: Option<&str>) -> Option<Verdict> {
    word.and_then(Verdict::parse)
}

/// Text that is no JSON (a value that was cut) stays readable as text.
fn json(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
