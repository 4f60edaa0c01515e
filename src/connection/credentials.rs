//! The credentials of a connection's principal: versions, states, and the only ways from one state to another.

use serde::Serialize;

use super::Connection;
use crate::{
    error::{Error, Result},
    host::Host,
    secret::{Secret, reference::Reference, seal::Identity},
    store::{
        Store,
        rows::{ConnectionId, CredentialId, PrincipalId},
    },
};

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Recorded, not accepted by any target yet.
    Candidate,
    /// The one that is used.
    Current,
    /// The one before, kept for roll-back.
    Previous,
    /// Still works outside, for an overlap that somebody must end.
    Retiring,
    /// Out of use; kept 30 days at least.
    Retired,
}

/// What a credential is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A directory account's password.
    Password,
    /// An app's secret.
    ClientSecret,
    /// A certificate with its key, PEM.
    Certificate,
}

/// One version of a principal's credential; the secret itself is only behind [`open`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Credential {
    /// The store's number for it.
    pub id: CredentialId,
    /// Whose it is.
    pub principal: PrincipalId,
    /// From 1, per principal.
    pub version: u32,
    /// Where it stands.
    pub state: State,
    /// Whom it signs in as.
    pub username: String,
    /// What it is made of.
    pub form: Form,
    /// Where it is kept outside (`vault:`, `command:`); `None`: sealed in the store.
    pub reference: Option<String>,
    /// RFC 3339, UTC, as all times here.
    pub created_at: String,
    /// When a target accepted it; `None`: not yet proven.
    pub proven_at: Option<String>,
    /// Which target did.
    pub proven_on: Option<String>,
    /// When a write that carries it was sent to the outside last.
    pub sent_at: Option<String>,
    /// Since when it is out of use.
    pub retired_at: Option<String>,
    /// Why it is.
    pub why: Option<String>,
    /// The run that recorded it.
    pub run: Option<String>,
}

/// The version in use; `None` when none was ever given.
pub fn current(store: &Store, connection: &Connection) -> Result<Option<Credential>> {
    let _ = (store, connection);
    Ok(None)
}

/// All versions of the connection's principal, newest first.
pub fn history(store: &Store, connection: &Connection) -> Result<Vec<Credential>> {
    let _ = (store, connection);
    Ok(Vec::new())
}

/// One version by its number in the store.
pub fn by_id(store: &Store, id: CredentialId) -> Result<Credential> {
    let _ = (store, id);
    Err(pending())
}

/// Opens a sealed version. One that is a reference is opened with [`fetch`].
///
/// # Errors
/// `secret.not_opened` when it cannot be decrypted, `secret.is_reference` when it is kept elsewhere.
pub fn open(store: &Store, identity: &Identity, credential: &Credential) -> Result<Secret> {
    let _ = (store, identity, credential);
    Err(pending())
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
pub fn record_candidate(
    store: &Store,
    identity: &Identity,
    connection: &Connection,
    username: &str,
    secret: &Secret,
    run: Option<&str>,
) -> Result<Credential> {
    let _ = (store, identity, connection, username, secret, run);
    Err(pending())
}

/// Makes a version the current one, in one transaction: it is proven on `proven_on`, the current one becomes previous, and
/// all connections of the principal, whoever's they are, use it; so does the one that it was recorded for.
pub fn promote(store: &Store, id: CredentialId, proven_on: &str) -> Result<()> {
    let _ = (store, id, proven_on);
    Err(pending())
}

/// Takes a version that is not current out of use. It is kept.
pub fn retire(store: &Store, id: CredentialId, why: &str) -> Result<()> {
    let _ = (store, id, why);
    Err(pending())
}

/// A target accepted this version.
pub fn mark_proven(store: &Store, id: CredentialId, on: &str) -> Result<()> {
    let _ = (store, id, on);
    Err(pending())
}

/// A write that carries this version is about to be sent.
pub fn mark_sent(store: &Store, id: CredentialId) -> Result<()> {
    let _ = (store, id);
    Err(pending())
}

/// The connection's principal learns its objectGUID (of an app: cloud, tenant and app id). If another principal has it, both
/// are the same account: they are merged, no credential row is lost, and the survivor's id is answered. Its lock is then
/// the one to hold.
///
/// # Errors
/// `connection.other_principal` when the principal is known to be another object.
pub fn bind_principal(store: &Store, connection: ConnectionId, directory_guid: &str) -> Result<PrincipalId> {
    let _ = (store, connection, directory_guid);
    Err(pending())
}

/// [`bind_principal`] for a candidate that was recorded under another user name.
pub fn bind_credential(store: &Store, credential: CredentialId, directory_guid: &str) -> Result<PrincipalId> {
    let _ = (store, credential, directory_guid);
    Err(pending())
}

fn pending() -> Error {
    Error::new("store.failed", "not built yet")
}
