//! The audit trail: who did what to credentials and connections, as a chain of hashes.
//!
//! An entry is written in the same transaction as the act that it tells, so neither is there without the other, and
//! processes that write at once take turns on one chain. `docs/audit.md` says how an entry is hashed, so that anybody can
//! verify a trail without this program.

mod chain;

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use chain::{Chain, Link};

use super::{
    Store, failed, moment,
    rows::{PrincipalId, principals},
};
use crate::{
    error::{Error, Result},
    verdict::Verdict,
};

/// What the first entry has in place of its predecessor's hash.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Who acts through a store, for the trail.
#[derive(Debug, Clone, Default)]
pub struct Actor {
    operator: Option<Arc<str>>,
    run: Option<Arc<str>>,
}

impl Actor {
    /// The operator, and the run that does it for them.
    #[must_use]
    pub fn new(operator: &str, run: Option<&str>) -> Self {
        Self { operator: Some(operator.into()), run: run.map(Into::into) }
    }

    /// The same, within `run` unless they are in one already.
    pub(crate) fn within(&self, run: Option<&str>) -> Self {
        Self { operator: self.operator.clone(), run: self.run.clone().or_else(|| run.map(Into::into)) }
    }
}

/// One act. Its texts and data hold no secret: what a server said is redacted by whoever hands it in.
#[derive(Debug, Default)]
pub(crate) struct Act<'a> {
    /// A word, e.g. `change-sent`.
    pub(crate) what: &'a str,
    /// Whose credential it is about.
    pub(crate) principal: Option<PrincipalId>,
    /// The connection's name.
    pub(crate) connection: Option<&'a str>,
    /// How something ended.
    pub(crate) verdict: Option<Verdict>,
    /// Facts by name.
    pub(crate) data: Value,
}

/// Adds an entry. `t` must be the writing transaction of the act itself, begun as IMMEDIATE: the end of the chain is read
/// and continued under its lock.
pub(crate) fn add(t: &Connection, actor: &Actor, act: &Act<'_>) -> Result<()> {
    let (last, previous) = end(t)?;
    let (number, at) = (last + 1, moment::now());
    let account = act.principal.map(|principal| principals::account(t, principal)).transpose()?;
    let operator = actor.operator.as_deref().unwrap_or("unknown");
    let verdict = act.verdict.map(Verdict::as_str);
    let data = if act.data.is_null() { "{}".to_owned() } else { act.data.to_string() };
    let entry = Entry {
        number,
        at: &at,
        operator,
        run: actor.run.as_deref(),
        what: act.what,
        principal: act.principal.map(|principal| principal.0),
        account: account.as_deref(),
        connection: act.connection,
        verdict,
        data: &data,
        previous: &previous,
    };
    let hash = hash(&entry.text());
    t.prepare_cached(
        "INSERT INTO audit (number, at, operator, run, what, principal, account, connection, verdict, data, previous, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )
    .and_then(|mut insert| {
        insert.execute((
            number,
            &at,
            operator,
            actor.run.as_deref(),
            act.what,
            act.principal,
            &account,
            act.connection,
            verdict,
            &data,
            &previous,
            &hash,
        ))
    })
    .map(|_| ())
    .map_err(failed)
}

/// Shows every entry from the first of `since` on (a date, or a time as RFC 3339 has it), oldest first, to `look`.
///
/// # Errors
/// `audit.no_date` when `since` is neither; those of `look`.
pub fn each(store: &Store, since: Option<&str>, mut look: impl FnMut(&Link<'_>) -> Result<()>) -> Result<()> {
    let since = since.map(|since| moment::read(since).ok_or_else(|| no_date(since))).transpose()?;
    store.read(|c| {
        let mut query = c
            .prepare_cached(
                "SELECT number, at, operator, run, what, principal, account, connection, verdict, data, previous, hash
                 FROM audit WHERE number >= (SELECT min(number) FROM audit WHERE at >= ?1) ORDER BY number",
            )
            .map_err(failed)?;
        let mut rows = query.query([since.unwrap_or_default()]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let (body, number, at, previous, hash) = read(row).map_err(failed)?;
            look(&Link { number, at: &at, previous: &previous, hash: &hash, body: &body })?;
        }
        Ok(())
    })
}

fn no_date(text: &str) -> Error {
    Error::new("audit.no_date", format!("\"{text}\" is no date")).hint("write 2026-02-28, or 2026-02-28T13:00:00Z")
}

/// The number and the hash of the last entry.
fn end(c: &Connection) -> Result<(i64, String)> {
    c.prepare_cached("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
        .and_then(|mut query| query.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map(|last| last.unwrap_or_else(|| (0, BEGINNING.to_owned())))
        .map_err(failed)
}

/// A row as it stands, also one that somebody has tampered with.
fn read(row: &Row<'_>) -> rusqlite::Result<(String, i64, String, String, String)> {
    let text = |column: usize| -> rusqlite::Result<Option<String>> {
        let value = row.get_ref(column)?;
        Ok(value.as_bytes_or_null()?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    };
    let needed = |column: usize| text(column).map(Option::unwrap_or_default);
    let (number, at, previous, hash) = (row.get(0)?, needed(1)?, needed(10)?, needed(11)?);
    let (operator, what, data) = (needed(2)?, needed(4)?, needed(9)?);
    let (run, account, connection, verdict) = (text(3)?, text(6)?, text(7)?, text(8)?);
    let entry = Entry {
        number,
        at: &at,
        operator: &operator,
        run: run.as_deref(),
        what: &what,
        principal: row.get(5)?,
        account: account.as_deref(),
        connection: connection.as_deref(),
        verdict: verdict.as_deref(),
        data: &data,
        previous: &previous,
    };
    Ok((entry.text(), number, at, previous, hash))
}

/// What an entry is hashed over.
struct Entry<'a> {
    number: i64,
    at: &'a str,
    operator: &'a str,
    run: Option<&'a str>,
    what: &'a str,
    principal: Option<i64>,
    account: Option<&'a str>,
    connection: Option<&'a str>,
    verdict: Option<&'a str>,
    /// JSON, as it was first written.
    data: &'a str,
    previous: &'a str,
}

impl Entry<'_> {
    /// The exported line up to its hash: `docs/audit.md` promises every byte of it.
    fn text(&self) -> String {
        let quoted = |text: Option<&str>| Value::from(text).to_string();
        format!(
            r#"{{"number":{},"at":{},"operator":{},"run":{},"what":{},"principal":{},"account":{},"connection":{},"verdict":{},"data":{},"previous":{}"#,
            self.number,
            quoted(Some(self.at)),
            quoted(Some(self.operator)),
            quoted(self.run),
            quoted(Some(self.what)),
            Value::from(self.principal),
            quoted(self.account),
            quoted(self.connection),
            quoted(self.verdict),
            self.data,
            quoted(Some(self.previous)),
        )
    }
}

/// SHA-256 in lower-case hexadecimal digits.
fn hash(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(text))
}
