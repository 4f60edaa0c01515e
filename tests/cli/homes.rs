//! Homes that are not as they should be, seen from the command line: what is said, and that nothing gets worse.

use std::{fs, path::Path, process::Command};

use crate::support::{program::Output, world::World};

/// A home with one connection in it.
fn furnished() -> World {
    let world = World::new();
    add(&world, "corp").ok();
    world
}

fn add(world: &World, name: &str) -> Output {
    let line = format!("connections add ad --name {name} --domain lab.test --username svc@lab.test --password env:PW");
    world.program().env("PW", "Some-secret-5").args(line.split(' ')).run()
}

/// Performs SQL on the store from another process, as a tool would.
fn sql(world: &World, text: &str) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(world.home().join("store.db")).unwrap();
    connection.execute_batch(text).unwrap();
    connection
}

/// Where nothing says which folder it is.
#[test]
fn the_home_is_in_the_platforms_folder_unless_one_is_named() {
    let world = World::new();
    let data = world.folder().join("data");
    let unnamed = ["-u", "LIBRETTO_HOME", &format!("XDG_DATA_HOME={}", data.display())].map(str::to_owned);
    let list = [env!("CARGO_BIN_EXE_libretto"), "connections", "list"].map(str::to_owned);
    world.program().executable("env").args(unnamed.iter().chain(&list)).run().ok();
    assert!(data.join("libretto/store.db").exists(), "{:?}", fs::read_dir(world.folder()).unwrap().collect::<Vec<_>>());
    assert_eq!(fs::read_dir(world.home()).unwrap().count(), 0);
}

