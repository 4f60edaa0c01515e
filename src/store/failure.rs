//! What SQLite and the file system say, as errors with a remedy.

use std::{io, path::Path};

use rusqlite::ErrorCode;

use crate::error::{Error, Result};

/// The error for what SQLite answered.
#[allow(clippy::needless_pass_by_value)] // it is the last stop of a `map_err`
pub(crate) fn failed(cause: rusqlite::Error) -> Error {
    let said = cause.to_string();
    match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => locked(),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => read_only(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => corrupt(&said),
        Some(ErrorCode::DiskFull) => full(),
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => unreadable(&said),
        _ => Error::new("store.failed", format!("the store answered: {said}"))
            .hint("this should not happen; keep the home folder as it is and report it"),
    }
}

/// [`failed`], with a look at the folder: SQLite tells a full disk or a folder without the right to write from other
/// failures only now and then (its shared-memory file, for one, fails with a bare I/O error).
pub(crate) fn failed_in(home: &Path, cause: rusqlite::Error) -> Error {
    let vague = matches!(cause.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure));
    if vague && let Err(io) = probe(home) {
        return files_failed(home, &io);
    }
    failed(cause)
}

/// The error for what the file system answered about something in the folder `home`.
pub(crate) fn files_failed(home: &Path, cause: &io::Error) -> Error {
    let error = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => read_only(),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => home_is_file(home),
        _ => unreadable(&cause.to_string()),
    };
    error.with("home", home.display().to_string())
}

fn probe(home: &Path) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(home)?;
    io::Write::write_all(&mut file, &vec![0; 65_536])
}

pub(crate) fn locked() -> Error {
    Error::new("store.locked", "another process holds the store's lock, for 10 s at least")
        .hint("wait for it to end, or end it; backup and sync tools must leave store.db alone while Libretto runs")
        .retryable()
}

pub(crate) fn read_only() -> Error {
    Error::new("store.read_only", "the store, or the folder that it is in, may not be written to").hint(
        "give this account the right to write to the home folder and its files, or choose another with --home DIR",
    )
}

pub(crate) fn corrupt(said: &str) -> Error {
    Error::new("store.corrupt", format!("store.db is damaged or is not a store: {said}")).hint(
        "keep a copy of the home folder as it is, then restore store.db, store.db-wal and identity.age together from a backup",
    )
}

fn full() -> Error {
    Error::new("store.full", "the disk that holds the store is full").hint("make room on it, then do the same again")
}

fn unreadable(said: &str) -> Error {
    Error::new("store.unreadable", format!("the store cannot be opened or read: {said}"))
        .hint("see that the home folder is there, that its disk is well and that this account may read it")
}

/// Refuses a home folder that is a file, or has one above it.
pub(crate) fn refuse_file(home: &Path) -> Result<()> {
    let there = home.ancestors().find_map(|path| Some((path, path.metadata().ok()?)));
    match there {
        Some((path, found)) if !found.is_dir() => Err(file_in(home, path)),
        _ => Ok(()),
    }
}

fn home_is_file(home: &Path) -> Error {
    refuse_file(home).err().unwrap_or_else(|| file_in(home, home))
}

fn file_in(home: &Path, file: &Path) -> Error {
    let file_in = if home == file { String::new() } else { format!("cannot be made: {} ", file.display()) };
    Error::new("store.home_is_file", format!("the home folder {} {file_in}is a file, not a folder", home.display()))
        .hint("set LIBRETTO_HOME, or --home, to a folder")
}
