//! Taking connections away.

use rusqlite::Transaction;

use super::{Connection, Scope, credentials, query, trail};
use crate::{
    error::{Error, Result},
    store::{Store, locks, rows::connections},
};

/// Removes a connection; its principal and all credential rows stay.
///
/// # Errors
/// `connection.unknown`; `connection.in_use` when others name it; `rotation.unfinished` while a transaction of its
/// principal has not ended, `rotation.busy` while somebody is at one.
pub fn remove(store: &Store, name: &str, scope: &Scope) -> Result<()> {
    remove_if(store, name, scope, |_, _| Ok(true))
}

/// The same, if the one that has the name when it is to be removed is the one that is meant.
pub(super) fn remove_if(
    store: &Store,
    name: &str,
    scope: &Scope,
    is_it: impl Fn(&Transaction<'_>, &Connection) -> Result<bool>,
) -> Result<()> {
    locks::refuse_held(store, query::get(store, name, scope)?.principal)?;
    store.write(|t| {
        let connection = query::get_in(t, name, scope)?;
        if !is_it(t, &connection)? {
            return Ok(());
        }
        credentials::refuse_unfinished_in(t, &connection)?;
        let users = connections::that_name(t, &connection.name)?;
        if !users.is_empty() {
            return Err(Error::new(
                "connection.in_use",
                format!("{} is named by other connections: {}", connection.name, users.join(", ")),
            )
            .hint("edit or remove those first"));
        }
        connections::delete(t, connection.id)?;
        trail::removed(t, store.actor(), &connection)
    })
}
