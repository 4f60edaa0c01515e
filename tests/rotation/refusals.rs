//! What preflight refuses: each leaves directory, credentials and journal as they were.

use libretto::store::locks::PrincipalLock;

use super::*;

/// Nothing was touched: one version, no journal, the old password works (unless the account itself is barred).
async fn untouched(rig: &Rig, request: &Request, code: &str) -> Error {
    let witness = Witness::default();
    let error = rotate(request, &witness).await.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.remedy().is_some());
    assert!(witness.announced.lock().unwrap().is_empty());
    assert_eq!(witness.told(), [format!("preflight {}", error.verdict())]);
    let picture = rig.picture();
    assert!(picture == "v1 current; no journal" || picture == "v1 current proven; no journal", "{picture}");
    // The lock is free again.
    PrincipalLock::take(&rig.store, rig.connection.principal, "test").unwrap();
    error
}

#[tokio::test]
async fn a_barred_account_is_refused_with_its_reason_and_on_one_target_only() {
    for (fault, code) in [
        ("account=locked", "ad.account_locked"),
        ("account=disabled", "ad.account_disabled"),
        ("account=expired", "ad.account_expired"),
        ("account=must-change", "ad.must_change_password"),
        ("account=password-expired", "ad.password_expired"),
    ] {
        let rig = Rig::new(Flavour::Samba, &[fault]);
        let before = rig.bad_counts(&[1, 2, 3]).await;
        untouched(&rig, &rig.request(), code).await;
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, before, "{fault}");
    }
}

#[tokio::test]
async fn a_barred_account_is_refused_over_an_administrator_too() {
    for (fault, code) in [
        ("account=locked", "ad.account_locked"),
        ("account=disabled", "ad.account_disabled"),
        ("account=expired", "ad.account_expired"),
    ] {
        let rig = Rig::new(Flavour::Windows, &[fault]);
        let request = Request { via: Some(rig.via()), ..rig.request() };
        untouched(&rig, &request, code).await;
    }
}

#[tokio::test]
async fn a_wrong_stored_password_is_tried_once() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let wrong = Secret::new("Not-The-Password-1").unwrap();
    let connection = rig.add("stale", rig.lab.service_account().0, &wrong);
    let settings = connection.ad().unwrap();
    let request = request(&rig.store, &connection, endpoints(settings, Limits::default()));
    let error = run(&request).await.unwrap_err();
    assert_eq!(error.code(), "ad.wrong_password");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["1", "0", "0"]);
    assert_eq!(picture(&rig.store, &connection), "v1 current; no journal");
}

#[tokio::test]
async fn a_target_that_is_down_stops_it_before_anything_is_signed_in_on() {
    for fault in ["down", "hang", "rubbish", "close", "expired-certificate"] {
        let rig = Rig::new(Flavour::Samba, &[&format!("target:3={fault}")]);
        let settings = rig.connection.ad().unwrap();
        let limits = Limits { connect: Duration::from_secs(1), operation: Duration::from_secs(1) };
        let request = request(&rig.store, &rig.connection, endpoints(settings, limits));
        let error = untouched(&rig, &request, "rotation.target_down").await;
        assert!(error.message().starts_with(&rig.lab.targets()[2].address.to_string()), "{error}");
        assert_eq!(rig.says(1, rig.old()).await, "");
    }
}

#[tokio::test]
async fn a_young_password_is_not_changed_by_an_ordinary_owner() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let alice = rig.lab.accounts().iter().find(|account| account.name == "alice").unwrap();
    let connection = rig.add("alice", &alice.upn, &alice.password);
    let endpoints = endpoints(connection.ad().unwrap(), Limits::default());
    run(&request(&rig.store, &connection, endpoints.clone())).await.unwrap();
    let before = picture(&rig.store, &connection);
    assert_eq!(before, "v2 current sent proven, v1 previous proven; promote, ended ok");
    let error = run(&request(&rig.store, &connection, endpoints)).await.unwrap_err();
    assert_eq!(error.code(), "rotation.too_young");
    let from = error.details().iter().find(|(key, _)| *key == "not_before").unwrap();
    assert!(error.message().contains(&from.1), "{error}");
    assert_eq!(picture(&rig.store, &connection), before);
    let password = password(&rig.store, &connection, 2);
    assert_eq!(data(&rig.lab, 2, &alice.upn, password.expose()).await, "");
}

#[tokio::test]
async fn an_account_near_its_lockout_is_left_alone() {
    let rig = Rig::new(Flavour::Windows, &[]);
    for _ in 0..4 {
        assert_eq!(rig.says(2, "wrong").await, "52e");
    }
    let request = Request { via: Some(rig.via()), ..rig.request() };
    let error = untouched(&rig, &request, "rotation.near_lockout").await;
    assert!(error.message().ends_with("1 left, and 2 are needed"), "{error}");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "4", "0"]);
}

/// There is nothing to find out and nothing to wait for: the rules leave no room.
#[tokio::test]
async fn where_one_wrong_password_locks_it_needs_another_account_or_insistence() {
    let rig = Rig::new(Flavour::Windows, &["policy=lockout:1"]);
    let error = untouched(&rig, &rig.request(), "rotation.near_lockout").await;
    assert_eq!(
        error.message().split_once(": ").unwrap().1,
        "a single wrong password locks the account, whoever sends it, and 2 are to be left"
    );
    assert_eq!(
        error.remedy(),
        Some(
            "name an administrative connection (via), which signs in instead; or insist with --insist if the stored password surely is right"
        )
    );
    let lockout = LockoutOptions { insist: true, ..LockoutOptions::default() };
    assert_eq!(run(&Request { lockout, ..rig.request() }).await.unwrap().verdict.as_str(), "ok");
    let via = rig.via();
    credentials::mark_proven(&rig.store, via.credential, "dc1").unwrap();
    assert_eq!(run(&Request { via: Some(via), ..rig.request() }).await.unwrap().verdict.as_str(), "ok");
}

#[tokio::test]
async fn accounts_that_are_never_rotated_are_named() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let (name, password) = rig.lab.administrator();
    let connection = rig.add("admin", name, password);
    let settings = connection.ad().unwrap();
    let built_in = request(&rig.store, &connection, endpoints(settings, Limits::default()));
    let error = run(&built_in).await.unwrap_err();
    assert_eq!(error.code(), "rotation.never_rotated");
    assert!(error.message().contains("the way back in"), "{error}");
    assert_eq!(picture(&rig.store, &connection), "v1 current proven; no journal");
    assert_eq!(run(&Request { insist: true, ..built_in }).await.unwrap().verdict.as_str(), "ok");
}

#[tokio::test]
async fn somebody_else_is_at_it() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let lock = PrincipalLock::take(&rig.store, rig.connection.principal, "bob, run 1234").unwrap();
    let error = run(&rig.request()).await.unwrap_err();
    assert_eq!(error.code(), "rotation.busy");
    assert!(error.message().starts_with("bob, run 1234 is changing"), "{error}");
    drop(lock);
    assert_eq!(run(&rig.request()).await.unwrap().version, 2);
}

#[tokio::test]
async fn nothing_is_sent_when_the_run_cannot_record_it() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let witness = Witness { refuse: true, ..Witness::default() };
    let error = rotate(&rig.request(), &witness).await.unwrap_err();
    assert_eq!(error.code(), "store.full");
    assert_eq!(witness.told(), ["preflight ok", "record failed"]);
    assert_eq!(rig.picture(), "v2 retired, v1 current proven; no journal");
    assert_eq!(rig.says(1, rig.password(2).expose()).await, "52e");
    assert_eq!(rig.says(1, rig.old()).await, "");
}
