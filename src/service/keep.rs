//! Files that a service makes once and keeps: whole and on the disk before they have their name.

use std::{fs, io, io::Write, path::Path, time::Duration};

use crate::store::{create_private, sync_folder};

/// How a file that is there already is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Present {
    /// It stays: of several that make it at once, the first has made it.
    Stays,
    /// It is replaced.
    Goes,
}

/// So long ago something was begun that is not under way any more.
const LEFT: Duration = Duration::from_mins(10);

/// Removes what an earlier process began to make and did not end: there may be a key in it.
pub(crate) fn clear(folder: &Path, names: &[&str]) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let file = entry.file_name();
        let file = file.to_string_lossy();
        let is_ours = names.iter().any(|name| {
            file.strip_prefix('.').and_then(|it| it.strip_prefix(name)).is_some_and(|rest| rest.starts_with('-'))
        });
        let since = entry.metadata().and_then(|data| data.modified()).map(|at| at.elapsed().unwrap_or(LEFT));
        if is_ours && since.is_ok_and(|since| since >= LEFT) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
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
