//! What a rotation that has ended left to be done, and what has become of its account since.

use std::sync::Arc;

use libretto::{
    connection::Change,
    rotation::{Dependent, Found},
};

use super::*;
use crate::rotation::dependents::{Stand, Stuck, broken, found, latest, retry, retry_over, still_open};

/// Ended, and this has not taken the password.
async fn left_open(stand: Stand) -> Rig {
    let rig = Rig::new(Flavour::Samba, &[]);
    rig.add("other", "LAB\\svc-libretto", rig.lab.service_account().1);
    let stand = Arc::new(Stand { faults: Mutex::new(vec![broken]), ..stand });
    let outcome = run(&Request { dependents: found(&[&stand]), ..rig.request() }).await.unwrap();
    assert_eq!((outcome.verdict, outcome.connections), (Verdict::Partial, vec!["corp".to_owned(), "other".to_owned()]));
    rig
}

fn alice() -> Change {
    let secret = Some(Given::Secret(Secret::new("Somebody-Elses-1").unwrap()));
    Change { username: Some("alice@lab.test".to_owned()), secret, ..Change::default() }
}

#[tokio::test]
async fn it_is_never_reached_over_a_connection_that_is_another_accounts_by_now() {
    let rig = left_open(Stand { name: "pool", ..Stand::default() }).await;
    let listed = || open(&rig).into_iter().map(|one| (one.connection, one.connections.join(" "))).collect::<Vec<_>>();
    let pair = |one: &str, all: &str| vec![(one.to_owned(), all.to_owned())];
    assert_eq!(listed(), pair("corp", "corp other"));
    // Whatever it is called, it is the same connection.
    let renamed = Change { name: Some("zentrale".to_owned()), ..Change::default() };
    connection::edit(&rig.store, "corp", &Scope::all(), &renamed).unwrap();
    assert_eq!(listed(), pair("zentrale", "other zentrale"));
    connection::edit(&rig.store, "zentrale", &Scope::all(), &alice()).unwrap();
    assert_eq!(listed(), pair("other", "other"));
    assert_eq!(unfinished(&rig.store, Some("zentrale"), &Scope::all()).unwrap(), []);
    connection::remove(&rig.store, "other", &Scope::all()).unwrap();
    assert_eq!(listed(), []);
}

#[tokio::test]
async fn it_waits_while_a_later_rotation_is_unfinished() {
    let rig = left_open(Stand { name: "pool", ..Stand::default() }).await;
    let earlier = recovery(&rig);
    let stuck: Arc<dyn Dependent> = Arc::new(Stuck(None));
    let dependents = Arc::new(Found { connections: Vec::new(), others: vec![stuck] });
    let request = Request { dependents, ..rig.request() };
    tokio::select! {
        ended = run(&request) => panic!("it ends: {ended:?}"),
        () = crate::lab::until("the next is proven", || async { latest(&rig).stage == "dependents" }) => {}
    }
    unlocked(&rig).await;
    let (picture, later_version) =
        (rig.picture(), credentials::history(&rig.store, &rig.connection).unwrap()[0].version);
    let refused = settle(&earlier).await.unwrap_err();
    assert_eq!((refused.code(), refused.verdict()), ("rotation.unfinished", Verdict::InDoubt));
    assert!(refused.remedy().unwrap().contains("`libretto recover --connection corp`"), "{refused:?}");
    assert_eq!(rig.picture(), picture);
    // The unfinished one is recovered first, and what the earlier one left is moot then.
    let later = recovery(&rig);
    assert_ne!(later.transaction, earlier.transaction);
    assert_eq!(settle(&later).await.unwrap().valid, Some(later_version));
    let moot = settle(&earlier).await.unwrap();
    assert_eq!((moot.found.as_str(), moot.done.as_str()), ("it had ended", "nothing"));
    assert!(still_open(&rig, &earlier.transaction).is_empty());
}

/// Killed between the last dependent's entry and the verdict.
#[tokio::test]
async fn what_has_been_done_since_becomes_its_verdict() {
    let rig = left_open(Stand { name: "pool", ..Stand::default() }).await;
    journal::event(&rig.store, &latest(&rig).id, "dependent-ok", Some("pool"), &serde_json::json!({})).unwrap();
    let [one] = open(&rig).try_into().unwrap();
    assert_eq!(
        (one.known.as_str(), one.plan.as_str()),
        ("version 3 is current, and everything has it: only the journal does not say so yet", "ends the transaction")
    );
    let recovered = settle(&recovery(&rig)).await.unwrap();
    assert_eq!((recovered.verdict, recovered.valid), (Verdict::Ok, Some(3)));
    assert_eq!((latest(&rig).verdict, rig.events().pop().unwrap()), (Some(Verdict::Ok), "settled".to_owned()));
    assert_settled(&rig).await;
}

#[tokio::test]
async fn one_that_goes_by_another_name_now_is_still_open() {
    let stand = Stand { name: "pool for corp", id: Some("pool for connection 1"), ..Stand::default() };
    let rig = left_open(stand).await;
    let other = Arc::new(Stand { name: "pool for corp", id: Some("pool for connection 2"), ..Stand::default() });
    let renamed = Stand { name: "pool for zentrale", id: Some("pool for connection 1"), ..Stand::default() };
    let renamed = Arc::new(renamed);
    let reports = retry(&rig, &[other.clone(), renamed.clone()]).await;
    let told: Vec<_> = reports.iter().map(|report| (report.name.as_str(), report.verdict)).collect();
    assert_eq!(told, [("pool for zentrale", Verdict::Ok)]);
    assert_eq!((other.took().len(), renamed.took().len()), (0, 1));
    assert!(still_open(&rig, &latest(&rig).id).is_empty());
    assert_eq!(open(&rig), []);
}

