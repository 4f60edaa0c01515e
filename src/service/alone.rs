//! One service per folder: two would each hold in memory what the other does not know.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use crate::{
    error::{Error, Result},
    store::{files_failed, open_private},
};

/// The file whose lock says that a service runs; the kernel frees it when the process ends, however it ends.
const FILE: &str = "serve.lock";

/// A folder's service, for as long as this lives.
#[derive(Debug)]
pub struct Alone(#[allow(dead_code)] File); // held, not read

impl Alone {
    /// # Errors
    /// `service.running` when another process has the folder.
    pub fn in_folder(folder: &Path, name: &str) -> Result<Self> {
        let failed = |e: &std::io::Error| files_failed(folder, e);
        let file = open_private(&folder.join(FILE)).map_err(|e| failed(&e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                Err(Error::new("service.running", format!("{name} of this home is running already"))
                    .hint("end that one first, or give this one a home of its own with --home"))
            }
            Err(TryLockError::Error(e)) => Err(failed(&e)),
        }
    }
}
