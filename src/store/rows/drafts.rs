//! Connections that are there only while a run goes on.

use rusqlite::{Connection, OptionalExtension};

use super::ConnectionId;
use crate::{
    error::Result,
    store::{failed, query_one},
};

/// One more.
pub(crate) fn insert(c: &Connection, connection: ConnectionId, run: &str) -> Result<()> {
    c.execute("INSERT INTO draft (connection, run) VALUES (?1, ?2)", (connection, run)).map(|_| ()).map_err(failed)
}

/// It is none any more.
pub(crate) fn forget(c: &Connection, connection: ConnectionId) -> Result<()> {
    c.execute("DELETE FROM draft WHERE connection = ?1", [connection]).map(|_| ()).map_err(failed)
}

/// The run that made it, where it is one.
pub(crate) fn run_of(c: &Connection, connection: ConnectionId) -> Result<Option<String>> {
    query_one(c, "SELECT run FROM draft WHERE connection = ?1", [connection], |row| row.get(0))
        .optional()
        .map_err(failed)
}

/// All: number, name, run.
pub(crate) fn all(c: &Connection) -> Result<Vec<(ConnectionId, String, String)>> {
    let sql = "SELECT connection.id, connection.name, draft.run FROM draft JOIN connection ON connection.id = draft.connection";
    let mut query = c.prepare_cached(sql).map_err(failed)?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).and_then(Iterator::collect).map_err(failed)
}
