//! What is gone for good: the server that a write went to, and targets that were taken from a connection.

use super::*;
use crate::support::relay::Relay;

const SET: &str = "Set-By-An-Administrator-1";

/// The first target by a name that can be led elsewhere, and the others as they are.
pub fn over(rig: &Rig, relay: &Relay) -> Vec<Endpoint> {
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let mut endpoints = endpoints(rig.connection.ad().unwrap(), limits);
    endpoints[0] = endpoints[0].at(Target::parse(&relay.address().to_string()).unwrap());
    endpoints
}

pub fn over_admin(rig: &Rig) -> Via {
    let (name, password) = rig.lab.administrator();
    let identity = Identity { name: name.to_owned(), password: password.clone() };
    administering(&rig.store, &connection::get(&rig.store, "admin", &Scope::all()).unwrap(), identity)
}

/// An address where nobody listens.
pub async fn nobody() -> std::net::SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// The pinned target alone is gone; the others have what they have.
async fn without_pinned(fault: &str, via: bool) -> (Rig, Recovery, Relay) {
    let rig = Rig::new(Flavour::Windows, &[&format!("target:1={fault}"), "replication=30ms"]);
    rig.via();
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    let endpoints = over(&rig, &relay);
    let request = request(&rig.store, &rig.connection, endpoints.clone());
    assert_eq!(run(&request).await.unwrap_err().code(), "rotation.unsettled");
    relay.lead_to(nobody().await);
    let via = via.then(|| over_admin(&rig));
    let recovery = Recovery { targets: endpoints, via, ..recovery(&rig) };
    (rig, recovery, relay)
}

#[tokio::test]
async fn a_password_that_is_set_on_another_target_settles_it_where_the_pinned_one_is_dead() {
    for via in [false, true] {
        let (rig, recovery, _relay) = without_pinned("lose:modify", via).await;
        let error = settle(&recovery).await.unwrap_err();
        assert_eq!((error.code(), error.verdict()), ("rotation.target_down", Verdict::Inconclusive));
        assert!(
            error.remedy().unwrap().contains("if it is gone for good, have an administrator set a password on one")
        );
        assert!(tried(&rig).is_empty(), "nobody says that another one was set: {:?}", tried(&rig));
        let given = Recovery { password: Some(Secret::new(SET).unwrap()), ..recovery };
        let mut second = administrator(&rig.lab, 2).await;
        crate::lab::reset(&mut second, SERVICE, SET).await.success().unwrap();
        // The write may have landed after that, for all that is known.
        assert_eq!(settle(&given).await.unwrap_err().code(), "rotation.target_down");
        assert!(rig.picture().starts_with("v3 candidate, v2 candidate sent, v1 current"), "{}", rig.picture());
        earlier(&rig, 10);
        let recovered = settle(&given).await.unwrap();
        assert_eq!((recovered.valid, rig.events().last().unwrap().as_str()), (Some(3), "superseded"));
        assert!(recovered.found.ends_with(&rig.lab.targets()[1].address.to_string()), "{}", recovered.found);
        assert!(open(&rig).is_empty());
        assert_eq!(rig.says(2, SET).await, "");
    }
}

/// Insisting asks the others too: what has arrived there has landed.
#[tokio::test]
async fn the_candidate_that_has_arrived_on_another_target_is_proven_there() {
    for via in [false, true] {
        let (rig, recovery, _relay) = without_pinned("hang:modify", via).await;
        let new = rig.password(2);
        crate::lab::until("it has landed", || async {
            rig.says(2, new.expose()).await.is_empty() && rig.says(3, new.expose()).await.is_empty()
        })
        .await;
        let before = rig.bad_counts(&[2, 3]).await;
        let recovered = settle(&Recovery { insist: true, ..recovery }).await.unwrap();
        assert_eq!((recovered.valid, recovered.verdict), (Some(2), Verdict::Ok), "{recovered:?}");
        assert_eq!(rig.bad_counts(&[2, 3]).await, before);
        assert!(open(&rig).is_empty());
    }
}

/// Where it is cut short before the store says so, the next one tells where that was.
#[tokio::test]
async fn what_has_signed_in_is_told_with_the_server_that_took_it() {
    let (rig, recovery, _relay) = without_pinned("hang:modify", false).await;
    let new = rig.password(2);
    crate::lab::until("it has landed", || async { rig.says(2, new.expose()).await.is_empty() }).await;
    let cut = recover(&Recovery { insist: true, ..recovery.clone() }, &Refusing).await.unwrap_err();
    assert_eq!(cut.code(), "store.full");
    let place = credentials::history(&rig.store, &rig.connection).unwrap()[0].proven_on.clone().unwrap();
    assert!(place.ends_with(&rig.lab.targets()[1].address.to_string()), "{place}");
    assert_eq!(open(&rig)[0].known, format!("version 2 signed in on {place} and is not the current one yet"));
    let recovered = settle(&recovery).await.unwrap();
    assert_eq!(recovered.found, format!("version 2 had signed in on {place}"));
    let current = credentials::current(&rig.store, &rig.connection).unwrap().unwrap();
    assert_eq!((current.version, current.proven_on), (2, Some(place)));
}

/// Refuses whatever is to be settled.
struct Refusing;

