//! A password that somebody says to have set, and another one that signs in as well: for an hour after a change the one
//! before does.

use libretto::lab::Clock;
use serde_json::json;

use super::*;

const SET: &str = "Set-By-An-Administrator-1";
const UNSETTLED: &str = "rotation.still_in_doubt";

fn given(rig: &Rig, password: &str) -> Recovery {
    Recovery { password: Some(Secret::new(password).unwrap()), ..recovery(rig) }
}

/// An administrator sets a password on the second target; the first one loses or hangs at writes.
async fn set(rig: &Rig, password: &str) {
    let mut second = administrator(&rig.lab, 2).await;
    crate::lab::reset(&mut second, SERVICE, password).await.success().unwrap();
    let time = read(&mut second, SERVICE, "pwdLastSet").await;
    let has_it = async || read(&mut administrator(&rig.lab, 1).await, SERVICE, "pwdLastSet").await == time;
    crate::lab::until("it is replicated", has_it).await;
}

/// As [`unanswered`], in a lab whose clock can be set, of a request that is made from the usual one.
async fn unanswered_in(rig: &Rig, change: impl FnOnce(Request) -> Request) {
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let request = request(&rig.store, &rig.connection, endpoints(rig.connection.ad().unwrap(), limits));
    assert_eq!(run(&change(request)).await.unwrap_err().code(), "rotation.unsettled");
}

fn windows(fault: &str, clock: &Clock) -> Rig {
    let faults = [&format!("target:1={fault}"), "replication=30ms"].map(|fault| Fault::parse(fault).unwrap()).to_vec();
    Rig::with(LabOptions { flavour: Flavour::Windows, faults, clock: clock.clone(), ..LabOptions::default() })
}

/// The account has had another password for a moment only, and the store knows both.
async fn second_version(rig: &Rig) {
    set(rig, "Second-Version-1").await;
    let identity = seal::Identity::load(&rig.store).unwrap();
    let (secret, name) = (Secret::new("Second-Version-1").unwrap(), rig.connection.username.clone());
    let second = credentials::record_candidate(&rig.store, &identity, &rig.connection, &name, &secret, None).unwrap();
    credentials::promote(&rig.store, second.id, "test").unwrap();
}

/// What a rotation notes whose write is acknowledged.
fn acknowledge(rig: &Rig) {
    let transaction = &open(rig)[0].transaction;
    journal::event(&rig.store, transaction, "change-acknowledged", None, &json!({})).unwrap();
}

fn current(rig: &Rig) -> u32 {
    credentials::current(&rig.store, &rig.connection).unwrap().unwrap().version
}

async fn assert_in_doubt(rig: &Rig, recovery: &Recovery, says: &str) {
    let before = current(rig);
    let error = settle(recovery).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), (UNSETTLED, Verdict::InDoubt), "{error}");
    assert!(error.message().contains(says), "{error}");
    assert_eq!((current(rig), open(rig).len()), (before, 1), "nothing is made current: {}", rig.picture());
}

/// The write was lost; the password before the present one signs in by the hour of grace, and is given.
#[tokio::test]
async fn a_former_password_is_not_made_current_by_its_hour_of_grace() {
    for over_admin in [false, true] {
        let rig = windows("lose:modify", &Clock::default());
        second_version(&rig).await;
        let via = rig.via();
        unanswered_in(&rig, |request| Request { via: Some(via.clone()), ..request }).await;
        assert_eq!(rig.says(1, rig.old()).await, "", "the hour of grace");
        let recovery = Recovery { via: over_admin.then_some(via), ..given(&rig, rig.old()) };
        let recovered = settle(&recovery).await.unwrap();
        assert!(recovered.found.ends_with("it was not applied"), "{}", recovered.found);
        assert_eq!((recovered.valid, current(&rig), tried(&rig)), (Some(2), 2, vec!["4 accepted".to_owned()]));
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        assert_settled(&rig).await;
    }
}

