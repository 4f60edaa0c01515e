//! Former versions of a credential: which may be brought back, and which hold a secret that is given.

use super::{
    Connection,
    credentials::{self, Credential, Form, State},
};
use crate::{
    error::{Error, Result},
    secret::{Secret, seal::Identity},
    store::Store,
};

/// Which version is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The newest one that is `previous` and was proven.
    Previous,
    /// The one with this number.
    Version(i64),
}

/// Finds the version that is to be brought back. With `insist` also one that no target has ever accepted.
///
/// # Errors
/// `connection.no_former_version`, `connection.unknown_version`, `connection.version_in_use`,
/// `connection.version_elsewhere`, `connection.version_unproven`.
pub fn choose(store: &Store, connection: &Connection, which: Which, insist: bool) -> Result<Credential> {
    let versions = credentials::history(store, connection)?;
    let chosen = match which {
        Which::Previous => versions
            .into_iter()
            .find(|one| one.state == State::Previous && one.proven_at.is_some())
            .ok_or_else(|| none(connection))?,
        Which::Version(number) => {
            let known = listed(&versions);
            let fits = |one: &Credential| i64::from(one.version) == number;
            versions.into_iter().find(fits).ok_or_else(|| unknown(connection, number, &known))?
        }
    };
    refuse(connection, &chosen, insist).map(|()| chosen)
}

fn refuse(connection: &Connection, chosen: &Credential, insist: bool) -> Result<()> {
    let number = chosen.version;
    if chosen.state == State::Current {
        return Err(in_use(number, "the one in use"));
    }
    if let Some(reference) = &chosen.reference {
        let scheme = reference.split(':').next().unwrap_or_default();
        return Err(Error::new(
            "connection.version_elsewhere",
            format!("version {number} is kept outside ({scheme}:), where it may have changed since"),
        )
        .hint(format!(
            "give the password itself: libretto run reset_ad_creds connection={} rotate=true password=prompt",
            connection.name
        )));
    }
    if chosen.form != Form::Password {
        return Err(Error::new("connection.wrong_kind", format!("version {number} is no password of an account"))
            .hint("only passwords of directory accounts can be brought back"));
    }
    if chosen.proven_at.is_none() && !insist {
        return Err(Error::new(
            "connection.version_unproven",
            format!("version {number} was never proven: no target has ever accepted it"),
        )
        .hint("choose a version that was, or insist (`--insist`, `insist: true`)"));
    }
    Ok(())
}

/// Opens the version, and refuses one that holds the same secret as the current one.
///
/// # Errors
/// `connection.version_in_use`; the identity's.
pub fn open(store: &Store, identity: &Identity, chosen: &Credential, current: Option<&Credential>) -> Result<Secret> {
    let secret = credentials::open(store, identity, chosen)?;
    let Some(current) = current.filter(|current| current.reference.is_none()) else { return Ok(secret) };
    if current.id == chosen.id || credentials::open(store, identity, current)?.expose() == secret.expose() {
        return Err(in_use(chosen.version, &format!("that of version {}, which is in use", current.version)));
    }
    Ok(secret)
}

/// The version that the directory has, as far as is known: of those that a target accepted the one that was sent or accepted
/// last. One that was only given has replaced nothing there.
#[must_use]
pub fn in_force(versions: &[Credential]) -> Option<&Credential> {
    let proven = versions.iter().filter(|one| one.proven_at.is_some());
    proven.max_by_key(|one| (one.sent_at.as_ref().max(one.proven_at.as_ref()), one.version))
}

/// Those of these versions that hold this secret, in their order. One that is kept outside is not opened.
///
/// # Errors
/// The identity's.
pub fn holding<'a>(
    store: &Store,
    identity: &Identity,
    versions: &'a [Credential],
    secret: &Secret,
) -> Result<Vec<&'a Credential>> {
    let mut holding = Vec::new();
    for version in versions.iter().filter(|version| version.reference.is_none()) {
        if credentials::open(store, identity, version)?.expose() == secret.expose() {
            holding.push(version);
        }
    }
    Ok(holding)
}

fn in_use(number: u32, which: &str) -> Error {
    Error::new("connection.version_in_use", format!("the password of version {number} is {which}"))
        .hint("there is nothing to bring back; `libretto connections history NAME` shows the other versions")
}

fn none(connection: &Connection) -> Error {
    Error::new("connection.no_former_version", format!("{} has no previous version that was proven", connection.name))
        .hint(format!("`libretto connections history {}` shows what there is; name one with --to", connection.name))
}

fn unknown(connection: &Connection, number: i64, known: &str) -> Error {
    Error::new("connection.unknown_version", format!("{} has no version {number}", connection.name))
        .hint(if known.is_empty() { "it has none".to_owned() } else { format!("it has {known}") })
}

fn listed(versions: &[Credential]) -> String {
    versions.iter().rev().map(|one| one.version.to_string()).collect::<Vec<_>>().join(", ")
}