impl Onlooker for Refusing {
    fn told(&self, _: &str, _: &str) {}

    fn target_ended(&self, _: &TargetReport) {}

    fn settling<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Err(Error::new("store.full", "the disk is full")) })
    }
}

/// Two changes that the other server has not got: the one that somebody makes there is only the first after the password
/// that both had, and loses against the second when the pinned server comes back.
#[tokio::test]
async fn where_an_earlier_change_has_not_arrived_a_password_that_is_set_there_settles_nothing() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let via = rig.via();
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    let endpoints = over(&rig, &relay);
    let wait = Duration::from_millis(150);
    let over_it =
        |via: Via| Request { via: Some(via), wait, ..request(&rig.store, &rig.connection, endpoints.clone()) };
    assert_eq!(run(&over_it(via.clone())).await.unwrap().version, 2);
    let cut = Cut(&relay);
    assert_eq!(rotate(&over_it(via), &cut).await.unwrap_err().code(), "rotation.unsettled");
    relay.cut();
    relay.lead_to(nobody().await);
    let mut second = administrator(&rig.lab, 2).await;
    crate::lab::reset(&mut second, SERVICE, SET).await.success().unwrap();
    earlier(&rig, 10);
    let of_now = open(&rig).into_iter().find(|one| one.versions[0].state == "candidate").unwrap();
    let given = Recovery {
        targets: endpoints.clone(),
        transaction: of_now.transaction,
        via: Some(over_admin(&rig)),
        password: Some(Secret::new(SET).unwrap()),
        ..recovery(&rig)
    };
    assert_eq!(settle(&given).await.unwrap_err().code(), "rotation.target_down");
    // Nor where the pinned target's name leads to that server.
    relay.lead_to(rig.lab.targets()[1].address);
    assert_eq!(settle(&given).await.unwrap_err().code(), "rotation.target_down");
    assert!(rig.picture().starts_with("v4 candidate, v3 candidate sent, v2 current sent proven"), "{}", rig.picture());
}

/// Holds the line as soon as the change was announced.
pub struct Cut<'a>(pub &'a Relay);

impl Observer for Cut<'_> {
    fn stage_ended(&self, _: &StageReport, _: Option<&Error>) {}

    fn target_ended(&self, _: &TargetReport) {}

    fn change_announced<'a>(&'a self, _: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        self.0.hold();
        Box::pin(async { Ok(()) })
    }
}

/// Leaves the connection with these of its targets.
pub fn keep(rig: &Rig, targets: &[usize]) {
    let settings = rig.connection.ad().unwrap();
    let targets = targets.iter().map(|number| settings.targets[number - 1].clone()).collect();
    let kept = serde_json::to_string(&AdSettings { targets, ..settings.clone() }).unwrap();
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let sql = "UPDATE connection SET settings = ?1 WHERE name = 'corp'";
    assert_eq!(raw.execute(sql, [kept]).unwrap(), 1);
}

#[tokio::test]
async fn a_target_that_was_taken_from_the_connection_is_waited_for_no_more() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let via = rig.via();
    let outcome = run(&Request { wait: Duration::from_millis(150), via: Some(via), ..rig.request() }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    keep(&rig, &[1, 2]);
    assert_eq!(open(&rig)[0].targets, [rig.lab.targets()[1].address.to_string()]);
    keep(&rig, &[1]);
    assert!(open(&rig)[0].targets.is_empty());
    let recovered = settle(&recovery(&rig)).await.unwrap();
    assert_eq!((recovered.verdict, recovered.error), (Verdict::Ok, None));
    assert_eq!(rig.events()[rig.events().len() - 3..], ["target-gone", "target-gone", "settled"]);
    assert!(rig.picture().ends_with("promote, ended ok"), "{}", rig.picture());
    assert!(open(&rig).is_empty());
}

/// A version that is current is not looked at again where its rotation ended well, so what was never proven is on record before.
#[tokio::test]
async fn what_is_gone_is_on_record_before_the_version_is_current() {
    let rig = unanswered(Flavour::Windows, "hang:modify").await;
    keep(&rig, &[1, 2]);
    let cut = recover(&recovery(&rig), &Refusing).await.unwrap_err();
    assert_eq!(cut.code(), "store.full");
    assert_eq!(rig.events().last().unwrap(), "target-gone", "{}", rig.picture());
    assert_eq!(credentials::current(&rig.store, &rig.connection).unwrap().unwrap().version, 1);
}

/// Each target is reached as the connection that has it says.
#[tokio::test]
async fn a_target_of_another_connection_is_reached_as_that_one_says() {
    let rig = Rig::new(Flavour::Windows, &["replication=2s"]);
    let outcome = run(&Request { wait: Duration::from_millis(150), ..rig.request() }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    let stranger = Lab::start(LabOptions::default()).unwrap();
    let like = Endpoint::new(Target::parse("127.0.0.1:1").unwrap(), &Tls::with_ca(stranger.ca_pem())).unwrap();
    let recovered = settle(&Recovery { like, ..recovery(&rig) }).await.unwrap();
    assert_eq!((recovered.verdict, recovered.targets.len()), (Verdict::Ok, 2), "{recovered:?}");
}
