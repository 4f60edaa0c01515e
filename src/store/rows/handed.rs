//! What agents and the Workflow Engine were given for connections and is not settled: sent without an answer, or unproven.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{ConnectionId, CredentialId};
use crate::{error::Result, store::failed};

/// What was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An agent's copy of the connection.
    Copy,
    /// The engine's route of it.
    Route,
}

impl What {
    /// The store's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Route => "route",
        }
    }
}

/// Something that is not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// Whose.
    pub connection: ConnectionId,
    /// Its copy, or its route.
    pub what: What,
    /// It was to be taken away, not given.
    pub taken: bool,
    /// The version that a copy was given.
    pub credential: Option<CredentialId>,
    /// The agent's address; of a route, the agent that it was to lead to.
    pub to: String,
    /// The service has it, by its own answer.
    pub sure: bool,
    /// The run that did it.
    pub run: String,
    /// RFC 3339, UTC.
    pub at: String,
}

const COLUMNS: &str = "SELECT connection, what, taken, credential, to_service, sure, run, at FROM handed";

/// Notes one in place of the one before.
pub(crate) fn put(c: &Connection, handed: &Handed) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO handed (connection, what, taken, credential, to_service, sure, run, at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Handed { connection, what, taken, credential, to, sure, run, at } = handed;
    c.prepare_cached(sql)
        .and_then(|mut put| put.execute((connection, what.as_str(), taken, credential, to, sure, run, at)))
        .map(|_| ())
        .map_err(failed)
}

/// The one of a connection.
pub(crate) fn get(c: &Connection, connection: ConnectionId, what: What) -> Result<Option<Handed>> {
    c.prepare_cached(&format!("{COLUMNS} WHERE connection = ?1 AND what = ?2"))
        .and_then(|mut query| query.query_row((connection, what.as_str()), from_row).optional())
        .map_err(failed)
}

/// It is settled. One that has taken its place is not.
pub(crate) fn forget(c: &Connection, handed: &Handed) -> Result<()> {
    c.prepare_cached("DELETE FROM handed WHERE connection = ?1 AND what = ?2 AND run = ?3 AND at = ?4")
        .and_then(|mut delete| delete.execute((handed.connection, handed.what.as_str(), &handed.run, &handed.at)))
        .map(|_| ())
        .map_err(failed)
}

/// A version has become the current one: copies that surely have it are settled.
pub(crate) fn proven(c: &Connection, credential: CredentialId) -> Result<()> {
    c.prepare_cached("DELETE FROM handed WHERE credential = ?1 AND sure = 1")
        .and_then(|mut delete| delete.execute([credential]))
        .map(|_| ())
        .map_err(failed)
}

/// All, oldest first, but for those whose account a transaction is at: that is settled first, and its dependents with it.
pub(crate) fn all(c: &Connection) -> Result<Vec<Handed>> {
    let rest = "WHERE NOT EXISTS (SELECT 1 FROM rotation WHERE rotation.finished_at IS NULL AND rotation.candidate = handed.credential)
                  AND NOT (sure = 1 AND EXISTS (SELECT 1 FROM credential WHERE credential.id = handed.credential AND state = 'current'))
                ORDER BY at, connection, what";
    let mut query = c.prepare_cached(&format!("{COLUMNS} {rest}")).map_err(failed)?;
    query.query_map([], from_row).and_then(Iterator::collect).map_err(failed)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Handed> {
    let what: String = row.get(1)?;
    Ok(Handed {
        connection: row.get(0)?,
        what: if what == What::Copy.as_str() { What::Copy } else { What::Route },
        taken: row.get(2)?,
        credential: row.get(3)?,
        to: row.get(4)?,
        sure: row.get(5)?,
        run: row.get(6)?,
        at: row.get(7)?,
    })
}
