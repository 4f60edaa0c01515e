//! Finding connections.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::Value;

use super::{Connection, Kind, Scope, Selector, Settings, Summary};
use crate::{
    error::{Error, Result},
    names::nearest,
    store::{
        Store,
        rows::{
            ConnectionId,
            connections::{self, Details, Read, RowRef},
        },
        runs,
    },
};

/// The selected connections that the scope shows, by name.
///
/// # Errors
/// `connection.unknown` when the selector spells out a name that is not there, `run.unknown` for a run that is not.
pub fn list(store: &Store, selector: &Selector, scope: &Scope) -> Result<Vec<Connection>> {
    store.read(|c| {
        let trusted = connections::all_trusted(c)?;
        let mut found = Vec::new();
        select(c, selector, scope, Read::Whole, |row| {
            let details = row.details()?;
            let pem = details.trusted.and_then(|hash| trusted.get(hash).cloned());
            found.push(build(row, &details, pem)?);
            Ok(())
        })?;
        found.sort_by(|one, other| by_name(&one.name, &other.name));
        Ok(found)
    })
}

/// Like [`list`], but only what a list of them shows: half of reading ten thousand is reading their settings.
///
/// # Errors
/// As [`list`].
pub fn summaries(store: &Store, selector: &Selector, scope: &Scope) -> Result<Vec<Summary>> {
    store.read(|c| {
        let mut found = Vec::new();
        select(c, selector, scope, Read::Summary, |row| {
            let (domain, username) = row.whom()?;
            found.push(Summary {
                name: row.name.to_owned(),
                kind: kind(row)?,
                domain: domain.to_owned(),
                username: username.to_owned(),
                customer: row.customer.map(str::to_owned),
                tags: row.tags.to_owned(),
            });
            Ok(())
        })?;
        found.sort_by(|one, other| by_name(&one.name, &other.name));
        Ok(found)
    })
}

