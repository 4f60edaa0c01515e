//! Adding, editing and removing connections.

use rusqlite::Transaction;

use super::{
    Change, Connection, Given, Kind, NewConnection, Scope, Settings,
    credentials::{self, Credential, State},
    query, trail,
};
use crate::{
    error::{Error, Result},
    store::{
        Store,
        audit::Actor,
        locks,
        rows::{
            ConnectionId, PrincipalId, connections,
            connections::Values,
            credentials::{self as rows, Kept, NewVersion},
            principals,
        },
    },
};

/// Adds a connection; its secret is sealed and stored as not yet proven.
///
/// # Errors
/// `connection.exists` when the name is taken.
pub fn add(store: &Store, new: &NewConnection) -> Result<Connection> {
    add_within(store, new, &Scope::all())
}

/// [`add`] by whom the scope limits: what they may not see they may neither make nor name.
///
/// # Errors
/// Those of [`add`]; `connection.other_customer`.
pub fn add_within(store: &Store, new: &NewConnection, scope: &Scope) -> Result<Connection> {
    refuse_other_customer(new.customer.as_deref(), scope)?;
    let kept = keep(store, new.secret.as_ref())?;
    store.write(|t| {
        insert(t, store.actor(), new, kept.as_ref())?;
        check_links(t, &new.settings, scope)?;
        query::get_in(t, &new.name, &Scope::all())
    })
}

/// Refuses to make a connection another customer's than the one that the scope is limited to.
///
/// # Errors
/// `connection.other_customer`.
pub(crate) fn refuse_other_customer(customer: Option<&str>, scope: &Scope) -> Result<()> {
    let Some(mine) = scope.customer.as_deref().filter(|_| !scope.sees(customer)) else { return Ok(()) };
    let said = match customer {
        Some(other) => format!("this run is {mine}'s, and the connection would be {other}'s"),
        None => format!("this run is {mine}'s, and the connection would be nobody's"),
    };
    Err(Error::new("connection.other_customer", said).hint("leave the customer out, or run without --customer"))
}

/// Edits a connection. A new secret is a new version, not yet proven. A new user name is another account, until the directory
/// says that it is not, and comes with a secret.
///
/// # Errors
/// `connection.unknown`; `connection.no_password` for another account without a secret; `rotation.unfinished` while a transaction of its principal has not ended, `rotation.busy` while somebody
/// is at one.
pub fn edit(store: &Store, name: &str, scope: &Scope, change: &Change) -> Result<Connection> {
    let kept = keep(store, change.secret.as_ref())?;
    refuse_held(store, &query::get(store, name, scope)?, change)?;
    store.write(|t| {
        let before = query::get_in(t, name, scope)?;
        if let Some(customer) = &change.customer {
            refuse_other_customer(customer.as_deref(), scope)?;
        }
        let name = update(t, store.actor(), &before, change, kept.as_ref())?;
        if let Some(settings) = change.settings.as_ref().filter(|after| after.link() != before.settings.link()) {
            check_links(t, settings, scope)?;
        }
        query::get_in(t, &name, &Scope::all())
    })
}

