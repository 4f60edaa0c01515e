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
    // The `+` keeps SQLite from going by candidates, of which there are many, instead of what is unfinished, which is little.
    let rest = "WHERE finished_at IS NULL AND +candidate IN (SELECT id FROM credential WHERE connection = ?1)";
    refuse(select(c, rest, &[&connection])?.pop())
}

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
