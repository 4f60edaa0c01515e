//! The journal of credential transactions. Every entry is on the disk when the call that makes it returns.
//!
//! Stages and events are words that the rotation room defines; the data holds no secret: a candidate is named by the id
//! of its sealed row.

mod gone;
mod lagging;
mod refuse;
mod unmade;
mod unsettled;

use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use serde::Serialize;
use serde_json::{Value, json};

pub use gone::{GONE, TargetStanding, take_back, target_standing};
pub use lagging::{Lagging, lagging, that_brought};
pub use refuse::recovery;
pub(crate) use refuse::{refuse_unfinished, refuse_unfinished_for};
pub(crate) use unmade::was_not_made;
pub use unsettled::{count_unfinished, is_alive, of_run, settle, unsettled};

use super::{
    Store,
    audit::{self, Act},
    failed, moment, query_one,
    rows::{CredentialId, PrincipalId, credentials, principals},
};
use crate::{
    error::{Error, Result},
    verdict::Verdict,
};

/// A transaction that begins.
#[derive(Debug, Clone)]
pub struct NewRotation {
    /// Whose credential changes.
    pub principal: PrincipalId,
    /// The name of the connection that it was asked for.
    pub connection: String,
    /// The run that does it.
    pub run: Option<String>,
    /// The first stage's name.
    pub stage: String,
    /// The target that the change goes to.
    pub pinned_target: Option<String>,
    /// The recorded new credential.
    pub candidate: Option<CredentialId>,
    /// What preflight saw, e.g. `pwdLastSet` per target.
    pub before: Value,
    /// What the run asked for, e.g. `revoke`.
    pub options: Value,
}

/// A transaction as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)] // as in NewRotation
pub struct Rotation {
    pub id: String,
    pub principal: PrincipalId,
    pub connection: String,
    pub run: Option<String>,
    pub stage: String,
    pub pinned_target: Option<String>,
    pub candidate: Option<CredentialId>,
    pub before: Value,
    pub options: Value,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; `None` while it is unfinished.
    pub finished_at: Option<String>,
    /// How it ended.
    pub verdict: Option<Verdict>,
}

/// What happened in a transaction, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RotationEvent {
    /// From 1, without gaps.
    pub number: u32,
    /// RFC 3339, UTC.
    pub at: String,
    /// The event's word, e.g. `change-sent`.
    pub what: String,
    /// The server that it concerns.
    pub target: Option<String>,
    /// Facts by name.
    pub data: Value,
}

/// What a transaction learns on its way; `None` leaves a value as it is.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)] // as in NewRotation
pub struct Progress {
    pub stage: Option<String>,
    pub pinned_target: Option<String>,
    pub candidate: Option<CredentialId>,
    pub before: Option<Value>,
}

/// Begins a transaction; answers its id.
///
/// # Errors
/// `rotation.unfinished` when an earlier one of the principal is.
pub fn begin(store: &Store, new: &NewRotation) -> Result<String> {
    let id = uuid::Uuid::new_v4().to_string();
    store.write(|t| {
        let principal = principals::surviving(t, new.principal)?;
        refuse_unfinished(t, principal)?;
        t.execute(
            "INSERT INTO rotation (id, principal, connection, run, stage, pinned_target, candidate, before, options,
                started_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                &id,
                principal,
                &new.connection,
                &new.run,
                &new.stage,
                &new.pinned_target,
                new.candidate,
                new.before.to_string(),
                new.options.to_string(),
                moment::now(),
            ),
        )
        .map_err(failed)?;
        let version = new.candidate.map(|id| credentials::by_id(t, id)).transpose()?.map(|one| one.version);
        let data = json!({"rotation": id, "version": version, "target": new.pinned_target, "options": new.options});
        let (connection, run) = (Some(new.connection.as_str()), new.run.as_deref());
        let act = Act { what: "rotation-begun", principal: Some(principal), connection, verdict: None, data };
        audit::add(t, &store.actor().within(run), &act)
    })?;
    tracing::info!("{}: journal: begun, transaction {id}", new.connection);
    Ok(id)
}

/// Adds an event; answers its number.
pub fn event(store: &Store, rotation: &str, what: &str, target: Option<&str>, data: &Value) -> Result<u32> {
    step(store, rotation, &Progress::default(), what, target, data)
}

/// Adds an event and moves the transaction on, both or neither.
pub fn step(
    store: &Store,
    rotation: &str,
    progress: &Progress,
    what: &str,
    target: Option<&str>,
    data: &Value,
) -> Result<u32> {
    store.write(|t| {
        let known = t
            .execute(
                "UPDATE rotation SET stage = coalesce(?2, stage), pinned_target = coalesce(?3, pinned_target),
                    candidate = coalesce(?4, candidate), before = coalesce(?5, before) WHERE id = ?1",
                (
                    rotation,
                    &progress.stage,
                    &progress.pinned_target,
                    progress.candidate,
                    progress.before.as_ref().map(Value::to_string),
                ),
            )
            .map_err(failed)?;
        if known == 0 {
            return Err(unknown(rotation));
        }
        note(t, store, rotation, what, target, data)?;
        insert_event(t, rotation, what, target, data)
    })
}

