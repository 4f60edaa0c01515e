//! Adding, editing and removing connections.

use rusqlite::Transaction;

use super::{
    Change, Connection, Given, Kind, NewConnection, Scope, Settings, apps,
    credentials::{self, Credential, State},
    query, trail,
};
use crate::{
    error::{Error, Result},
    store::{
        Store,
        audit::Actor,
        journal, locks,
        rows::{
            ConnectionId, PrincipalId, agents, connections,
            connections::Values,
            credentials::{self as rows, Kept, NewVersion},
            principals,
        },
    },
};

/// What is stored of the secrets that came with a connection.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    /// The credential's.
    pub(super) secret: Option<Kept>,
    /// The agent's token.
    pub(super) token: Option<Kept>,
}

/// Adds a connection; its secret is sealed and stored as not yet proven. An app that other connections sign in as already
/// keeps its secret: the new connection brings the same one or none.
///
/// # Errors
/// `connection.exists` when the name is taken; `connection.domain_taken`; `connection.app_has_secret`; `rotation.busy` while
/// somebody is at a transaction of the app.
pub fn add(store: &Store, new: &NewConnection) -> Result<Connection> {
    add_within(store, new, &Scope::all())
}

/// [`add`] by whom the scope limits: what they may not see they may neither make nor name.
///
/// # Errors
/// Those of [`add`]; `connection.other_customer`.
pub fn add_within(store: &Store, new: &NewConnection, scope: &Scope) -> Result<Connection> {
    add_and(store, new, scope, |_, _| Ok(()))
}

