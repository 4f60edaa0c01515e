//! Principals: the accounts that credentials belong to.

use rusqlite::{Connection, OptionalExtension};

use super::PrincipalId;
use crate::{
    error::Result,
    store::{failed, locks::Holder},
};

/// Makes a provisional principal: one that no directory has been asked about yet.
pub(crate) fn insert(c: &Connection, kind: &str, domain: &str, label: &str) -> Result<PrincipalId> {
    c.prepare_cached("INSERT INTO principal (kind, domain, label) VALUES (?1, ?2, ?3)")
        .and_then(|mut insert| insert.insert((kind, domain, label)))
        .map(PrincipalId)
        .map_err(failed)
}

/// The principal itself, or the one that it was merged into.
pub(crate) fn surviving(c: &Connection, principal: PrincipalId) -> Result<PrincipalId> {
    let mut at = principal;
    while let Some(next) = c
        .query_row("SELECT merged_into FROM principal WHERE uid = ?1", [at], |row| row.get::<_, Option<PrincipalId>>(0))
        .optional()
        .map_err(failed)?
        .flatten()
    {
        at = next;
    }
    Ok(at)
}

/// The principal that has this objectGUID (or cloud, tenant and app id).
pub(crate) fn by_guid(c: &Connection, guid: &str) -> Result<Option<PrincipalId>> {
    c.query_row("SELECT uid FROM principal WHERE directory_guid = ?1", [guid], |row| row.get(0))
        .optional()
        .map_err(failed)
}

/// What the directory calls the principal; `None` while it is provisional.
pub(crate) fn guid(c: &Connection, principal: PrincipalId) -> Result<Option<String>> {
    c.query_row("SELECT directory_guid FROM principal WHERE uid = ?1", [principal], |row| row.get(0)).map_err(failed)
}

/// Who took the principal's lock last and has not given it back.
pub(crate) fn holder(c: &Connection, principal: PrincipalId) -> Result<Option<Holder>> {
    c.query_row("SELECT lock_holder, lock_since FROM principal WHERE uid = ?1", [principal], |row| {
        let (who, since): (Option<String>, Option<String>) = (row.get(0)?, row.get(1)?);
        Ok(who.zip(since).map(|(who, since)| Holder { who, since }))
    })
    .map_err(failed)
}