#[test]
fn a_home_that_is_a_file() {
    let world = World::new();
    world.file("occupied", "a file");
    world.run("connections list --home occupied").is("exit 2
2| error[store.home_is_file]: the home folder [work]/occupied is a file, not a folder
2|   help: set LIBRETTO_HOME, or --home, to a folder");
    world.run("run reset_ad_creds --lab --home occupied").is("exit 2
2| error[store.home_is_file]: the home folder [work]/occupied is a file, not a folder
2|   help: set LIBRETTO_HOME, or --home, to a folder");
}

#[test]
fn no_command_takes_a_file_for_a_home() {
    let world = World::new();
    world.file("occupied", "a file");
    for command in
        ["list", "doc", "check .", "runs list", "audit verify", "describe reset_ad_creds", "completions bash"]
    {
        world.run(&format!("{command} --home occupied")).is("exit 2
2| error[store.home_is_file]: the home folder [work]/occupied is a file, not a folder
2|   help: set LIBRETTO_HOME, or --home, to a folder");
    }
    world.run("list --home occupied/by/me").is("exit 2
2| error[store.home_is_file]: the home folder [work]/occupied/by/me cannot be made: [work]/occupied is a file, not a folder
2|   help: set LIBRETTO_HOME, or --home, to a folder");
}

#[test]
fn a_store_that_was_emptied_is_not_a_new_one() {
    let world = furnished();
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(world.home().join(name));
    }
    fs::write(world.home().join("store.db"), "").unwrap();
    world.run("connections list").is("exit 2
2| error[store.corrupt]: store.db is damaged or is not a store: it is empty, and identity.age beside it says that it was not always
2|   = home: [home]
2|   help: keep a copy of the home folder as it is, then restore store.db, store.db-wal and identity.age together from a backup");
    assert_eq!(fs::metadata(world.home().join("store.db")).unwrap().len(), 0, "nothing was touched");
}

#[test]
fn a_store_that_another_process_holds() {
    let world = furnished();
    let holder = sql(&world, "BEGIN EXCLUSIVE");
    add(&world, "second").is("exit 2
2| error[store.locked]: another process holds the store's lock, for [time] at least
2|   help: wait for it to end, or end it; backup and sync tools must leave store.db alone while Libretto runs");
    holder.execute_batch("ROLLBACK").unwrap();
    add(&world, "second").ok();
}

#[test]
fn a_store_from_a_newer_version() {
    let world = furnished();
    drop(sql(&world, "PRAGMA user_version = 99"));
    let output = world.run("connections list");
    assert_eq!(output.code, Some(2), "{}", output.text());
    assert!(output.stderr.starts_with("error[store.newer]: "), "{}", output.text());
    assert!(output.stderr.contains("  help: "), "{}", output.text());
}

#[test]
fn a_store_that_is_no_database() {
    let world = furnished();
    fs::write(
        world.home().join("store.db"),
        "this is no database, though it is long enough to look like one. ".repeat(100),
    )
    .unwrap();
    world.run("connections list").is("exit 2
2| error[store.corrupt]: store.db is damaged or is not a store: file is not a database
2|   help: keep a copy of the home folder as it is, then restore store.db, store.db-wal and identity.age together from a backup");
}

#[test]
fn a_store_that_is_damaged() {
    let world = furnished();
    drop(sql(&world, "PRAGMA wal_checkpoint(TRUNCATE)"));
    let path = world.home().join("store.db");
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[4096..length].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let output = world.run("connections list");
    assert_eq!(output.code, Some(2), "{}", output.text());
    assert!(output.stderr.starts_with("error[store.corrupt]: "), "{}", output.text());
}

#[test]
fn an_identity_that_is_lost_foreign_or_none() {
    let world = furnished();
    let identity = world.home().join("identity.age");
    let own = fs::read_to_string(&identity).unwrap();
    fs::remove_file(&identity).unwrap();
    add(&world, "second").is("exit 2
2| error[store.identity_lost]: [home]/identity.age is missing, and the store's credentials cannot be opened without it
2|   help: restore identity.age from the backup that store.db comes from; a new one would not open them");
    assert!(!identity.exists(), "a new one was made");
    fs::write(&identity, fs::read_to_string(furnished().home().join("identity.age")).unwrap()).unwrap();
    let foreign = add(&world, "second");
    assert_eq!(foreign.code, Some(2), "{}", foreign.text());
    assert!(foreign.stderr.starts_with("error[store.identity_foreign]: identity.age is of age1"), "{}", foreign.text());
    fs::write(&identity, "no key").unwrap();
    let broken = add(&world, "second");
    assert_eq!(broken.code, Some(2), "{}", broken.text());
    assert!(broken.stderr.starts_with("error[store.identity_unreadable]: "), "{}", broken.text());
    fs::write(&identity, own).unwrap();
    add(&world, "second").ok();
    assert_eq!(world.run("connections list --json").json_lines().len(), 2);
}

#[test]
fn a_disk_that_is_full() {
    let disk = Mounted::new("size=200k");
    let world = World::new();
    let add = |name: &str| {
        let line =
            format!("connections add ad --name {name} --domain lab.test --username svc@lab.test --password env:PW");
        world.program().home(disk.path()).env("PW", "Some-secret-5").args(line.split(' ')).run()
    };
    let refused = (0..200).map(|number| add(&format!("c{number}"))).find(|output| output.code != Some(0)).unwrap();
    // Which write meets the end of the disk is chance, and with it whether the folder is named as well.
    let lines: Vec<&str> = refused.stderr.lines().filter(|line| !line.starts_with("  = home: ")).collect();
    assert_eq!(refused.code, Some(2));
    assert_eq!(
        lines,
        ["error[store.full]: the disk that holds the store is full", "  help: make room on it, then do the same again"]
    );
}

#[test]
fn a_home_on_a_read_only_disk() {
    let disk = Mounted::new("size=4m");
    let world = World::new();
    world.program().home(disk.path()).args(["connections", "list"]).run().ok();
    disk.remount("ro");
    let output = world.program().home(disk.path()).args(["connections", "list"]).run();
    assert_eq!(output.code, Some(2), "{}", output.text());
    assert!(
        output
            .stderr
            .starts_with("error[store.read_only]: the store, or the folder that it is in, may not be written to"),
        "{}",
        output.text()
    );
}

/// A small disk of its own, in memory; gone with the value.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path()).status();
        assert!(mounted.unwrap().success(), "tests/run mounts small disks, and so needs to be root");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, how: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.path()).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}