/// Tells the audit trail of an event. One that ends the transaction carries its verdict.
fn note(t: &Connection, store: &Store, rotation: &str, what: &str, target: Option<&str>, facts: &Value) -> Result<()> {
    let Some(of) = select(t, "WHERE id = ?1", &[&rotation])?.pop() else { return Err(unknown(rotation)) };
    let data = json!({"rotation": rotation, "target": target, "facts": facts});
    let (connection, run) = (Some(of.connection.as_str()), of.run.as_deref());
    let act = Act { what, principal: Some(of.principal), connection, verdict: of.verdict, data };
    audit::add(t, &store.actor().within(run), &act)
}

/// Ends a transaction with an event that says how.
pub fn finish(store: &Store, rotation: &str, verdict: Verdict, what: &str, data: &Value) -> Result<()> {
    store.write(|t| {
        let known = t
            .execute(
                "UPDATE rotation SET finished_at = ?2, verdict = ?3 WHERE id = ?1",
                (rotation, moment::now(), verdict.as_str()),
            )
            .map_err(failed)?;
        if known == 0 {
            return Err(unknown(rotation));
        }
        note(t, store, rotation, what, None, data)?;
        insert_event(t, rotation, what, None, data).map(|_| ())
    })
}

/// One transaction.
pub fn get(store: &Store, rotation: &str) -> Result<Option<Rotation>> {
    store.read(|c| Ok(select(c, "WHERE id = ?1", &[&rotation])?.pop()))
}

/// All transactions that have not ended, oldest first.
pub fn unfinished(store: &Store) -> Result<Vec<Rotation>> {
    store.read(|c| select(c, "WHERE finished_at IS NULL ORDER BY started_at", &[]))
}

/// The transaction of `principal` that has not ended.
pub fn unfinished_of(store: &Store, principal: PrincipalId) -> Result<Option<Rotation>> {
    store.read(|c| unfinished_in(c, principals::surviving(c, principal)?))
}

/// All transactions of a principal, newest first.
pub fn history(store: &Store, principal: PrincipalId) -> Result<Vec<Rotation>> {
    store.read(|c| {
        let principal = principals::surviving(c, principal)?;
        select(c, "WHERE principal = ?1 ORDER BY started_at DESC", &[&principal])
    })
}

/// A transaction's events in order.
pub fn events(store: &Store, rotation: &str) -> Result<Vec<RotationEvent>> {
    store.read(|c| {
        let mut query = c
            .prepare_cached(
                "SELECT number, at, what, target, data FROM rotation_event WHERE rotation = ?1 ORDER BY number",
            )
            .map_err(failed)?;
        let rows = query
            .query_map([rotation], |row| {
                Ok(RotationEvent {
                    number: row.get(0)?,
                    at: row.get(1)?,
                    what: row.get(2)?,
                    target: row.get(3)?,
                    data: json(row, 4)?,
                })
            })
            .map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    })
}

fn unfinished_in(c: &Connection, principal: PrincipalId) -> Result<Option<Rotation>> {
    Ok(select(c, "WHERE finished_at IS NULL AND principal = ?1", &[&principal])?.pop())
}

fn insert_event(c: &Connection, rotation: &str, what: &str, target: Option<&str>, data: &Value) -> Result<u32> {
    tracing::info!("journal: {what} {}, transaction {rotation}", target.unwrap_or_default());
    query_one(c, "INSERT INTO rotation_event (rotation, number, at, what, target, data)
         SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5 FROM rotation_event WHERE rotation = ?1 RETURNING number",
        (rotation, moment::now(), what, target, data.to_string()),
        |row| row.get(0),
    )
    .optional()
    .map_err(failed)?
    .ok_or_else(|| unknown(rotation))
}

fn select(c: &Connection, rest: &str, values: &[&dyn ToSql]) -> Result<Vec<Rotation>> {
    let sql = format!(
        "SELECT id, principal, connection, run, stage, pinned_target, candidate, before, options, started_at, finished_at,
            verdict FROM rotation {rest}"
    );
    let mut query = c.prepare_cached(&sql).map_err(failed)?;
    let rows = query.query_map(values, from_row).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Rotation> {
    Ok(Rotation {
        id: row.get(0)?,
        principal: row.get(1)?,
        connection: row.get(2)?,
        run: row.get(3)?,
        stage: row.get(4)?,
        pinned_target: row.get(5)?,
        candidate: row.get(6)?,
        before: json(row, 7)?,
        options: json(row, 8)?,
        started_at: row.get(9)?,
        finished_at: row.get(10)?,
        verdict: row.get::<_, Option<String>>(11)?.as_deref().and_then(Verdict::parse),
    })
}

fn json(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e)))
}

fn unknown(rotation: &str) -> Error {
    Error::new("store.unknown_rotation", format!("the journal has no transaction {rotation}"))
        .hint("the store has no such transaction")
}
