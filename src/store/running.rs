//! Whether a run goes on: an operating-system file lock that its process holds, however long and wherever it runs. A process
//! id would not do: the system gives it to somebody else, and in a container it is another one.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
};

use super::{Store, files, files_failed};
use crate::error::Result;

/// Held for as long as a run goes on. The kernel frees it when the process ends, however it ends.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    _file: File,
}

impl RunLock {
    /// Says that this process performs the run.
    pub fn take(store: &Store, run: &str) -> Result<Self> {
        let path = path(store, run);
        let file = path
            .parent()
            .map_or(Ok(()), files::make_folder)
            .and_then(|()| files::open_private(&path))
            // Nobody else has this run; who looks at it has the lock for an instant.
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|e| files_failed(store.home(), &e))?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // A file that stays behind says nothing without its lock.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether a process performs the run now. Ask before its row is read: a run that ended meanwhile has its verdict there.
#[must_use]
pub fn is_running(store: &Store, run: &str) -> bool {
    let Ok(file) = File::open(path(store, run)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn path(store: &Store, run: &str) -> PathBuf {
    store.home().join("locks").join(format!("run-{run}.lock"))
}
