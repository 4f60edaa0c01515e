//! A Workflow Engine's routes: which Remote Agent a connection's actions go to.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::connections::trust;
use crate::{
    error::Result,
    store::{failed, now, query_one},
};

/// A route as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The connection's name.
    pub(crate) connection: String,
    /// Its mail domain.
    pub(crate) domain: String,
    /// The agent's name or address, an IPv6 one without brackets.
    pub(crate) host: String,
    /// The agent's port.
    pub(crate) port: u16,
    /// What is trusted as the agent's certificate instead of the system's roots, PEM.
    pub(crate) ca_pem: Option<Arc<str>>,
    /// The agent's token, sealed.
    pub(crate) token: Option<Vec<u8>>,
    /// Who wrote it, as its writer says.
    pub(crate) written_by: String,
    /// RFC 3339, UTC.
    pub(crate) written_at: String,
}

const ALL: &str = "SELECT connection, domain, host, port, pem, token, written_by, written_at
                   FROM route LEFT JOIN trusted ON trusted = hash";

/// Writes a route in place of the one that there is, and says when.
pub(crate) fn put(c: &Connection, route: &Route) -> Result<String> {
    let (trusted, at) = (trust(c, route.ca_pem.as_deref())?, now());
    c.prepare_cached(
        "INSERT OR REPLACE INTO route (connection, domain, host, port, trusted, token, written_by, written_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .and_then(|mut insert| {
        insert.execute((
            &route.connection,
            &route.domain,
            &route.host,
            route.port,
            trusted,
            &route.token,
            &route.written_by,
            &at,
        ))
    })
    .map_err(failed)?;
    Ok(at)
}

/// A connection's route; `None` when there is none.
pub(crate) fn get(c: &Connection, connection: &str) -> Result<Option<Route>> {
    c.prepare_cached(&format!("{ALL} WHERE connection = ?1"))
        .and_then(|mut query| query.query_row([connection], read).optional())
        .map_err(failed)
}

/// All routes, by connection.
pub(crate) fn all(c: &Connection) -> Result<Vec<Route>> {
    let mut query = c.prepare_cached(&format!("{ALL} ORDER BY connection")).map_err(failed)?;
    let rows = query.query_map([], read).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Names of the connections that have one.
pub(crate) fn names(c: &Connection) -> Result<Vec<String>> {
    let mut query = c.prepare_cached("SELECT connection FROM route").map_err(failed)?;
    let rows = query.query_map([], |row| row.get(0)).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// How many there are.
pub(crate) fn count(c: &Connection) -> Result<u64> {
    query_one(c, "SELECT count(*) FROM route", [], |row| row.get::<_, i64>(0)).map(|count| count as u64).map_err(failed)
}

/// Deletes a connection's route.
pub(crate) fn delete(c: &Connection, connection: &str) -> Result<()> {
    c.execute("DELETE FROM route WHERE connection = ?1", [connection]).map(|_| ()).map_err(failed)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Route> {
    Ok(Route {
        connection: row.get(0)?,
        domain: row.get(1)?,
        host: row.get(2)?,
        port: row.get(3)?,
        ca_pem: row.get::<_, Option<String>>(4)?.map(Into::into),
        token: row.get(5)?,
        written_by: row.get(6)?,
        written_at: row.get(7)?,
    })
}
