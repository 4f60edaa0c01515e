//! The schema and its migrations: each is applied once, in order, inside one transaction.
//!
//! A migration that was shipped is never edited; the next one adds to it.

use rusqlite::{Connection, TransactionBehavior};

use super::{failure::failed, now};
use crate::error::{Error, Result};

/// "Lbrt": tells a store from any other SQLite file.
const APPLICATION: i32 = 0x4c62_7274;

const MIGRATIONS: [&str; 8] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
];

/// Applies what is missing; refuses a file of a newer program or of another one.
pub(super) fn bring_up_to_date(connection: &mut Connection) -> Result<()> {
    if version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Read again: another process may have been faster.
    let done = version(&transaction)?;
    for (number, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        transaction.execute_batch(sql).map_err(failed)?;
        transaction.pragma_update(None, "user_version", number as i64 + 1).map_err(failed)?;
    }
    if done == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
        transaction.execute("INSERT INTO meta VALUES ('created_at', ?1)", [now()]).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

fn version(connection: &Connection) -> Result<usize> {
    let (version, application, tables): (i64, i32, i64) = connection
        .query_row(
            "SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id),
                    (SELECT count(*) FROM sqlite_schema)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .map_err(failed)?;
    if application != APPLICATION && (application != 0 || tables > 0) {
        return Err(Error::new("store.foreign", "store.db is the database of another program")
            .hint("choose another home folder with --home DIR, or move that file away"));
    }
    let known = MIGRATIONS.len();
    match usize::try_from(version) {
        Ok(version) if version <= known => Ok(version),
        _ => Err(Error::new(
            "store.newer",
            format!("the store has schema version {version}, this program knows up to {known}"),
        )
        .hint("use the newer Libretto that wrote it; nothing was changed")),
    }
}
