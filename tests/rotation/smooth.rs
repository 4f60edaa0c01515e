//! When all goes well.

use libretto::{
    connection::{self, Scope},
    store::lockout::applying,
};

use super::*;

#[tokio::test]
async fn an_account_changes_its_own_password_everywhere() {
    let rig = Rig::new(Flavour::Samba, &["replication=300ms"]);
    let witness = Witness::default();
    let outcome = rotate(&rig.request(), &witness).await.unwrap();
    assert_eq!(witness.told(), ["preflight ok", "record ok", "change ok", "prove ok", "converge ok", "promote ok"]);
    let pinned = rig.lab.targets()[0].address.to_string();
    let announced = Announcement {
        account: "svc-libretto@lab.test".to_owned(),
        pinned: pinned.clone(),
        version: 2,
        restores: None,
        of: "",
    };
    assert_eq!(*witness.announced.lock().unwrap(), [announced]);
    assert_eq!((outcome.version, outcome.verdict.as_str(), outcome.pinned.as_str()), (2, "ok", pinned.as_str()));
    assert_eq!(outcome.connections, ["corp"]);
    assert_eq!(verdicts(&outcome), ["ok", "ok", "ok"]);
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; promote, ended ok");
    assert_eq!(
        rig.events(),
        ["change-sent", "change-acknowledged", "proven", "converged", "converged", "converge-ended", "promoted"]
    );
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    for target in 1..=3 {
        assert_eq!(rig.says(target, rig.password(2).expose()).await, "");
    }
    assert_eq!(rig.password(2).expose().len(), 24);
    assert_eq!(rig.password(1).expose(), rig.old(), "the old one is kept");
}

#[tokio::test]
async fn an_administrator_resets_it_and_needs_neither_the_old_one_nor_its_age() {
    let rig = Rig::new(Flavour::Windows, &["account=must-change"]);
    let request = Request { via: Some(rig.via()), ..rig.request() };
    assert_eq!(run(&request).await.unwrap().version, 2);
    assert_eq!(run(&request).await.unwrap().version, 3, "a reset does not wait for the minimum age");
    assert_eq!(rig.picture(), "v3 current sent proven, v2 previous sent proven, v1 retired; promote, ended ok");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    for target in 1..=3 {
        assert_eq!(rig.says(target, rig.password(3).expose()).await, "");
    }
}

/// The minimum age binds owners, not those who may reset: a domain administrator resets its own.
#[tokio::test]
async fn a_young_administrator_resets_its_own_password() {
    let rig = Rig::new(Flavour::Windows, &[]);
    run(&rig.request()).await.unwrap();
    assert_eq!(run(&rig.request()).await.unwrap().verdict, Verdict::Ok);
    assert_eq!(rig.picture(), "v3 current sent proven, v2 previous sent proven, v1 retired proven; promote, ended ok");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    for target in 1..=3 {
        assert_eq!(rig.says(target, rig.password(3).expose()).await, "");
    }
}

#[tokio::test]
async fn the_change_goes_to_the_pdc_emulator_wherever_it_stands_in_the_list() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let mut request = rig.request();
    request.endpoints.reverse();
    let outcome = run(&request).await.unwrap();
    assert_eq!(outcome.pinned, rig.lab.targets()[0].address.to_string());
    assert_eq!(verdicts(&outcome), ["ok", "ok", "ok"]);
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn every_connection_of_the_account_is_switched() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let other = rig.add("other", "LAB\\svc-libretto", rig.lab.service_account().1);
    // The directory says that the other name is the same account's.
    let mine = run(&rig.request()).await.unwrap();
    assert_eq!(mine.connections, ["corp", "other"]);
    let settings = other.ad().unwrap();
    let over_admin =
        Request { via: Some(rig.via()), ..request(&rig.store, &other, endpoints(settings, Limits::default())) };
    let both = run(&over_admin).await.unwrap();
    assert_eq!(both.connections, ["corp", "other"]);
    let again = |name| connection::get(&rig.store, name, &Scope::all()).unwrap();
    let (corp, other) = (again("corp"), again("other"));
    let current = |connection| credentials::current(&rig.store, connection).unwrap().unwrap().id;
    assert_eq!(current(&corp), current(&other));
    let password = password(&rig.store, &corp, both.version);
    for target in 1..=3 {
        assert_eq!(rig.says(target, password.expose()).await, "");
    }
}

/// Nobody has asked the directory about that account before: what locks it is known from the first sign-in on.
#[tokio::test]
async fn the_lockout_rules_of_an_account_that_a_connection_moves_to_are_learnt() {
    for (account, threshold) in [("alice", 5), ("carol", 3)] {
        let rig = Rig::new(Flavour::Windows, &[]);
        let username = Some(format!("{account}@lab.test"));
        run(&Request { username, via: Some(rig.via()), ..rig.request() }).await.unwrap();
        let moved = connection::get(&rig.store, "corp", &Scope::all()).unwrap();
        let applying = applying(&rig.store, moved.principal, Rules::ASSUMED).unwrap();
        assert_eq!((applying.rules.threshold, applying.assumed), (threshold, None), "{account}");
    }
}

#[tokio::test]
async fn another_account_needs_an_administrator_who_resets_its_password() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let alone = Request { username: Some("alice@lab.test".to_owned()), ..rig.request() };
    let refused = run(&alone).await.unwrap_err();
    assert_eq!(refused.code(), "rotation.other_account");
    assert_eq!(rig.picture(), "v1 current; no journal");
    let outcome = run(&Request { via: Some(rig.via()), ..alone }).await.unwrap();
    assert_eq!((outcome.principal.as_str(), outcome.verdict.as_str()), ("alice@lab.test", "ok"));
    let corp = connection::get(&rig.store, "corp", &Scope::all()).unwrap();
    assert_eq!(corp.username, "alice@lab.test");
    let password = password(&rig.store, &corp, outcome.version);
    assert_eq!(data(&rig.lab, 3, "alice@lab.test", password.expose()).await, "");
    assert_eq!(rig.says(1, rig.old()).await, "", "the account before is as it was");
}

#[tokio::test]
async fn another_spelling_of_the_same_account_is_the_same_account() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let outcome = run(&Request { username: Some("LAB\\svc-libretto".to_owned()), ..rig.request() }).await.unwrap();
    assert_eq!((outcome.principal.as_str(), outcome.version), ("LAB\\svc-libretto", 2));
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; promote, ended ok");
    assert_eq!(connection::get(&rig.store, "corp", &Scope::all()).unwrap().username, "LAB\\svc-libretto");
}
