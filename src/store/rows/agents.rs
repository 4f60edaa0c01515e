//! What is kept of a connection's Remote Agent: its token, and what its copy of the connection was given.

use rusqlite::{Connection, OptionalExtension};

use super::{
    ConnectionId, CredentialId,
    credentials::{Kept, columns},
};
use crate::{
    error::Result,
    store::{failed, now},
};

/// A token as it is stored.
#[derive(Debug, Clone)]
pub(crate) enum Token {
    /// Encrypted to the store's identity.
    Sealed(Vec<u8>),
    /// `vault:`, `command:`.
    Reference(String),
}

/// Which version of a credential an agent's copy of the connection was given last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The version's number in the store.
    pub credential: CredentialId,
    /// The agent, `host:port`.
    pub to: String,
    /// RFC 3339, UTC.
    pub at: String,
}

/// Stores the token in place of the one before; `None` takes it away.
pub(crate) fn set_token(c: &Connection, connection: ConnectionId, kept: Option<&Kept>) -> Result<()> {
    let (sealed, reference) = kept.map_or(Ok((None, None)), |kept| columns(c, kept))?;
    c.prepare_cached(
        "INSERT INTO agent (connection, sealed, reference) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET sealed = ?2, reference = ?3",
    )
    .and_then(|mut insert| insert.execute((connection, sealed, reference)))
    .map(|_| ())
    .map_err(failed)
}

/// The token; `None` when none was given.
pub(crate) fn token(c: &Connection, connection: ConnectionId) -> Result<Option<Token>> {
    let row = c
        .prepare_cached("SELECT sealed, reference FROM agent WHERE connection = ?1")
        .and_then(|mut query| {
            query
                .query_row([connection], |row| {
                    Ok((row.get::<_, Option<Vec<u8>>>(0)?, row.get::<_, Option<String>>(1)?))
                })
                .optional()
        })
        .map_err(failed)?;
    Ok(row.and_then(|(sealed, reference)| sealed.map(Token::Sealed).or(reference.map(Token::Reference))))
}

/// Notes what the agent's copy was given.
pub(crate) fn note_copy(c: &Connection, connection: ConnectionId, credential: CredentialId, to: &str) -> Result<()> {
    c.execute(
        "INSERT INTO agent (connection, copy, copied_to, copied_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET copy = ?2, copied_to = ?3, copied_at = ?4",
        (connection, credential, to, now()),
    )
    .map(|_| ())
    .map_err(failed)
}

/// The agent's copy is gone, or nobody knows any more what it holds.
pub(crate) fn forget_copy(c: &Connection, connection: ConnectionId) -> Result<()> {
    let sql = "UPDATE agent SET copy = NULL, copied_to = NULL, copied_at = NULL WHERE connection = ?1";
    c.execute(sql, [connection]).map(|_| ()).map_err(failed)
}

/// What the agent's copy was given last; `None` when that is not known.
pub(crate) fn copy(c: &Connection, connection: ConnectionId) -> Result<Option<Copied>> {
    c.prepare_cached("SELECT copy, copied_to, copied_at FROM agent WHERE connection = ?1 AND copy IS NOT NULL")
        .and_then(|mut query| {
            query
                .query_row([connection], |row| Ok(Copied { credential: row.get(0)?, to: row.get(1)?, at: row.get(2)? }))
                .optional()
        })
        .map_err(failed)
}
