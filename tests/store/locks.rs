//! Locks on principals, between processes.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use libretto::store::{Store, locks::PrincipalLock, rows::PrincipalId};

fn principal(store: &Store) -> PrincipalId {
    let raw = rusqlite::Connection::open(store.home().join("store.db")).unwrap();
    raw.execute("INSERT INTO principal (kind, domain, label) VALUES ('ad', 'lab.test', 'svc')", []).unwrap();
    PrincipalId(raw.last_insert_rowid())
}

#[test]
fn the_second_is_told_who_and_since_when() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
    let principal = principal(&one);
    let held = PrincipalLock::take(&one, principal, "alice, pid 4711").unwrap();
    let refused = PrincipalLock::take(&two, principal, "bob").unwrap_err();
    let since = &refused.details()[1].1;
    assert_eq!(refused.code(), "rotation.busy");
    assert_eq!(refused.message(), format!("alice, pid 4711 is changing this account's credential since {since}"));
    assert!(since.ends_with('Z') && refused.is_retryable());
    drop(held);
    let mine = PrincipalLock::take(&two, principal, "bob").unwrap();
    assert_eq!(mine.principal(), principal);
}

#[test]
fn a_killed_process_holds_nothing() {
    let store = Store::temporary().unwrap();
    let principal = principal(&store);
    drop(PrincipalLock::take(&store, principal, "me").unwrap());
    // Another process takes the same kernel lock, as a second Libretto would.
    let file = store.home().join(format!("locks/principal-{}.lock", principal.0));
    let mut other = Command::new("flock")
        .arg(file)
        .args(["sh", "-c", "echo held; exec sleep 600"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(other.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    assert_eq!(PrincipalLock::take(&store, principal, "me").unwrap_err().code(), "rotation.busy");
    // `exec` made the shell the sleeper; `flock` itself waits for it and shares the lock, so both go.
    let children = Command::new("ps").args(["-o", "pid=", "--ppid", &other.id().to_string()]).output().unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
    for pid in String::from_utf8(children.stdout).unwrap().split_whitespace() {
        Command::new("kill").args(["-9", pid]).status().unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while PrincipalLock::take(&store, principal, "me").is_err() {
        assert!(Instant::now() < deadline, "the kernel did not free the lock");
        std::thread::yield_now();
    }
}
