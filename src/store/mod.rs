//! The bottom room: SQLite, migrations, rows, ledger, journal, budget, locks.
//!
//! One file, `store.db`, in the home folder, in WAL mode with full sync: what a call says it wrote is on the disk when it
//! returns. Several processes may have it open at once. Nothing here knows what a secret looks like when it is open: rows
//! hold sealed bytes or a reference. Text that may hold what a server said is redacted by whoever hands it in.

pub mod audit;
pub mod budget;
pub mod events;
mod failure;
mod files;
pub mod journal;
pub mod ledger;
pub mod lockout;
pub mod locks;
mod moment;
mod open;
pub mod rows;
pub mod running;
pub mod runs;
mod schema;
mod temporary;
pub mod totals;

use std::{path::Path, sync::Arc};

use audit::Actor;
pub(crate) use failure::refuse_file;
pub(crate) use failure::{failed, files_failed};
pub(crate) use files::{create_private, make_private, open_private, sync_folder};
pub(crate) use moment::now;
use open::Inner;
pub(crate) use temporary::TemporaryFolder;

use crate::error::Result;

/// The open store of one home folder. Clones share one SQLite connection; calls take turns on it.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>, Actor);

impl Store {
    /// Opens the store in the folder `home`; makes folder (0700) and file (0600) at first use and brings an older schema
    /// up to date.
    ///
    /// # Errors
    /// `store.home_is_file`, `store.read_only`, `store.locked`, `store.newer`, `store.foreign`, `store.corrupt`,
    /// `store.full`, `store.unreadable`.
    pub fn open(home: &Path) -> Result<Self> {
        Ok(Self(Arc::new(Inner::open(home)?), Actor::default()))
    }

    /// A store in a folder of its own that is removed when the last clone is dropped: the lab's.
    pub fn temporary() -> Result<Self> {
        Ok(Self(Arc::new(Inner::temporary()?), Actor::default()))
    }

    /// The same store, with what is done through it noted in the audit trail as this operator's, in this run.
    #[must_use]
    pub fn acting_as(&self, operator: &str, run: Option<&str>) -> Self {
        Self(Arc::clone(&self.0), Actor::new(operator, run))
    }

    /// Who acts through it.
    pub(crate) fn actor(&self) -> &Actor {
        &self.1
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.0.home()
    }

    /// Reads, in one consistent view.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&rusqlite::Connection) -> Result<T>) -> Result<T> {
        self.0.read(work)
    }

    /// Writes in one transaction that is on the disk when this returns; nothing of it is when `work` fails.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T>) -> Result<T> {
        self.0.write(work)
    }

    /// A second SQLite connection to the same file, for a thread that writes on its own.
    pub(crate) fn second_connection(&self) -> Result<rusqlite::Connection> {
        self.0.second_connection()
    }
}

/// The first row of a statement that is kept prepared: parsing costs more than most answers.
pub(crate) fn query_one<T>(
    c: &rusqlite::Connection,
    sql: &str,
    values: impl rusqlite::Params,
    read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    c.prepare_cached(sql)?.query_row(values, read)
}
