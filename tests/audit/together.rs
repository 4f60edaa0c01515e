//! Processes and threads that write at once continue one chain.

use libretto::store::{Store, audit, journal, journal::NewRotation, rows::PrincipalId};
use serde_json::json;

use crate::support::world::World;

#[test]
fn processes_that_write_at_once_continue_one_chain() {
    let world = World::new();
    world.file("one.rhai", "step(\"One\", || 1);");
    let running: Vec<_> = (0..8).map(|_| world.program().args(["run", "one.rhai"]).start()).collect();
    for one in running {
        assert_eq!(one.finish().code, Some(0));
    }
    let verified = world.run("audit verify").ok();
    assert!(verified.stdout.starts_with("ok: 16 entries, 1 of "), "{}", verified.stdout);
}

#[test]
fn an_act_that_fails_leaves_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap().acting_as("alice", Some("aaaa00000001"));
    let raw = rusqlite::Connection::open(folder.path().join("store.db")).unwrap();
    raw.execute("INSERT INTO principal (uid, kind, domain, label) VALUES (7, 'ad', 'lab.test', 'svc')", []).unwrap();
    let new = NewRotation {
        principal: PrincipalId(7),
        connection: "corp".to_owned(),
        run: None,
        stage: "record".to_owned(),
        pinned_target: None,
        candidate: None,
        before: json!({}),
        options: json!({}),
    };
    let rotation = journal::begin(&store, &new).unwrap();
    journal::begin(&store, &new).unwrap_err();
    // The entry is written, then the event is refused: neither is there.
    raw.execute_batch("CREATE TRIGGER full BEFORE INSERT ON rotation_event BEGIN SELECT RAISE(ABORT, 'full'); END;")
        .unwrap();
    journal::event(&store, &rotation, "change-sent", Some("dc1"), &json!({})).unwrap_err();
    let mut seen = Vec::new();
    audit::each(&store, None, |link| {
        seen.push(link.line());
        Ok(())
    })
    .unwrap();
    assert_eq!(seen.len(), 1);
    assert!(
        seen[0].contains(
            r#""operator":"alice","run":"aaaa00000001","what":"rotation-begun","principal":7,"account":"svc""#
        ),
        "{}",
        seen[0]
    );
}

/// A store of the first version gets the trail when it is opened, and keeps what it has.
#[test]
fn a_store_of_before_gets_a_trail() {
    let folder = tempfile::tempdir().unwrap();
    let raw = rusqlite::Connection::open(folder.path().join("store.db")).unwrap();
    raw.execute_batch(include_str!("../../src/store/schema/1.sql")).unwrap();
    raw.pragma_update(None, "user_version", 1).unwrap();
    raw.pragma_update(None, "application_id", 0x4c62_7274).unwrap();
    raw.execute("INSERT INTO principal (uid, kind, domain, label) VALUES (7, 'ad', 'lab.test', 'svc')", []).unwrap();
    drop(raw);
    let world = World::new();
    let program = world.program().home(folder.path());
    program.clone().args(["audit", "verify"]).run().is("exit 0\n1| ok: the trail is empty");
    let add = "connections add ad --name corp --domain lab.test --username svc@lab.test --target dc1.lab.test";
    program.clone().args(add.split(' ')).run().ok();
    let exported = program.clone().args(["audit", "export"]).run().ok().json_lines();
    assert_eq!((&exported[0]["what"], &exported[0]["principal"]), (&"connection-added".into(), &8.into()));
}
