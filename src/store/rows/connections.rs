//! Connection rows, with their tags and the certificates that they trust.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{ConnectionId, PrincipalId};
use crate::{
    error::Result,
    store::{failed, now, query_one},
};

/// A row as SQLite holds it, borrowed: most of ten thousand are looked at and passed over.
#[derive(Clone, Copy)]
pub(crate) struct RowRef<'a> {
    pub(crate) id: ConnectionId,
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) customer: Option<&'a str>,
    /// Separated by spaces.
    pub(crate) tags: &'a str,
    row: &'a Row<'a>,
}

/// The rest of a row that is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Details<'a> {
    pub(crate) domain: &'a str,
    pub(crate) principal: PrincipalId,
    pub(crate) username: &'a str,
    pub(crate) settings: &'a str,
    pub(crate) trusted: Option<&'a str>,
    pub(crate) created_at: &'a str,
    pub(crate) changed_at: &'a str,
}

impl RowRef<'_> {
    /// Its domain and its user name.
    pub(crate) fn whom(&self) -> Result<(&str, &str)> {
        let read = || -> rusqlite::Result<_> { Ok((self.row.get_ref(5)?.as_str()?, self.row.get_ref(6)?.as_str()?)) };
        read().map_err(failed)
    }

    /// The columns that nothing is selected by.
    pub(crate) fn details(&self) -> Result<Details<'_>> {
        let row = self.row;
        let read = || -> rusqlite::Result<Details<'_>> {
            Ok(Details {
                domain: row.get_ref(5)?.as_str()?,
                username: row.get_ref(6)?.as_str()?,
                principal: row.get(7)?,
                settings: row.get_ref(8)?.as_str()?,
                trusted: row.get_ref(9)?.as_str_or_null()?,
                created_at: row.get_ref(10)?.as_str()?,
                changed_at: row.get_ref(11)?.as_str()?,
            })
        };
        read().map_err(failed)
    }
}

/// What a row is written from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) principal: PrincipalId,
    pub(crate) username: &'a str,
    pub(crate) customer: Option<&'a str>,
    pub(crate) settings: &'a str,
    pub(crate) trusted_pem: Option<&'a str>,
    pub(crate) tags: &'a [String],
}

const COLUMNS: &str =
    "SELECT id, name, kind, customer, tags, domain, username, principal, settings, trusted, created_at,
    changed_at FROM connection";
/// Those that a list shows: the first of `COLUMNS`.
const SUMMARY_COLUMNS: &str = "SELECT id, name, kind, customer, tags, domain, username FROM connection";

/// How much of each row is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// All that [`RowRef::details`] gives.
    Whole,
    /// No more than [`RowRef::whom`] gives.
    Summary,
}

/// Inserts a connection.
pub(crate) fn insert(c: &Connection, values: &Values<'_>) -> Result<ConnectionId> {
    let trusted = trust(c, values.trusted_pem)?;
    c.prepare_cached(
            "INSERT INTO connection (name, kind, domain, principal, username, customer, tags, settings, trusted, created_at,
                changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)",
        )
        .and_then(|mut insert| {
            insert.insert((
                values.name,
                values.kind,
                values.domain,
                values.principal,
                values.username,
                values.customer,
                values.tags.join(" "),
                values.settings,
                trusted,
                now(),
            ))
        })
        .map(ConnectionId)
        .map_err(failed)
}

/// Overwrites a connection, tags included.
pub(crate) fn update(c: &Connection, id: ConnectionId, values: &Values<'_>) -> Result<()> {
    let trusted = trust(c, values.trusted_pem)?;
    c.prepare_cached(
        "UPDATE connection SET name = ?2, kind = ?3, domain = ?4, principal = ?5, username = ?6, customer = ?7,
            tags = ?8, settings = ?9, trusted = ?10, changed_at = ?11 WHERE id = ?1",
    )
    .and_then(|mut update| {
        update.execute((
            id,
            values.name,
            values.kind,
            values.domain,
            values.principal,
            values.username,
            values.customer,
            values.tags.join(" "),
            values.settings,
            trusted,
            now(),
        ))
    })
    .map(|_| ())
    .map_err(failed)
}

