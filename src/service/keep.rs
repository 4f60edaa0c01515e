//! Files that a service makes once and keeps: whole and on the disk before they have their name.

use std::{fs, io, io::Write, path::Path};

use crate::store::{create_private, sync_folder};

/// How a file that is there already is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Present {
    /// It stays: of several that make it at once, the first has made it.
    Stays,
    /// It is replaced.
    Goes,
}

/// Makes the file `name` in `folder`, 0600; its name is on the disk when this returns.
pub(crate) fn make(folder: &Path, name: &str, bytes: &[u8], present: Present) -> io::Result<()> {
    let (path, temporary) = (folder.join(name), folder.join(format!(".{name}-{}", uuid::Uuid::new_v4().simple())));
    let made = create_private(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        match present {
            Present::Goes => fs::rename(&temporary, &path),
            Present::Stays => match fs::hard_link(&temporary, &path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            },
        }?;
        sync_folder(folder)
    });
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => made.and(Err(e)),
        _ => made,
    }
}
