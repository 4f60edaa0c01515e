//! Which password is valid: with and without an administrative account, early and late, and when nobody can be asked.

use libretto::store::locks::PrincipalLock;

use super::*;

const UNANSWERED: &str = "v2 candidate sent, v1 current proven; change, unfinished";
const NEW: &str = "v2 current sent proven, v1 previous proven; promote, ended ok";
const OLD: &str = "v2 retired sent, v1 current proven; change, ended failed";

#[tokio::test]
async fn what_is_to_recover_is_told_from_the_store_alone() {
    let rig = unanswered(Flavour::Windows, "hang:modify").await;
    let pinned = rig.lab.targets()[0].address.to_string();
    let [one] = open(&rig).try_into().unwrap();
    assert_eq!((one.account.as_str(), one.connection.as_str()), ("svc-libretto@lab.test", "corp"));
    assert_eq!((one.by.as_deref(), one.stage.as_str(), one.alive), (Some("alice, run 7f3a"), "change", None));
    assert!(one.known.starts_with(&format!("version 2 was sent to {pinned} at ")), "{}", one.known);
    assert!(one.known.ends_with("Z, and nobody knows whether it was set"), "{}", one.known);
    assert_eq!(one.plan, format!("signs in once with version 2 on {pinned}, else once with version 1"));
    let versions: Vec<_> = one.versions.iter().map(|one| (one.version, one.state)).collect();
    assert_eq!(versions, [(2, "candidate"), (1, "current")]);
    assert_eq!(rig.picture(), UNANSWERED, "telling changes nothing");
}

#[tokio::test]
async fn a_change_that_was_made_is_proven_and_finished() {
    for (flavour, over_admin) in [(Flavour::Samba, false), (Flavour::Windows, false), (Flavour::Windows, true)] {
        let rig = unanswered(flavour, "hang:modify").await;
        let via = over_admin.then(|| rig.via());
        let ear = Ear::default();
        let recovered = recover(&Recovery { via, ..recovery(&rig) }, &ear).await.unwrap();
        assert_eq!((recovered.verdict.as_str(), recovered.valid), ("ok", Some(2)), "{recovered:?}");
        assert_eq!(recovered.targets.len(), 2);
        assert_eq!(*ear.settled.lock().unwrap(), ["credential of svc-libretto@lab.test: version 2 is current in corp"]);
        assert_eq!((rig.picture().as_str(), tried(&rig)), (NEW, vec!["2 accepted".to_owned()]));
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        assert_settled(&rig).await;
    }
}

#[tokio::test]
async fn a_change_that_was_not_made_is_undone() {
    for over_admin in [false, true] {
        let rig = unanswered(Flavour::Windows, "lose:modify").await;
        let via = over_admin.then(|| rig.via());
        let recovered = settle(&Recovery { via, ..recovery(&rig) }).await.unwrap();
        assert_eq!((recovered.verdict.as_str(), recovered.valid), ("ok", Some(1)), "{recovered:?}");
        assert!(recovered.found.ends_with("it was not applied"), "{}", recovered.found);
        assert_eq!(rig.picture(), OLD);
        let expected: &[&str] = if over_admin { &[] } else { &["2 refused", "1 accepted"] };
        assert_eq!(tried(&rig), expected, "over an administrative account nothing has to sign in");
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        assert_settled(&rig).await;
        assert_eq!(rig.password(2).expose().len(), 24, "what was sent is kept");
    }
}

#[tokio::test]
async fn while_the_write_may_still_land_nothing_is_undone() {
    for over_admin in [false, true] {
        let rig = unanswered(Flavour::Windows, "lose:modify").await;
        let via = over_admin.then(|| rig.via());
        let slow = Recovery { via, late: Duration::from_hours(1), ..recovery(&rig) };
        let ear = Ear { hurry_at_wait: Some(slow.hurry.clone()), ..Ear::default() };
        let error = recover(&slow, &ear).await.unwrap_err();
        assert_eq!((error.code(), error.verdict().as_str()), ("rotation.still_in_doubt", "in-doubt"), "{error}");
        assert_eq!(rig.picture(), UNANSWERED);
        // Later: what was refused is not tried again.
        let later = Recovery { late: Duration::from_millis(1), hurry: CancellationToken::new(), ..slow };
        assert_eq!(settle(&later).await.unwrap().valid, Some(1));
        let refused = tried(&rig).iter().filter(|one| *one == "2 refused").count();
        assert_eq!(refused, usize::from(!over_admin), "{:?}", tried(&rig));
        assert_settled(&rig).await;
    }
}

