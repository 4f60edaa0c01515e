//! Targets that may lack two changes: the password before the present one may never have been valid there.

use super::gone::{Cut, nobody};
use super::*;
use crate::support::relay::Relay;

const BEHIND: &str = "it may lack two changes";

fn wrong(counts: &[String]) -> u32 {
    counts.iter().map(|count| count.parse::<u32>().unwrap()).sum()
}

fn insisting(rig: &Rig) -> Recovery {
    let lockout = LockoutOptions { insist: true, ..LockoutOptions::default() };
    Recovery { insist: true, lockout, ..recovery(rig) }
}

/// Revoked over the administrator: two changes, neither of which has come to the other targets when it ends.
async fn revoked(replication: &str) -> Rig {
    let rig = Rig::new(Flavour::Windows, &[replication]);
    let request = Request { via: Some(rig.via()), revoke: true, wait: Duration::from_millis(150), ..rig.request() };
    let outcome = run(&request).await.unwrap();
    assert_eq!((verdicts(&outcome), outcome.version), (vec!["ok", "inconclusive", "inconclusive"], 3));
    rig
}

/// Waits until a target has the password that another one has.
async fn await_same(rig: &Rig, one: usize, other: usize) {
    let set = async |target| read(&mut administrator(&rig.lab, target).await, SERVICE, "pwdLastSet").await;
    let first = set(one).await;
    crate::lab::until("it has come", async || set(other).await == first).await;
}

#[tokio::test]
async fn who_insists_signs_in_where_two_changes_were_lacking() {
    let rig = revoked("replication=1s").await;
    let new = rig.password(3);
    for target in [2, 3] {
        await_same(&rig, 1, target).await;
        assert!(rig.has(target, new.expose()).await);
    }
    let recovered = settle(&insisting(&rig)).await.unwrap();
    assert_eq!(recovered.verdict, Verdict::Ok, "{recovered:?}");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    assert_settled(&rig).await;
}

#[tokio::test]
async fn who_insists_where_it_has_not_come_counts_one_wrong_password() {
    let rig = revoked("replication=off").await;
    let recovered = settle(&insisting(&rig)).await.unwrap();
    assert_eq!(recovered.verdict, Verdict::Inconclusive, "{recovered:?}");
    assert_eq!(wrong(&rig.bad_counts(&[1, 2, 3]).await), 1);
    for target in &recovered.targets {
        assert!(!target.note.contains("it has the change"), "{target:?}");
    }
    // Without that it is as it was.
    let recovered = settle(&recovery(&rig)).await.unwrap();
    assert!(recovered.targets.iter().all(|target| target.note.starts_with(BEHIND)), "{recovered:?}");
    assert_eq!(wrong(&rig.bad_counts(&[1, 2, 3]).await), 1);
}

/// An administrative connection passed a target by in two rotations, because it lagged or because it was down; that connection
/// is gone when it is to be looked at.
#[tokio::test]
async fn what_two_rotations_passed_by_is_signed_in_on_with_neither_password() {
    for is_down in [false, true] {
        let rig = Rig::new(Flavour::Windows, &["replication=off"]);
        let via = rig.via();
        let second = rig.lab.targets()[1].address;
        let relay = Relay::to(second).await;
        rig.goes_through(2, &relay);
        if is_down {
            relay.lead_to(nobody().await);
        }
        let mut request =
            Request { wait: Duration::from_millis(150), via: Some(via), allow_down: true, ..rig.request() };
        request.endpoints[1] = request.endpoints[1].at(Target::parse(&relay.address().to_string()).unwrap());
        request.endpoints.truncate(2);
        for version in [2, 3] {
            let outcome = run(&request).await.unwrap();
            assert_eq!((verdicts(&outcome), outcome.version), (vec!["ok", "inconclusive"], version));
        }
        relay.lead_to(second);
        let recovered = settle(&recovery(&rig)).await.unwrap();
        assert_eq!((recovered.verdict, recovered.targets.len()), (Verdict::Inconclusive, 1), "{recovered:?}");
        assert!(recovered.targets[0].note.starts_with(BEHIND), "{recovered:?}");
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    }
}

