//! What the store has of the connection and its account, and what it forbids.

use time::OffsetDateTime;

use super::{books::Books, request::Request};
use crate::{
    connection::{self, Connection, Scope, credentials, credentials::Credential, same_account},
    directory::Identity,
    error::{Error, Result},
    store::rows::{CredentialId, PrincipalId, principals},
};

/// An emergency account's tag: it is rotated by hand.
const BREAK_GLASS: &str = "break-glass";

/// What the store has.
pub(super) struct Stored {
    /// The account; locked.
    pub(super) principal: PrincipalId,
    /// Its version in use.
    pub(super) current: Option<Credential>,
    /// The same, opened, to sign in with. `None` where an administrative account signs in.
    pub(super) old: Option<Identity>,
}

/// Locks the account and reads its credential; everything that needs no network.
pub(super) async fn read(request: &Request, books: &Books) -> Result<Stored> {
    request.connection.ad()?;
    let (connection, scope, insist) = (request.connection.clone(), request.scope.clone(), request.insist);
    let over_via = request.via.is_some();
    books
        .with(move |books| {
            let principal = lock_all(books, &connection)?;
            refuse_bystanders(books, principal, &scope, insist)?;
            let current = credentials::current(&books.store, &connection)?;
            if current.is_none() && !over_via {
                return Err(no_credential(&connection));
            }
            if let Some(reference) = current.as_ref().and_then(|current| current.reference.as_ref()) {
                return Err(kept_elsewhere(&connection, reference));
            }
            let old = match &current {
                Some(current) if !over_via => Some(Identity {
                    name: current.username.clone(),
                    password: credentials::open(&books.store, &books.identity, current)?,
                }),
                _ => None,
            };
            Ok(Stored { principal, current, old })
        })
        .await
}

/// Locks the account. While the directory has not said which account it is, every principal that may be the same one is
/// locked with it, always in the same order, so that of two operators one goes on. Blocks.
fn lock_all(books: &Books, connection: &Connection) -> Result<PrincipalId> {
    let all = books.store.read(|c| {
        let principal = principals::surviving(c, connection.principal)?;
        principals::namesakes(c, principal, &connection.username)
    })?;
    for principal in all {
        books.lock(principal)?;
    }
    books.lock(connection.principal)
}

/// The account, whose password was set at that moment, learns its objectGUID. Another principal may turn out to be the same account: then that one's lock is
/// taken as well, and its connections are looked at too. Blocks.
pub(super) fn learn(
    books: &Books,
    stored: &mut Stored,
    connection: &Connection,
    (guid, set): (&str, Option<OffsetDateTime>),
    scope: &Scope,
    insist: bool,
) -> Result<()> {
    // Before anything is merged: whoever has it locked is at work on the same account.
    if let Some(known) = credentials::principal_of(&books.store, guid)? {
        books.lock(known)?;
    }
    let survivor = same_account::bind(&books.store, Some(&books.identity), connection.id, guid, set)?;
    stored.principal = books.lock(survivor)?;
    stored.current = credentials::current(&books.store, connection)?;
    refuse_bystanders(books, stored.principal, scope, insist)
}

/// Refuses where the connection's credential is not the one that was seen: an edit that had begun before the account was locked
/// is not overruled. Blocks.
pub(super) fn refuse_changed(books: &Books, connection: &Connection, seen: Option<CredentialId>) -> Result<()> {
    let current = credentials::current(&books.store, connection)?.map(|current| current.id);
    if current == seen { Ok(()) } else { Err(connection::changed_meanwhile(&connection.name)) }
}

/// Looks at every connection of the account: all of them get the new password.
pub(super) fn refuse_bystanders(books: &Books, principal: PrincipalId, scope: &Scope, insist: bool) -> Result<()> {
    for name in credentials::connections_of(&books.store, principal)? {
        let connection = connection::get(&books.store, &name, &Scope::all())?;
        if !scope.sees(connection.customer.as_deref()) {
            return Err(Error::new(
                "rotation.other_customer",
                "a connection of another customer, which this run may not see, signs in with the same account",
            )
            .hint("run without --customer, if that customer agrees to a new password"));
        }
        if !insist && connection.tags.iter().any(|tag| tag.eq_ignore_ascii_case(BREAK_GLASS)) {
            return Err(Error::new(
                "rotation.break_glass",
                format!(
                    "{} is tagged {BREAK_GLASS}: its account is the way back in and is changed by hand",
                    connection.name
                ),
            )
            .hint("`insist: true` rotates it all the same"));
        }
    }
    Ok(())
}

pub(super) fn no_credential(connection: &Connection) -> Error {
    Error::new("connection.no_credential", format!("no credential is stored for {}", connection.name)).hint(format!(
        "libretto connections edit {} --password env:NAME, or name an administrative connection (via)",
        connection.name
    ))
}

pub(super) fn kept_elsewhere(connection: &Connection, reference: &str) -> Error {
    let scheme = reference.split(':').next().unwrap_or_default();
    Error::new(
        "rotation.kept_elsewhere",
        format!(
            "the password of {} is kept outside ({scheme}:), where a new one cannot be written to yet",
            connection.name
        ),
    )
    .hint("rotate it where it is kept, or store it here: libretto connections edit NAME --password env:NAME")
}
