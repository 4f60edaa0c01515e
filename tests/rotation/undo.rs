//! `on_failure=undo`: the old password is put back, as a transaction of its own, where the policy lets it.

use libretto::{rotation::OnFailure, store::locks::PrincipalLock};

use super::{
    dependents::{Stand, broken, found, told},
    *,
};

fn undoing(rig: &Rig, stands: &[&std::sync::Arc<Stand>]) -> Request {
    Request { dependents: found(stands), on_failure: OnFailure::Undo, ..rig.request() }
}

#[tokio::test]
async fn a_dependent_that_fails_brings_the_old_password_back() {
    for (flavour, over_admin) in [(Flavour::Samba, false), (Flavour::Windows, false), (Flavour::Windows, true)] {
        let rig = Rig::new(flavour, &["replication=100ms"]);
        run(&rig.request()).await.unwrap(); // so that the stored password is a proven one
        let old = rig.password(2).expose().to_owned();
        let (pool, task) = (Stand::well("pool"), Stand::failing("task", &[broken]));
        let via = over_admin.then(|| rig.via());
        let witness = Witness::default();
        let outcome = rotate(&Request { via, ..undoing(&rig, &[&pool, &task]) }, &witness).await.unwrap();
        let error = outcome.error.clone().unwrap();
        assert_eq!((outcome.verdict.as_str(), outcome.version, error.code.as_str()), ("failed", 4, "rotation.undone"));
        assert_eq!(error.message, "the old password is back (version 4): task could not take the new one");
        assert_eq!(told(&outcome), ["task failed", "pool ok", "task ok"]);
        assert_eq!(pool.took(), [rig.password(3).expose().to_owned(), old.clone()]);
        assert_eq!(task.took(), std::slice::from_ref(&old));
        assert_eq!(rig.password(4).expose(), old);
        assert!(rig.picture().starts_with("v4 current sent proven, v3 retired sent proven, "), "{}", rig.picture());
        assert!(rig.picture().ends_with("promote, ended ok"));
        let announced: Vec<&str> = witness.announced.lock().unwrap().iter().map(|one| one.of).collect();
        assert_eq!(announced, ["", "undo"]);
        assert!(witness.told().contains(&"undo promote ok".to_owned()));
        for target in 1..=3 {
            assert_eq!(rig.says(target, &old).await, "");
        }
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        // The first of the two ended as what it is: undone.
        let principal = credentials::current(&rig.store, &rig.connection).unwrap().unwrap().principal;
        let both = journal::history(&rig.store, principal).unwrap();
        assert_eq!((both[1].verdict, &both[0].options["undo_of"]), (Some(Verdict::Failed), &both[1].id.clone().into()));
    }
}

#[tokio::test]
async fn nothing_fails_and_nothing_is_undone() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let pool = Stand::well("pool");
    let outcome = run(&undoing(&rig, &[&pool])).await.unwrap();
    assert_eq!((outcome.verdict, outcome.version), (Verdict::Ok, 2));
}

#[tokio::test]
async fn what_could_not_be_undone_is_refused_before_anything_is_touched() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let alice = rig.lab.accounts().iter().find(|account| account.name == "alice").unwrap();
    let connection = rig.add("alice", &alice.upn, &alice.password);
    let endpoints = endpoints(connection.ad().unwrap(), Limits::default());
    let undoing = Request { on_failure: OnFailure::Undo, ..request(&rig.store, &connection, endpoints) };
    let error = run(&undoing).await.unwrap_err();
    assert_eq!(error.code(), "rotation.undo_impossible");
    let said = "the old password could not be put back by the account itself: the old password is in the history";
    assert_eq!(error.message(), said);
    assert!(error.remedy().unwrap().contains("via"));
    assert_eq!(picture(&rig.store, &connection), "v1 current proven; no journal");
    // Over an administrator the stored password is not tried, so it must have been proven before.
    let over_admin = Request { via: Some(rig.via()), ..undoing };
    let outcome = run(&over_admin).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Ok);
}

/// Proven long ago, and somebody has set another one by hand since: to sign in may be the hour of grace.
#[tokio::test]
async fn a_password_that_somebody_has_replaced_since_is_not_put_back() {
    for over_admin in [false, true] {
        let rig = Rig::new(Flavour::Windows, &["replication=20ms"]);
        let via = over_admin.then(|| rig.via());
        let id = credentials::current(&rig.store, &rig.connection).unwrap().unwrap().id;
        credentials::mark_proven(&rig.store, id, "dc1").unwrap();
        let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
        let ago = "strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '-60 days')";
        raw.execute(&format!("UPDATE credential SET created_at = {ago}, proven_at = {ago}"), ()).unwrap();
        let mut first = administrator(&rig.lab, 1).await;
        crate::lab::reset(&mut first, SERVICE, "Set-By-Hand-In-March-1").await.success().unwrap();
        let error = run(&Request { via, ..undoing(&rig, &[]) }).await.unwrap_err();
        assert_eq!(error.code(), "rotation.undo_impossible", "{error}");
        assert!(error.message().contains("later than the stored one"), "{error}");
        assert_eq!(rig.picture(), "v1 current proven; no journal");
    }
}