/// Removes a connection; its principal and all credential rows stay.
///
/// # Errors
/// `connection.unknown`; `connection.in_use` when others name it; `rotation.unfinished` while a transaction of its
/// principal has not ended, `rotation.busy` while somebody is at one.
pub fn remove(store: &Store, name: &str, scope: &Scope) -> Result<()> {
    locks::refuse_held(store, query::get(store, name, scope)?.principal)?;
    store.write(|t| {
        let connection = query::get_in(t, name, scope)?;
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

/// Refuses to change a credential, or what it goes by, while somebody is at a transaction of its principal. One that begins
/// later sees what was changed.
pub(super) fn refuse_held(store: &Store, before: &Connection, change: &Change) -> Result<()> {
    if change.secret.is_some() || change.name.is_some() || change.username.is_some() {
        locks::refuse_held(store, before.principal)?;
    }
    Ok(())
}

/// Another name is another account, and what is stored is the password of the one before: shown would be the one, used the other.
///
/// # Errors
/// `connection.no_password`.
pub(super) fn refuse_name_alone(c: &rusqlite::Connection, before: &Connection, change: &Change) -> Result<()> {
    let Some(username) = change.username.as_ref().filter(|_| change.secret.is_none()) else { return Ok(()) };
    let stored = rows::current(c, principals::surviving(c, before.principal)?)?;
    let Some(stored) = stored.filter(|stored| !is_account_of(username, before, Some(stored))) else { return Ok(()) };
    let with = match before.kind {
        Kind::Ad => "give the new account's password with it (`--password REF`; in a file the column password)",
        Kind::MsOnline => "give its secret with it (`--secret`, `--certificate` or `--password`; in a file the column)",
    };
    let said = format!(
        "{username} needs a credential of its own: what is stored for {} is that of {}",
        before.name, stored.username
    );
    Err(Error::new("connection.no_password", said).hint(with))
}

/// Whether the name is one that the connection's account goes by: as it is shown, or as the version in use signs in.
fn is_account_of(username: &str, before: &Connection, stored: Option<&Credential>) -> bool {
    username.eq_ignore_ascii_case(&before.username)
        || stored.is_some_and(|stored| username.eq_ignore_ascii_case(&stored.username))
}

/// Inserts a connection with a provisional principal of its own.
pub(super) fn insert(t: &Transaction<'_>, actor: &Actor, new: &NewConnection, kept: Option<&Kept>) -> Result<()> {
    refuse_taken(t, &new.name)?;
    let kind = new.settings.kind().as_str();
    let principal = principals::insert(t, kind, &new.domain, &new.username)?;
    let settings = text(&new.settings)?;
    let values = Values {
        name: &new.name,
        kind,
        domain: &new.domain,
        principal,
        username: &new.username,
        customer: new.customer.as_deref(),
        settings: &settings,
        trusted_pem: trusted_pem(&new.settings),
        tags: &new.tags,
    };
    let id = connections::insert(t, &values)?;
    trail::added(t, actor, new, principal)?;
    kept.map_or(Ok(()), |kept| make_current(t, actor, (id, principal), &new.username, &new.settings, kept))
}

/// Overwrites a connection; answers its name.
pub(super) fn update(
    t: &Transaction<'_>,
    actor: &Actor,
    before: &Connection,
    change: &Change,
    kept: Option<&Kept>,
) -> Result<String> {
    refuse_stale(t, before)?;
    refuse_name_alone(t, before, change)?;
    let name = change.name.as_ref().unwrap_or(&before.name);
    let username = change.username.as_ref().unwrap_or(&before.username);
    let settings = change.settings.as_ref().unwrap_or(&before.settings);
    let domain = change.domain.as_ref().unwrap_or(&before.domain);
    if settings.kind() != before.kind {
        return Err(Error::new("connection.wrong_kind", "a connection keeps its kind").hint("add another connection"));
    }
    let renamed = !name.eq_ignore_ascii_case(&before.name);
    let stored = rows::current(t, principals::surviving(t, before.principal)?)?;
    let other_account = !is_account_of(username, before, stored.as_ref());
    if kept.is_some() || renamed || username != &before.username {
        credentials::refuse_unfinished_in(t, before)?;
    }
    if renamed {
        refuse_taken(t, name)?;
        connections::rename_links(t, &before.name, name)?;
    }
    let principal = if other_account {
        principals::insert(t, before.kind.as_str(), domain, username)?
    } else {
        principals::surviving(t, before.principal)?
    };
    let customer = change.customer.as_ref().unwrap_or(&before.customer);
    let values = Values {
        name,
        kind: before.kind.as_str(),
        domain,
        principal,
        username,
        customer: customer.as_deref(),
        settings: &text(settings)?,
        trusted_pem: trusted_pem(settings),
        tags: change.tags.as_ref().unwrap_or(&before.tags),
    };
    connections::update(t, before.id, &values)?;
    trail::edited(t, actor, before, change, (name, principal))?;
    if let Some(kept) = kept {
        make_current(t, actor, (before.id, principal), username, settings, kept)?;
    }
    Ok(name.clone())
}

/// What is not changed is written back as it was read: a rotation or another edit in between must not be undone by that.
///
/// # Errors
/// `connection.changed_meanwhile`; nothing was changed.
fn refuse_stale(t: &Transaction<'_>, before: &Connection) -> Result<()> {
    if connections::changed_at(t, before.id)?.is_some_and(|changed_at| changed_at == before.changed_at) {
        return Ok(());
    }
    Err(changed_meanwhile(&before.name))
}

/// The connection, or its stored credential, is not what it was when it was read.
pub(crate) fn changed_meanwhile(name: &str) -> Error {
    Error::new("connection.changed_meanwhile", format!("{name} was changed by somebody else in the meantime"))
        .hint("do it again")
        .retryable()
}

/// `via` and `ad` must name connections of kind `ad` that the scope shows.
///
/// # Errors
/// `connection.unknown`, `connection.wrong_kind`.
pub(super) fn check_links(t: &Transaction<'_>, settings: &Settings, scope: &Scope) -> Result<()> {
    settings.link().map_or(Ok(()), |(_, name)| query::get_in(t, name, scope)?.ad().map(|_| ()))
}

fn make_current(
    t: &Transaction<'_>,
    actor: &Actor,
    (connection, principal): (ConnectionId, PrincipalId),
    username: &str,
    settings: &Settings,
    kept: &Kept,
) -> Result<()> {
    rows::demote_current(t, principal)?;
    let new = NewVersion {
        principal,
        state: State::Current,
        username,
        form: settings.form(),
        kept,
        connection: Some(connection),
        run: None,
    };
    trail::recorded(t, actor, rows::insert(t, &new)?)
}

fn refuse_taken(t: &Transaction<'_>, name: &str) -> Result<()> {
    match connections::named(t, name, |row| Ok(row.name.to_owned()))? {
        None => Ok(()),
        Some(taken) => Err(Error::new("connection.exists", format!("there is a connection {taken} already"))
            .hint("edit it with `libretto connections edit`, or choose another name")),
    }
}

fn keep(store: &Store, given: Option<&Given>) -> Result<Option<Kept>> {
    given.map(|given| credentials::keep(&mut None, store, given)).transpose()
}

/// The settings as the store keeps them.
pub(super) fn text(settings: &Settings) -> Result<String> {
    match settings {
        Settings::Ad(settings) => serde_json::to_string(settings),
        Settings::MsOnline(settings) => serde_json::to_string(settings),
    }
    .map_err(|e| Error::new("store.failed", format!("the settings cannot be written: {e}")))
}

fn trusted_pem(settings: &Settings) -> Option<&str> {
    match settings {
        Settings::Ad(settings) => settings.ca_pem.as_deref(),
        Settings::MsOnline(_) => None,
    }
}
