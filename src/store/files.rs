//! Files and folders that only their owner may read.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

/// Makes the folder and what is missing above it, 0700. A folder that is there keeps its mode unless it is empty and
/// plainly somebody's own (no sticky bit, as `/tmp` has): then it becomes a home folder and private.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        return path.parent().map_or(Ok(()), sync_folder);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = path.metadata()?.permissions().mode();
        if mode & 0o1077 != 0 && mode & 0o1000 == 0 && path.read_dir()?.next().is_none() {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// Makes a file, 0600, for reading and writing; fails when something of that name is there.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    private().create_new(true).open(path)
}

/// Opens a file for reading and writing, making it 0600 when it is missing.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    private().create(true).truncate(false).open(path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes a file's permissions for group and others away, where it has any.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = path.metadata()?.permissions().mode();
        if mode & 0o077 != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o600))?;
        }
    }
    Ok(())
}

/// Puts a folder's entries on the disk: a name that was just made or linked survives a loss of power.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    Ok(())
}
