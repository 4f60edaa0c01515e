//! A name that leads to another controller when it is asked again: what that one shows says nothing of the write.

use super::*;
use crate::support::relay::Relay;

/// A rotation over a name that leads to the first target; the write is performed or lost there, and not answered.
async fn unanswered_over(relay: &Relay, rig: &Rig) {
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
        assert!(error.remedy().unwrap().contains("--insist, if that server is gone for good"), "{error:?}");
        assert!(rig.picture().starts_with("v2 candidate sent, v1 current proven"), "{}", rig.picture());
        assert!(tried(&rig).is_empty());
        relay.lead_to(rig.lab.targets()[0].address);
        assert_eq!(settle(&elsewhere).await.unwrap().valid, Some(2));
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        assert_settled(&rig).await;
    }
}

/// The server that the write went to will never answer again, and its replicas have what they have.
#[tokio::test]
async fn who_insists_takes_the_server_that_is_left() {
    let rig = Rig::new(Flavour::Windows, &["target:1=lose:modify", "replication=off"]);
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    unanswered_over(&relay, &rig).await;
    relay.lead_to(rig.lab.targets()[1].address);
    let insist = Recovery { insist: true, ..recovery(&rig) };
    assert_eq!(settle(&insist).await.unwrap().valid, Some(1));
    assert_settled(&rig).await;
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
