//! The credentials of a connection's principal: versions, states, and the only ways from one state to another.

use rusqlite::Transaction;

use super::{Connection, Given, trail};
pub use crate::store::rows::{
    credentials::{Credential, Form, State},
    principals::{GRACE, SKEW},
};
use crate::{
    error::{Error, Result},
    host::Host,
    secret::{Secret, reference::Reference, seal::Identity},
    store::{
        Store, journal,
        locks::{self, PrincipalLock},
        rows::{
            ConnectionId, CredentialId, PrincipalId, connections,
            credentials::{self as rows, Kept, NewVersion},
            handed, principals,
        },
    },
};

/// The version in use; `None` when none was ever given.
pub fn current(store: &Store, connection: &Connection) -> Result<Option<Credential>> {
    current_of(store, connection.principal)
}

/// The version in use of an account.
pub fn current_of(store: &Store, principal: PrincipalId) -> Result<Option<Credential>> {
    store.read(|c| rows::current(c, principals::surviving(c, principal)?))
}

/// All versions of the connection's principal, newest first.
pub fn history(store: &Store, connection: &Connection) -> Result<Vec<Credential>> {
    versions_of(store, connection.principal)
}

/// All versions of a principal, newest first.
pub fn versions_of(store: &Store, principal: PrincipalId) -> Result<Vec<Credential>> {
    store.read(|c| rows::history(c, principals::surviving(c, principal)?))
}

/// One version by its number in the store.
pub fn by_id(store: &Store, id: CredentialId) -> Result<Credential> {
    store.read(|c| rows::by_id(c, id))
}

/// The present name of the connection that a version was recorded for; `None` when that is gone.
pub fn recorded_for(store: &Store, id: CredentialId) -> Result<Option<String>> {
    store.read(|c| rows::recorded_for(c, id)?.map_or(Ok(None), |connection| connections::name(c, connection)))
}

/// Opens a sealed version. One that is a reference is opened with [`fetch`].
///
/// # Errors
/// `secret.not_opened` when it cannot be decrypted, `secret.is_reference` when it is kept elsewhere.
pub fn open(store: &Store, identity: &Identity, credential: &Credential) -> Result<Secret> {
    match store.read(|c| rows::sealed(c, credential.id))? {
        Some(bytes) => identity.open(&bytes),
        None => Err(Error::new("secret.is_reference", "this credential is kept outside the store")
            .hint("open it through its reference")),
    }
}

/// Opens a version wherever it is kept: decrypts it, or follows its reference (may block, see [`Reference::read`]).
pub fn fetch(store: &Store, host: &Host, credential: &Credential) -> Result<Secret> {
    match &credential.reference {
        Some(text) => Reference::parse(text)?.read(host, &format!("password of {}", credential.username)),
        None => open(store, &Identity::load(store)?, credential),
    }
}

/// Records a candidate for the connection, durably: it was read back and decrypted when this returns. A `username` other
/// than the connection's means another account until [`bind_credential`] says that it is the same: the candidate gets a
/// provisional principal of its own, and only [`promote`] switches the connection to it.
///
/// # Errors
/// `rotation.unfinished` while a transaction of the connection's has not ended; the store's.
pub fn record_candidate(
    store: &Store,
    identity: &Identity,
    connection: &Connection,
    username: &str,
    secret: &Secret,
    run: Option<&str>,
) -> Result<Credential> {
    if let Some(app) = connection.settings.app()
        && !username.eq_ignore_ascii_case(app)
    {
        return Err(Error::new("connection.other_app", format!("{} signs in as the app {app}", connection.name)).hint(
            "give that as the user name; to another app or to a user it is changed by `libretto connections edit`",
        ));
    }
    let whom = (username, connection.settings.form());
    record(store, identity, whom, secret, run, |t| {
        journal::refuse_unfinished_for(t, connection.id)?;
        let principal = if username.eq_ignore_ascii_case(&connection.username) {
            principals::surviving(t, connection.principal)?
        } else {
            principals::insert(t, connection.kind.as_str(), &connection.domain, username)?
        };
        Ok((principal, Some(connection.id)))
    })
}

