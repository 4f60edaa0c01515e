//! `revoke=now`: somebody knows the password who must not any more. It is changed twice, for the one before still binds.

use super::{
    dependents::{Stand, broken, found, told},
    *,
};

#[tokio::test]
async fn the_password_that_was_known_is_refused_at_once() {
    for over_admin in [false, true] {
        let rig = Rig::new(Flavour::Samba, &["replication=100ms"]);
        let pool = Stand::well("pool");
        let via = over_admin.then(|| rig.via());
        let witness = Witness::default();
        let request = Request { via, revoke: true, dependents: found(&[&pool]), ..rig.request() };
        let outcome = rotate(&request, &witness).await.unwrap();
        assert_eq!((outcome.verdict, outcome.version), (Verdict::Ok, 3));
        let ends = outcome.access_ends.clone().unwrap();
        assert!(
            ends.starts_with("the password that was known is refused where this change has arrived; Kerberos tickets"),
            "{ends}"
        );
        assert_eq!(pool.took(), [rig.password(3).expose().to_owned()], "only the last one");
        for target in 1..=3 {
            assert_eq!(rig.says(target, rig.old()).await, "52e", "target {target}");
            assert_eq!(rig.says(target, rig.password(3).expose()).await, "");
        }
        let proven = if over_admin { "" } else { " proven" };
        let expected =
            format!("v3 current sent proven, v2 previous sent proven, v1 retired{proven}; promote, ended ok");
        assert_eq!(rig.picture(), expected);
        let history = credentials::history(&rig.store, &rig.connection).unwrap();
        assert!(history[2].why.as_ref().unwrap().starts_with("revoked"));
        let principal = history[0].principal;
        let both = journal::history(&rig.store, principal).unwrap();
        assert_eq!((both[1].verdict, &both[0].options["revoke_of"]), (Some(Verdict::Ok), &both[1].id.clone().into()));
        let announced: Vec<&str> = witness.announced.lock().unwrap().iter().map(|one| one.of).collect();
        assert_eq!(announced, ["", "revoke"]);
    }
}

#[tokio::test]
async fn an_owner_whom_the_policy_keeps_from_a_second_change_is_refused() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let alice = rig.lab.accounts().iter().find(|account| account.name == "alice").unwrap();
    let connection = rig.add("alice", &alice.upn, &alice.password);
    let endpoints = endpoints(connection.ad().unwrap(), Limits::default());
    let error = run(&Request { revoke: true, ..request(&rig.store, &connection, endpoints) }).await.unwrap_err();
    assert_eq!(error.code(), "rotation.revoke_impossible");
    assert!(error.remedy().unwrap().contains("via"));
    assert_eq!(picture(&rig.store, &connection), "v1 current proven; no journal");
}

#[tokio::test]
async fn where_a_target_lags_the_access_has_not_ended_there() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let outcome = run(&Request { revoke: true, wait: Duration::from_millis(300), ..rig.request() }).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Inconclusive);
    assert_eq!(outcome.unproven().len(), 2);
    assert!(outcome.access_ends.unwrap().contains("which have not got the second one"));
    assert_eq!(rig.says(2, rig.old()).await, "");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn a_dependent_that_fails_leaves_it_partial() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let pool = Stand::failing("pool", &[broken]);
    let outcome = run(&Request { revoke: true, dependents: found(&[&pool]), ..rig.request() }).await.unwrap();
    assert_eq!((told(&outcome), outcome.verdict.as_str()), (vec!["pool failed".to_owned()], "partial"));
    assert!(outcome.access_ends.is_some());
}

#[tokio::test]
async fn a_second_change_that_the_run_cannot_record_is_told_and_the_dependents_get_the_first() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let pool = Stand::well("pool");
    let witness = Witness { refuse_after: Some(1), ..Witness::default() };
    let outcome =
        rotate(&Request { revoke: true, dependents: found(&[&pool]), ..rig.request() }, &witness).await.unwrap();
    let error = outcome.error.clone().unwrap();
    assert_eq!(
        (outcome.verdict.as_str(), error.code.as_str(), outcome.version),
        ("partial", "rotation.not_revoked", 2)
    );
    assert_eq!(pool.took(), [rig.password(2).expose().to_owned()]);
    assert!(outcome.access_ends.is_none());
    assert_eq!(rig.says(1, rig.password(2).expose()).await, "");
}
