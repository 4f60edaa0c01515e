//! Facts about the store itself.

use rusqlite::{Connection, OptionalExtension};

use crate::{
    error::Result,
    store::{failed, query_one},
};

/// The public key of the identity that seals this store's credentials.
pub(crate) fn recipient(c: &Connection) -> Result<Option<String>> {
    query_one(c, "SELECT value FROM meta WHERE key = 'recipient'", [], |row| row.get(0)).optional().map_err(failed)
}

/// Records it.
pub(crate) fn set_recipient(c: &Connection, recipient: &str) -> Result<()> {
    c.execute(
        "INSERT INTO meta (key, value) VALUES ('recipient', ?1) ON CONFLICT DO UPDATE SET value = ?1",
        [recipient],
    )
    .map(|_| ())
    .map_err(failed)
}

/// Whether any credential or token is sealed.
pub(crate) fn has_sealed(c: &Connection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM credential WHERE sealed IS NOT NULL)
                   OR EXISTS (SELECT 1 FROM agent WHERE sealed IS NOT NULL)
                   OR EXISTS (SELECT 1 FROM route WHERE token IS NOT NULL)";
    query_one(c, sql, [], |row| row.get(0)).map_err(failed)
}