/// It was set again, or the change was made and this is the one before: both look the same.
#[tokio::test]
async fn the_password_before_the_change_is_in_doubt_while_the_hour_may_let_it_in() {
    for (is_back, over_admin) in [(false, false), (false, true), (true, false), (true, true)] {
        let rig = unanswered(Flavour::Windows, "hang:modify").await;
        let via = over_admin.then(|| rig.via());
        crate::lab::until("it has landed", || async { rig.says(2, rig.password(2).expose()).await.is_empty() }).await;
        if is_back {
            set(&rig, rig.old()).await;
        }
        let recovery = Recovery { via, ..given(&rig, rig.old()) };
        assert_in_doubt(&rig, &recovery, "is a former password").await;
        assert_eq!(tried(&rig), ["3 accepted"]);
    }
}

/// Set again long after the write: then the candidate is the one before.
#[tokio::test]
async fn a_former_password_that_was_set_again_is_current() {
    for acknowledged in [false, true] {
        let rig = unanswered(Flavour::Windows, "hang:modify").await;
        crate::lab::until("it has landed", || async { rig.says(1, rig.password(2).expose()).await.is_empty() }).await;
        if acknowledged {
            acknowledge(&rig);
        }
        earlier(&rig, 20);
        set(&rig, rig.old()).await;
        let recovered = settle(&given(&rig, rig.old())).await.unwrap();
        assert_eq!((recovered.valid, current(&rig)), (Some(3), 3));
        assert_eq!(tried(&rig), ["3 accepted", "2 accepted"]);
        assert_settled(&rig).await;
    }
}

/// Set by an administrator before the write landed: the candidate is the valid one, and both sign in for an hour.
#[tokio::test]
async fn a_password_that_was_set_before_the_write_landed_is_in_doubt() {
    for (acknowledged, over_admin) in [(false, false), (false, true), (true, false), (true, true)] {
        let clock = Clock::default();
        let rig = windows("lose:modify", &clock);
        let via = over_admin.then(|| rig.via());
        unanswered_in(&rig, |request| request).await;
        set(&rig, SET).await;
        set(&rig, rig.password(2).expose()).await;
        if acknowledged {
            acknowledge(&rig);
        }
        let recovery = Recovery { via, ..given(&rig, SET) };
        assert_in_doubt(&rig, &recovery, "versions 3 and 2 both sign in").await;
        assert_eq!(tried(&rig), ["3 accepted", "2 accepted"]);
        clock.advance(Duration::from_hours(1));
        let recovered = settle(&Recovery { password: None, ..recovery }).await.unwrap();
        assert_eq!((recovered.valid, tried(&rig)[2..].join(", ").as_str()), (Some(2), "3 refused, 2 accepted"));
        // Each recovery sends the previous password until one target has refused it.
        if !open(&rig).is_empty() {
            settle(&super::recovery(&rig)).await.unwrap();
        }
        assert_settled(&rig).await;
    }
}

#[tokio::test]
async fn a_new_password_that_was_set_soon_after_a_lost_write_is_current() {
    for over_admin in [false, true] {
        let rig = unanswered(Flavour::Windows, "lose:modify").await;
        let via = over_admin.then(|| rig.via());
        set(&rig, SET).await;
        let recovered = settle(&Recovery { via, ..given(&rig, SET) }).await.unwrap();
        assert_eq!((recovered.valid, tried(&rig).join(", ").as_str()), (Some(3), "3 accepted, 2 refused"));
        assert_settled(&rig).await;
    }
}

/// It was given, could not be tried, and then somebody set another one.
#[tokio::test]
async fn a_password_that_was_given_before_another_was_set_is_in_doubt() {
    let rig = unanswered(Flavour::Windows, "hang:modify").await;
    set(&rig, SET).await;
    let mut second = administrator(&rig.lab, 2).await;
    crate::lab::set(&mut second, SERVICE, "userAccountControl", "66050").await.success().unwrap();
    crate::lab::until("it is off", || async { rig.says(1, SET).await == "533" }).await;
    assert_eq!(settle(&given(&rig, SET)).await.unwrap_err().code(), "ad.account_disabled");
    crate::lab::set(&mut second, SERVICE, "userAccountControl", "66048").await.success().unwrap();
    earlier(&rig, 20);
    set(&rig, "Somebody-Elses-1").await;
    assert_eq!(rig.says(1, SET).await, "", "the hour of grace");
    assert_in_doubt(&rig, &recovery(&rig), "a password was set after it was given").await;
}

