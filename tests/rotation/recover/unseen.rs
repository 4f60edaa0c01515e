//! Servers that a rotation had not looked at before its write, asked when the server of the write is gone for good: one that
//! lagged had the password set fewer times, and what is set there would lose if the other comes back.

use super::gone::{Cut, nobody, over_admin};
use super::*;
use crate::support::relay::Relay;

const SET: &str = "Set-By-An-Administrator-1";

/// How the server that is left comes to be asked.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// The name of the pinned target leads to it.
    Name,
    /// It was given to the connection since.
    Added,
}

/// The first target alone has the second version; a third one is sent there, and then nobody answers there any more.
async fn lagging(flavour: Flavour, way: Way) -> (Rig, Relay, Recovery) {
    let rig = Rig::new(flavour, &["replication=off"]);
    let via = rig.via();
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let mut targets = endpoints(rig.connection.ad().unwrap(), limits);
    targets.truncate(2);
    targets[0] = targets[0].at(Target::parse(&relay.address().to_string()).unwrap());
    let request =
        Request { via: Some(via), ..request(&rig.store, &rig.connection, targets.iter().take(1).cloned().collect()) };
    assert_eq!(run(&request).await.unwrap().version, 2);
    assert_eq!(rotate(&request, &Cut(&relay)).await.unwrap_err().code(), "rotation.unsettled");
    relay.cut();
    match way {
        Way::Name => {
            relay.lead_to(rig.lab.targets()[1].address);
            targets.truncate(1);
        }
        Way::Added => relay.lead_to(nobody().await),
    }
    let given = Some(Secret::new(SET).unwrap());
    let recovery = Recovery { targets, password: given, ..recovery(&rig) };
    (rig, relay, recovery)
}

/// An administrator sets the password on the second target, once more.
async fn set_there(rig: &Rig) {
    let mut second = administrator(&rig.lab, 2).await;
    crate::lab::reset(&mut second, SERVICE, SET).await.success().unwrap();
}

#[tokio::test]
async fn a_server_that_nobody_had_looked_at_is_believed_only_with_as_many_changes() {
    for way in [Way::Name, Way::Added] {
        for (flavour, over_via) in [(Flavour::Windows, false), (Flavour::Windows, true), (Flavour::Samba, true)] {
            let (rig, _relay, recovery) = lagging(flavour, way).await;
            let via = over_via.then(|| over_admin(&rig));
            let recovery = Recovery { via, ..recovery };
            set_there(&rig).await;
            earlier(&rig, 10);
            let ear = Ear::default();
            let error = recover(&recovery, &ear).await.expect_err(&format!("{way:?} {flavour:?} {over_via}"));
            assert_eq!((error.code(), error.verdict()), ("rotation.target_down", Verdict::Inconclusive));
            let notes = ear.notes.lock().unwrap().clone();
            let told = "lacks 1 of the changes of the password that the server of the write had";
            assert!(notes.iter().any(|note| note.contains(told)), "{notes:?}");
            assert!(rig.picture().contains("v3 candidate sent, v2 current sent proven"), "{}", rig.picture());
            // As many: the later one stays.
            set_there(&rig).await;
            assert_eq!(settle(&recovery).await.unwrap().valid, Some(4), "{way:?} {flavour:?} {over_via}");
            assert_eq!(rig.events().last().unwrap(), "superseded");
            assert_eq!(rig.says(2, SET).await, "");
        }
    }
}

/// As where the metadata may not be read, or the rotation was begun by an earlier version of the program.
fn forget_metadata(rig: &Rig) {
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let sql = "UPDATE rotation_event SET data = json_remove(data, '$.password_version') WHERE what = 'change-sent'";
    raw.execute(sql, ()).unwrap();
}

#[tokio::test]
async fn without_metadata_a_server_that_nobody_had_looked_at_is_not_believed() {
    for way in [Way::Name, Way::Added] {
        let (rig, _relay, recovery) = lagging(Flavour::Windows, way).await;
        forget_metadata(&rig);
        for _ in 0..3 {
            set_there(&rig).await;
        }
        earlier(&rig, 10);
        let ear = Ear::default();
        let error = recover(&recovery, &ear).await.expect_err(&format!("{way:?}"));
        assert_eq!((error.code(), error.verdict()), ("rotation.target_down", Verdict::Inconclusive));
        let notes = ear.notes.lock().unwrap().clone();
        assert!(notes.iter().any(|note| note.contains("nobody had looked at")), "{notes:?}");
    }
}

/// Whatever name it goes by: what preflight saw on it counts.
#[tokio::test]
async fn without_metadata_a_server_that_had_the_password_before_the_write_is_believed_under_another_name() {
    let rig = Rig::new(Flavour::Windows, &["target:1=lose:modify", "replication=30ms"]);
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    let request = request(&rig.store, &rig.connection, gone::over(&rig, &relay));
    assert_eq!(run(&request).await.unwrap_err().code(), "rotation.unsettled");
    forget_metadata(&rig);
    relay.lead_to(rig.lab.targets()[1].address);
    set_there(&rig).await;
    earlier(&rig, 10);
    let given = Recovery { password: Some(Secret::new(SET).unwrap()), ..recovery(&rig) };
    assert_eq!(settle(&given).await.unwrap().valid, Some(2 + 1));
    assert_eq!(rig.events().last().unwrap(), "superseded");
}
