//! One operating-system file lock per principal: who changes an account's credential, and since when.
//!
//! The kernel frees the lock when the process ends, however it ends; the row only tells people whose it is.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
    time::Duration,
};

use serde::Serialize;

use super::{Store, failed, failure::files_failed, files, moment, rows, rows::PrincipalId};
use crate::error::{Error, Result};

/// [`holder`] has the lock for an instant to see whether it is free: so often, so long apart, it is tried again.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(5);
/// How often, so long apart, the row is looked at before nobody is named: whoever has just taken the lock has yet to say who
/// it is.
const LOOKS: u32 = 400;

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
        let path = path(store, principal);
        path.parent().map_or(Ok(()), files::make_folder).map_err(|e| wrong(&e))?;
        let file = files::open_private(&path).map_err(|e| wrong(&e))?;
        for tried in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tried < TRIES => std::thread::sleep(PAUSE),
                // Whoever has just taken it has yet to say who it is, and whoever gives it back has just said nobody.
                Err(TryLockError::WouldBlock) => match seen(store, principal) {
                    None if tried < LOOKS => std::thread::sleep(PAUSE),
                    holder => return Err(busy(holder.unwrap_or_else(nobody_known))),
                },
                Err(TryLockError::Error(e)) => return Err(wrong(&e)),
            }
        }
        set_holder(store, principal, Some(who))?;
        tracing::info!("took the lock of account {}", principal.0);
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
    match holder(store, principal)? {
        Some(holder) => Err(busy(holder)),
        None => Ok(()),
    }
}

impl Drop for PrincipalLock {
    fn drop(&mut self) {
        // A row that stays behind misleads nobody: the next holder overwrites it, and without the file lock it is not asked.
        let _ = set_holder(&self.store, self.principal, None);
        tracing::debug!("gave the lock of account {} back", self.principal.0);
    }
}

/// Who holds a principal's lock now; `None` when it is free, whatever a process that was killed left in the row.
pub fn holder(store: &Store, principal: PrincipalId) -> Result<Option<Holder>> {
    let principal = store.read(|c| rows::principals::surviving(c, principal))?;
    let Ok(file) = File::open(path(store, principal)) else { return Ok(None) };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Ok(Some(told(store, principal))),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(None),
    }
}

fn path(store: &Store, principal: PrincipalId) -> PathBuf {
    store.home().join("locks").join(format!("principal-{}.lock", principal.0))
}

fn told(store: &Store, principal: PrincipalId) -> Holder {
    let looks = (0..LOOKS).find_map(|look| {
        std::thread::sleep(PAUSE * u32::from(look > 0));
        seen(store, principal)
    });
    looks.unwrap_or_else(nobody_known)
}

/// Who the row names; that of the survivor where the principal was merged into another while its lock was held.
fn seen(store: &Store, principal: PrincipalId) -> Option<Holder> {
    let row = |c: &rusqlite::Connection| rows::principals::holder(c, rows::principals::surviving(c, principal)?);
    store.read(row).ok().flatten()
}

fn nobody_known() -> Holder {
    Holder { who: "another process".to_owned(), since: "just now".to_owned() }
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

fn busy(Holder { who, since }: Holder) -> Error {
    Error::new("rotation.busy", format!("{who} is changing this account's credential since {since}"))
        .hint("wait until it has ended, then try again")
        .retryable()
        .with("holder", who)
        .with("since", since)
}
