//! Who reads on the targets: a sign-in is booked to the version that was really used, whatever is current by now.

use super::*;
use crate::support::relay::Relay;

/// Whether a server has refused a version of an account, by its name and number.
fn refused(rig: &Rig, username: &str, version: u32) -> bool {
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let sql = "SELECT refused_at IS NOT NULL FROM credential WHERE username = ?1 AND version = ?2";
    raw.query_row(sql, (username, version), |row| row.get(0)).unwrap()
}

/// When a server accepted a version of the service account last.
fn accepted(rig: &Rig, version: u32) -> Option<String> {
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let sql = "SELECT accepted_at FROM credential WHERE username = ?1 AND version = ?2";
    raw.query_row(sql, (rig.lab.service_account().0, version), |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_session_that_is_opened_again_with_the_previous_password_is_booked_to_it() {
    let rig = Rig::new(Flavour::Samba, &["replication=off"]);
    let relay = Relay::to(rig.lab.targets()[1].address).await;
    let mut request = rig.request();
    request.endpoints.truncate(2);
    request.endpoints[1] = request.endpoints[0].at(Target::parse(&relay.address().to_string()).unwrap());
    rig.goes_through(2, &relay);
    let outcome = run(&Request { wait: Duration::from_millis(300), ..request }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive"]);
    let before = accepted(&rig, 1);
    let recovery = recovery(&rig);
    let losing = async {
        crate::lab::until("the second target is read", || async { accepted(&rig, 1) != before }).await;
        relay.hold();
        // Somebody sets others there, until the previous one binds no more.
        let mut second = administrator(&rig.lab, 2).await;
        for password in ["Somebody-Elses-1", "Somebody-Elses-2"] {
            crate::lab::reset(&mut second, SERVICE, password).await.success().unwrap();
        }
        relay.cut();
    };
    let (recovered, ()) = tokio::join!(settle(&recovery), losing);
    let note = &recovered.unwrap().targets[0].note;
    assert!(note.contains("it could not be signed in on again: "), "{note}");
    let service = rig.lab.service_account().0;
    assert_eq!((refused(&rig, service, 1), refused(&rig, service, 2)), (true, false));
}

#[tokio::test]
async fn an_administrators_password_that_was_replaced_meanwhile_is_booked_to_its_own_version() {
    let rig = Rig::new(Flavour::Samba, &["replication=off"]);
    let via = rig.via();
    let wait = Duration::from_millis(300);
    run(&Request { wait, via: Some(via.clone()), ..rig.request() }).await.unwrap();
    let replaced = connection::Change {
        secret: Some(Given::Secret(Secret::new("The-Next-Password-1!").unwrap())),
        ..connection::Change::default()
    };
    connection::edit(&rig.store, "admin", &Scope::all(), &replaced).unwrap();
    let identity = Identity { password: Secret::new("No-Longer-Valid-1!").unwrap(), ..via.identity.clone() };
    let via = Some(Via { identity, ..via });
    let recovered = settle(&Recovery { via, wait, ..recovery(&rig) }).await.unwrap();
    assert_eq!(recovered.verdict, Verdict::Inconclusive);
    let admin = rig.lab.administrator().0;
    assert_eq!((refused(&rig, admin, 1), refused(&rig, admin, 2)), (true, false));
}

#[tokio::test]
async fn one_that_a_target_refuses_does_not_open_the_sessions_on_the_others_again() {
    let rig = Rig::new(Flavour::Samba, &["replication=off"]);
    let (second, third) =
        (Relay::to(rig.lab.targets()[1].address).await, Relay::to(rig.lab.targets()[2].address).await);
    let mut request = rig.request();
    for (endpoint, relay) in request.endpoints[1..].iter_mut().zip([&second, &third]) {
        *endpoint = endpoint.at(Target::parse(&relay.address().to_string()).unwrap());
    }
    let losing = async {
        crate::lab::until("the change is proven", || async { rig.events().contains(&"proven".to_owned()) }).await;
        second.hold();
        third.hold();
        for target in [2, 3] {
            let mut session = administrator(&rig.lab, target).await;
            for password in ["Somebody-Elses-1", "Somebody-Elses-2"] {
                crate::lab::reset(&mut session, SERVICE, password).await.success().unwrap();
            }
        }
        second.cut();
        third.cut();
    };
    let (outcome, ()) = tokio::join!(run(&request), losing);
    let outcome = outcome.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    let said = |words: &str| outcome.targets.iter().filter(|target| target.note.contains(words)).count();
    let told = (said("it could not be signed in on again: "), said("it was not signed in on again because "));
    assert_eq!(told, (1, 1), "{:?}", outcome.targets);
}
