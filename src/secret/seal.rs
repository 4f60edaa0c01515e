//! Encryption at rest: the store's identity (an `age` X25519 key in `identity.age`) and what it seals.
//!
//! The identity is made once, durably and without a race; a store that has sealed credentials never gets another.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use age::{secrecy::ExposeSecret, x25519};
use zeroize::Zeroizing;

use super::Secret;
use crate::{
    error::{Error, Result},
    store::{Store, create_private, files_failed, make_private, rows::meta, sync_folder},
};

/// The key that opens a store's credentials.
#[derive(Clone)]
pub struct Identity {
    key: x25519::Identity,
    recipient: x25519::Recipient,
}

impl Identity {
    /// Reads the store's identity; makes it at first use. Any number of processes may do so at once: one makes it, all
    /// get the same.
    ///
    /// # Errors
    /// `store.identity_lost` and `store.identity_foreign` when the store has credentials that the file does not open,
    /// `store.identity_unreadable` when the file cannot be read or is none.
    pub fn load_or_make(store: &Store) -> Result<Self> {
        let path = path(store);
        if let Some(identity) = Self::read(&path)? {
            return identity.recorded(store);
        }
        if store.read(meta::has_sealed)? {
            return Err(lost(store));
        }
        make(store, &path)?;
        match Self::read(&path)? {
            Some(identity) => identity.recorded(store),
            None => Err(lost(store)),
        }
    }

    /// Reads the store's identity and makes none.
    ///
    /// # Errors
    /// As [`Identity::load_or_make`]; `store.identity_lost` also when none was ever made.
    pub fn load(store: &Store) -> Result<Self> {
        match Self::read(&path(store))? {
            Some(identity) => identity.recorded(store),
            None => Err(lost(store)),
        }
    }

    /// Refuses a store that keeps secrets which its identity does not open; one that keeps none needs no identity.
    ///
    /// # Errors
    /// As [`Identity::load`].
    pub fn check(store: &Store) -> Result<()> {
        if store.read(meta::has_sealed)? { Self::load(store).map(|_| ()) } else { Ok(()) }
    }

    /// The file's identity; `None` when there is no file. A file that others may read is made private, as `store.db` is: a
    /// backup that was put back often comes so, and a refusal would stop what runs at night.
    fn read(path: &Path) -> Result<Option<Self>> {
        match make_private(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(unreadable(path, &format!("others may read it, and that cannot be changed: {e}")));
            }
            _ => {}
        }
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(unreadable(path, &e.to_string())),
        };
        let line =
            text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
        let key = x25519::Identity::from_str(line).map_err(|said| unreadable(path, said))?;
        // The key opens everything: no output may carry it either.
        Secret::new(line)?;
        Ok(Some(Self { recipient: key.to_public(), key }))
    }

    /// Checks the identity against the recipient that the store has recorded; records it where there is none, or where
    /// nothing was sealed to the one that there is.
    fn recorded(self, store: &Store) -> Result<Self> {
        let mine = self.recipient();
        if store.read(meta::recipient)?.as_ref() == Some(&mine) {
            return Ok(self);
        }
        store.write(|t| match meta::recipient(t)? {
            Some(known) if known != mine && meta::has_sealed(t)? => Err(Error::new(
                "store.identity_foreign",
                format!("identity.age is of {mine}, the store's credentials are sealed to {known}"),
            )
            .hint("put the identity.age that belongs to this store back; the credentials cannot be opened without it")),
            _ => meta::set_recipient(t, &mine),
        })?;
        Ok(self)
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
}

/// Makes `identity.age`, unless somebody else is faster: whole and on the disk before it has its name, and its name is on
/// the disk before this returns.
fn make(store: &Store, path: &Path) -> Result<()> {
    let home = store.home();
    let wrong = |e: io::Error| files_failed(home, &e).context("the store's identity cannot be made");
    let key = x25519::Identity::generate();
    let temporary = home.join(format!(".identity-{}", uuid::Uuid::new_v4().simple()));
    let made = create_private(&temporary)
        .and_then(|mut file| {
            writeln!(file, "# The key to this store's credentials. Keep a copy where store.db is not.")?;
            writeln!(file, "# public key: {}", key.to_public())?;
            writeln!(file, "{}", key.to_string().expose_secret())?;
            file.sync_all()
        })
        .and_then(|()| match fs::hard_link(&temporary, path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        })
        .and_then(|()| sync_folder(home));
    let removed = fs::remove_file(&temporary);
    made.map_err(wrong)?;
    removed.map_err(wrong)
}

fn path(store: &Store) -> PathBuf {
    store.home().join("identity.age")
}

fn lost(store: &Store) -> Error {
    Error::new(
        "store.identity_lost",
        format!("{} is missing, and the store's credentials cannot be opened without it", path(store).display()),
    )
    .hint("restore identity.age from the backup that store.db comes from; a new one would not open them")
}

fn unreadable(path: &Path, said: &str) -> Error {
    Error::new("store.identity_unreadable", format!("{} cannot be read as an identity: {said}", path.display()))
        .hint("restore identity.age from a backup, and see that this account may read it")
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.recipient)
    }
}
