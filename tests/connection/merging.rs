//! Two connections that turn out to be one account, with two passwords: within the hour after a change both sign in.

use libretto::{
    connection::{self, Scope, credentials},
    secret::seal::Identity,
    store::Store,
};

use crate::{
    lab::{SERVICE, administrator, reset},
    lockout::Rig,
};

const SET: &str = "Set-By-An-Administrator-1";
const NAMES: [&str; 2] = ["svc-libretto@lab.test", "LAB\\svc-libretto"];

fn test(rig: &Rig, name: &str) {
    let tested = rig.run(&["connections", "test", name]);
    assert_eq!(tested.code, Some(0), "{name}: {}{}", tested.stdout, tested.stderr);
}

/// What the store has as the current password of each.
fn currents(rig: &Rig) -> [String; 2] {
    let store = Store::open(rig.program.home_path()).unwrap();
    let identity = Identity::load(&store).unwrap();
    ["corp", "branch"].map(|name| {
        let connection = connection::get(&store, name, &Scope::all()).unwrap();
        let current = credentials::current(&store, &connection).unwrap().unwrap();
        credentials::open(&store, &identity, &current).unwrap().expose().to_owned()
    })
}

/// What the store has happened so many minutes earlier.
fn earlier(rig: &Rig, minutes: u32) {
    let raw = rusqlite::Connection::open(rig.program.home_path().join("store.db")).unwrap();
    for time in ["created_at", "proven_at", "accepted_at"] {
        let sql =
            format!("UPDATE credential SET {time} = strftime('%Y-%m-%dT%H:%M:%fZ', {time}, '-{minutes} minutes')");
        raw.execute(&sql, ()).unwrap();
    }
}

fn rig() -> (Rig, String) {
    let mut rig = Rig::new(1, &[]);
    rig.program = rig.program.clone().env("SET", SET);
    let old = rig.lab.service_account().1.expose().to_owned();
    (rig, old)
}

async fn set_by_hand(rig: &Rig) {
    reset(&mut administrator(&rig.lab, 1).await, SERVICE, SET).await.success().unwrap();
}

/// The stale one was proven a moment before the other was set: it does not become the other connection's.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_set_by_hand_is_not_replaced_by_one_that_was_proven_just_before() {
    let (rig, old) = rig();
    rig.add("corp", NAMES[0], "env:SERVICE", &rig.addresses());
    test(&rig, "corp");
    set_by_hand(&rig).await;
    rig.add("branch", NAMES[1], "env:SET", &rig.addresses());
    // Seconds apart, no clock tells which is the later one: each keeps its own.
    for _ in 0..2 {
        test(&rig, "branch");
        assert_eq!(currents(&rig), [old.as_str(), SET]);
    }
    test(&rig, "corp");
    let refused = rig.run(&["run", "reset_ad_creds", "connection=branch", "rotate=true", "--json"]);
    assert!(refused.stdout.contains("connection.two_passwords"), "{}", refused.stdout);
    assert_eq!(currents(&rig), [old.as_str(), SET]);
    // Given to both, it is one account's.
    assert_eq!(rig.run(&["connections", "edit", "corp", "--password", "env:SET"]).code, Some(0));
    test(&rig, "branch");
    assert_eq!(currents(&rig), [SET, SET]);
    let rotated = rig.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true"]);
    assert_eq!(rotated.code, Some(0), "{}", rotated.stdout);
    let [one, other] = currents(&rig);
    assert!(one == other && one != SET);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_password_was_set_tells_which_of_two_is_valid() {
    // Whichever of the two the directory was asked about first.
    for stale_first in [true, false] {
        let (rig, _) = rig();
        let (first, second) = if stale_first { ("corp", "branch") } else { ("branch", "corp") };
        rig.add("corp", NAMES[0], "env:SERVICE", &rig.addresses());
        if stale_first {
            test(&rig, "corp");
        } else {
            // Proven, and its account not known.
            let store = Store::open(rig.program.home_path()).unwrap();
            let corp = connection::get(&store, "corp", &Scope::all()).unwrap();
            let current = credentials::current(&store, &corp).unwrap().unwrap();
            credentials::mark_proven(&store, current.id, "test").unwrap();
        }
        earlier(&rig, 20);
        set_by_hand(&rig).await;
        rig.add("branch", NAMES[1], "env:SET", &rig.addresses());
        if first == "branch" {
            test(&rig, first);
        }
        test(&rig, second);
        assert_eq!(currents(&rig), [SET, SET], "{first}");
    }
}
