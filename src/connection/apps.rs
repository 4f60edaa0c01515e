//! Apps: several connections of one multi-tenant app share its principal, and so its one credential.
//!
//! A new connection never changes what the others sign in with: it brings the same secret or none. A new one comes by an edit.

use std::collections::HashMap;

use rusqlite::Transaction;

use super::{
    Fault, Given, Settings,
    credentials::{self, Credential},
    import::Checked,
};
use crate::{
    error::{Error, Result},
    store::{
        Store, locks,
        rows::{ConnectionId, PrincipalId, connections, credentials as rows, principals},
    },
};

/// The principal of a connection that is new, or is of another account now: an app's own, or a provisional one.
pub(super) fn principal_of(
    t: &Transaction<'_>,
    settings: &Settings,
    domain: &str,
    username: &str,
) -> Result<PrincipalId> {
    let kind = settings.kind().as_str();
    match settings.app() {
        Some(app) => principals::of_app(t, kind, domain, app),
        None => principals::insert(t, kind, domain, username),
    }
}

/// Refuses to give an app a secret while somebody is at a transaction of it.
///
/// # Errors
/// `rotation.busy`.
pub(super) fn refuse_held(store: &Store, settings: &Settings) -> Result<()> {
    let Some(app) = settings.app() else { return Ok(()) };
    match store.read(|c| principals::app_known(c, app))? {
        Some(principal) => locks::refuse_held(store, principal),
        None => Ok(()),
    }
}

/// What an app signs in with now; `None` for anything but an app.
fn current(store: &Store, settings: &Settings) -> Result<Option<Credential>> {
    settings.app().map_or(Ok(None), |app| current_of(store, app))
}

/// What an app signs in with now, by its id; `None` where the store does not know it.
pub fn current_of(store: &Store, app: &str) -> Result<Option<Credential>> {
    store.read(|c| match principals::app_known(c, app)? {
        Some(principal) => rows::current(c, principal),
        None => Ok(None),
    })
}

/// Whether the app signs in with just this secret already.
pub(super) fn has(store: &Store, settings: &Settings, given: &Given) -> Result<bool> {
    let current = current(store, settings)?.filter(|current| current.form == settings.form());
    current.map_or(Ok(false), |current| credentials::is_given(&mut None, store, &current, given))
}

/// Refuses a secret that comes with a new connection and would replace what others of the same app sign in with.
///
/// # Errors
/// `connection.app_has_secret`.
pub(super) fn refuse_other_secret(t: &Transaction<'_>, settings: &Settings, principal: PrincipalId) -> Result<()> {
    let Some(app) = settings.app() else { return Ok(()) };
    let users = connections::of_principal(t, principal)?;
    if users.is_empty() || rows::current(t, principal)?.is_none() {
        return Ok(());
    }
    Err(Error::new(
        "connection.app_has_secret",
        format!("app {app} signs in with another secret for other connections"),
    )
    .hint("leave the secret out to share theirs, or give all of them the new one by an edit of one of them"))
}

/// Two connections for one mail domain would be two answers to one question.
///
/// # Errors
/// `connection.domain_taken`; the other one is named where it has the same customer, or no label matters.
pub(super) fn refuse_second_for_domain(
    t: &Transaction<'_>,
    (domain, name, customer): (&str, &str, Option<&str>),
) -> Result<()> {
    let Some((other, its)) = connections::of_mail_domain(t, domain, name)? else { return Ok(()) };
    let may_name = customer.is_none_or(|mine| its.is_some_and(|its| its.eq_ignore_ascii_case(mine)));
    let whose = if may_name { format!("of connection {other}") } else { "of another connection".to_owned() };
    Err(Error::new("connection.domain_taken", format!("{domain} is the domain {whose} already"))
        .hint("a mail domain has one connection: edit that one, or remove it first"))
}

/// Of the rows of a file that give one app a secret, one keeps it, an edit before a new one; those that give it another are
/// at fault. What the app has already is not stored again.
pub(super) fn settle(store: &Store, rows: &mut [(usize, Checked)]) -> Result<Vec<(usize, Fault)>> {
    let mut faults = Vec::new();
    let mut given: HashMap<String, (usize, Given)> = HashMap::new();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|at| matches!(rows[*at].1, Checked::New(_)));
    for at in order {
        let row = rows[at].0;
        let (settings, secret) = rows[at].1.settings_and_secret();
        let (Some(app), Some(secret_given)) = (settings.app().map(str::to_ascii_lowercase), secret.clone()) else {
            continue;
        };
        let column = if settings.form() == rows::Form::Certificate { "certificate" } else { "secret" };
        match given.get(&app) {
            None => {
                let is_stored = has(store, settings, &secret_given)?;
                given.insert(app, (row, secret_given));
                if is_stored {
                    *rows[at].1.secret() = None;
                }
            }
            Some((_, first)) if first.is_same(&secret_given) => *rows[at].1.secret() = None,
            Some((first, _)) => {
                let error =
                    Error::new("connection.app_has_secret", format!("row {first} gives the same app another one"))
                        .hint("give an app one secret; all its connections share it");
                faults.push((row, Fault { column, error }));
            }
        }
    }
    Ok(faults)
}

/// The app learns which cloud it is of, and perhaps which tenant holds its application object: several principals that turn
/// out to be one are merged.
///
/// # Errors
/// `connection.wrong_kind` for a connection that signs in with a user; `connection.other_principal` when the app is known to
/// be of another cloud or tenant.
pub fn bind_app(
    store: &Store,
    connection: ConnectionId,
    cloud: &str,
    home_tenant: Option<&str>,
) -> Result<PrincipalId> {
    let known = super::by_id(store, connection)?;
    let Some(app) = known.settings.app() else {
        return Err(Error::new("connection.wrong_kind", format!("{} does not sign in as an app", known.name))
            .hint("give it a client id"));
    };
    let principal = credentials::bind_principal(store, connection, &format!("{cloud}/{app}"))?;
    store.write(|t| {
        let before = principals::home_tenant(t, principal)?;
        if let (Some(before), Some(now)) = (&before, home_tenant)
            && !before.eq_ignore_ascii_case(now)
        {
            return Err(Error::new(
                "connection.other_principal",
                format!("app {app} is told to live in tenant {now}, and the store knows it in {before}"),
            )
            .hint("see in the app's registration which tenant holds it"));
        }
        principals::set_app(t, principal, app, home_tenant)?;
        Ok(principal)
    })
}

/// The tenant that holds the application object of a connection's app; `None` while it is unknown, or there is no app.
pub fn home_tenant(store: &Store, principal: PrincipalId) -> Result<Option<String>> {
    store.read(|c| principals::home_tenant(c, principals::surviving(c, principal)?))
}
