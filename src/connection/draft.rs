//! Connections that are looked at before they are there: stored, for only what is stored can be asked about, and gone again when the
//! run that made one ends without having kept it, however it ends.

use rusqlite::Transaction;

use super::{Connection, NewConnection, Scope, change, remove::remove_if};
use crate::{
    error::Result,
    store::{Store, rows::ConnectionId, rows::drafts, running},
};

/// [`super::add_within`], for as long as a run goes on that has not kept it.
///
/// # Errors
/// Those of [`super::add_within`].
pub fn add(store: &Store, new: &NewConnection, scope: &Scope, run: &str) -> Result<Connection> {
    change::add_and(store, new, scope, |t, added| drafts::insert(t, added.id, run))
}

/// It is there from now on.
pub fn keep(store: &Store, connection: ConnectionId) -> Result<()> {
    store.write(|t| drafts::forget(t, connection))
}

/// Whether it is one still.
pub fn is_one(store: &Store, connection: ConnectionId) -> Result<bool> {
    store.read(|c| drafts::run_of(c, connection)).map(|run| run.is_some())
}

/// Removes those whose run has ended. One that others name by now stays, and is a connection like any other. What cannot be
/// removed now is removed the next time.
pub fn sweep(store: &Store) {
    let drafts = store.read(drafts::all).unwrap_or_else(|error| {
        tracing::warn!("whether a connection was never kept cannot be read: {error}");
        Vec::new()
    });
    for (id, name, run) in drafts {
        if let Err(error) = remove_ended(store, id, &name, &run) {
            tracing::warn!(connection = name, "it was never kept, and is still there: {error}");
        }
    }
}

fn remove_ended(store: &Store, id: ConnectionId, name: &str, run: &str) -> Result<()> {
    if running::is_running(store, run) {
        return Ok(());
    }
    // The run may have kept it before it ended, or another process have removed it, and somebody have added one of that name.
    let is_still = |t: &Transaction<'_>, found: &Connection| {
        Ok(found.id == id && drafts::run_of(t, id)?.is_some_and(|of| of == run))
    };
    match remove_if(store, name, &Scope::all(), is_still) {
        Err(error) if error.code() == "connection.in_use" => keep(store, id),
        Err(error) if error.code() == "connection.unknown" => Ok(()),
        removed => removed,
    }
}
