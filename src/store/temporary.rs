//! Folders that end with the process that made them: the lab's.
//!
//! A process that is killed leaves its folder behind. Each folder has a file that its process holds locked, so whoever makes the
//! next one can tell which of the others nobody has any more.

use std::{fs::File, io, path::Path};

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
        remove_abandoned(&parent);
        Self::make_in(&parent).map_err(|e| {
            Error::new(
                "store.no_temporary_folder",
                format!("no folder can be made in {}, the folder for temporary files: {e}", parent.display()),
            )
            .hint("set the environment variable TMPDIR to a folder that this account may write to")
        })
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

/// Removes what killed processes have left. What cannot be removed is somebody else's.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.filter_map(Result::ok) {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_ours {
            continue;
        }
        let path = entry.path();
        if File::open(path.join(LOCK)).is_ok_and(|file| file.try_lock().is_ok()) {
            let removed = std::fs::remove_dir_all(&path);
            tracing::debug!("removes {}, whose process is gone: {removed:?}", path.display());
        }
    }
}
