//! Credential rows: sealed bytes or a reference, with a version and a state.

mod version;

use rusqlite::{Connection, OptionalExtension, Row, ToSql};

pub use version::{Credential, Form, State};

use super::{ConnectionId, CredentialId, PrincipalId, meta};
use crate::{
    error::{Error, Result},
    store::{failed, now, query_one},
};

/// What a row keeps of the secret.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    /// Encrypted to the recipient.
    Sealed { bytes: Vec<u8>, recipient: String },
    /// `vault:`, `command:`.
    Reference(String),
}

/// A version to insert.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewVersion<'a> {
    pub(crate) principal: PrincipalId,
    pub(crate) state: State,
    pub(crate) username: &'a str,
    pub(crate) form: Form,
    pub(crate) kept: &'a Kept,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) run: Option<&'a str>,
}

const COLUMNS: &str =
    "SELECT id, principal, version, state, username, kind, reference, created_at, proven_at, proven_on,
    sent_at, retired_at, why, run FROM credential";

/// Inserts the principal's next version. What is sealed to another recipient than the store's is refused: nobody could open
/// it.
pub(crate) fn insert(c: &Connection, new: &NewVersion<'_>) -> Result<CredentialId> {
    let (sealed, reference) = columns(c, new.kept)?;
    c.prepare_cached(
        "INSERT INTO credential (principal, version, state, username, kind, sealed, reference, connection, created_at, run)
         SELECT ?1, coalesce(max(version), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM credential WHERE principal = ?1",
    )
    .and_then(|mut insert| {
        insert.insert((
            new.principal,
            new.state,
            new.username,
            new.form,
            sealed,
            reference,
            new.connection,
            now(),
            new.run,
        ))
    })
    .map(CredentialId)
    .map_err(failed)
}

/// What stands in the columns `sealed` and `reference`.
///
/// # Errors
/// `store.identity_foreign` for what is sealed to another recipient than the store's.
pub(super) fn columns<'a>(c: &Connection, kept: &'a Kept) -> Result<(Option<&'a [u8]>, Option<&'a str>)> {
    match kept {
        Kept::Sealed { recipient, .. } if meta::recipient(c)?.as_ref() != Some(recipient) => {
            Err(Error::new("store.identity_foreign", "the store's identity changed while a secret was sealed")
                .hint("do the same again"))
        }
        Kept::Sealed { bytes, .. } => Ok((Some(bytes), None)),
        Kept::Reference(text) => Ok((None, Some(text))),
    }
}

/// One version.
pub(crate) fn by_id(c: &Connection, id: CredentialId) -> Result<Credential> {
    select(c, "WHERE id = ?1", id)?.pop().ok_or_else(|| {
        Error::new("connection.unknown_credential", format!("the store has no credential number {}", id.0))
            .hint("`libretto connections history NAME` shows those of a connection")
    })
}

/// When a target accepted a version last.
pub(crate) fn accepted_at(c: &Connection, id: CredentialId) -> Result<Option<String>> {
    query_one(c, "SELECT accepted_at FROM credential WHERE id = ?1", [id], |row| row.get(0)).map_err(failed)
}

/// The version in use.
pub(crate) fn current(c: &Connection, principal: PrincipalId) -> Result<Option<Credential>> {
    Ok(select(c, "WHERE principal = ?1 AND state = 'current'", principal)?.pop())
}

/// All versions, newest first.
pub(crate) fn history(c: &Connection, principal: PrincipalId) -> Result<Vec<Credential>> {
    select(c, "WHERE principal = ?1 ORDER BY version DESC", principal)
}

/// All that are retiring, oldest first.
pub(crate) fn retiring(c: &Connection) -> Result<Vec<Credential>> {
    select(c, "WHERE state = ?1 ORDER BY id", State::Retiring)
}

/// The sealed bytes; `None` where a reference is kept.
pub(crate) fn sealed(c: &Connection, id: CredentialId) -> Result<Option<Vec<u8>>> {
    query_one(c, "SELECT sealed FROM credential WHERE id = ?1", [id], |row| row.get(0))
        .optional()
        .map(Option::flatten)
        .map_err(failed)
}

/// The connection that a version was recorded for, while it exists.
pub(crate) fn recorded_for(c: &Connection, id: CredentialId) -> Result<Option<ConnectionId>> {
    query_one(c, "SELECT connection FROM credential WHERE id = ?1", [id], |row| row.get(0)).map_err(failed)
}

/// Makes room for a new current version: the current one becomes previous, the one that was previous retires.
pub(crate) fn demote_current(c: &Connection, principal: PrincipalId) -> Result<()> {
    execute(
        c,
        "UPDATE credential SET state = 'retired', retired_at = ?2, why = 'superseded'
         WHERE principal = ?1 AND state = 'previous'
            AND EXISTS (SELECT 1 FROM credential WHERE principal = ?1 AND state = 'current')",
        (principal, now()),
    )?;
    execute(c, "UPDATE credential SET state = 'previous' WHERE principal = ?1 AND state = 'current'", [principal])
}

/// Changes a version's state alone.
pub(crate) fn set_state(c: &Connection, id: CredentialId, state: State) -> Result<()> {
    execute(c, "UPDATE credential SET state = ?2, retired_at = NULL, why = NULL WHERE id = ?1", (id, state))
}

/// Takes a version out of use.
pub(crate) fn retire(c: &Connection, id: CredentialId, why: &str) -> Result<()> {
    let sql = "UPDATE credential SET state = 'retired', retired_at = coalesce(retired_at, ?2), why = ?3 WHERE id = ?1";
    execute(c, sql, (id, now(), why))
}

/// Notes who accepted a version.
pub(crate) fn set_proven(c: &Connection, id: CredentialId, on: &str) -> Result<()> {
    execute(c, "UPDATE credential SET proven_at = ?2, proven_on = ?3 WHERE id = ?1", (id, now(), on))
}

/// Notes that a write with this version goes out.
pub(crate) fn set_sent(c: &Connection, id: CredentialId) -> Result<()> {
    execute(c, "UPDATE credential SET sent_at = ?2 WHERE id = ?1", (id, now()))
}

/// Gives all versions of `from` to `to`, after its own and in their order.
pub(crate) fn move_all(c: &Connection, from: PrincipalId, to: PrincipalId) -> Result<()> {
    execute(
        c,
        "UPDATE credential SET principal = ?2,
            version = version + (SELECT coalesce(max(version), 0) FROM credential WHERE principal = ?2)
         WHERE principal = ?1",
        (from, to),
    )
}

fn execute(c: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<()> {
    c.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map(|_| ()).map_err(failed)
}

fn select(c: &Connection, rest: &str, value: impl ToSql) -> Result<Vec<Credential>> {
    let mut query = c.prepare_cached(&format!("{COLUMNS} {rest}")).map_err(failed)?;
    let rows = query.query_map([value], from_row).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Credential> {
    Ok(Credential {
        id: row.get(0)?,
        principal: row.get(1)?,
        version: row.get(2)?,
        state: row.get(3)?,
        username: row.get(4)?,
        form: row.get(5)?,
        reference: row.get(6)?,
        created_at: row.get(7)?,
        proven_at: row.get(8)?,
        proven_on: row.get(9)?,
        sent_at: row.get(10)?,
        retired_at: row.get(11)?,
        why: row.get(12)?,
        run: row.get(13)?,
    })
}
