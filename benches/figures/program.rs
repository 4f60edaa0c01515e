//! The program that is measured, in a home of its own.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::json;
use tempfile::TempDir;

/// A home folder, and how to run the program with it.
pub struct Program {
    home: TempDir,
}

impl Program {
    /// With an empty store.
    pub fn new() -> Self {
        Self { home: TempDir::new().unwrap() }
    }

    /// With 10,000 connections in the store.
    pub fn with_many_connections() -> Self {
        let program = Self::new();
        let file = program.home.path().join("many.json");
        let connections: Vec<_> = (0..10_000)
            .map(|n| {
                json!({
                    "name": format!("domain-{n}"), "kind": "ad", "domain": format!("d{n}.example"),
                    "targets": [format!("dc1.d{n}.example"), format!("dc2.d{n}.example")],
                    "username": format!("svc@d{n}.example"), "password": "env:PASSWORD", "tags": ["gold"],
                })
            })
            .collect();
        std::fs::write(&file, serde_json::to_vec(&connections).unwrap()).unwrap();
        let mut import = program.command();
        import.args(["connections", "import"]).arg(&file).env("PASSWORD", "Bench-Pass-1!").stdout(Stdio::null());
        assert!(import.status().unwrap().success(), "10,000 connections could not be imported");
        program
    }

    /// The program with nothing on its command line.
    pub fn command(&self) -> Command {
        let program = std::env::var_os("LIBRETTO_BENCH_PROGRAM").expect("benches/run tells where the program is");
        let mut command = Command::new(program);
        command.env("LIBRETTO_HOME", self.home.path()).current_dir(self.home.path());
        command
    }

    /// `libretto run` with a script of benches/scripts.
    pub fn run(&self, script: &str) -> Command {
        let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/scripts");
        let mut command = self.command();
        command.arg("run").arg(scripts.join(script));
        command
    }
}