/// The server had the request all the time, and performs it while the recovery waits for just that.
#[tokio::test]
async fn a_write_that_lands_late_is_found() {
    for over_admin in [false, true] {
        let rig = unanswered(Flavour::Windows, "lose:modify").await;
        let via = over_admin.then(|| rig.via());
        let recovery = Recovery { via, late: Duration::from_hours(1), ..recovery(&rig) };
        let ear = Ear::default();
        let landing = async {
            let waits = || async { ear.told.lock().unwrap().contains(&"wait".to_owned()) };
            crate::lab::until("the recovery waits", waits).await;
            // Over another target, for the first one loses writes.
            let mut second = administrator(&rig.lab, 2).await;
            crate::lab::reset(&mut second, SERVICE, rig.password(2).expose()).await.success().unwrap();
        };
        let (recovered, ()) = tokio::join!(recover(&recovery, &ear), landing);
        assert_eq!(recovered.unwrap().valid, Some(2));
        assert_eq!(rig.picture(), NEW);
        assert_settled(&rig).await;
    }
}

/// For an hour after that the candidate still signs in, which is no proof; then it is refused.
#[tokio::test]
async fn a_password_that_somebody_set_after_the_change_is_told() {
    let clock = Clock::default();
    let faults = ["target:1=hang:modify", "replication=30ms"].map(|fault| Fault::parse(fault).unwrap()).to_vec();
    let rig = Rig::with(LabOptions { faults, clock: clock.clone(), ..LabOptions::default() });
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let request = request(&rig.store, &rig.connection, endpoints(rig.connection.ad().unwrap(), limits));
    assert_eq!(run(&request).await.unwrap_err().code(), "rotation.unsettled");
    earlier(&rig, 20);
    let mut second = administrator(&rig.lab, 2).await;
    crate::lab::reset(&mut second, SERVICE, "Somebody-Elses-1").await.success().unwrap();
    crate::lab::until("it is replicated", || async { rig.says(1, "Somebody-Elses-1").await.is_empty() }).await;
    for insist in [false, true] {
        let error = settle(&Recovery { insist, ..recovery(&rig) }).await.unwrap_err();
        assert_eq!((error.code(), error.verdict().as_str()), ("rotation.still_in_doubt", "in-doubt"), "{error}");
        assert!(error.message().contains("somebody has set another one"), "{error}");
    }
    clock.advance(Duration::from_hours(1));
    let error = settle(&recovery(&rig)).await.unwrap_err();
    assert_eq!(error.code(), "rotation.no_valid_secret");
    let given = Recovery { password: Some(Secret::new("Somebody-Elses-1").unwrap()), ..recovery(&rig) };
    assert_eq!(settle(&given).await.unwrap().valid, Some(3));
    assert_settled(&rig).await;
}

#[tokio::test]
async fn what_keeps_the_account_out_settles_nothing() {
    let rig = unanswered(Flavour::Windows, "hang:modify").await;
    let mut second = administrator(&rig.lab, 2).await;
    for via in [None, Some(rig.via())] {
        crate::lab::set(&mut second, SERVICE, "userAccountControl", "66050").await.success().unwrap();
        crate::lab::until("it is off", || async { rig.says(1, rig.password(2).expose()).await == "533" }).await;
        let recovery = Recovery { via, ..recovery(&rig) };
        let error = settle(&recovery).await.unwrap_err();
        assert_eq!((error.code(), error.verdict().as_str()), ("ad.account_disabled", "inconclusive"));
        assert!(error.remedy().unwrap().ends_with("then libretto recover --connection corp"), "{:?}", error.remedy());
        assert_eq!(rig.picture(), UNANSWERED);
    }
    crate::lab::set(&mut second, SERVICE, "userAccountControl", "66048").await.success().unwrap();
    crate::lab::until("it is on", || async { rig.says(1, rig.password(2).expose()).await.is_empty() }).await;
    assert_eq!(settle(&recovery(&rig)).await.unwrap().valid, Some(2));
    assert_eq!(rig.picture(), NEW);
}