/// The same where the second write is in doubt, on a server that is gone.
#[tokio::test]
async fn what_two_rotations_passed_by_tells_nothing_to_the_account_itself() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let via = rig.via();
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    let targets = gone::over(&rig, &relay);
    let request = Request {
        via: Some(via),
        wait: Duration::from_millis(150),
        ..request(&rig.store, &rig.connection, targets.clone())
    };
    assert_eq!(run(&request).await.unwrap().version, 2);
    assert_eq!(rotate(&request, &Cut(&relay)).await.unwrap_err().code(), "rotation.unsettled");
    relay.cut();
    relay.lead_to(nobody().await);
    let of_now = open(&rig).into_iter().find(|one| one.versions[0].state == "candidate").unwrap();
    let recovery = Recovery { targets, transaction: of_now.transaction, ..insisting(&rig) };
    assert_eq!(settle(&recovery).await.unwrap_err().code(), "rotation.target_down");
    assert!(tried(&rig).is_empty(), "{:?}", tried(&rig));
    assert_eq!(rig.bad_counts(&[2, 3]).await, ["0", "0"]);
}

/// Somebody has set another password there: it refuses both, which does not say that it has the change.
#[tokio::test]
async fn a_target_that_refuses_both_passwords_is_not_said_to_have_the_change() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let mut request = Request { wait: Duration::from_millis(150), ..rig.request() };
    request.endpoints.truncate(2);
    assert_eq!(verdicts(&run(&request).await.unwrap()), ["ok", "inconclusive"]);
    let mut second = administrator(&rig.lab, 2).await;
    for password in ["Somebody-Elses-1", "Somebody-Elses-2"] {
        crate::lab::reset(&mut second, SERVICE, password).await.success().unwrap();
    }
    let recovered = settle(&recovery(&rig)).await.unwrap();
    assert_eq!(recovered.verdict, Verdict::Failed, "{recovered:?}");
    let note = &recovered.targets[0].note;
    assert!(note.starts_with("it refuses the previous password and the new one"), "{note}");
    assert_eq!(rig.events().last().unwrap(), "refused");
    // Nor tried again.
    let counted = rig.bad_counts(&[2]).await;
    assert!(settle(&recovery(&rig)).await.unwrap().targets[0].note.starts_with("it refused the password before"));
    assert_eq!(rig.bad_counts(&[2]).await, counted);
}

/// Nobody answers on the pinned target, and no other has a password that is known.
#[tokio::test]
async fn the_first_server_that_refuses_a_password_is_the_last_to_be_asked() {
    let rig = Rig::new(Flavour::Windows, &["target:1=lose:modify", "replication=30ms"]);
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    let targets = gone::over(&rig, &relay);
    let request = request(&rig.store, &rig.connection, targets.clone());
    assert_eq!(run(&request).await.unwrap_err().code(), "rotation.unsettled");
    relay.lead_to(nobody().await);
    let mut second = administrator(&rig.lab, 2).await;
    for password in ["Somebody-Elses-1", "Somebody-Elses-2"] {
        crate::lab::reset(&mut second, SERVICE, password).await.success().unwrap();
    }
    await_same(&rig, 2, 3).await;
    let ear = Ear::default();
    let recovery = Recovery { targets, ..insisting(&rig) };
    assert_eq!(recover(&recovery, &ear).await.unwrap_err().code(), "rotation.target_down");
    assert_eq!(rig.bad_counts(&[2, 3]).await, ["2", "0"]);
    let notes = ear.notes.lock().unwrap().clone();
    let says = format!("{} refused a password, and one server that does is enough", rig.lab.targets()[1].address);
    assert!(notes.iter().any(|note| note.starts_with(&says)), "{notes:?}");
}
