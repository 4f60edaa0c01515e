//! Rotations that ended with targets that were not proven.

use super::*;

/// Ended, with both other targets behind: they get the change in two seconds.
async fn lagging(via: bool) -> Rig {
    let rig = Rig::new(Flavour::Windows, &["replication=2s"]);
    let via = via.then(|| rig.via());
    let outcome = run(&Request { wait: Duration::from_millis(150), via, ..rig.request() }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    rig
}

#[tokio::test]
async fn targets_that_lagged_are_proven_later() {
    for over_admin in [false, true] {
        let rig = lagging(over_admin).await;
        let [one] = open(&rig).try_into().unwrap();
        let names: Vec<String> = rig.lab.targets()[1..].iter().map(|target| target.address.to_string()).collect();
        assert_eq!(one.targets, names);
        assert_eq!(one.known, format!("version 2 is current, and 2 targets are not proven yet: {}", names.join(", ")));
        let via = over_admin.then(|| {
            let (name, password) = rig.lab.administrator();
            let identity = Identity { name: name.to_owned(), password: password.clone() };
            let connection = connection::get(&rig.store, "admin", &Scope::all()).unwrap();
            administering(&rig.store, &connection, identity)
        });
        // Too early: nothing is tried with the new password, and nothing is lost.
        let early = Recovery { via, wait: Duration::from_millis(50), ..recovery(&rig) };
        let recovered = settle(&early).await.unwrap();
        assert_eq!(recovered.verdict.as_str(), "inconclusive");
        assert_eq!(recovered.error.unwrap().code, "rotation.not_converged");
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        let recovered = settle(&Recovery { wait: Duration::from_secs(20), ..early }).await.unwrap();
        assert_eq!((recovered.verdict.as_str(), recovered.targets.len()), ("ok", 2), "{recovered:?}");
        assert!(rig.picture().ends_with("promote, ended ok"), "{}", rig.picture());
        assert_eq!(rig.events().last().unwrap(), "settled");
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        assert_settled(&rig).await;
    }
}

#[tokio::test]
async fn a_later_change_makes_it_moot() {
    let rig = lagging(true).await;
    assert_eq!(open(&rig).len(), 1);
    let (name, password) = rig.lab.administrator();
    let identity = Identity { name: name.to_owned(), password: password.clone() };
    let via = Some(administering(&rig.store, &connection::get(&rig.store, "admin", &Scope::all()).unwrap(), identity));
    let outcome = run(&Request { via, ..rig.request() }).await.unwrap();
    assert_eq!((outcome.version, outcome.verdict.as_str()), (3, "ok"));
    assert!(open(&rig).is_empty());
}

#[tokio::test]
async fn a_password_that_was_set_since_is_told_once() {
    let rig = lagging(false).await;
    let mut first = administrator(&rig.lab, 1).await;
    for password in ["Somebody-Elses-1", "Somebody-Elses-2", "Somebody-Elses-3"] {
        crate::lab::reset(&mut first, SERVICE, password).await.success().unwrap();
    }
    for again in [false, true] {
        let recovered = settle(&Recovery { wait: Duration::from_millis(50), ..recovery(&rig) }).await.unwrap();
        assert_eq!(recovered.verdict.as_str(), "failed", "{recovered:?}");
        let note = &recovered.targets[0].note;
        let expected = if again { "it refused the password before" } else { "it refuses the password now" };
        assert!(note.starts_with(expected), "{note}");
        assert_eq!(rig.bad_counts(&[1]).await, ["1"]);
    }
}

#[tokio::test]
async fn what_no_connection_uses_any_more_is_not_listed() {
    let rig = lagging(false).await;
    assert_eq!(open(&rig).len(), 1);
    connection::remove(&rig.store, "corp", &Scope::all()).unwrap();
    assert!(open(&rig).is_empty());
}

/// After the hour of grace a target that has the change refuses the previous password, which says nothing of the current one.
/// It is a wrong one all the same, so no other is asked with it.
#[tokio::test]
async fn a_refusal_of_the_previous_password_is_its_own() {
    let clock = Clock::default();
    let faults = vec![Fault::parse("replication=2s").unwrap()];
    let rig = Rig::with(LabOptions { faults, clock: clock.clone(), ..LabOptions::default() });
    let outcome = run(&Request { wait: Duration::from_millis(150), ..rig.request() }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    clock.advance(Duration::from_hours(2));
    for target in [2, 3] {
        let refuses_old = || async { !rig.says(target, rig.old()).await.is_empty() };
        crate::lab::until("it is replicated", refuses_old).await;
    }
    let recovered = settle(&recovery(&rig)).await.unwrap();
    let verdicts: Vec<_> = recovered.targets.iter().map(|one| one.verdict.as_str()).collect();
    assert_eq!((recovered.verdict.as_str(), verdicts), ("inconclusive", vec!["ok", "inconclusive"]));
    let note = &recovered.targets[1].note;
    assert!(note.starts_with("not signed in on: ") && note.contains("refused the previous password"), "{note}");
    assert_eq!(settle(&recovery(&rig)).await.unwrap().verdict.as_str(), "ok");
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let refused = |version: u32| {
        let sql = "SELECT refused_at IS NOT NULL FROM credential WHERE version = ?1";
        raw.query_row(sql, [version], |row| row.get::<_, bool>(0)).unwrap()
    };
    assert_eq!((refused(2), refused(1)), (false, true));
}

/// How many sign-ins as the administrator were refused.
fn refused(rig: &Rig) -> u32 {
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let sql = "SELECT count(*) FROM attempt a JOIN connection c ON c.principal = a.principal
        WHERE c.name = 'admin' AND a.answer = 'wrong'";
    raw.query_row(sql, (), |row| row.get(0)).unwrap()
}

/// The administrator's new password has not come to the other targets: the first that refuses it is the last to be asked.
#[tokio::test]
async fn a_target_that_refuses_the_administrator_is_the_last_one_to_be_asked() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let via = rig.via();
    let request = Request { wait: Duration::from_millis(150), via: Some(via.clone()), ..rig.request() };
    assert_eq!(verdicts(&run(&request).await.unwrap()), ["ok", "inconclusive", "inconclusive"]);
    let password = Secret::new("Somebody-Elses-Next-1").unwrap();
    let mut first = administrator(&rig.lab, 1).await;
    crate::lab::reset(&mut first, "CN=Administrator,CN=Users,DC=lab,DC=test", password.expose())
        .await
        .success()
        .unwrap();
    let via = Via { identity: Identity { password, ..via.identity }, ..via };
    let recovered = settle(&Recovery { via: Some(via), ..recovery(&rig) }).await.unwrap();
    assert_eq!((recovered.verdict, refused(&rig)), (Verdict::Inconclusive, 1), "{:?}", recovered.targets);
    let told: Vec<_> = recovered.targets.iter().filter(|one| one.note.contains("which is not tried again")).collect();
    assert_eq!(told.len(), 1, "{:?}", recovered.targets);
}

/// Refused where it was to tell when the password was set, it is not tried where it was to read: the account reads itself.
#[tokio::test]
async fn an_administrator_that_was_refused_before_the_judgement_is_not_asked_after_it() {
    let rig = unanswered(Flavour::Windows, "hang:modify").await;
    let via = rig.via();
    let stale = Identity { password: Secret::new("Somebody-Elses-Last-1").unwrap(), ..via.identity };
    let recovery = Recovery { via: Some(Via { identity: stale, ..via }), ..recovery(&rig) };
    let recovered = settle(&recovery).await.unwrap();
    assert_eq!((recovered.verdict, recovered.valid, refused(&rig)), (Verdict::Ok, Some(2), 1), "{recovered:?}");
    assert_settled(&rig).await;
}

/// The administrative account was rotated itself, and its new password has not come to all targets: it is a wrong one there.
#[tokio::test]
async fn an_administrative_account_is_not_signed_in_where_its_own_new_password_may_not_have_come() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let wait = Duration::from_millis(150);
    rig.via();
    let admin = connection::get(&rig.store, "admin", &Scope::all()).unwrap();
    let own = request(&rig.store, &admin, endpoints(admin.ad().unwrap(), Limits::default()));
    let rotated = run(&Request { wait, insist: true, ..own }).await.unwrap();
    assert_eq!(verdicts(&rotated), ["ok", "inconclusive", "inconclusive"]);
    let outcome = run(&Request { wait, ..rig.request() }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    let identity = Identity { name: admin.username.clone(), password: password(&rig.store, &admin, 2) };
    let corps = open(&rig).into_iter().find(|one| one.connection == "corp").unwrap();
    let via = Some(administering(&rig.store, &admin, identity));
    let recovered = settle(&Recovery { via, wait, transaction: corps.transaction, ..recovery(&rig) }).await.unwrap();
    let notes: Vec<&str> = recovered.targets.iter().map(|target| target.note.as_str()).collect();
    let said = |number: usize| {
        let target = rig.lab.targets()[number].address;
        format!(
            "it could not be looked at: the password of admin: not tried: {target} may not have the new password yet, and \
             would count it as a wrong one"
        )
    };
    assert_eq!(notes, [said(1), said(2)]);
    for number in 2..=3 {
        // A sign-in of its own would begin the count anew.
        let mut session = crate::lab::signed_in(&rig.lab, number, rig.lab.service_account().0, rig.old()).await;
        let found = crate::lab::find(&mut session, "(sAMAccountName=Administrator)", &["badPwdCount"]).await;
        assert_eq!(found[0].attrs["badPwdCount"], ["0"], "target {number}");
    }
}

/// Two changes that went over an administrative connection which is gone since: the password between them was never valid
/// on a target that both passed by.
#[tokio::test]
async fn a_previous_password_is_not_tried_where_it_may_not_have_come_either() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let (via, wait) = (rig.via(), Duration::from_millis(150));
    for version in [2, 3] {
        let outcome = run(&Request { wait, via: Some(via.clone()), ..rig.request() }).await.unwrap();
        assert_eq!((outcome.version, verdicts(&outcome)), (version, vec!["ok", "inconclusive", "inconclusive"]));
    }
    let recovered = settle(&Recovery { wait, ..recovery(&rig) }).await.unwrap();
    assert_eq!((recovered.verdict, recovered.targets.len()), (Verdict::Inconclusive, 2), "{recovered:?}");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
}
