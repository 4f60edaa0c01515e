//! Opening the store: folder, file, pragmas, schema version.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use super::{failure, files, schema, temporary::TemporaryFolder};
use crate::error::{Error, Result};

/// How long a call waits for another process's lock.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Inner {
    home: PathBuf,
    // Before the folder: a connection that is dropped still writes to its files.
    connection: Mutex<Connection>,
    /// Kept for what dropping it does.
    #[allow(dead_code)]
    folder: Option<TemporaryFolder>,
}

impl Inner {
    pub(super) fn open(home: &Path) -> Result<Self> {
        failure::refuse_file(home)?;
        let wrong = |e: std::io::Error| failure::files_failed(home, &e);
        files::make_folder(home).map_err(wrong)?;
        let path = home.join("store.db");
        match files::create_private(&path) {
            // A name that a loss of power takes away would take the first credentials with it.
            Ok(_) => files::sync_folder(home).map_err(wrong)?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                refuse_emptied(home, &path)?;
                files::make_private(&path).map_err(wrong)?;
            }
            Err(e) => return Err(wrong(e)),
        }
        let mut connection = connect(home)?;
        if connection.is_readonly(MAIN_DB).map_err(failure::failed)? {
            return Err(failure::read_only());
        }
        schema::bring_up_to_date(&mut connection).map_err(|e| e.with("home", home.display().to_string()))?;
        tracing::info!("opened the store in {}", home.display());
        Ok(Self { home: home.to_path_buf(), connection: Mutex::new(connection), folder: None })
    }

    pub(super) fn temporary() -> Result<Self> {
        let folder = TemporaryFolder::make()?;
        let mut inner = Self::open(folder.path())?;
        inner.folder = Some(folder);
        Ok(inner)
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// One that writes much and reads little: it keeps a quarter of the pages that the first one may keep.
    pub(super) fn second_connection(&self) -> Result<Connection> {
        let connection = connect(&self.home)?;
        connection.pragma_update(None, "cache_size", -512).map_err(|e| failure::failed_in(&self.home, e))?;
        Ok(connection)
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut connection = self.lock();
        let view = connection.transaction().map_err(|e| failure::failed_in(&self.home, e))?;
        work(&view)
    }

    pub(super) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let wrong = |e| failure::failed_in(&self.home, e);
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrong)?;
        let done = work(&transaction)?;
        transaction.commit().map_err(wrong)?;
        Ok(done)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic in the midst of a transaction has rolled it back: the connection behind the lock is sound.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An empty file is a new store, unless there is a key already: that is made for a store that has its tables, so something
/// (a full disk, a copy that was cut short) has emptied this one, and a new one would hide that the credentials are gone.
fn refuse_emptied(home: &Path, path: &Path) -> Result<()> {
    let is_empty = path.metadata().is_ok_and(|file| file.len() == 0);
    if is_empty && home.join("identity.age").exists() {
        let error = failure::corrupt("it is empty, and identity.age beside it says that it was not always");
        return Err(error.with("home", home.display().to_string()));
    }
    Ok(())
}

/// Opens the file and sets what holds for one connection. The journal mode is the file's own and stays.
fn connect(home: &Path) -> Result<Connection> {
    let wrong = |e| failure::failed_in(home, e);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(home.join("store.db"), flags).map_err(wrong)?;
    connection.busy_timeout(PATIENCE).map_err(wrong)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")
        .map_err(wrong)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(connection),
            Ok(mode) => {
                return Err(Error::new("store.unreadable", format!("the store's journal mode stays {mode}"))
                    .hint("the home folder must be on a local disk, not on a network share"));
            }
            // Two processes that open a new file at once: SQLite does not wait here, so this does.
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(e) => return Err(wrong(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that is killed loses nothing even without this; a machine that loses its power does.
    #[test]
    fn every_connection_syncs_fully_and_keeps_a_log() {
        let folder = TemporaryFolder::make().unwrap();
        let inner = Inner::open(folder.path()).unwrap();
        let of = |c: &Connection| {
            let synchronous: i64 = c.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
            let journal: String = c.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
            (synchronous, journal)
        };
        let full = (2, "wal".to_owned());
        assert_eq!(inner.read(|c| Ok(of(c))).unwrap(), full);
        assert_eq!(inner.write(|t| Ok(of(t))).unwrap(), full);
        assert_eq!(of(&inner.second_connection().unwrap()), full);
    }
}