/// The candidate had signed in, and before it could be made current somebody has set another password.
#[tokio::test]
async fn a_password_that_was_set_after_the_candidate_was_proven_is_current() {
    for over_admin in [false, true] {
        let rig = unanswered(Flavour::Windows, "hang:modify").await;
        let via = over_admin.then(|| rig.via());
        crate::lab::until("it has landed", || async { rig.says(1, rig.password(2).expose()).await.is_empty() }).await;
        acknowledge(&rig);
        let candidate = credentials::history(&rig.store, &rig.connection).unwrap().swap_remove(0);
        credentials::mark_proven(&rig.store, candidate.id, "test").unwrap();
        earlier(&rig, 20);
        set(&rig, SET).await;
        let recovered = settle(&Recovery { via, ..given(&rig, SET) }).await.unwrap();
        assert_eq!(
            (recovered.verdict, recovered.valid, tried(&rig)),
            (Verdict::Ok, Some(3), vec!["3 accepted".to_owned()])
        );
        assert_settled(&rig).await;
    }
}

/// A mistyped one does not take it back.
#[tokio::test]
async fn a_candidate_that_was_proven_is_current_where_the_given_password_is_refused() {
    let rig = unanswered(Flavour::Windows, "hang:modify").await;
    acknowledge(&rig);
    let candidate = credentials::history(&rig.store, &rig.connection).unwrap().swap_remove(0);
    credentials::mark_proven(&rig.store, candidate.id, "test").unwrap();
    let recovered = settle(&given(&rig, "Mistyped-Password-1")).await.unwrap();
    assert_eq!((recovered.verdict, recovered.valid), (Verdict::Ok, Some(2)));
    assert_eq!(tried(&rig), ["3 refused", "2 accepted"]);
    assert_settled(&rig).await;
}

/// The candidate of such a rotation signs in by the hour of grace as well, though its write was lost.
#[tokio::test]
async fn a_former_password_that_was_to_be_set_is_weighed_too() {
    for over_admin in [false, true] {
        let rig = windows("lose:modify", &Clock::default());
        second_version(&rig).await;
        let (via, old) = (rig.via(), Secret::new(rig.old()).unwrap());
        unanswered_in(&rig, |request| Request { via: Some(via.clone()), password: Some(old), ..request }).await;
        let recovered = settle(&Recovery { via: over_admin.then_some(via), ..recovery(&rig) }).await.unwrap();
        assert!(recovered.found.ends_with("it was not applied"), "{}", recovered.found);
        assert_eq!((recovered.valid, current(&rig)), (Some(2), 2));
        assert_settled(&rig).await;
    }
}

/// What has acknowledged the write cannot show the time from before it; the old password proves nothing there.
#[tokio::test]
async fn a_target_that_forgot_what_it_acknowledged_settles_nothing() {
    for over_admin in [false, true] {
        let rig = unanswered(Flavour::Windows, "lose:modify").await;
        let via = over_admin.then(|| rig.via());
        acknowledge(&rig);
        assert_in_doubt(&rig, &Recovery { via, ..recovery(&rig) }, "as if another server answered").await;
        assert_eq!(tried(&rig), ["2 refused", "1 accepted"]);
    }
}

