//! What goes wrong once the write was sent: answers that do not come, targets that lag or are down.

use super::*;

/// The write is done, and its answer never comes.
async fn in_doubt(fault: &str) {
    let rig = Rig::new(Flavour::Windows, &[fault]);
    let settings = rig.connection.ad().unwrap();
    let limits = Limits { operation: Duration::from_secs(1), ..Limits::default() };
    let request = request(&rig.store, &rig.connection, endpoints(settings, limits));
    let witness = Witness::default();
    let error = rotate(&request, &witness).await.unwrap_err();
    assert_eq!((error.code(), error.verdict().as_str()), ("rotation.unsettled", "in-doubt"), "{error}");
    assert!(error.remedy().unwrap().contains("libretto recover"));
    assert_eq!(witness.told(), ["preflight ok", "record ok", "change in-doubt"]);
    assert_eq!(rig.picture(), "v2 candidate sent, v1 current proven; change, unfinished");
    assert_eq!(rig.events(), ["change-sent", "change-unanswered"]);
    assert_eq!(rig.bad_counts(&[2, 3]).await, ["0", "0"]);
    assert_eq!(
        rig.says(1, rig.password(2).expose()).await,
        "",
        "the directory has the candidate, and so has the store"
    );
    // Until it is settled nothing else may touch the account's credential.
    let again = run(&rig.request()).await.unwrap_err();
    assert_eq!((again.code(), again.verdict().as_str()), ("rotation.unfinished", "in-doubt"));
}

#[tokio::test]
async fn a_change_that_is_not_answered_is_in_doubt() {
    in_doubt("target:1=hang:modify").await;
}

#[tokio::test]
async fn a_change_whose_answer_is_cut_off_is_in_doubt() {
    in_doubt("target:1=close:modify").await;
}

#[tokio::test]
async fn a_target_that_lags_is_never_signed_in_on_with_the_new_password() {
    for (flavour, over_admin) in [(Flavour::Samba, false), (Flavour::Windows, false), (Flavour::Windows, true)] {
        let rig = Rig::new(flavour, &["replication=off"]);
        let via = over_admin.then(|| rig.via());
        let request = Request { wait: Duration::from_millis(600), via, ..rig.request() };
        let outcome = run(&request).await.unwrap();
        assert_eq!(outcome.verdict.as_str(), "inconclusive");
        assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
        let lagging: Vec<String> = rig.lab.targets()[1..].iter().map(|target| target.address.to_string()).collect();
        assert_eq!(outcome.unproven(), lagging);
        assert_eq!(outcome.error.unwrap().code, "rotation.not_converged");
        let proven = if over_admin { "" } else { " proven" };
        assert_eq!(rig.picture(), format!("v2 current sent proven, v1 previous{proven}; promote, ended inconclusive"));
        assert_eq!(
            rig.events(),
            [
                "change-sent",
                "change-acknowledged",
                "proven",
                "not-converged",
                "not-converged",
                "converge-ended",
                "promoted"
            ]
        );
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        assert_eq!(rig.says(1, rig.password(2).expose()).await, "");
        for target in 2..=3 {
            assert_eq!(rig.says(target, rig.old()).await, "", "target {target} still has the old one");
        }
    }
}

/// A target that lags passes a sign-in with the new password on to the PDC emulator, which takes it: that proves nothing.
#[tokio::test]
async fn a_target_that_only_passes_the_sign_in_on_is_not_proven() {
    for over_admin in [false, true] {
        let rig = Rig::new(Flavour::Windows, &["replication=off", "pdc=forward"]);
        let via = over_admin.then(|| rig.via());
        let outcome = run(&Request { wait: Duration::from_millis(600), via, ..rig.request() }).await.unwrap();
        assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
        for target in [2, 3] {
            assert_eq!(rig.says(target, rig.password(2).expose()).await, "", "it is passed on");
            assert!(rig.has(target, rig.old()).await, "and it has the old one itself");
        }
    }
}

