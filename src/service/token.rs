//! The token that opens a service: made at first use, kept encrypted to the store's identity, compared in constant time.
//!
//! It lies beside the store in `token.age`: who gets hold of that file alone (of a backup that leaves `identity.age` out, as it
//! should) has nothing. It is kept, and not only its hash, because `... token` shows it again to who may read both.

use std::{
    fs,
    hint::black_box,
    io::{self, ErrorKind},
    path::PathBuf,
};

use data_encoding::BASE64URL_NOPAD;
use rand::{TryRng, rngs::SysRng};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::keep::{self, Present};
use crate::{
    error::{Error, Result},
    secret::{Secret, seal::Identity},
    store::{Store, files_failed},
};

const FILE: &str = "token.age";

/// A service's token, as its door knows it.
#[derive(Clone)]
pub struct Token {
    hash: [u8; 32],
}

impl Token {
    /// The token that a service asks for.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        Self { hash: hash(secret.expose().as_bytes()) }
    }

    /// Whether `shown` is it. Hashes of equal length are compared whole, so the time tells nothing of how much was right.
    #[must_use]
    pub fn opens(&self, shown: &[u8]) -> bool {
        let differs =
            self.hash.iter().zip(hash(shown)).fold(0, |differs, (one, other)| black_box(differs | (one ^ other)));
        differs == 0
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The token of the service whose store this is; made, from the system's randomness, where there is none yet. Any number of
/// processes may ask at once: all get the same.
///
/// # Errors
/// `service.token_unreadable` where there is one that cannot be opened; those of [`Identity::load_or_make`].
pub fn load_or_make(store: &Store) -> Result<Secret> {
    let identity = Identity::load_or_make(store)?;
    if let Some(token) = read(store, &identity)? {
        return Ok(token);
    }
    make(store, &identity, Present::Stays)?;
    read(store, &identity)?.ok_or_else(|| unreadable(store, "it is gone again"))
}

/// Another token in place of the one that there is, whether that can be opened or not. A service that runs goes on with the
/// old one until it is started again.
pub fn replace(store: &Store) -> Result<Secret> {
    let identity = Identity::load_or_make(store)?;
    make(store, &identity, Present::Goes)?;
    read(store, &identity)?.ok_or_else(|| unreadable(store, "it is gone again"))
}

fn read(store: &Store, identity: &Identity) -> Result<Option<Secret>> {
    match fs::read(path(store)) {
        Ok(bytes) => identity.open(&bytes).map(Some).map_err(|e| unreadable(store, e.message())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unreadable(store, &e.to_string())),
    }
}

/// A token for a service that is yet to begin.
///
/// # Errors
/// `secret.no_randomness`.
pub fn fresh() -> Result<Secret> {
    let mut bytes = Zeroizing::new([0; 32]);
    SysRng
        .try_fill_bytes(&mut bytes[..])
        .map_err(|e| Error::new("secret.no_randomness", format!("the operating system gives no randomness: {e}")))?;
    Secret::new(BASE64URL_NOPAD.encode(&bytes[..]))
}

/// Makes this the token of the service whose store this is.
///
/// # Errors
/// Those of [`Identity::load_or_make`]; of the file.
pub fn set(store: &Store, token: &Secret) -> Result<()> {
    keep_token(store, &Identity::load_or_make(store)?, token, Present::Goes)
}

fn make(store: &Store, identity: &Identity, present: Present) -> Result<()> {
    keep_token(store, identity, &fresh()?, present)
}

fn keep_token(store: &Store, identity: &Identity, token: &Secret, present: Present) -> Result<()> {
    keep::make(store.home(), FILE, &identity.seal(token)?, present)
        .map_err(|e: io::Error| files_failed(store.home(), &e).context("the token cannot be kept"))
}

fn path(store: &Store) -> PathBuf {
    store.home().join(FILE)
}

fn unreadable(store: &Store, said: &str) -> Error {
    Error::new("service.token_unreadable", format!("{} cannot be read: {said}", path(store).display()))
        .hint("restore it from the backup that identity.age comes from, or make another with --new")
}