/// The name of a connection now.
pub(crate) fn name(c: &Connection, id: ConnectionId) -> Result<Option<String>> {
    query_one(c, "SELECT name FROM connection WHERE id = ?1", [id], |row| row.get(0)).optional().map_err(failed)
}

/// When a connection was changed last.
pub(crate) fn changed_at(c: &Connection, id: ConnectionId) -> Result<Option<String>> {
    query_one(c, "SELECT changed_at FROM connection WHERE id = ?1", [id], |row| row.get(0)).optional().map_err(failed)
}

/// Deletes a connection; its principal and credentials stay.
pub(crate) fn delete(c: &Connection, id: ConnectionId) -> Result<()> {
    c.execute("DELETE FROM connection WHERE id = ?1", [id]).map(|_| ()).map_err(failed)
}

/// Shows every row, in no order, to `look`.
pub(crate) fn each(c: &Connection, read: Read, mut look: impl FnMut(RowRef<'_>) -> Result<()>) -> Result<()> {
    let columns = if read == Read::Whole { COLUMNS } else { SUMMARY_COLUMNS };
    let mut query = c.prepare_cached(columns).map_err(failed)?;
    let mut rows = query.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        look(borrow(row).map_err(failed)?)?;
    }
    Ok(())
}

/// Shows the row of that name to `look`, where there is one.
pub(crate) fn named<T>(c: &Connection, name: &str, look: impl FnOnce(RowRef<'_>) -> Result<T>) -> Result<Option<T>> {
    let mut query = c.prepare_cached(&format!("{COLUMNS} WHERE name = ?1")).map_err(failed)?;
    let mut rows = query.query([name]).map_err(failed)?;
    let Some(row) = rows.next().map_err(failed)? else { return Ok(None) };
    look(borrow(row).map_err(failed)?).map(Some)
}

/// The principal of a connection; `None` when it is gone.
pub(crate) fn principal(c: &Connection, id: ConnectionId) -> Result<Option<PrincipalId>> {
    query_one(c, "SELECT principal FROM connection WHERE id = ?1", [id], |row| row.get(0)).optional().map_err(failed)
}

/// Names of a principal's connections.
pub(crate) fn of_principal(c: &Connection, principal: PrincipalId) -> Result<Vec<String>> {
    let mut query =
        c.prepare_cached("SELECT name FROM connection WHERE principal = ?1 ORDER BY name").map_err(failed)?;
    let rows = query.query_map([principal], |row| row.get(0)).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Names of the other connections that name this one: as `via`, as `ad`, as `app_home`.
pub(crate) fn that_name(c: &Connection, name: &str) -> Result<Vec<String>> {
    let mut query = c
        .prepare_cached(
            "SELECT name FROM connection WHERE lower(settings ->> '$.via') = lower(?1) OR lower(settings ->> '$.ad') = lower(?1)
                OR (lower(settings ->> '$.app_home') = lower(?1) AND name <> ?1)
             ORDER BY name",
        )
        .map_err(failed)?;
    let rows = query.query_map([name], |row| row.get(0)).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Names of the connections that declare dependents, each with what it declares.
pub(crate) fn with_dependents(c: &Connection) -> Result<Vec<(String, Value)>> {
    let mut query = c
        .prepare_cached(
            "SELECT name, settings -> '$.dependents' FROM connection WHERE json_array_length(settings, '$.dependents') > 0
             ORDER BY name",
        )
        .map_err(failed)?;
    let rows = query
        .query_map([], |row| Ok((row.get(0)?, serde_json::from_str(row.get_ref(1)?.as_str()?).unwrap_or_default())))
        .map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Another connection of a mail domain than the one of that name: its name and its customer.
pub(crate) fn of_mail_domain(c: &Connection, domain: &str, but: &str) -> Result<Option<(String, Option<String>)>> {
    c.prepare_cached(
        "SELECT name, customer FROM connection WHERE domain = ?1 AND kind = 'msonline' AND name <> ?2 ORDER BY id LIMIT 1",
    )
    .and_then(|mut query| query.query_row((domain, but), |row| Ok((row.get(0)?, row.get(1)?))).optional())
    .map_err(failed)
}

/// Lets the connections that name this one follow its new name.
pub(crate) fn rename_links(c: &Connection, before: &str, after: &str) -> Result<()> {
    for key in ["$.via", "$.ad", "$.app_home"] {
        let sql =
            "UPDATE connection SET settings = json_set(settings, ?3, ?2) WHERE lower(settings ->> ?3) = lower(?1)";
        c.execute(sql, (before, after, key)).map_err(failed)?;
    }
    Ok(())
}

/// Lets a connection use another principal under the name that it goes by.
pub(crate) fn set_principal(c: &Connection, id: ConnectionId, principal: PrincipalId, username: &str) -> Result<()> {
    c.execute(
        "UPDATE connection SET principal = ?2, username = ?3, changed_at = ?4 WHERE id = ?1
            AND (principal <> ?2 OR username <> ?3)",
        (id, principal, username, now()),
    )
    .map(|_| ())
    .map_err(failed)
}

/// Renames the account in the connections of a principal that spell it `before`.
pub(crate) fn rename_account(c: &Connection, principal: PrincipalId, before: &str, after: &str) -> Result<()> {
    c.execute(
        "UPDATE connection SET username = ?3, changed_at = ?4
         WHERE principal = ?1 AND username = ?2 COLLATE NOCASE AND username <> ?3",
        (principal, before, after, now()),
    )
    .map(|_| ())
    .map_err(failed)
}

/// All trusted certificates by hash.
pub(crate) fn all_trusted(c: &Connection) -> Result<HashMap<String, Arc<str>>> {
    let mut query = c.prepare_cached("SELECT hash, pem FROM trusted").map_err(failed)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?.into()))).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// One trusted certificate.
pub(crate) fn trusted(c: &Connection, hash: &str) -> Result<Arc<str>> {
    query_one(c, "SELECT pem FROM trusted WHERE hash = ?1", [hash], |row| row.get::<_, String>(0))
        .map(Into::into)
        .map_err(failed)
}

/// Names and customers of all connections, by name.
pub(crate) fn names(c: &Connection) -> Result<Vec<(String, Option<String>)>> {
    let mut query = c.prepare_cached("SELECT name, customer FROM connection ORDER BY name").map_err(failed)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Keys of the items that failed, or are in doubt, in a run: connections' names, where it went over connections.
pub(crate) fn failed_keys(c: &Connection, run: &str) -> Result<Vec<String>> {
    let mut query = c
        .prepare_cached(
            "SELECT DISTINCT key FROM part WHERE run = ?1 AND kind = 'item' AND key IS NOT NULL
             AND verdict IN ('failed', 'partial', 'in-doubt')",
        )
        .map_err(failed)?;
    let rows = query.query_map([run], |row| row.get(0)).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Keeps a certificate to trust, once; its hash.
pub(super) fn trust(c: &Connection, pem: Option<&str>) -> Result<Option<String>> {
    let Some(pem) = pem else { return Ok(None) };
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(pem));
    c.prepare_cached("INSERT INTO trusted (hash, pem) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .and_then(|mut insert| insert.execute((&hash, pem)))
        .map_err(failed)?;
    Ok(Some(hash))
}

fn borrow<'a>(row: &'a Row<'a>) -> rusqlite::Result<RowRef<'a>> {
    Ok(RowRef {
        id: row.get(0)?,
        name: row.get_ref(1)?.as_str()?,
        kind: row.get_ref(2)?.as_str()?,
        customer: row.get_ref(3)?.as_str_or_null()?,
        tags: row.get_ref(4)?.as_str()?,
        row,
    })
}