/// Records one more candidate for the account of `like`, as durably as [`record_candidate`]: a secret that somebody has set
/// outside while a transaction of the account is open.
pub fn record_further(
    store: &Store,
    identity: &Identity,
    like: &Credential,
    secret: &Secret,
    run: Option<&str>,
) -> Result<Credential> {
    record(store, identity, (&like.username, like.form), secret, run, |t| {
        Ok((principals::surviving(t, like.principal)?, rows::recorded_for(t, like.id)?))
    })
}

/// Records a candidate for the principal and the connection that `whose` tells.
fn record(
    store: &Store,
    identity: &Identity,
    (username, form): (&str, Form),
    secret: &Secret,
    run: Option<&str>,
    whose: impl FnOnce(&Transaction<'_>) -> Result<(PrincipalId, Option<ConnectionId>)>,
) -> Result<Credential> {
    let kept = seal(identity, secret)?;
    let recorded = store.write(|t| {
        let (principal, connection) = whose(t)?;
        let state = State::Candidate;
        let id = rows::insert(t, &NewVersion { principal, state, username, form, kept: &kept, connection, run })?;
        trail::recorded(t, &store.actor().within(run), id)?;
        rows::by_id(t, id)
    })?;
    read_back(store, identity, &recorded, secret)?;
    Ok(recorded)
}

fn read_back(store: &Store, identity: &Identity, recorded: &Credential, secret: &Secret) -> Result<()> {
    if open(store, identity, recorded)?.expose() == secret.expose() {
        return Ok(());
    }
    Err(Error::new("secret.not_opened", "the candidate that was just stored reads back as another secret")
        .hint("nothing was sent; see that the home folder's disk is well"))
}

/// Makes a version the current one, in one transaction: it is proven on `proven_on`, the current one becomes previous, and
/// all connections of the principal, whoever's they are, use it; so does the one that it was recorded for.
pub fn promote(store: &Store, id: CredentialId, proven_on: &str) -> Result<()> {
    store.write(|t| {
        let version = rows::by_id(t, id)?;
        let before = rows::current(t, version.principal)?;
        rows::set_proven(t, id, proven_on)?;
        if before.as_ref().is_some_and(|before| before.id == id) {
            return Ok(());
        }
        rows::demote_current(t, version.principal)?;
        rows::set_state(t, id, State::Current)?;
        handed::proven(t, id)?;
        trail::promoted(t, store.actor(), id, proven_on, before.as_ref())?;
        if let Some(before) = before {
            connections::rename_account(t, version.principal, &before.username, &version.username)?;
        }
        match rows::recorded_for(t, id)? {
            Some(connection) if version.state == State::Candidate => {
                connections::set_principal(t, connection, version.principal, &version.username)
            }
            _ => Ok(()),
        }
    })
}

/// [`promote`] for a candidate that was recorded to be tested: not over a password that was set in the directory since, for
/// within the hour after that the one before is accepted as well.
///
/// # Errors
/// The candidate stays one: `rotation.busy` while somebody is at a transaction of the account, `rotation.unfinished` while one
/// has not ended, `connection.superseded` when a later version was set.
pub fn promote_tested(store: &Store, id: CredentialId, proven_on: &str, who: &str) -> Result<()> {
    let candidate = by_id(store, id)?;
    let _lock = PrincipalLock::take(store, candidate.principal, who)?;
    store.read(|c| journal::refuse_unfinished(c, principals::surviving(c, candidate.principal)?))?;
    if let Some(later) = set_since(store, &candidate)? {
        return Err(Error::new(
            "connection.superseded",
            format!(
                "version {} was accepted, and version {} was set in the directory meanwhile: for an hour after a change the \
                 password before it is accepted too",
                candidate.version, later.version
            ),
        )
        .hint("nothing is to be done if the later one is right; else set a new password"));
    }
    promote(store, id, proven_on)
}

/// The version that was set in the directory after a candidate was recorded, where there is one. A write that was sent and
/// surely not made has set nothing.
fn set_since(store: &Store, candidate: &Credential) -> Result<Option<Credential>> {
    let is_later = |one: &Credential| one.sent_at.as_ref().is_some_and(|sent| *sent > candidate.created_at);
    for later in versions_of(store, candidate.principal)?.into_iter().filter(is_later) {
        if later.id != candidate.id && !store.read(|c| journal::was_not_made(c, later.id))? {
            return Ok(Some(later));
        }
    }
    Ok(None)
}

/// Takes a version that is not current out of use. It is kept, 30 days at least.
///
/// # Errors
/// `connection.credential_in_use` for the current one.
pub fn retire(store: &Store, id: CredentialId, why: &str) -> Result<()> {
    store.write(|t| {
        let version = rows::by_id(t, id)?;
        if version.state == State::Current {
            return Err(Error::new("connection.credential_in_use", "the credential in use is not retired")
                .hint("promote another one first"));
        }
        rows::retire(t, id, why)?;
        trail::retired(t, store.actor(), &version, why)
    })
}

/// The version before works beside the current one for an overlap that somebody must end. One that is out of use stays that.
pub fn begin_retiring(store: &Store, id: CredentialId) -> Result<()> {
    store.write(|t| {
        let version = rows::by_id(t, id)?;
        if matches!(version.state, State::Previous | State::Candidate) {
            rows::set_state(t, id, State::Retiring)?;
            trail::retiring(t, store.actor(), &version)?;
        }
        Ok(())
    })
}

/// The versions that work beside a current one, whoever's they are.
pub fn all_retiring(store: &Store) -> Result<Vec<Credential>> {
    store.read(rows::retiring)
}

/// A target accepted this version.
pub fn mark_proven(store: &Store, id: CredentialId, on: &str) -> Result<()> {
    store.write(|t| rows::set_proven(t, rows::by_id(t, id)?.id, on))
}

/// A write that carries this version is about to be sent.
pub fn mark_sent(store: &Store, id: CredentialId) -> Result<()> {
    store.write(|t| rows::set_sent(t, rows::by_id(t, id)?.id))
}

/// The connection's principal learns its objectGUID (of an app: cloud, tenant and app id). If another principal has it, both
/// are the same account: they are merged, no credential row is lost, and the survivor's id is answered. Its lock is then
/// the one to hold. Of two current versions the one proven last stays current, so mark the one that just worked as proven
/// before.
///
/// # Errors
/// `connection.other_principal` when the principal is known to be another object; `rotation.unfinished` when a merge would
/// touch a transaction that has not ended.
pub fn bind_principal(store: &Store, connection: ConnectionId, directory_guid: &str) -> Result<PrincipalId> {
    store.write(|t| match connections::principal(t, connection)? {
        Some(principal) => learn(t, store, principal, directory_guid),
        None => Err(Error::new("connection.unknown", "the connection was removed in the meantime")),
    })
}

/// Connections that may be of the same account: they use the same name in its domain, and nobody has asked the directory
/// about them yet.
pub fn unsettled(store: &Store, principal: PrincipalId) -> Result<Vec<(ConnectionId, String)>> {
    store.read(|c| principals::unsettled(c, principals::surviving(c, principal)?))
}

/// [`bind_principal`] for a candidate that was recorded under another user name.
pub fn bind_credential(store: &Store, credential: CredentialId, directory_guid: &str) -> Result<PrincipalId> {
    store.write(|t| {
        let principal = rows::by_id(t, credential)?.principal;
        learn(t, store, principal, directory_guid)
    })
}

fn learn(t: &Transaction<'_>, store: &Store, principal: PrincipalId, guid: &str) -> Result<PrincipalId> {
    let principal = principals::surviving(t, principal)?;
    let was_known = principals::guid(t, principal)?.is_some();
    let survivor = principals::learn(t, principal, guid)?;
    if !was_known {
        let merged = (survivor != principal).then_some(principal);
        trail::learned(t, store.actor(), survivor, guid, merged)?;
    }
    Ok(survivor)
}

/// What the directory calls a principal: its objectGUID, in lower case; `None` while nobody has asked.
pub fn directory_guid(store: &Store, principal: PrincipalId) -> Result<Option<String>> {
    store.read(|c| principals::guid(c, principals::surviving(c, principal)?))
}

/// The principal that the store knows by this objectGUID.
pub fn principal_of(store: &Store, directory_guid: &str) -> Result<Option<PrincipalId>> {
    store.read(|c| principals::by_guid(c, &directory_guid.to_ascii_lowercase()))
}

/// Refuses to work with a principal whose transaction has not ended: nobody knows which password it has.
///
/// # Errors
/// `rotation.busy` while somebody is at it, else `rotation.unfinished`, in doubt.
pub fn refuse_unfinished(store: &Store, principal: PrincipalId) -> Result<()> {
    let unfinished = store.read(|c| journal::refuse_unfinished(c, principals::surviving(c, principal)?));
    if unfinished.is_err() {
        locks::refuse_held(store, principal)?;
    }
    unfinished
}

/// The same of the account that goes by this name: while nobody has asked the directory whose it is, of all that may be it.
///
/// # Errors
/// As [`refuse_unfinished`].
pub fn refuse_unfinished_of(store: &Store, principal: PrincipalId, name: &str) -> Result<()> {
    let all = store.read(|c| principals::namesakes(c, principals::surviving(c, principal)?, name))?;
    all.into_iter().try_for_each(|one| refuse_unfinished(store, one))
}

/// The names of all connections of a principal, whoever's they are.
pub fn connections_of(store: &Store, principal: PrincipalId) -> Result<Vec<String>> {
    store.read(|c| connections::of_principal(c, principals::surviving(c, principal)?))
}

/// Refuses what would change the account of a connection, or its credentials, while a transaction of the account, or one that
/// is to give the connection another, has not ended.
///
/// # Errors
/// `rotation.unfinished`, verdict in-doubt.
pub(super) fn refuse_unfinished_in(c: &rusqlite::Connection, connection: &Connection) -> Result<()> {
    journal::refuse_unfinished(c, principals::surviving(c, connection.principal)?)?;
    journal::refuse_unfinished_for(c, connection.id)
}

/// Whether a version holds just what is given. One that cannot be opened holds something else.
pub(crate) fn is_given(
    identity: &mut Option<Identity>,
    store: &Store,
    credential: &Credential,
    given: &Given,
) -> Result<bool> {
    match (&credential.reference, given) {
        (Some(text), Given::Kept(reference)) => Ok(*text == reference.to_string()),
        (None, Given::Secret(secret)) => {
            let identity = made(identity, store)?;
            Ok(open(store, identity, credential).is_ok_and(|known| known.expose() == secret.expose()))
        }
        _ => Ok(false),
    }
}

/// The store's identity, read or made once.
pub(super) fn made<'a>(identity: &'a mut Option<Identity>, store: &Store) -> Result<&'a Identity> {
    Ok(match identity {
        Some(identity) => identity,
        None => identity.insert(Identity::load_or_make(store)?),
    })
}

/// What is stored of a secret that was given.
pub(super) fn keep(identity: &mut Option<Identity>, store: &Store, given: &Given) -> Result<Kept> {
    match given {
        Given::Kept(reference) => Ok(Kept::Reference(reference.to_string())),
        Given::Secret(secret) => seal(made(identity, store)?, secret),
    }
}

fn seal(identity: &Identity, secret: &Secret) -> Result<Kept> {
    Ok(Kept::Sealed { bytes: identity.seal(secret)?, recipient: identity.recipient() })
}
