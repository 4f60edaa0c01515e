//! Home folders that cannot be used: each has its own code and says what to do.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, thread};

use libretto::{
    error::Error,
    store::{
        Store,
        budget::{self, Answer, Ask, Protocol, Spent},
        lockout::{self, Rules},
        rows::PrincipalId,
    },
};
use rusqlite::Connection;

use super::disk::Disk;

fn raw(home: &Path) -> Connection {
    Connection::open(home.join("store.db")).unwrap()
}

fn told(error: &Error) -> (&str, &str, &str) {
    (error.code(), error.message(), error.remedy().unwrap())
}

#[test]
fn a_home_that_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fs::write(&home, "").unwrap();
    let error = Store::open(&home).unwrap_err();
    let message = format!("the home folder {} is a file, not a folder", home.display());
    assert_eq!(told(&error), ("store.home_is_file", message.as_str(), "set LIBRETTO_HOME, or --home, to a folder"));
    let below = Store::open(&home.join("deeper")).unwrap_err();
    assert_eq!(below.code(), "store.home_is_file");
}

#[test]
fn folder_and_files_are_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("a/b");
    let store = Store::open(&home).unwrap();
    budget_row(&store, &home).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    for entry in fs::read_dir(&home).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    drop(store);
    fs::set_permissions(home.join("store.db"), fs::Permissions::from_mode(0o644)).unwrap();
    Store::open(&home).unwrap();
    assert_eq!(mode(&home.join("store.db")), 0o600, "a store that was opened up is closed again");
}

#[test]
fn a_store_of_a_newer_version() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let known: i64 = raw(folder.path()).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    raw(folder.path()).pragma_update(None, "user_version", 999).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert_eq!(
        told(&error),
        (
            "store.newer",
            format!("the store has schema version 999, this program knows up to {known}").as_str(),
            "use the newer Libretto that wrote it; nothing was changed"
        )
    );
}

#[test]
fn the_database_of_another_program() {
    let folder = tempfile::tempdir().unwrap();
    raw(folder.path()).execute_batch("CREATE TABLE bookmarks (url)").unwrap();
    assert_eq!(Store::open(folder.path()).unwrap_err().code(), "store.foreign");
}

#[test]
fn a_damaged_store() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store.db"), "this is no database, whatever its name says".repeat(200)).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert_eq!(error.code(), "store.corrupt");
    assert!(error.remedy().unwrap().contains("from a backup"));

    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let path = folder.path().join("store.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let error = Store::open(folder.path()).and_then(|store| store.runs(10)).unwrap_err();
    assert_eq!(error.code(), "store.corrupt");
}

#[test]
fn a_store_that_may_only_be_read() {
    let disk = Disk::new("size=4m");
    drop(Store::open(&disk.home()).unwrap());
    disk.remount("ro");
    let error = Store::open(&disk.home()).unwrap_err();
    assert_eq!(error.code(), "store.read_only");
    assert!(error.remedy().unwrap().contains("--home DIR"));
    assert_eq!(Store::open(&disk.path().join("new")).unwrap_err().code(), "store.read_only");
    disk.remount("rw");
    Store::open(&disk.home()).unwrap();
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let disk = Disk::new("size=4m");
    let store = Store::open(&disk.home()).unwrap();
    let principal = budget_row(&store, &disk.home()).unwrap();
    disk.fill();
    let mut written = 1;
    let error = loop {
        match budget::begin(&store, &ask(principal, "dc1")) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(
        told(&error),
        ("store.full", "the disk that holds the store is full", "make room on it, then do the same again")
    );
    let other = disk.path().join("other");
    assert_eq!(Store::open(&other).unwrap_err().code(), "store.full", "a new store, too");
    disk.make_room();
    budget::begin(&store, &ask(principal, "dc1")).unwrap();
    let open = standing(&store, principal);
    assert_eq!(open, written + 1, "what was answered as written is there, what was refused is not");
}

#[test]
fn a_store_that_another_process_holds() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let principal = budget_row(&store, folder.path()).unwrap();
    let other = raw(folder.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = budget::begin(&store, &ask(principal, "dc1")).unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), ("store.locked", true));
    Store::open(folder.path()).unwrap().runs(1).unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    budget::begin(&store, &ask(principal, "dc1")).unwrap();
}