#[tokio::test]
async fn a_run_that_is_told_to_stop_while_targets_lag_finishes_what_it_began() {
    let rig = Rig::new(Flavour::Samba, &["replication=off"]);
    let request = Request { wait: Duration::from_hours(1), ..rig.request() };
    let witness = Witness { hurry_after: Some(("prove", request.hurry.clone())), ..Witness::default() };
    let outcome = rotate(&request, &witness).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    assert_eq!(outcome.targets[1].note, "the run was told to stop waiting for it");
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; promote, ended inconclusive");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn a_target_that_is_down_may_be_left_out() {
    let rig = Rig::new(Flavour::Windows, &["target:2=down"]);
    let outcome = run(&Request { allow_down: true, ..rig.request() }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "ok", "inconclusive"]);
    assert_eq!(outcome.unproven(), [rig.lab.targets()[1].address.to_string()]);
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; promote, ended inconclusive");
    assert_eq!(rig.says(3, rig.password(2).expose()).await, "");
}

#[tokio::test]
async fn the_pdc_emulator_that_is_down_leaves_the_change_to_the_next_target() {
    let rig = Rig::new(Flavour::Windows, &["target:1=down"]);
    let outcome = run(&Request { allow_down: true, ..rig.request() }).await.unwrap();
    assert_eq!(outcome.pinned, rig.lab.targets()[1].address.to_string());
    assert_eq!(verdicts(&outcome), ["ok", "ok", "inconclusive"]);
    assert_eq!(rig.bad_counts(&[2, 3]).await, ["0", "0"]);
}

#[tokio::test]
async fn a_password_that_somebody_else_set_meanwhile_is_not_ours() {
    let rig = Rig::new(Flavour::Samba, &["replication=off"]);
    let request = Request { wait: Duration::from_hours(1), ..rig.request() };
    // The third target would be waited for for ever; once the second is settled, that is enough.
    let witness = Witness { hurry_after: Some(("a target", request.hurry.clone())), ..Witness::default() };
    let meddling = async {
        crate::lab::until("the change is proven", || async { rig.events().contains(&"proven".to_owned()) }).await;
        let mut second = administrator(&rig.lab, 2).await;
        crate::lab::reset(&mut second, SERVICE, "Somebody-Elses-1").await.success().unwrap();
    };
    let (outcome, ()) = tokio::join!(rotate(&request, &witness), meddling);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.targets[1].note, "another password was set on it since: this one is not valid there");
    assert_eq!(outcome.targets[2].note, "the run was told to stop waiting for it");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    assert_eq!(rig.says(2, "Somebody-Elses-1").await, "");
}

/// Changes the stored credential behind everybody's back as soon as the change was announced.
struct Replacing<'a>(&'a Rig);

impl Observer for Replacing<'_> {
    fn stage_ended(&self, _: &StageReport, _: Option<&Error>) {}

    fn target_ended(&self, _: &TargetReport) {}

    fn change_announced<'a>(&'a self, _: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        let Rig { store, connection, .. } = self.0;
        let identity = seal::Identity::load(store).unwrap();
        let secret = Secret::new("Stored-Meanwhile-1!").unwrap();
        let name = &connection.username;
        let other = credentials::record_candidate(store, &identity, connection, name, &secret, None).unwrap();
        credentials::promote(store, other.id, "elsewhere").unwrap();
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn a_credential_that_was_changed_meanwhile_stops_it_before_anything_is_sent() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let error = rotate(&rig.request(), &Replacing(&rig)).await.unwrap_err();
    assert_eq!(error.code(), "connection.changed_meanwhile");
    assert_eq!(rig.picture(), "v3 current proven, v2 retired, v1 previous proven; no journal");
    assert_eq!(rig.says(1, rig.old()).await, "");
}

/// The password was changed elsewhere, and binds for an hour all the same: as the old one it is wrong, and the directory counts it.
#[tokio::test]
async fn a_stale_old_password_is_counted_as_the_directory_counts_it() {
    let rig = Rig::new(Flavour::Windows, &["policy=unreadable", "replication=30ms"]);
    let mut first = administrator(&rig.lab, 1).await;
    crate::lab::reset(&mut first, SERVICE, "Somebody-Elses-1").await.success().unwrap();
    let request = rig.request();
    assert_eq!(run(&request).await.unwrap_err().code(), "ad.wrong_old_password");
    assert_eq!(rig.bad_counts(&[1]).await, ["1"]);
    let standing = libretto::store::budget::standing(
        &rig.store,
        rig.connection.principal,
        &rig.connection.username,
        request.lockout.assumed,
    );
    assert_eq!(standing.unwrap().open, 1);
}
