//! Going back from a password that was only given: the directory still has the one before it, and nothing is sent.

use std::fs::File;

use libretto::connection::Change;

use super::*;

/// A rig whose service account's password was proven long ago, with a mistyped one given since; and the request to go back.
fn mistyped(faults: &[&str]) -> (Rig, Request) {
    let rig = Rig::new(Flavour::Windows, faults);
    let proven = credentials::current(&rig.store, &rig.connection).unwrap().unwrap();
    credentials::mark_proven(&rig.store, proven.id, "dc1").unwrap();
    let yesterday = "UPDATE credential SET proven_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day')";
    raw(&rig).execute(yesterday, []).unwrap();
    let wrong = Given::Secret(Secret::new("Mistyped-Password-1!").unwrap());
    let change = Change { secret: Some(wrong), ..Change::default() };
    connection::edit(&rig.store, "corp", &Scope::all(), &change).unwrap();
    let request = Request { candidate_of: Some(proven.id), ..rig.request() };
    (rig, request)
}

fn raw(rig: &Rig) -> rusqlite::Connection {
    rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap()
}

const AS_IT_WAS: &str = "v2 current, v1 previous proven; no journal";

#[tokio::test]
async fn the_earlier_one_is_current_again_and_nothing_is_sent() {
    let (rig, request) = mistyped(&[]);
    let outcome = run(&request).await.unwrap();
    assert_eq!((outcome.version, outcome.restores, outcome.verdict.as_str()), (3, Some(1), "ok"));
    assert_eq!(rig.picture(), "v3 current proven, v2 previous, v1 retired proven; no journal");
    assert_eq!(rig.password(3).expose(), rig.old());
}

/// The PDC emulator is asked, as in every rotation: a target that lags takes a password that is valid no more.
#[tokio::test]
async fn a_target_that_lags_is_not_believed() {
    for (changes, code) in [(1, "rotation.changed_elsewhere"), (2, "ad.wrong_password")] {
        let (rig, mut request) = mistyped(&["replication=off"]);
        request.endpoints.swap(0, 1);
        let mut emulator = administrator(&rig.lab, 1).await;
        for change in 1..=changes {
            let other = format!("Somebody-Elses-{change}");
            crate::lab::reset(&mut emulator, SERVICE, &other).await.success().unwrap();
        }
        assert_eq!(rig.says(2, rig.old()).await, "", "the other one lags");
        let error = run(&request).await.unwrap_err();
        assert_eq!((error.code(), rig.picture().as_str()), (code, AS_IT_WAS), "{error}");
    }
}

#[tokio::test]
async fn a_target_that_is_down_stops_it_as_it_does_a_rotation() {
    let (rig, request) = mistyped(&["target:1=down"]);
    let error = run(&request).await.unwrap_err();
    assert_eq!((error.code(), rig.picture().as_str()), ("rotation.target_down", AS_IT_WAS), "{error}");
    assert_eq!(run(&Request { allow_down: true, ..request }).await.unwrap().restores, Some(1));
}

#[tokio::test]
async fn where_it_may_not_be_read_when_the_password_was_set_a_sign_in_is_no_proof() {
    let (rig, request) = mistyped(&["account=age-unreadable"]);
    let error = run(&request).await.unwrap_err();
    let target = rig.lab.targets()[0].address;
    assert_eq!(
        error.message(),
        format!(
            "version 1 signs in on {target}, and when the password was set may not be read: for an hour after a change that \
             proves nothing"
        )
    );
    // Nothing was sent, so nothing is to be recovered.
    assert_eq!((error.code(), error.verdict().as_str()), ("rotation.still_in_doubt", "inconclusive"));
    assert_eq!(rig.picture(), AS_IT_WAS);
}

/// Whoever had the lock before has made another version the one that the directory has.
#[tokio::test]
async fn what_comes_back_is_chosen_once_nobody_else_is_at_work_on_the_account() {
    let (rig, request) = mistyped(&[]);
    let lock = rig.store.home().join(format!("locks/principal-{}.lock", rig.connection.principal.0));
    let is_locked = || File::open(&lock).is_ok_and(|file| file.try_lock_shared().is_err());
    let other = raw(&rig);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
    other.execute(&format!("UPDATE credential SET sent_at = {now}, proven_at = {now} WHERE version = 2"), []).unwrap();
    let ending = async {
        // Whoever takes it says so in the store, for which it has to wait.
        crate::lab::until("the lock is taken", || async { is_locked() }).await;
        other.execute_batch("COMMIT").unwrap();
    };
    let (ended, ()) = tokio::join!(run(&request), ending);
    let error = ended.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), ("connection.changed_meanwhile", true), "{error}");
    assert_eq!(error.message(), "corp was changed by somebody else in the meantime");
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; no journal");
}

/// To look would cost a wrong password where it is not valid any more, and one controller may not know that.
#[tokio::test]
async fn over_an_administrative_connection_it_is_set() {
    for again in [true, false] {
        let (rig, request) = mistyped(&[]);
        let mut first = administrator(&rig.lab, 1).await;
        let now = if again { rig.old().to_owned() } else { "Somebody-Elses-1".to_owned() };
        crate::lab::reset(&mut first, SERVICE, &now).await.success().unwrap();
        if again {
            let today = "UPDATE credential SET proven_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE version = 1";
            raw(&rig).execute(today, []).unwrap();
        }
        let outcome = run(&Request { via: Some(rig.via()), ..request }).await.unwrap();
        assert_eq!((outcome.version, outcome.restores, outcome.verdict.as_str()), (3, Some(1), "ok"));
        assert_eq!(rig.picture(), "v3 current sent proven, v2 previous, v1 retired proven; promote, ended ok");
        assert_eq!(rig.bad_counts(&[1]).await, ["0"]);
        assert!(rig.has(1, rig.old()).await);
    }
}

/// Gives the connection another password while the version that comes back is looked at: an edit that was under way when the
/// account's lock was taken.
struct Editing<'a>(&'a Rig);

impl Observer for Editing<'_> {
    fn stage_ended(&self, report: &StageReport, _: Option<&Error>) {
        if report.stage.as_str() == "preflight" {
            raw(self.0)
                .execute_batch(
                    "UPDATE credential SET state = 'previous' WHERE version = 2;
                     INSERT INTO credential (principal, version, state, username, kind, sealed, connection, created_at)
                     SELECT principal, 3, 'current', username, kind, sealed, connection, created_at FROM credential
                     WHERE version = 2;",
                )
                .unwrap();
        }
    }

    fn target_ended(&self, _: &TargetReport) {}

    fn change_announced<'a>(&'a self, _: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        panic!("nothing is announced")
    }
}

#[tokio::test]
async fn an_edit_that_was_under_way_is_not_overwritten() {
    let (rig, request) = mistyped(&[]);
    let error = rotate(&request, &Editing(&rig)).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), ("connection.changed_meanwhile", true), "{error}");
    assert_eq!(rig.picture(), "v3 current, v2 previous, v1 previous proven; no journal");
}
