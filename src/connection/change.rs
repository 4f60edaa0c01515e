//! Adding, editing and removing connections.

use super::{Change, Connection, NewConnection, Scope};
use crate::{
    error::{Error, Result},
    store::Store,
};

/// Adds a connection; its secret is sealed and stored as not yet proven.
///
/// # Errors
/// `connection.exists` when the name is taken.
pub fn add(store: &Store, new: &NewConnection) -> Result<Connection> {
    let _ = (store, new);
    Err(Error::new("store.failed", "not built yet"))
}

/// Edits a connection. A new secret is a new version, not yet proven; with another user name it belongs to another account.
///
/// # Errors
/// `connection.unknown`; `rotation.unfinished` while a transaction of its principal has not ended.
pub fn edit(store: &Store, name: &str, scope: &Scope, change: &Change) -> Result<Connection> {
    let _ = (store, name, scope, change);
    Err(Error::new("store.failed", "not built yet"))
}

/// Removes a connection; its principal and all credential rows stay.
///
/// # Errors
/// `connection.unknown`; `rotation.unfinished` while a transaction of its principal has not ended.
pub fn remove(store: &Store, name: &str, scope: &Scope) -> Result<()> {
    let _ = (store, name, scope);
    Err(Error::new("store.failed", "not built yet"))
}