#[tokio::test]
async fn a_target_that_is_down_settles_nothing() {
    let rig = unanswered(Flavour::Windows, "hang:modify").await;
    let (recovery, with_via) = (recovery(&rig), Recovery { via: Some(rig.via()), ..recovery(&rig) });
    let Rig { lab, store, connection, .. } = rig;
    lab.stop().await;
    for recovery in [recovery, with_via] {
        let error = settle(&recovery).await.unwrap_err();
        assert_eq!((error.code(), error.verdict().as_str()), ("rotation.target_down", "inconclusive"));
        assert_eq!(picture(&store, &connection), UNANSWERED);
    }
}

#[tokio::test]
async fn a_rotation_that_is_alive_is_left_alone() {
    let rig = unanswered(Flavour::Windows, "hang:modify").await;
    let lock = PrincipalLock::take(&rig.store, rig.connection.principal, "carol, run 1b2c").unwrap();
    assert_eq!(open(&rig)[0].alive.as_ref().unwrap().who, "carol, run 1b2c");
    let error = settle(&recovery(&rig)).await.unwrap_err();
    assert_eq!(error.code(), "rotation.busy");
    assert!(error.message().starts_with("carol, run 1b2c is changing this account's credential since "), "{error}");
    assert_eq!((rig.picture().as_str(), tried(&rig).len()), (UNANSWERED, 0));
    drop(lock);
    assert_eq!(open(&rig)[0].alive, None);
    assert_eq!(settle(&recovery(&rig)).await.unwrap().valid, Some(2));
}

/// Without an administrative account nothing shows that it has: the candidate gets one more bind, once no write can land.
#[tokio::test]
async fn a_candidate_that_was_refused_too_early_is_not_given_up() {
    let begun = std::time::Instant::now();
    let rig = unanswered(Flavour::Windows, "lose:modify").await;
    let sent = std::time::Instant::now();
    let slow = Recovery { late: Duration::from_hours(1), ..recovery(&rig) };
    let ear = Ear { hurry_at_wait: Some(slow.hurry.clone()), ..Ear::default() };
    assert_eq!(recover(&slow, &ear).await.unwrap_err().code(), "rotation.still_in_doubt");
    let late = begun.elapsed();
    let mut second = administrator(&rig.lab, 2).await;
    let new = rig.password(2);
    for password in ["In-Between-Password-1", new.expose()] {
        crate::lab::reset(&mut second, SERVICE, password).await.success().unwrap();
    }
    crate::lab::until("it has landed", || async { rig.says(1, new.expose()).await.is_empty() }).await;

    let error = settle(&slow).await.unwrap_err();
    assert_eq!((error.code(), error.verdict().as_str()), ("rotation.still_in_doubt", "in-doubt"), "{error}");
    assert_eq!(tried(&rig), ["2 refused", "1 accepted", "1 refused"]);
    crate::lab::until("no write can land", || async { sent.elapsed() > late }).await;
    assert_eq!(settle(&Recovery { late, ..slow }).await.unwrap().valid, Some(2));
    assert_eq!(tried(&rig)[3..], ["2 accepted"]);
    // Each recovery sends the previous password until one target has refused it.
    if !open(&rig).is_empty() {
        settle(&recovery(&rig)).await.unwrap();
    }
    assert_settled(&rig).await;
}

#[tokio::test]
async fn where_the_time_may_not_be_read_a_sign_in_proves_after_the_hour() {
    let rig = unanswered(Flavour::Windows, "lose:modify").await;
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let unread = "UPDATE rotation_event SET data = json_set(data, '$.pwd_last_set', NULL) WHERE what = 'change-sent'";
    assert_eq!(raw.execute(unread, ()).unwrap(), 1);
    let error = settle(&recovery(&rig)).await.unwrap_err();
    assert_eq!(error.code(), "rotation.still_in_doubt");
    assert!(error.message().contains("may not be read"), "{error}");

    let hours_ago = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-2 hours')";
    let sent = format!("UPDATE rotation_event SET at = {hours_ago} WHERE what = 'change-sent'");
    assert_eq!(raw.execute(&sent, ()).unwrap(), 1);
    raw.execute(&format!("UPDATE credential SET sent_at = {hours_ago} WHERE version = 2"), ()).unwrap();
    let recovered = settle(&recovery(&rig)).await.unwrap();
    assert_eq!((recovered.verdict.as_str(), recovered.valid), ("ok", Some(1)), "{recovered:?}");
    assert_eq!(tried(&rig), ["2 refused", "1 accepted", "1 accepted"]);
    assert_eq!(rig.picture(), OLD);
    assert_settled(&rig).await;
}