/// Shows the selected rows, in no order, to `take`.
fn select(
    c: &rusqlite::Connection,
    selector: &Selector,
    scope: &Scope,
    read: Read,
    mut take: impl FnMut(&RowRef<'_>) -> Result<()>,
) -> Result<()> {
    let failed = failed_in(c, selector)?;
    let mut missing: HashSet<String> = selector.names().map(str::to_ascii_lowercase).collect();
    connections::each(c, read, |row| {
        if !scope.sees(row.customer) {
            return Ok(());
        }
        if !missing.is_empty() {
            missing.remove(&row.name.to_ascii_lowercase());
        }
        if selector.matches(&row, &failed) { take(&row) } else { Ok(()) }
    })?;
    match selector.names().find(|name| missing.contains(&name.to_ascii_lowercase())) {
        Some(name) => Err(unknown(c, name, scope)),
        None => Ok(()),
    }
}

/// As SQLite orders names: ASCII letters without regard to case.
fn by_name(one: &str, other: &str) -> Ordering {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    one.bytes().map(lower).cmp(other.bytes().map(lower))
}

/// One connection by its name.
///
/// # Errors
/// `connection.unknown`, with the nearest name that the scope shows.
pub fn get(store: &Store, name: &str, scope: &Scope) -> Result<Connection> {
    store.read(|c| get_in(c, name, scope))
}

/// A connection as it is stored now, by the store's number for it: a script may hold one that was changed since.
///
/// # Errors
/// `connection.unknown` when it was removed in the meantime.
pub fn by_id(store: &Store, id: ConnectionId) -> Result<Connection> {
    store.read(|c| match connections::name(c, id)? {
        Some(name) => get_in(c, &name, &Scope::all()),
        None => Err(Error::new("connection.unknown", "the connection was removed in the meantime")),
    })
}

/// [`get`] inside a transaction.
pub(super) fn get_in(c: &rusqlite::Connection, name: &str, scope: &Scope) -> Result<Connection> {
    let found = connections::named(c, name, |row| {
        if !scope.sees(row.customer) {
            return Ok(None);
        }
        let details = row.details()?;
        let pem = details.trusted.map(|hash| connections::trusted(c, hash)).transpose()?;
        build(&row, &details, pem).map(Some)
    })?;
    found.flatten().ok_or_else(|| unknown(c, name, scope))
}

/// All names that the scope shows, sorted: for completion.
pub fn all_names(store: &Store, scope: &Scope) -> Result<Vec<String>> {
    store.read(|c| visible_names(c, scope))
}

/// Names of the connections that go over one of these (via).
pub fn that_go_over(store: &Store, names: &[String]) -> Result<Vec<String>> {
    let over = store.read(|c| names.iter().map(|name| connections::that_name(c, name)).collect::<Result<Vec<_>>>())?;
    Ok(over.concat())
}

/// The procedures that connections declare as dependents of their accounts, by the connection's name.
pub fn declared_dependents(store: &Store) -> Result<Vec<(String, Vec<String>)>> {
    let declared = store.read(connections::with_dependents)?;
    let names = |value: Value| serde_json::from_value(value).unwrap_or_default();
    Ok(declared.into_iter().map(|(name, value)| (name, names(value))).collect())
}

fn visible_names(c: &rusqlite::Connection, scope: &Scope) -> Result<Vec<String>> {
    let names = connections::names(c)?;
    Ok(names.into_iter().filter(|(_, customer)| scope.sees(customer.as_deref())).map(|(name, _)| name).collect())
}

/// A name outside the scope is not hinted at: whose customers there are is nobody's business.
fn unknown(c: &rusqlite::Connection, name: &str, scope: &Scope) -> Error {
    let error = Error::new("connection.unknown", format!("there is no connection {name}"));
    let known = visible_names(c, scope).unwrap_or_default();
    match nearest(name, known.iter().map(String::as_str)) {
        Some(known) => error.hint(format!("did you mean {known}?")),
        None => error.hint("`libretto connections list` shows those that there are"),
    }
}

/// Per `failed-in:RUN` of the selector the keys that failed in it, in lower case.
fn failed_in(c: &rusqlite::Connection, selector: &Selector) -> Result<HashMap<String, HashSet<String>>> {
    let mut failed = HashMap::new();
    for run in selector.runs() {
        let id = runs::resolve(c, run)?.ok_or_else(|| {
            Error::new("run.unknown", format!("there is no run {run}"))
                .hint("`libretto runs list` shows those that there are")
        })?;
        let keys = connections::failed_keys(c, &id)?.into_iter().map(|key| key.to_ascii_lowercase()).collect();
        failed.insert(run.to_owned(), keys);
    }
    Ok(failed)
}

fn build(row: &RowRef<'_>, details: &Details<'_>, ca_pem: Option<Arc<str>>) -> Result<Connection> {
    let kind = kind(row)?;
    let settings = match kind {
        Kind::Ad => serde_json::from_str(details.settings)
            .map(|settings| Settings::Ad(super::AdSettings { ca_pem, ..settings })),
        Kind::MsOnline => serde_json::from_str(details.settings)
            .map(|settings| Settings::MsOnline(super::MsOnlineSettings { agent_ca_pem: ca_pem, ..settings })),
    };
    Ok(Connection {
        id: row.id,
        name: row.name.to_owned(),
        kind,
        domain: details.domain.to_owned(),
        principal: details.principal,
        username: details.username.to_owned(),
        customer: row.customer.map(str::to_owned),
        tags: row.tags.split_ascii_whitespace().map(str::to_owned).collect(),
        settings: settings.map_err(|e| damaged(row, &e.to_string()))?,
        created_at: details.created_at.to_owned(),
        changed_at: details.changed_at.to_owned(),
    })
}

fn kind(row: &RowRef<'_>) -> Result<Kind> {
    Kind::parse(row.kind).ok_or_else(|| damaged(row, &format!("its kind is {}", row.kind)))
}

fn damaged(row: &RowRef<'_>, said: &str) -> Error {
    Error::new("store.corrupt", format!("connection {} cannot be read: {said}", row.name))
        .hint("remove it and add it again, or restore the home folder from a backup")
}
