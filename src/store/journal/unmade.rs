//! Writes that were sent and surely not made.

use rusqlite::Connection;

use crate::{
    error::Result,
    store::{failed, query_one, rows::CredentialId},
};

/// Whether the transaction that was to set a credential has ended with that it surely was not set: the directory has refused
/// the write, or a recovery has found that it was not applied.
pub(crate) fn was_not_made(c: &Connection, candidate: CredentialId) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM rotation JOIN rotation_event ON rotation_event.rotation = rotation.id
        WHERE rotation.candidate = ?1 AND what IN ('change-refused', 'not-applied'))";
    query_one(c, sql, [candidate], |row| row.get(0)).map_err(failed)
}
