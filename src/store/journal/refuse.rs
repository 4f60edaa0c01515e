//! What is refused while a transaction has not ended.

use rusqlite::Connection;

use super::{Rotation, select, unfinished_in};
use crate::{
    error::{Error, Result},
    store::rows::{ConnectionId, PrincipalId},
};

/// Refuses while a transaction of the principal has not ended: for everything that would change its credentials.
///
/// # Errors
/// `rotation.unfinished`, verdict in-doubt.
pub(crate) fn refuse_unfinished(c: &Connection, principal: PrincipalId) -> Result<()> {
    refuse(unfinished_in(c, principal)?)
}

/// Refuses while a transaction that has not ended concerns the connection; it may be to give it another account.
///
/// # Errors
/// `rotation.unfinished`, verdict in-doubt.
pub(crate) fn refuse_unfinished_for(c: &Connection, connection: ConnectionId) -> Result<()> {
    refuse(select(c, UNFINISHED_FOR, &[&connection])?.pop())
}

/// The `+` keeps SQLite from going by candidates, of which there are many, instead of what is unfinished, which is little.
const UNFINISHED_FOR: &str =
    "WHERE finished_at IS NULL AND +candidate IN (SELECT id FROM credential WHERE connection = ?1)";

fn refuse(unfinished: Option<Rotation>) -> Result<()> {
    match unfinished {
        None => Ok(()),
        Some(rotation) => Err(Error::in_doubt(
            "rotation.unfinished",
            format!(
                "a change of this account's credential, begun {} for {}, has not ended",
                rotation.started_at, rotation.connection
            ),
        )
        .hint(format!("every secret is kept; `{}` finds out which one is valid", recovery(&rotation.connection)))
        .with("connection", rotation.connection)
        .with("rotation", rotation.id)),
    }
}

/// The command that settles what was begun for this connection.
#[must_use]
pub fn recovery(connection: &str) -> String {
    format!("libretto recover --connection {connection}")
}

#[cfg(test)]
mod tests {
    use super::UNFINISHED_FOR;
    use crate::store::Store;

    #[test]
    fn what_is_unfinished_is_found_by_its_own_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let sql = format!("EXPLAIN QUERY PLAN SELECT id FROM rotation {UNFINISHED_FOR}");
        let plan = store.read(|c| {
            let mut query = c.prepare(&sql).unwrap();
            let lines = query.query_map([1], |row| row.get::<_, String>("detail")).unwrap();
            Ok(lines.map(Result::unwrap).collect::<Vec<_>>().join("\n"))
        });
        let plan = plan.unwrap();
        assert!(plan.starts_with("SCAN rotation USING INDEX rotation_one_unfinished"), "{plan}");
    }
}
