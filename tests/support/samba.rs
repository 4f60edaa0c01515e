//! The Samba domain that `tests/run` keeps up: where it is, and how a test makes users in it.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use serde::Deserialize;

/// What `lab.json` in the lab's folder says.
#[derive(Debug, Deserialize)]
#[allow(dead_code)]
pub struct Samba {
    pub domain: String,
    pub base: String,
    pub ca: PathBuf,
    /// As a user principal name.
    pub admin: String,
    pub admin_password: String,
    /// Name and address of each controller.
    pub targets: Vec<(String, IpAddr)>,
    pub dir: PathBuf,
}

/// The running domain. Without one a test fails; it is never skipped.
pub fn samba() -> &'static Samba {
    static SAMBA: OnceLock<Samba> = OnceLock::new();
    SAMBA.get_or_init(|| {
        let dir = std::env::var_os("LIBRETTO_TEST_SAMBA").expect("run tests/run: it starts the servers");
        let text =
            std::fs::read_to_string(Path::new(&dir).join("lab.json")).expect("run tests/run: it starts the servers");
        serde_json::from_str(&text).unwrap()
    })
}

/// Performs `samba-tool` on the first controller; what it prints.
pub fn samba_tool(args: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samba-lab");
    let output =
        Command::new(script).args(["tool", "1"]).args(args).env("LIBRETTO_LAB_DIR", &samba().dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "samba-tool {args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Makes a user who may sign in.
pub fn create_user(name: &str, password: &str) {
    samba_tool(&["user", "create", name, password]);
}

/// A name that no other test and no earlier run uses.
pub fn unique_name(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() % 10_000_000;
    format!("{prefix}-{now}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
