//! Where no passwords, or the present one alone, are remembered the previous one is wrong at once: it is never tried again.

use super::*;

/// Holds a line as soon as the change was announced.
struct Holding<'a>(&'a Relay);

impl Observer for Holding<'_> {
    fn stage_ended(&self, _: &StageReport, _: Option<&Error>) {}

    fn target_ended(&self, _: &TargetReport) {}

    fn change_announced<'a>(&'a self, _: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        self.0.hold();
        Box::pin(async { Ok(()) })
    }
}

/// A rotation whose second target loses the session that looks at it once it has the change.
async fn losing_the_session(history: &str, over_admin: bool) -> (Rig, Outcome) {
    let rig = Rig::new(Flavour::Samba, &[history, "replication=30ms"]);
    let relay = Relay::to(rig.lab.targets()[1].address).await;
    rig.goes_through(2, &relay);
    let via = over_admin.then(|| rig.via());
    let mut request = Request { via, ..rig.request() };
    request.endpoints.truncate(2);
    request.endpoints[1] = request.endpoints[0].at(Target::parse(&relay.address().to_string()).unwrap());
    let cutting = async {
        crate::lab::until("the change is proven", || async { rig.events().contains(&"proven".to_owned()) }).await;
        let new = rig.password(2);
        crate::lab::until("it is replicated", || async { rig.says(2, new.expose()).await.is_empty() }).await;
        relay.cut();
    };
    let holding = Holding(&relay);
    let (outcome, ()) = tokio::join!(rotate(&request, &holding), cutting);
    (rig, outcome.unwrap())
}

#[tokio::test]
async fn a_session_that_is_lost_is_not_opened_again_with_the_previous_password() {
    for history in ["policy=history:0", "policy=history:1"] {
        let (rig, outcome) = Box::pin(losing_the_session(history, false)).await;
        let note = &outcome.targets[1].note;
        assert_eq!(verdicts(&outcome), ["ok", "inconclusive"], "{note}");
        assert!(note.ends_with("without a history of passwords the previous one must not be tried"), "{note}");
        assert_eq!(rig.bad_counts(&[1, 2]).await, ["0", "0"], "{history}");
    }
}

/// The administrator's password is as it was.
#[tokio::test]
async fn over_an_administrative_account_it_is_opened_again() {
    let (rig, outcome) = Box::pin(losing_the_session("policy=history:0", true)).await;
    assert_eq!(verdicts(&outcome), ["ok", "ok"], "{:?}", outcome.targets);
    assert_eq!(rig.bad_counts(&[1, 2]).await, ["0", "0"]);
}

#[tokio::test]
async fn with_a_history_of_two_it_is_opened_again() {
    let (rig, outcome) = Box::pin(losing_the_session("policy=history:2", false)).await;
    assert_eq!(verdicts(&outcome), ["ok", "ok"], "{:?}", outcome.targets);
    assert_eq!(rig.bad_counts(&[1, 2]).await, ["0", "0"]);
}