#[test]
fn many_open_and_make_a_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Store::open(&home).unwrap().runs(1).unwrap());
        }
    });
    let made: i64 = raw(&home).query_row("SELECT count(*) FROM meta", [], |row| row.get(0)).unwrap();
    assert_eq!(made, 1, "migrated once");
}

#[test]
fn the_last_attempt_is_given_once_across_stores() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let principal = budget_row(&store, folder.path()).unwrap();
    lockout::learn_principal(&store, principal, Rules { threshold: 6, ..Rules::ASSUMED }).unwrap();
    let given = thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|at| {
                let home = folder.path();
                scope.spawn(move || {
                    let protocol = if at % 2 == 0 { Protocol::Ldap } else { Protocol::Smb };
                    let ask = Ask { protocol, ..ask(principal, &format!("dc{at}")) };
                    budget::spend(&Store::open(home).unwrap(), &ask).unwrap()
                })
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let written: Vec<_> =
        given.iter().filter_map(|one| if let Spent::Written(attempt) = one { Some(*attempt) } else { None }).collect();
    assert_eq!(written.len(), 3, "one was under way, three were left");
    budget::clear(&store, written[0]).unwrap();
    assert_eq!(standing(&store, principal), 3);
    for attempt in written {
        budget::answered(&store, attempt, Answer::Wrong).unwrap();
    }
    assert!(matches!(budget::spend(&store, &ask(principal, "dc")).unwrap(), Spent::Written(_)));
    assert_eq!(budget::spend(&store, &ask(principal, "dc")).unwrap(), Spent::Wait, "two may still be accepted");
}

#[test]
fn attempts_of_the_first_schema_count_on() {
    let folder = tempfile::tempdir().unwrap();
    let old = raw(folder.path());
    old.execute_batch(include_str!("../../src/store/schema/1.sql")).unwrap();
    old.execute_batch(
        "PRAGMA user_version = 1; PRAGMA application_id = 0x4c627274;
         INSERT INTO principal (uid, kind, domain, label) VALUES (7, 'ad', 'lab.test', 'svc');
         INSERT INTO attempt (principal, target, protocol, at, cleared_at) VALUES
            (7, 'dc1', 'ldap', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-5 minutes'), NULL),
            (7, 'dc1', 'ldap', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-4 minutes'), '2026-01-01T00:00:00Z'),
            (7, 'dc1', 'ldap', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-4 hours'), NULL);",
    )
    .unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(standing(&store, PrincipalId(7)), 1);
    let error = budget::spend(&store, &ask(PrincipalId(7), "dc2")).unwrap_err();
    assert_eq!(error.code(), "rotation.budget_spent");
}

#[test]
fn a_temporary_store_goes_with_its_last_user() {
    let store = Store::temporary().unwrap();
    let (clone, home) = (store.clone(), store.home().to_path_buf());
    drop(store);
    assert!(home.join("store.db").exists());
    drop(clone);
    assert!(!home.exists());
}

/// A principal with one open attempt on the target `dc`.
fn budget_row(store: &Store, home: &Path) -> libretto::error::Result<PrincipalId> {
    let other = raw(home);
    other.execute("INSERT INTO principal (kind, domain, label) VALUES ('ad', 'lab.test', 'svc')", []).unwrap();
    let principal = PrincipalId(other.last_insert_rowid());
    budget::begin(store, &ask(principal, "dc")).map(|_| principal)
}

fn ask(principal: PrincipalId, target: &str) -> Ask {
    Ask::ldap(principal, "svc", target)
}

fn standing(store: &Store, principal: PrincipalId) -> u32 {
    budget::standing(store, principal, "svc", Rules::ASSUMED).unwrap().open
}