#[tokio::test]
async fn a_journal_that_has_only_names_goes_by_them() {
    let rig = left_open(Stand { name: "pool", id: Some("7"), ..Stand::default() }).await;
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    raw.execute("UPDATE rotation SET before = json_remove(before, '$.dependents[0].id')", []).unwrap();
    let stand = Arc::new(Stand { name: "pool", id: Some("8"), ..Stand::default() });
    let pool: Arc<dyn Dependent> = stand.clone();
    assert_eq!(retry(&rig, std::slice::from_ref(&pool)).await.len(), 1);
    assert_eq!(stand.took().len(), 1);
}

#[tokio::test]
async fn handing_it_over_ends_soon_when_the_run_is_told_to_stop() {
    let rig = left_open(Stand { name: "stuck", ..Stand::default() }).await;
    let recovery = recovery(&rig);
    let stuck: [Arc<dyn Dependent>; 1] = [Arc::new(Stuck(Some(recovery.hurry.clone())))];
    let handed = tokio::time::timeout(Duration::from_mins(1), retry_over(&rig, &recovery, &stuck));
    let reports = handed.await.expect("it ends");
    assert_eq!((reports.len(), reports[0].verdict), (1, Verdict::Inconclusive));
}

/// In doubt, and it is to give the connection another account.
async fn another_account_in_doubt() -> Rig {
    let rig = Rig::new(Flavour::Windows, &["target:1=hang:modify", "replication=30ms"]);
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let request = request(&rig.store, &rig.connection, endpoints(rig.connection.ad().unwrap(), limits));
    let request = Request { username: Some("alice@lab.test".to_owned()), via: Some(rig.via()), ..request };
    assert_eq!(run(&request).await.unwrap_err().code(), "rotation.unsettled");
    rig
}

#[tokio::test]
async fn one_that_gives_a_connection_another_account_is_found_by_it_and_named_with_it() {
    let rig = another_account_in_doubt().await;
    let [one] = unfinished(&rig.store, Some("corp"), &Scope::all()).unwrap().try_into().unwrap();
    assert_eq!((one.account.as_str(), one.connections.as_slice()), ("alice@lab.test", &["corp".to_owned()][..]));
    let admin = connection::get(&rig.store, "admin", &Scope::all()).unwrap();
    assert_eq!(unfinished(&rig.store, Some(&admin.name), &Scope::all()).unwrap(), []);
    let (name, password) = rig.lab.administrator();
    let identity = Identity { name: name.to_owned(), password: password.clone() };
    let via = Some(administering(&rig.store, &admin, identity));
    let recovered = settle(&Recovery { via, ..recovery(&rig) }).await.unwrap();
    assert_eq!(recovered.done, "version 1 is current in corp");
    assert_eq!(connection::get(&rig.store, "corp", &Scope::all()).unwrap().username, "alice@lab.test");
}

#[tokio::test]
async fn until_then_the_connection_keeps_its_account() {
    let rig = another_account_in_doubt().await;
    let bob = Change { username: Some("bob@lab.test".to_owned()), ..alice() };
    let (identity, secret) = (seal::Identity::load(&rig.store).unwrap(), Secret::new("Given-Password-3!").unwrap());
    let refused = [
        connection::edit(&rig.store, "corp", &Scope::all(), &bob).unwrap_err(),
        connection::remove(&rig.store, "corp", &Scope::all()).unwrap_err(),
        credentials::record_candidate(&rig.store, &identity, &rig.connection, "bob@lab.test", &secret, None)
            .unwrap_err(),
        run(&rig.request()).await.unwrap_err(),
    ];
    for refused in refused {
        assert_eq!((refused.code(), refused.verdict()), ("rotation.unfinished", Verdict::InDoubt));
    }
}

/// Whoever has set another password may have seen to what depends on it, or not.
#[tokio::test]
async fn what_depends_on_a_password_that_somebody_else_has_set_is_named() {
    const SET: &str = "Set-By-An-Administrator-1";
    let rig = Rig::new(Flavour::Samba, &["target:1=lose:modify", "replication=30ms"]);
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let request = request(&rig.store, &rig.connection, endpoints(rig.connection.ad().unwrap(), limits));
    let (pool, task) = (Stand::well("pool"), Stand::well("task"));
    let request = Request { dependents: found(&[&pool, &task]), ..request };
    assert_eq!(run(&request).await.unwrap_err().code(), "rotation.unsettled");
    crate::lab::reset(&mut administrator(&rig.lab, 2).await, SERVICE, SET).await.success().unwrap();
    crate::lab::until("it is replicated", || async { rig.says(1, SET).await.is_empty() }).await;
    earlier(&rig, 10);
    let given = Recovery { password: Some(Secret::new(SET).unwrap()), ..recovery(&rig) };
    let recovered = settle(&given).await.unwrap();
    assert_eq!(
        recovered.done,
        "version 2 is retired, version 3 is current; see to what depends on it and was not handed this one: pool, task"
    );
    assert_eq!((rig.events().last().unwrap().as_str(), pool.took(), task.took()), ("superseded", vec![], vec![]));
}
