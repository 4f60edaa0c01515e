//! One operating-system file lock per principal: who changes an account's credential, and since when.
//!
//! The kernel frees the lock when the process ends, however it ends; the row only tells people whose it is.

use std::fs::{File, TryLockError};

use serde::Serialize;

use super::{Store, failed, failure::files_failed, files, moment, rows, rows::PrincipalId};
use crate::error::{Error, Result};

/// How often, and how far apart, the row is looked at before nobody is named.
const LOOKS: u8 = 50;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// Who holds a principal's lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// As the holder named itself, e.g. `alice, pid 4711, run 7f3a`.
    pub who: String,
    /// RFC 3339, UTC.
    pub since: String,
}

/// The lock on a principal, held until it is dropped.
#[derive(Debug)]
pub struct PrincipalLock {
    store: Store,
    principal: PrincipalId,
    // Dropped after the row was cleared.
    _file: File,
}

impl PrincipalLock {
    /// Takes the lock, at once or not at all. A principal that was merged into another means that other one.
    ///
    /// # Errors
    /// `rotation.busy`, with who holds it and since when.
    pub fn take(store: &Store, principal: PrincipalId, who: &str) -> Result<Self> {
        let principal = store.read(|c| rows::principals::surviving(c, principal))?;
        let wrong = |e: &std::io::Error| files_failed(store.home(), e);
        let folder = store.home().join("locks");
        files::make_folder(&folder).map_err(|e| wrong(&e))?;
        let file =
            files::open_private(&folder.join(format!("principal-{}.lock", principal.0))).map_err(|e| wrong(&e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(store, principal)),
            Err(TryLockError::Error(e)) => return Err(wrong(&e)),
        }
        set_holder(store, principal, Some(who))?;
        Ok(Self { store: store.clone(), principal, _file: file })
    }

    /// The principal that is locked (the surviving one, where it was merged).
    #[must_use]
    pub fn principal(&self) -> PrincipalId {
        self.principal
    }
}

/// Refuses while somebody holds the principal's lock. Does not take it.
///
/// # Errors
/// `rotation.busy`, with who holds it and since when.
pub fn refuse_held(store: &Store, principal: PrincipalId) -> Result<()> {
    let principal = store.read(|c| rows::principals::surviving(c, principal))?;
    let path = store.home().join("locks").join(format!("principal-{}.lock", principal.0));
    match File::open(path).and_then(|file| file.try_lock_shared().map_err(Into::into)) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Err(busy(store, principal)),
        _ => Ok(()),
    }
}

impl Drop for PrincipalLock {
    fn drop(&mut self) {
        // A row that stays behind misleads nobody: the next holder overwrites it, and without the file lock it is not asked.
        let _ = set_holder(&self.store, self.principal, None);
    }
}

fn set_holder(store: &Store, principal: PrincipalId, who: Option<&str>) -> Result<()> {
    store.write(|t| {
        t.execute(
            "UPDATE principal SET lock_holder = ?2, lock_since = ?3 WHERE uid = ?1",
            (principal, who, who.map(|_| moment::now())),
        )
        .map_err(failed)?;
        Ok(())
    })
}

fn busy(store: &Store, principal: PrincipalId) -> Error {
    // Whoever has just taken the lock has yet to say who it is.
    let holder = (0..LOOKS).find_map(|look| {
        std::thread::sleep(PAUSE * u32::from(look > 0));
        store.read(|c| rows::principals::holder(c, principal)).ok().flatten()
    });
    let (who, since) = holder
        .map_or_else(|| ("another process".to_owned(), "just now".to_owned()), |holder| (holder.who, holder.since));
    Error::new("rotation.busy", format!("{who} is changing this account's credential since {since}"))
        .hint("wait until it has ended, then try again")
        .retryable()
        .with("holder", who)
        .with("since", since)
}
