//! What was spent, what was said and what was refused does not keep a recovery from its end, nor makes it send more.

use libretto::store::budget::{self, Ask};
use serde_json::json;

use super::*;

fn given(rig: &Rig, password: &str) -> Recovery {
    Recovery { password: Some(Secret::new(password).unwrap()), ..recovery(rig) }
}

fn acknowledge(rig: &Rig) {
    let transaction = &open(rig)[0].transaction;
    journal::event(&rig.store, transaction, "change-acknowledged", None, &json!({})).unwrap();
}

async fn unanswered_at(threshold: u32, fault: &str) -> Rig {
    let faults = [&format!("target:1={fault}"), "replication=30ms", &format!("policy=lockout:{threshold}")];
    let rig = Rig::new(Flavour::Windows, &faults);
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let request = request(&rig.store, &rig.connection, endpoints(rig.connection.ad().unwrap(), limits));
    assert_eq!(run(&request).await.unwrap_err().code(), "rotation.unsettled");
    rig
}

/// Two wrong passwords lock the account. The proving bind is exempt from the budget once, not once for each recovery.
#[tokio::test]
async fn a_proving_bind_that_was_refused_is_not_sent_past_the_budget_again() {
    let rig = unanswered_at(2, "lose:modify").await;
    acknowledge(&rig);
    let mut codes = Vec::new();
    for _ in 0..3 {
        // As one that was killed before it could note the refusal in the journal.
        let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
        codes.push(settle(&recovery(&rig)).await.unwrap_err().code().to_owned());
        raw.execute("DELETE FROM rotation_event WHERE what = 'tried'", ()).unwrap();
    }
    assert_eq!(rig.bad_counts(&[1]).await, ["1"], "{codes:?}");
    assert_eq!(codes[1], "rotation.budget_spent");
}

/// The candidate was refused while its write could land. The one before, which is the valid one, tells as much as the
/// candidate's second bind, and does not spend what is left.
#[tokio::test]
async fn after_an_early_refusal_the_one_before_goes_first() {
    let rig = unanswered_at(3, "lose:modify").await;
    let early = Recovery { late: Duration::from_mins(2), ..recovery(&rig) };
    assert_eq!(settle(&early).await.unwrap_err().code(), "rotation.budget_spent");
    assert_eq!(tried(&rig), ["2 refused"]);
    earlier(&rig, 40);
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    raw.execute("UPDATE attempt SET at = strftime('%Y-%m-%dT%H:%M:%fZ', at, '-40 minutes')", ()).unwrap();
    assert_eq!(settle(&recovery(&rig)).await.unwrap().valid, Some(1));
    assert_eq!(tried(&rig), ["2 refused", "1 accepted"]);
    assert_settled(&rig).await;
}

/// One mistyped password is not the end: where no unproven one may be tried, it is taken back.
#[tokio::test]
async fn a_claim_is_taken_back_with_the_candidates_own_password() {
    let rig = unanswered_at(2, "hang:modify").await;
    assert_eq!(settle(&given(&rig, "Mistyped-Password-1")).await.unwrap_err().code(), "rotation.budget_spent");
    let mine = rig.password(2).expose().to_owned();
    // Its own way to be found out: the write is acknowledged, so the candidate's bind is the proving one.
    acknowledge(&rig);
    let recovered = settle(&given(&rig, &mine)).await.unwrap();
    assert_eq!((recovered.valid, tried(&rig)), (Some(2), vec!["2 accepted".to_owned()]));
    let settled = "v3 retired, v2 current sent proven, v1 previous proven; promote, ended inconclusive";
    assert_eq!(rig.picture(), settled);
}

#[tokio::test]
async fn a_claim_that_was_taken_back_bars_nothing_over_an_administrator() {
    let rig = unanswered_at(2, "lose:modify").await;
    let via = rig.via();
    // Here only proven passwords may be tried, an administrator's as well.
    credentials::mark_proven(&rig.store, via.credential, "test").unwrap();
    let via = Some(via);
    let mistyped = Recovery { via: via.clone(), ..given(&rig, "Mistyped-Password-1") };
    assert_eq!(settle(&mistyped).await.unwrap_err().code(), "rotation.budget_spent");
    let mine = rig.password(2).expose().to_owned();
    let back = Recovery { via, ..given(&rig, &mine) };
    assert_eq!(settle(&back).await.unwrap().valid, Some(1));
    assert!(tried(&rig).is_empty());
    assert!(rig.picture().starts_with("v3 retired, v2 retired sent, v1 current proven"), "{}", rig.picture());
}

#[tokio::test]
async fn a_given_password_that_is_not_needed_is_told() {
    let rig = Rig::new(Flavour::Windows, &["replication=2s"]);
    run(&Request { wait: Duration::from_millis(150), ..rig.request() }).await.unwrap();
    let ear = Ear::default();
    recover(&Recovery { wait: Duration::from_millis(50), ..given(&rig, "Not-Needed-Password-1") }, &ear).await.unwrap();
    assert_eq!(ear.told.lock().unwrap()[0], "the given password");
    assert!(rig.picture().starts_with("v2 current"), "{}", rig.picture());
}

#[tokio::test]
async fn a_revocation_that_was_not_applied_has_not_ended_access() {
    let rig = Rig::new(Flavour::Windows, &["target:1=lose:modify", "replication=30ms"]);
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let request = request(&rig.store, &rig.connection, endpoints(rig.connection.ad().unwrap(), limits));
    assert_eq!(run(&Request { revoke: true, ..request }).await.unwrap_err().code(), "rotation.unsettled");
    let recovered = settle(&recovery(&rig)).await.unwrap();
    let error = recovered.error.unwrap();
    assert_eq!((recovered.verdict, recovered.valid), (Verdict::Partial, Some(1)));
    assert_eq!(error.code, "rotation.not_revoked");
    assert_eq!(error.message, "the password was not changed, so the one that was known is valid still");
}

