//! The Samba domain that `tests/run` keeps up: where it is, and how a test disturbs it.
//!
//! Controllers are counted from 1, as in their names: `dc1.lab.test`. What changes the domain's content is in `domain`.

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

pub use super::domain::{bad_password_count, create_user, create_user_on, delete_user, lock_after};
use super::turns;

/// What `lab.json` in the lab's folder says.
#[derive(Debug, Deserialize)]
pub struct Samba {
    pub domain: String,
    /// The domain's distinguished name.
    pub base: String,
    /// The authority that signed every controller's certificate; its key is `ca.key` beside it.
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
    turns::take_part();
    SAMBA.get_or_init(|| {
        let dir = std::env::var_os("LIBRETTO_TEST_SAMBA").expect("run tests/run: it starts the servers");
        let text =
            std::fs::read_to_string(Path::new(&dir).join("lab.json")).expect("run tests/run: it starts the servers");
        serde_json::from_str(&text).unwrap()
    })
}

impl Samba {
    /// Name and address of a controller.
    pub fn controller(&self, number: usize) -> (&str, IpAddr) {
        let (name, address) = &self.targets[number - 1];
        (name, *address)
    }

    /// The folder behind a controller's shares `homes$`, `nowrite`, `secret` and `denied`.
    pub fn shared_folder(&self, number: usize) -> PathBuf {
        self.dir.join(format!("dc{number}/lib/homes"))
    }
}

/// Performs `samba-tool` on the first controller; what it prints.
pub fn samba_tool(args: &[&str]) -> String {
    lab(&[&["tool", "1"], args].concat())
}

/// The NT hash of a user's present password, as one controller keeps it.
pub fn password_hash(name: &str, number: usize) -> Vec<u8> {
    let said = lab(&["tool", &number.to_string(), "user", "getpassword", name, "--attributes=unicodePwd"]);
    let hash = said.lines().find_map(|line| line.strip_prefix("unicodePwd:: ")).unwrap_or_else(|| panic!("{said}"));
    data_encoding::BASE64.decode(hash.trim().as_bytes()).unwrap()
}

/// A name that no other test and no earlier run uses; an account's name may have 20 characters.
pub fn unique_name(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() % 10_000_000;
    let name = format!("{prefix}-{now}{}", NEXT.fetch_add(1, Ordering::Relaxed));
    assert!(name.len() <= 20, "{name} is too long for an account's name: shorten the prefix");
    name
}

/// What undoes a disturbance when it is dropped, also by a test that fails.
#[derive(Debug)]
#[must_use = "dropping it undoes the disturbance at once"]
pub struct Disturbed {
    number: String,
    undo: &'static str,
}

impl Disturbed {
    fn by(what: &str, number: usize, undo: &'static str) -> Self {
        samba();
        turns::be_alone();
        let number = number.to_string();
        lab(&[what, &number]);
        Self { number, undo }
    }

    /// Undoes it now.
    pub fn undo(self) {
        drop(self);
    }
}

impl Drop for Disturbed {
    fn drop(&mut self) {
        lab(&[self.undo, &self.number]);
    }
}

/// Keeps a controller from answering; its connections stay open, and new ones are taken but not served.
pub fn freeze(number: usize) -> Disturbed {
    Disturbed::by("freeze", number, "thaw")
}

/// Ends a controller at once; it is started again when the answer is dropped.
pub fn kill(number: usize) -> Disturbed {
    Disturbed::by("kill", number, "start")
}

/// Keeps a controller from fetching changes from the others.
pub fn repl_off(number: usize) -> Disturbed {
    Disturbed::by("repl-off", number, "repl-on")
}

/// Makes controller `to` fetch the changes of `from` now, also while it is kept from doing so.
pub fn repl_now(from: usize, to: usize) {
    lab(&["repl-now", &from.to_string(), &to.to_string()]);
}

/// Performs a command of `tests/samba-lab` on the running lab; what it prints.
fn lab(args: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samba-lab");
    let output = Command::new(script).args(args).env("LIBRETTO_LAB_DIR", &samba().dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "samba-lab {args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}