/// Two wrong passwords lock the account, so none is tried that is not proven; but the proving bind is.
#[tokio::test]
async fn a_given_password_that_may_not_be_tried_does_not_keep_the_candidate_from_its_proof() {
    let faults = ["target:1=hang:modify", "replication=30ms", "policy=lockout:2"];
    let rig = Rig::new(Flavour::Windows, &faults);
    unanswered_in(&rig, |request| request).await;
    assert_eq!(settle(&given(&rig, "Mistyped-Password-1")).await.unwrap_err().code(), "rotation.budget_spent");
    acknowledge(&rig);
    let recovered = settle(&recovery(&rig)).await.unwrap();
    assert_eq!((recovered.valid, tried(&rig)), (Some(2), vec!["2 accepted".to_owned()]));
    // Former passwords are not proven ones: the other targets are looked at later.
    assert_eq!(rig.picture(), "v3 retired, v2 current sent proven, v1 previous proven; promote, ended inconclusive");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
}

/// Where the candidate is refused, the given one is still to be tried.
#[tokio::test]
async fn a_given_password_that_may_not_be_tried_is_told_once_the_candidate_is_refused() {
    let rig = Rig::new(Flavour::Windows, &["target:1=lose:modify", "replication=30ms", "policy=lockout:2"]);
    unanswered_in(&rig, |request| request).await;
    acknowledge(&rig);
    assert_eq!(settle(&given(&rig, "Mistyped-Password-1")).await.unwrap_err().code(), "rotation.budget_spent");
    assert_eq!(tried(&rig), ["2 refused"]);
    assert!(rig.picture().starts_with("v3 candidate, v2 candidate sent, v1 current proven"), "{}", rig.picture());
}

#[tokio::test]
async fn every_password_that_was_given_is_kept_until_one_is_valid() {
    let rig = unanswered(Flavour::Windows, "lose:modify").await;
    for password in ["In-Between-Password-1", "In-Between-Password-2"] {
        set(&rig, password).await;
    }
    let lockout = LockoutOptions { insist: true, ..LockoutOptions::default() };
    for wrong in ["Mistyped-Password-1", "Mistyped-Password-2"] {
        let error = settle(&Recovery { lockout, ..given(&rig, wrong) }).await.unwrap_err();
        assert_eq!(error.code(), "rotation.no_valid_secret");
    }
    let kept = "v4 candidate, v3 candidate, v2 candidate sent, v1 current proven; change, unfinished";
    assert_eq!(rig.picture(), kept);
    set(&rig, "Mistyped-Password-1").await;
    // The first one after all: it is the last that was said, and not a row of its own.
    let again = Recovery { insist: true, lockout, ..given(&rig, "Mistyped-Password-1") };
    assert_eq!(settle(&again).await.unwrap().valid, Some(3));
    let settled = "v4 retired, v3 current proven, v2 retired sent, v1 previous proven; change, ended failed";
    assert_eq!(rig.picture(), settled);
    assert_settled(&rig).await;
}

/// Twice in one recovery would be twice the harm.
#[tokio::test]
async fn insisting_repeats_what_an_earlier_recovery_met_and_nothing_of_its_own() {
    let rig = unanswered(Flavour::Windows, "lose:modify").await;
    set(&rig, rig.old()).await;
    assert_eq!(settle(&recovery(&rig)).await.unwrap_err().code(), "rotation.no_valid_secret");
    let insisting = Recovery { insist: true, ..recovery(&rig) };
    assert_eq!(settle(&insisting).await.unwrap_err().code(), "rotation.no_valid_secret");
    assert_eq!(tried(&rig), ["2 refused", "1 accepted", "2 refused", "1 accepted"]);
}

/// The clock of this machine was set back: the write seems to lie ahead, and is waited for as long as any.
#[tokio::test]
async fn a_write_that_seems_to_lie_ahead_is_waited_for_no_longer() {
    let rig = unanswered(Flavour::Windows, "lose:modify").await;
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let ahead = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+2 hours')";
    raw.execute(&format!("UPDATE rotation_event SET at = {ahead} WHERE what = 'change-sent'"), ()).unwrap();
    raw.execute(&format!("UPDATE credential SET sent_at = {ahead} WHERE version = 2"), ()).unwrap();
    let recovery = recovery(&rig);
    let recovered = tokio::time::timeout(Duration::from_mins(1), settle(&recovery)).await.expect("it ends").unwrap();
    assert_eq!(recovered.valid, Some(1));
    assert_settled(&rig).await;
}
