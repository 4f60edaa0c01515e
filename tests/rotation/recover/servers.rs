//! A name that leads to another controller when it is asked again: what that one shows says nothing of the write.

use super::*;
use crate::support::relay::Relay;

/// A rotation over a name that leads to the first target; the write is performed or lost there, and not answered.
pub async fn unanswered_over(relay: &Relay, rig: &Rig) {
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let mut request = request(&rig.store, &rig.connection, endpoints(rig.connection.ad().unwrap(), limits));
    request.endpoints.truncate(1);
    request.endpoints[0] = request.endpoints[0].at(Target::parse(&relay.address().to_string()).unwrap());
    assert_eq!(run(&request).await.unwrap_err().code(), "rotation.unsettled");
}

fn over_admin(rig: &Rig) -> Via {
    let (name, password) = rig.lab.administrator();
    let identity = Identity { name: name.to_owned(), password: password.clone() };
    administering(&rig.store, &connection::get(&rig.store, "admin", &Scope::all()).unwrap(), identity)
}

#[tokio::test]
async fn another_server_under_the_same_name_is_not_believed() {
    for over_via in [false, true] {
        let rig = Rig::new(Flavour::Windows, &["target:1=hang:modify", "replication=off"]);
        rig.via();
        let relay = Relay::to(rig.lab.targets()[0].address).await;
        unanswered_over(&relay, &rig).await;
        relay.lead_to(rig.lab.targets()[1].address);
        let via = over_via.then(|| over_admin(&rig));
        let elsewhere = Recovery { via, ..recovery(&rig) };
        let error = settle(&elsewhere).await.unwrap_err();
        assert_eq!((error.code(), error.verdict()), ("rotation.target_down", Verdict::Inconclusive));
        let says = format!("{} leads to DC2 now, and the change was sent to DC1", relay.address());
        assert!(error.message().ends_with(&says), "{error}");
        let gone = "if that server is gone for good, have an administrator set a password on the one that is left";
        assert!(error.remedy().unwrap().contains(gone), "{error:?}");
        assert!(rig.picture().starts_with("v2 candidate sent, v1 current proven"), "{}", rig.picture());
        // With the one before it is looked when the password was set there; the new one would count as a wrong one.
        let looked: &[&str] = if over_via { &[] } else { &["1 accepted"] };
        assert_eq!(tried(&rig), looked);
        relay.lead_to(rig.lab.targets()[0].address);
        assert_eq!(settle(&elsewhere).await.unwrap().valid, Some(2));
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        assert_settled(&rig).await;
    }
}

/// Insisting is what a spent lockout budget is passed by.
#[tokio::test]
async fn who_insists_does_not_believe_a_server_that_lags() {
    for over_via in [false, true] {
        let rig = Rig::new(Flavour::Windows, &["target:1=hang:modify", "replication=off"]);
        rig.via();
        let relay = Relay::to(rig.lab.targets()[0].address).await;
        unanswered_over(&relay, &rig).await;
        relay.lead_to(rig.lab.targets()[1].address);
        let lockout = LockoutOptions { insist: true, ..LockoutOptions::default() };
        let via = over_via.then(|| over_admin(&rig));
        let insisting = Recovery { insist: true, lockout, via, ..recovery(&rig) };
        let error = settle(&insisting).await.unwrap_err();
        assert_eq!((error.code(), error.verdict()), ("rotation.target_down", Verdict::Inconclusive), "{error}");
        assert!(rig.picture().starts_with("v2 candidate sent, v1 current proven"), "{}", rig.picture());
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        relay.lead_to(rig.lab.targets()[0].address);
        assert_eq!(settle(&insisting).await.unwrap().valid, Some(2));
        assert_settled(&rig).await;
    }
}

/// What has been passed on to another server has landed.
#[tokio::test]
async fn another_server_that_has_the_change_proves_it() {
    for over_via in [false, true] {
        let rig = Rig::new(Flavour::Windows, &["target:1=hang:modify", "replication=30ms"]);
        rig.via();
        let relay = Relay::to(rig.lab.targets()[0].address).await;
        unanswered_over(&relay, &rig).await;
        let new = rig.password(2);
        crate::lab::until("it has landed", || async { rig.says(2, new.expose()).await.is_empty() }).await;
        relay.lead_to(rig.lab.targets()[1].address);
        let via = over_via.then(|| over_admin(&rig));
        assert_eq!(settle(&Recovery { via, ..recovery(&rig) }).await.unwrap().valid, Some(2));
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        assert_settled(&rig).await;
    }
}