/// [`add_within`], with something more that is there with it or not at all.
pub(super) fn add_and(
    store: &Store,
    new: &NewConnection,
    scope: &Scope,
    more: impl FnOnce(&Transaction<'_>, &Connection) -> Result<()>,
) -> Result<Connection> {
    refuse_other_customer(new.customer.as_deref(), scope)?;
    let sealed = Sealed {
        secret: keep_credential(store, &new.settings, new.secret.as_ref())?,
        token: keep(store, new.agent_token.as_ref())?,
    };
    if sealed.secret.is_some() {
        apps::refuse_held(store, &new.settings)?;
    }
    store.write(|t| {
        insert(t, store.actor(), new, &sealed)?;
        check_links(t, &new.settings, scope)?;
        check_domain(t, &new.settings, (&new.domain, &new.name, new.customer.as_deref()))?;
        let added = query::get_in(t, &new.name, &Scope::all())?;
        more(t, &added)?;
        Ok(added)
    })
}

/// [`add`], where the secret that comes with the connection is that of all connections of its app from now on. There is both or
/// neither.
///
/// # Errors
/// Those of [`add`], but for `connection.app_has_secret`.
pub fn add_and_replace(store: &Store, new: &NewConnection) -> Result<Connection> {
    let sealed = Sealed { secret: keep_credential(store, &new.settings, new.secret.as_ref())?, token: None };
    let token = keep(store, new.agent_token.as_ref())?;
    apps::refuse_held(store, &new.settings)?;
    let without = NewConnection { secret: None, ..new.clone() };
    let change = Change { secret: new.secret.clone().filter(|_| sealed.secret.is_some()), ..Change::default() };
    store.write(|t| {
        insert(t, store.actor(), &without, &Sealed { secret: None, token })?;
        check_links(t, &new.settings, &Scope::all())?;
        check_domain(t, &new.settings, (&new.domain, &new.name, new.customer.as_deref()))?;
        let before = query::get_in(t, &new.name, &Scope::all())?;
        let name = update(t, store.actor(), &before, &change, &sealed)?;
        query::get_in(t, &name, &Scope::all())
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
/// says that it is not, and comes with a secret. An app's new secret is that of all connections of the app.
///
/// # Errors
/// `connection.unknown`; `connection.domain_taken`; `connection.no_password` for another account without a secret;
/// `connection.new_app` for another app whose secret nobody has given; `rotation.unfinished` while a transaction of its
/// principal has not ended, `rotation.busy` while somebody is at one.
pub fn edit(store: &Store, name: &str, scope: &Scope, change: &Change) -> Result<Connection> {
    let known = query::get(store, name, scope)?;
    let mut change = change.clone();
    let sealed = Sealed {
        secret: keep_credential(store, change.settings.as_ref().unwrap_or(&known.settings), change.secret.as_ref())?,
        token: keep(store, change.agent_token.as_ref().and_then(Option::as_ref))?,
    };
    if sealed.secret.is_none() {
        // The app has it already.
        change.secret = None;
    }
    refuse_held(store, &known, &change)?;
    store.write(|t| {
        let before = query::get_in(t, name, scope)?;
        if let Some(customer) = &change.customer {
            refuse_other_customer(customer.as_deref(), scope)?;
        }
        let name = update(t, store.actor(), &before, &change, &sealed)?;
        let after = query::get_in(t, &name, &Scope::all())?;
        if let Some(settings) = change.settings.as_ref().filter(|new| new.links().ne(before.settings.links())) {
            check_links(t, settings, scope)?;
        }
        if after.domain != before.domain {
            check_domain(t, &after.settings, (&after.domain, &name, after.customer.as_deref()))?;
        }
        Ok(after)
    })
}

/// Refuses to change a credential, or what it goes by, while somebody is at a transaction of its principal. One that begins
/// later sees what was changed.
pub(super) fn refuse_held(store: &Store, before: &Connection, change: &Change) -> Result<()> {
    if change.secret.is_some() || change.name.is_some() || change.username.is_some() {
        locks::refuse_held(store, before.principal)?;
    }
    match (&change.secret, &change.settings) {
        (Some(_), Some(settings)) => apps::refuse_held(store, settings),
        _ => Ok(()),
    }
}

/// Another name is another account, and what is stored is the password of the one before: shown would be the one, used the other.
///
/// # Errors
/// `connection.no_password`.
pub(super) fn refuse_name_alone(c: &rusqlite::Connection, before: &Connection, change: &Change) -> Result<()> {
    // An app that is known brings its secret along; `principal_after` refuses one that is not.
    let brings_own = change.settings.as_ref().unwrap_or(&before.settings).app().is_some();
    let Some(username) = change.username.as_ref().filter(|_| change.secret.is_none() && !brings_own) else {
        return Ok(());
    };
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

/// Inserts a connection: with a provisional principal of its own, or with its app's.
pub(super) fn insert(t: &Transaction<'_>, actor: &Actor, new: &NewConnection, sealed: &Sealed) -> Result<()> {
    refuse_taken(t, &new.name)?;
    let principal = apps::principal_of(t, &new.settings, &new.domain, &new.username)?;
    if sealed.secret.is_some() {
        apps::refuse_other_secret(t, &new.settings, principal)?;
        journal::refuse_unfinished(t, principal)?;
    }
    let settings = text(&new.settings)?;
    let values = Values {
        name: &new.name,
        kind: new.settings.kind().as_str(),
        domain: &new.domain,
        principal,
        username: &new.username,
        customer: new.customer.as_deref(),
        settings: &settings,
        trusted_pem: new.settings.ca_pem().map(|pem| &**pem),
        tags: &new.tags,
    };
    let id = connections::insert(t, &values)?;
    trail::added(t, actor, new, principal)?;
    if let Some(token) = &sealed.token {
        agents::set_token(t, id, Some(token))?;
    }
    let secret = sealed.secret.as_ref();
    secret.map_or(Ok(()), |kept| make_current(t, actor, (id, principal), &new.username, &new.settings, kept))
}

/// Overwrites a connection; answers its name.
pub(super) fn update(
    t: &Transaction<'_>,
    actor: &Actor,
    before: &Connection,
    change: &Change,
    sealed: &Sealed,
) -> Result<String> {
    refuse_stale(t, before)?;
    let kept = sealed.secret.as_ref();
    refuse_name_alone(t, before, change)?;
    let name = change.name.as_ref().unwrap_or(&before.name);
    let username = change.username.as_ref().unwrap_or(&before.username);
    let settings = &follow_own_name(change.settings.as_ref().unwrap_or(&before.settings), &before.name, name);
    let domain = change.domain.as_ref().unwrap_or(&before.domain);
    if settings.kind() != before.kind {
        return Err(Error::new("connection.wrong_kind", "a connection keeps its kind").hint("add another connection"));
    }
    let renamed = !name.eq_ignore_ascii_case(&before.name);
    if kept.is_some() || renamed || username != &before.username {
        credentials::refuse_unfinished_in(t, before)?;
    }
    if renamed {
        refuse_taken(t, name)?;
        connections::rename_links(t, &before.name, name)?;
    }
    let principal = principal_after(t, before, (settings, domain, username), kept.is_some())?;
    let customer = change.customer.as_ref().unwrap_or(&before.customer);
    let values = Values {
        name,
        kind: before.kind.as_str(),
        domain,
        principal,
        username,
        customer: customer.as_deref(),
        settings: &text(settings)?,
        trusted_pem: settings.ca_pem().map(|pem| &**pem),
        tags: change.tags.as_ref().unwrap_or(&before.tags),
    };
    connections::update(t, before.id, &values)?;
    trail::edited(t, actor, before, change, (name, principal))?;
    if change.agent_token.is_some() {
        agents::set_token(t, before.id, sealed.token.as_ref())?;
    }
    if let Some(kept) = kept {
        make_current(t, actor, (before.id, principal), username, settings, kept)?;
    }
    Ok(name.clone())
}

/// The principal after an edit: another one for another account or app.
fn principal_after(
    t: &Transaction<'_>,
    before: &Connection,
    (settings, domain, username): (&Settings, &str, &str),
    has_secret: bool,
) -> Result<PrincipalId> {
    let same_app = match (before.settings.app(), settings.app()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => {
            let stored = rows::current(t, principals::surviving(t, before.principal)?)?;
            one.is_none() && other.is_none() && is_account_of(username, before, stored.as_ref())
        }
    };
    if same_app {
        return principals::surviving(t, before.principal);
    }
    let principal = apps::principal_of(t, settings, domain, username)?;
    if has_secret {
        journal::refuse_unfinished(t, principal)?;
    } else if settings.app().is_some() && rows::current(t, principal)?.is_none() {
        return Err(Error::new("connection.new_app", format!("nobody has given the secret of {username} yet"))
            .hint("give its secret or certificate as well"));
    }
    Ok(principal)
}

/// A connection that is its app's home goes on to be it under its new name.
fn follow_own_name(settings: &Settings, before: &str, name: &str) -> Settings {
    let mut settings = settings.clone();
    if let Settings::MsOnline(online) = &mut settings
        && online.app_home.as_deref().is_some_and(|home| home.eq_ignore_ascii_case(before))
    {
        online.app_home = Some(name.to_owned());
    }
    settings
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

/// `via` and `ad` must name connections of kind `ad`, `app_home` one of kind `msonline`, all of which the scope shows.
///
/// # Errors
/// `connection.unknown`, `connection.wrong_kind`.
pub(super) fn check_links(t: &Transaction<'_>, settings: &Settings, scope: &Scope) -> Result<()> {
    settings.links().try_for_each(|(_, kind, name)| check_link(t, kind, name, scope))
}

/// One of them.
pub(super) fn check_link(t: &Transaction<'_>, kind: Kind, name: &str, scope: &Scope) -> Result<()> {
    let named = query::get_in(t, name, scope)?;
    match kind {
        Kind::Ad => named.ad().map(|_| ()),
        Kind::MsOnline => named.msonline().map(|_| ()),
    }
}

/// A mail domain has one `msonline` connection. Looked at when all that is to be written is there, for an import may let one
/// connection take another's domain over.
///
/// # Errors
/// `connection.domain_taken`.
pub(super) fn check_domain(
    t: &Transaction<'_>,
    settings: &Settings,
    (domain, name, customer): (&str, &str, Option<&str>),
) -> Result<()> {
    match settings.kind() {
        Kind::Ad => Ok(()),
        Kind::MsOnline => apps::refuse_second_for_domain(t, (domain, name, customer)),
    }
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

/// What is stored of a connection's secret; nothing where its app has just this one already.
fn keep_credential(store: &Store, settings: &Settings, given: Option<&Given>) -> Result<Option<Kept>> {
    match given {
        Some(given) if apps::has(store, settings, given)? => Ok(None),
        given => keep(store, given),
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
