//! A disk that can be filled and write-protected.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A file system of its own, taken down at the end.
pub struct Disk(TempDir);

impl Disk {
    pub fn new(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        mount(&["-t", "tmpfs", "-o", options, "libretto-test"], folder.path());
        Self(folder)
    }

    pub fn home(&self) -> PathBuf {
        self.0.path().join("home")
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let mut file = File::create(self.path().join("ballast")).unwrap();
        let mut size = 1 << 20;
        while size > 0 {
            if file.write_all(&vec![0; size]).is_err() {
                size /= 2;
            }
        }
    }

    /// Gives it back. The kernel may take a moment over that.
    pub fn make_room(&self) {
        fs::remove_file(self.path().join("ballast")).unwrap();
        let (probe, deadline) = (self.path().join("probe"), Instant::now() + Duration::from_secs(10));
        while fs::write(&probe, vec![0; 512 << 10]).is_err() {
            assert!(Instant::now() < deadline, "there is no room ten seconds after it was made");
            std::thread::sleep(Duration::from_millis(5));
        }
        fs::remove_file(probe).unwrap();
    }

    /// Another test may be starting a program right now: until that program runs, it has this one's open files as well, and a
    /// disk with files that are open for writing is busy.
    pub fn remount(&self, options: &str) {
        let (options, deadline) = (format!("remount,{options}"), Instant::now() + Duration::from_secs(10));
        while let Err(said) = try_mount(&["-o", &options], self.0.path()) {
            assert!(said.contains("busy") && Instant::now() < deadline, "{said}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0.path()).status().unwrap();
    }
}

fn mount(arguments: &[&str], at: &Path) {
    if let Err(said) = try_mount(arguments, at) {
        panic!("tests need root to mount: {said}");
    }
}

fn try_mount(arguments: &[&str], at: &Path) -> Result<(), String> {
    let done = Command::new("mount").args(arguments).arg(at).output().unwrap();
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}