#[tokio::test]
async fn a_password_that_was_never_proven_is_not_put_back() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let request = Request { via: Some(rig.via()), ..undoing(&rig, &[]) };
    let error = run(&request).await.unwrap_err();
    assert_eq!(error.code(), "rotation.undo_impossible");
    assert_eq!(rig.picture(), "v1 current; no journal");
}

/// Whatever an undo leaves that ends anywhere: what was sent last is the current version, or a recovery is to look at it.
#[tokio::test]
async fn wherever_an_undo_is_dropped_the_store_knows_what_was_sent_last() {
    let mut seen = std::collections::BTreeSet::new();
    for polls in (1..).step_by(5) {
        let rig = Rig::new(Flavour::Windows, &["replication=30ms"]);
        let task = Stand::failing("task", &[broken]);
        let request = undoing(&rig, &[&task]);
        let done = abandoned::Cut::after(run(&request), polls).await;
        crate::lab::until("the lock is free", || async {
            PrincipalLock::take(&rig.store, rig.connection.principal, "test").is_ok()
        })
        .await;
        let picture = rig.picture();
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"], "{picture}");
        let versions = credentials::history(&rig.store, &rig.connection).unwrap();
        let current = versions.iter().find(|one| one.state.as_str() == "current").unwrap();
        let last = versions.iter().filter(|one| one.sent_at.is_some()).max_by_key(|one| one.version).unwrap_or(current);
        let unfinished = journal::unfinished_of(&rig.store, current.principal).unwrap();
        let is_current = rig.has(1, rig.password(current.version).expose()).await;
        match unfinished {
            // Sent and not settled: the directory has one of the two, and it is the one that a recovery asks for first.
            Some(rotation) if last.id != current.id => {
                assert_eq!(rotation.candidate, Some(last.id), "{picture}");
                assert!(is_current || rig.has(1, rig.password(last.version).expose()).await, "{picture}");
            }
            _ => assert!(last.id == current.id && is_current, "{picture}"),
        }
        seen.insert(picture.split("; ").last().unwrap().to_owned());
        if done.is_some() {
            break;
        }
        assert!(polls < 4000, "it never ends");
    }
    // How many polls each stage takes is the machine's: not every one is met.
    assert!(seen.iter().any(|picture| picture.ends_with("unfinished")), "{seen:#?}");
    assert!(seen.contains("promote, ended ok"), "{seen:#?}");
}

#[tokio::test]
async fn an_undo_that_is_dropped_while_targets_lag_is_what_a_recovery_sees() {
    let rig = Rig::new(Flavour::Windows, &["replication=1s"]);
    let task = Stand::failing("task", &[broken]);
    let request = undoing(&rig, &[&task]);
    let expected = "v3 candidate sent proven, v2 current sent proven, v1 previous proven; converge, unfinished";
    tokio::select! {
        ended = run(&request) => panic!("it ends: {ended:?}"),
        // The proof and the stage after it are two transactions: this waits for both.
        () = crate::lab::until("the undo converges", || async { rig.picture() == expected }) => {}
    }
    let principal = credentials::current(&rig.store, &rig.connection).unwrap().unwrap().principal;
    let both = journal::history(&rig.store, principal).unwrap();
    assert_eq!((both[1].verdict, &both[0].options["undo_of"]), (Some(Verdict::Partial), &both[1].id.clone().into()));
    assert_eq!(rig.password(3).expose(), rig.old());
}

#[tokio::test]
async fn an_undo_that_the_run_cannot_record_leaves_the_new_password() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let task = Stand::failing("task", &[broken]);
    let witness = Witness { refuse_after: Some(1), ..Witness::default() };
    let outcome = rotate(&undoing(&rig, &[&task]), &witness).await.unwrap();
    let error = outcome.error.clone().unwrap();
    assert_eq!((outcome.verdict.as_str(), error.code.as_str(), outcome.version), ("partial", "rotation.not_undone", 2));
    assert!(error.message.contains("the old password could not be put back: the disk is full"), "{}", error.message);
    assert_eq!(rig.picture(), "v3 retired, v2 current sent proven, v1 previous proven; promote, ended partial");
    assert_eq!(rig.says(1, rig.password(2).expose()).await, "");
}
