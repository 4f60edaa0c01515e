//! Folders that end with the process that made them: the lab's.
//!
//! A process that is killed leaves its folder behind. Each folder has a file that its process holds locked, so whoever makes the
//! next one can tell which of the others nobody has any more.

use std::{
    fs::{File, Metadata},
    io,
    path::Path,
};

use tempfile::TempDir;

use super::files;
use crate::{
    error::{Error, Result},
    host,
};

const PREFIX: &str = "libretto-lab-";
const LOCK: &str = "in-use";

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    // Before the folder: some systems do not remove a file that is open.
    _lock: File,
    folder: TempDir,
}

impl TemporaryFolder {
    /// Makes a folder, and removes those whose processes are gone.
    ///
    /// # Errors
    /// `store.no_temporary_folder`.
    pub(crate) fn make() -> Result<Self> {
        let parent = host::temporary_folder();
        let made = Self::make_in(&parent).map_err(|e| {
            Error::new(
                "store.no_temporary_folder",
                format!("no folder can be made in {}, the folder for temporary files: {e}", parent.display()),
            )
            .hint("set the environment variable TMPDIR to a folder that this account may write to")
        })?;
        if let Ok(own) = made.path().symlink_metadata() {
            remove_abandoned(&parent, owner(&own));
        }
        Ok(made)
    }

    fn make_in(parent: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        // Locked before it has its name: a file of that name that is not locked is one that nobody has any more.
        let unnamed = folder.path().join("in-use.new");
        let lock = files::create_private(&unnamed)?;
        lock.lock()?;
        std::fs::rename(unnamed, folder.path().join(LOCK))?;
        Ok(Self { _lock: lock, folder })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes what killed processes have left. The folder for temporary files is everybody's: what has not the owner of the
/// folder that was just made is somebody else's, and its name proves nothing. A lock that is no plain file is none: opening a
/// pipe would wait for whoever writes to it.
fn remove_abandoned(parent: &Path, own: Option<u32>) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.filter_map(Result::ok) {
        // Of the entry itself, not of what a link leads to.
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(|found| found.is_dir() && owner(&found) == own);
        if !is_ours {
            continue;
        }
        let path = entry.path();
        if is_abandoned(&path.join(LOCK)) {
            let removed = std::fs::remove_dir_all(&path);
            tracing::debug!("removes {}, whose process is gone: {removed:?}", path.display());
        }
    }
}

fn is_abandoned(lock: &Path) -> bool {
    lock.symlink_metadata().is_ok_and(|found| found.is_file())
        && File::open(lock).is_ok_and(|file| file.try_lock().is_ok())
}

/// Whose it is; `None` where the folder for temporary files is each user's own.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)] // not everywhere
fn owner(found: &Metadata) -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::uid(found))
}

#[cfg(not(unix))]
fn owner(_: &Metadata) -> Option<u32> {
    None
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{os::unix::fs::symlink, path::PathBuf, sync::mpsc, time::Duration};

    use super::*;

    /// A folder as a killed process leaves it.
    fn abandoned(parent: &Path, name: &str) -> PathBuf {
        let folder = parent.join(format!("{PREFIX}{name}"));
        std::fs::create_dir(&folder).unwrap();
        File::create(folder.join(LOCK)).unwrap();
        folder
    }

    fn owner_of(path: &Path) -> Option<u32> {
        owner(&path.symlink_metadata().unwrap())
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let used = TemporaryFolder::make_in(parent.path()).unwrap();
        let left = abandoned(parent.path(), "left");
        let elsewhere = tempfile::tempdir().unwrap();
        let target = abandoned(elsewhere.path(), "target");
        let linked = parent.path().join(format!("{PREFIX}linked"));
        symlink(&target, &linked).unwrap();
        let lock_linked = parent.path().join(format!("{PREFIX}lock-linked"));
        std::fs::create_dir(&lock_linked).unwrap();
        symlink(target.join(LOCK), lock_linked.join(LOCK)).unwrap();
        remove_abandoned(parent.path(), owner_of(used.path()));
        assert!(!left.exists());
        assert!(target.exists() && linked.exists() && lock_linked.exists() && used.path().exists());
    }

    /// It would be waited for whoever writes to it, for ever.
    #[test]
    fn a_pipe_in_the_place_of_the_lock_keeps_nobody() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join(format!("{PREFIX}pipe"));
        std::fs::create_dir(&folder).unwrap();
        let pipe = folder.join(LOCK);
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (done, ended) = mpsc::channel();
        let (all, own) = (parent.path().to_owned(), owner_of(parent.path()));
        std::thread::spawn(move || {
            remove_abandoned(&all, own);
            done.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(20)).expect("it waits for the pipe");
        assert!(folder.exists());
    }

    /// The superuser may remove what is others', and is not to.
    #[test]
    fn a_folder_of_another_user_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let left = abandoned(parent.path(), "left");
        let own = owner_of(parent.path()).unwrap();
        remove_abandoned(parent.path(), Some(own + 1));
        assert!(left.exists());
        remove_abandoned(parent.path(), Some(own));
        assert!(!left.exists());
    }
}
