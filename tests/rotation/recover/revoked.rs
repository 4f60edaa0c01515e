//! A revocation that was cut short after the first of its two changes.

use libretto::rotation::{Found, OtherConnection};

use super::*;
use crate::rotation::dependents::{Stand, found, retry, told};

const HALF: &str = "only the first of two changes was made: the password that was known binds for an hour after it";

/// Lets the first change through and never answers the announcement of the second.
#[derive(Default)]
struct Halfway {
    second: CancellationToken,
}

impl Observer for Halfway {
    fn stage_ended(&self, _: &StageReport, _: Option<&Error>) {}

    fn target_ended(&self, _: &TargetReport) {}

    fn change_announced<'a>(&'a self, change: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        if change.of.is_empty() {
            return Box::pin(async { Ok(()) });
        }
        self.second.cancel();
        Box::pin(std::future::pending())
    }
}

/// Ended between the two.
async fn cut_short(request: &Request) {
    let halfway = Halfway::default();
    tokio::select! {
        ended = rotate(request, &halfway) => panic!("it ends: {ended:?}"),
        () = halfway.second.cancelled() => {}
    }
}

/// Everything in the journal happened so many minutes earlier.
fn age(rig: &Rig, minutes: u32) {
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let sql = format!("UPDATE rotation_event SET at = strftime('%Y-%m-%dT%H:%M:%fZ', at, '-{minutes} minutes')");
    raw.execute(&sql, []).unwrap();
}

async fn assert_told(rig: &Rig) {
    let [one] = open(rig).try_into().unwrap();
    assert_eq!(one.known, format!("version 2 is current, and {HALF}"));
    let remedy = "revoke again within the hour: libretto run revoke_access connections=corp";
    assert_eq!(one.plan, format!("says that access has not ended ({remedy})"));
    let recovered = settle(&recovery(rig)).await.unwrap();
    let error = recovered.error.unwrap();
    assert_eq!((recovered.verdict, error.code.as_str()), (Verdict::Partial, "rotation.not_revoked"));
    assert!(error.message.contains("the password that was known binds for an hour after it, until "), "{error:?}");
    assert_eq!(error.hint.as_deref(), Some(remedy));
    assert!(rig.picture().ends_with("promote, ended partial"), "{}", rig.picture());
}

#[tokio::test]
async fn one_that_ended_between_its_changes_is_told_until_the_hour_is_over() {
    let rig = Rig::new(Flavour::Samba, &[]);
    cut_short(&Request { revoke: true, ..rig.request() }).await;
    unlocked(&rig).await;
    for minutes in [0, 50] {
        age(&rig, minutes);
        assert_told(&rig).await;
    }
    age(&rig, 11);
    let [one] = open(&rig).try_into().unwrap();
    assert_eq!(one.plan, "ends the transaction: access has ended by itself");
    let recovered = settle(&recovery(&rig)).await.unwrap();
    assert_eq!((recovered.verdict, recovered.error), (Verdict::Ok, None));
    assert_eq!(rig.events().last().unwrap(), "settled");
    assert!(rig.picture().ends_with("promote, ended ok"), "{}", rig.picture());
    assert!(open(&rig).is_empty());
}

#[tokio::test]
async fn one_that_ended_within_the_first_change_is_not_said_to_be_done() {
    let rig = Rig::new(Flavour::Samba, &["target:1=close:modify", "replication=30ms"]);
    assert_eq!(run(&Request { revoke: true, ..rig.request() }).await.unwrap_err().code(), "rotation.unsettled");
    let recovered = settle(&recovery(&rig)).await.unwrap();
    assert_eq!((recovered.verdict, recovered.error.unwrap().code.as_str()), (Verdict::Partial, "rotation.not_revoked"));
    assert_told(&rig).await;
}

#[tokio::test]
async fn a_second_revocation_makes_it_moot() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let request = Request { revoke: true, ..rig.request() };
    cut_short(&request).await;
    unlocked(&rig).await;
    assert_eq!(run(&request).await.unwrap().verdict, Verdict::Ok);
    assert!(open(&rig).is_empty());
    assert_eq!(rig.says(1, rig.old()).await, "52e");
}

#[tokio::test]
async fn dependents_that_take_the_first_password_do_not_make_it_ok() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let pool = Stand::well("pool");
    cut_short(&Request { revoke: true, dependents: found(&[&pool]), ..rig.request() }).await;
    unlocked(&rig).await;
    let recovery = recovery(&rig);
    let recovered = settle(&recovery).await.unwrap();
    let others = found(&[&pool]).others.clone();
    let recovered = recovered.handed(retry(&rig, &others).await);
    assert_eq!((recovered.verdict, recovered.error.unwrap().code.as_str()), (Verdict::Partial, "rotation.not_revoked"));
    assert_eq!(pool.took(), [rig.password(2).expose().to_owned()]);
    // One verdict, at one stroke.
    assert_eq!(rig.events().last().unwrap(), "dependents-retried");
    assert_told(&rig).await;
}

#[tokio::test]
async fn what_lags_behind_the_first_change_is_carried_along_and_left_alone() {
    let rig = Rig::new(Flavour::Windows, &["replication=2s"]);
    let pool = Stand::well("pool");
    let behind = endpoints(rig.connection.ad().unwrap(), Limits::default()).swap_remove(2);
    let other = OtherConnection { name: "branch".to_owned(), endpoints: vec![behind] };
    let dependents = Found { connections: vec![other], ..(*found(&[&pool])).clone() };
    let (via, dependents) = (Some(rig.via()), std::sync::Arc::new(dependents));
    let mut request = Request { via, revoke: true, wait: Duration::from_millis(150), dependents, ..rig.request() };
    request.endpoints.truncate(2);
    let outcome = run(&request).await.unwrap();
    assert_eq!((verdicts(&outcome), outcome.version), (vec!["ok", "inconclusive", "inconclusive"], 3));
    assert_eq!(told(&outcome), ["branch inconclusive", "pool inconclusive"]);
    assert_eq!(outcome.dependents[0].note, "0 of 1 targets have it");
    assert!(pool.took().is_empty());
    let [one] = open(&rig).try_into().unwrap();
    assert_eq!(one.targets.len(), 2, "{one:?}");
    // The account itself, whose two former passwords may both be wrong there, signs in on none.
    let alone = Recovery { wait: Duration::from_secs(20), ..recovery(&rig) };
    let recovered = settle(&alone).await.unwrap();
    assert_eq!(recovered.verdict, Verdict::Inconclusive);
    for target in &recovered.targets {
        assert!(target.note.starts_with("it may lack two changes"), "{target:?}");
    }
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    let recovered = settle(&Recovery { via: request.via, ..alone }).await.unwrap();
    assert_eq!(recovered.verdict, Verdict::Ok, "{recovered:?}");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
}
