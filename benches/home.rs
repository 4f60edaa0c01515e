//! A home folder for the program under test, on a real disk.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The program under test.
pub const LIBRETTO: &str = env!("CARGO_BIN_EXE_libretto");

/// A home folder with scripts beside it; gone when it is dropped.
pub struct Home(TempDir);

impl Home {
    /// An empty one, in cargo's folder: a temporary folder may be memory, where a synced write costs nothing.
    pub fn new() -> Self {
        Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file beside the store.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs the program on this home; panics unless it succeeds.
    pub fn libretto(&self, arguments: &[&str]) -> crate::measure::Cost {
        let home = self.path().to_str().unwrap();
        crate::measure::run(&[&[LIBRETTO, "--home", home], arguments].concat())
    }

    /// Imports connections to Active Directory, each with a sealed password.
    pub fn import(&self, connections: usize) {
        let password = self.file("password", "Bench-Password-1!");
        let mut csv = String::from("name,kind,domain,username,password,targets,tags,customer\n");
        for number in 0..connections {
            let domain = format!("d{number}.example");
            let _ = writeln!(
                csv,
                "corp-{number:05},ad,{domain},svc@{domain},file:{},dc1.{domain} dc2.{domain},gold,c{}",
                password.display(),
                number % 100
            );
        }
        let file = self.file("connections.csv", &csv);
        self.libretto(&["connections", "import", file.to_str().unwrap()]);
    }
}