/// The server that the write went to will never answer again, and its replicas have what they have: an administrator sets a
/// password on one of them.
#[tokio::test]
async fn where_the_server_is_gone_for_good_a_password_that_is_set_since_settles_it() {
    const SET: &str = "Set-By-An-Administrator-1";
    for over_via in [false, true] {
        let rig = Rig::new(Flavour::Windows, &["target:1=lose:modify", "replication=30ms"]);
        rig.via();
        let relay = Relay::to(rig.lab.targets()[0].address).await;
        unanswered_over(&relay, &rig).await;
        relay.lead_to(rig.lab.targets()[1].address);
        let via = over_via.then(|| over_admin(&rig));
        let given = Recovery { via, password: Some(Secret::new(SET).unwrap()), ..recovery(&rig) };
        let mut second = administrator(&rig.lab, 2).await;
        crate::lab::reset(&mut second, SERVICE, SET).await.success().unwrap();
        // The write may have landed after that, for all that is known.
        assert_eq!(settle(&given).await.unwrap_err().code(), "rotation.target_down");
        assert!(rig.picture().starts_with("v3 candidate, v2 candidate sent, v1 current proven"), "{}", rig.picture());
        earlier(&rig, 10);
        assert_eq!(settle(&given).await.unwrap().valid, Some(3));
        assert_eq!(rig.events().last().unwrap(), "superseded");
        assert_settled(&rig).await;
    }
}

#[tokio::test]
async fn a_change_is_proven_on_the_server_that_took_it() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    let mut request = rig.request();
    request.endpoints.truncate(1);
    request.endpoints[0] = request.endpoints[0].at(Target::parse(&relay.address().to_string()).unwrap());
    let elsewhere = rig.lab.targets()[1].address;
    let witness = Leading { relay: &relay, elsewhere };
    let error = rotate(&request, &witness).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("rotation.unsettled", Verdict::InDoubt), "{error}");
    assert!(error.message().contains("leads to DC2 now, and the change was sent to DC1"), "{error}");
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    relay.lead_to(rig.lab.targets()[0].address);
    assert_eq!(settle(&recovery(&rig)).await.unwrap().valid, Some(2));
}

/// Leads a name to another server as soon as the change was announced.
struct Leading<'a> {
    relay: &'a Relay,
    elsewhere: std::net::SocketAddr,
}

impl Observer for Leading<'_> {
    fn stage_ended(&self, _: &StageReport, _: Option<&Error>) {}

    fn target_ended(&self, _: &TargetReport) {}

    fn change_announced<'a>(&'a self, _: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        self.relay.lead_to(self.elsewhere);
        Box::pin(async { Ok(()) })
    }
}

fn target_at(relay: &Relay, like: &Endpoint) -> Endpoint {
    like.at(Target::parse(&relay.address().to_string()).unwrap())
}

/// A name that led to a server that has the change when that was asked, and leads to one that lags when it is signed in on.
#[tokio::test]
async fn a_target_is_proven_on_the_server_that_was_looked_at() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    let mut request = rig.request();
    request.endpoints.truncate(1);
    request.endpoints.push(target_at(&relay, &request.endpoints[0]));
    rig.goes_through(2, &relay);
    let elsewhere = rig.lab.targets()[1].address;
    let outcome = rotate(&request, &Leading { relay: &relay, elsewhere }).await.unwrap();
    assert_eq!((verdicts(&outcome), rig.bad_counts(&[1, 2]).await), (vec!["ok", "inconclusive"], vec!["0".into(); 2]));
    let note = &outcome.targets[1].note;
    assert!(note.contains("leads to DC2 now, and it was DC1 that was looked at"), "{note}");
    assert_eq!(outcome.error.unwrap().code, "rotation.not_converged");
    relay.lead_to(rig.lab.targets()[0].address);
    assert_eq!(settle(&recovery(&rig)).await.unwrap().verdict, Verdict::Ok);
    assert_settled(&rig).await;
}

#[tokio::test]
async fn a_recovery_proves_a_target_on_the_server_that_it_looked_at() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    rig.via();
    let [has_it, lags] = [rig.lab.targets()[0].address, rig.lab.targets()[1].address];
    let relay = Relay::to(lags).await;
    let mut request = Request { wait: Duration::from_millis(150), ..rig.request() };
    request.endpoints.truncate(1);
    request.endpoints.push(target_at(&relay, &request.endpoints[0]));
    rig.goes_through(2, &relay);
    assert_eq!(verdicts(&run(&request).await.unwrap()), ["ok", "inconclusive"]);
    relay.lead_once(&[has_it]);
    let recovered = settle(&Recovery { via: Some(over_admin(&rig)), ..recovery(&rig) }).await.unwrap();
    assert_eq!((recovered.verdict, rig.bad_counts(&[1, 2]).await), (Verdict::Inconclusive, vec!["0".into(); 2]));
    // Nothing that stands in the way of another look.
    relay.lead_to(has_it);
    assert_eq!(settle(&recovery(&rig)).await.unwrap().verdict, Verdict::Ok);
    assert_settled(&rig).await;
}