/// The administrative account's own password is out of date: the account itself looks, as where there is none.
#[tokio::test]
async fn a_refused_administrator_does_not_keep_the_targets_that_lagged_unsettled() {
    let rig = Rig::new(Flavour::Windows, &["replication=1s"]);
    let via = rig.via();
    let outcome = run(&Request { wait: Duration::from_millis(150), ..rig.request() }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    let identity = Identity { password: Secret::new("No-Longer-Valid-1!").unwrap(), ..via.identity.clone() };
    let recovered = settle(&Recovery { via: Some(Via { identity, ..via }), ..recovery(&rig) }).await.unwrap();
    assert_eq!(recovered.verdict, Verdict::Ok, "{recovered:?}");
    assert_settled(&rig).await;
}

/// Another account for the connection, whose present password another connection keeps: that is the one before.
#[tokio::test]
async fn the_present_password_of_the_account_that_the_connection_gets_is_the_one_before() {
    let rig = Rig::new(Flavour::Windows, &["target:1=lose:modify", "replication=30ms"]);
    let alice = "CN=Alice Ahlgren,CN=Users,DC=lab,DC=test";
    let secret = Secret::new("Present-Password-1!").unwrap();
    crate::lab::reset(&mut administrator(&rig.lab, 2).await, alice, secret.expose()).await.success().unwrap();
    let replicated = async || data(&rig.lab, 1, "alice@lab.test", secret.expose()).await.is_empty();
    crate::lab::until("the password is replicated", replicated).await;
    let second = rig.add("second", "alice@lab.test", &secret);
    let tested = credentials::current(&rig.store, &second).unwrap().unwrap();
    credentials::mark_proven(&rig.store, tested.id, "test").unwrap();
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let over = request(&rig.store, &rig.connection, endpoints(rig.connection.ad().unwrap(), limits));
    let over = Request { username: Some("alice@lab.test".to_owned()), via: Some(rig.via()), ..over };
    assert_eq!(run(&over).await.unwrap_err().code(), "rotation.unsettled");
    // Without the administrator it is found out by signing in.
    // Nobody has looked at her lockout rules yet, and by the assumed ones the first refusal would be the last.
    let lockout = LockoutOptions { insist: true, ..LockoutOptions::default() };
    let recovered = settle(&Recovery { lockout, ..recovery(&rig) }).await.unwrap();
    assert_eq!((recovered.account.as_str(), recovered.valid), ("alice@lab.test", Some(1)), "{recovered:?}");
    assert_eq!(credentials::current(&rig.store, &second).unwrap().unwrap().version, 1);
    assert!(open(&rig).is_empty());
}

/// An administrator of whom nobody has asked the directory, and a sign-in of it whose answer will not come any more.
fn cut_short(rig: &Rig) -> Via {
    let (name, password) = rig.lab.administrator();
    let admin = rig.add("admin", name, password);
    let via = administering(&rig.store, &admin, Identity { name: name.to_owned(), password: password.clone() });
    let ask = Ask { credential: Some(via.credential), ..Ask::ldap(via.principal, name, "test") };
    budget::begin(&rig.store, &ask).unwrap();
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let earlier = "UPDATE attempt SET at = strftime('%Y-%m-%dT%H:%M:%fZ', at, '-1 minute') WHERE answer IS NULL";
    raw.execute(earlier, ()).unwrap();
    via
}

/// By the rules that are assumed of it that is all that may be sent; they are read over the account's own session, once that
/// is there.
#[tokio::test]
async fn a_sign_in_of_the_administrator_that_was_cut_short_does_not_leave_the_targets_unsettled() {
    let rig = unanswered(Flavour::Windows, "hang:modify").await;
    let recovered = settle(&Recovery { via: Some(cut_short(&rig)), ..recovery(&rig) }).await.unwrap();
    assert_eq!((recovered.verdict, recovered.valid), (Verdict::Ok, Some(2)), "{recovered:?}");
    assert_eq!(tried(&rig), ["2 accepted"]);
    assert_settled(&rig).await;

    let rig = Rig::new(Flavour::Windows, &["replication=500ms"]);
    let outcome = run(&Request { wait: Duration::from_millis(50), ..rig.request() }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    let recovered = settle(&Recovery { via: Some(cut_short(&rig)), ..recovery(&rig) }).await.unwrap();
    assert_eq!(recovered.verdict, Verdict::Ok, "{recovered:?}");
    assert_settled(&rig).await;
}

/// Others have left it one wrong password, which an administrator's session shows: it is left to nobody.
#[tokio::test]
async fn what_others_have_spent_is_seen_over_an_administrator() {
    for acknowledged in [false, true] {
        let rig = unanswered_at(5, "lose:modify").await;
        let via = Some(rig.via());
        if acknowledged {
            acknowledge(&rig);
        }
        for number in 0..4 {
            assert_eq!(rig.says(1, &format!("Somebody-Elses-Guess-{number}")).await, "52e");
        }
        let mistyped = Recovery { via, ..given(&rig, "Mistyped-Password-1") };
        let error = settle(&mistyped).await.unwrap_err();
        assert_eq!((error.code(), rig.bad_counts(&[1]).await), ("rotation.near_lockout", vec!["4".to_owned()]));
        assert!(tried(&rig).is_empty(), "{error}");
    }
}
