//! What depends on the account: handed the new password after the targets have it, each with its own verdict.

use std::sync::Arc;

use libretto::rotation::{Dependent, Found, NewSecret, OtherConnection, open_dependents, retry_dependents};

use super::*;

/// Takes what it is given, unless it still has a fault; keeps what it was given.
#[derive(Debug, Default)]
pub struct Stand {
    pub name: &'static str,
    /// What tells it from others, where its name may change.
    pub id: Option<&'static str>,
    pub down: Option<fn() -> Error>,
    pub faults: Mutex<Vec<fn() -> Error>>,
    pub took: Mutex<Vec<String>>,
}

impl Stand {
    pub fn well(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, ..Self::default() })
    }

    /// Fails once for each of `faults`.
    pub fn failing(name: &'static str, faults: &[fn() -> Error]) -> Arc<Self> {
        Arc::new(Self { name, faults: Mutex::new(faults.to_vec()), ..Self::default() })
    }

    fn down(name: &'static str, why: fn() -> Error) -> Arc<Self> {
        Arc::new(Self { name, down: Some(why), ..Self::default() })
    }

    pub fn took(&self) -> Vec<String> {
        self.took.lock().unwrap().clone()
    }
}

impl Dependent for Stand {
    fn name(&self) -> &str {
        self.name
    }

    fn id(&self) -> String {
        self.id.unwrap_or(self.name).to_owned()
    }

    fn kind(&self) -> &'static str {
        "procedure"
    }

    fn ready(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { self.down.map_or(Ok(()), |why| Err(why())) })
    }

    fn take<'a>(&'a self, secret: &'a NewSecret) -> BoxFuture<'a, Result<String>> {
        Box::pin(async {
            let fault = self.faults.lock().unwrap().pop();
            if let Some(fault) = fault {
                return Err(fault());
            }
            self.took.lock().unwrap().push(secret.identity.password.expose().to_owned());
            Ok(String::new())
        })
    }
}

pub fn broken() -> Error {
    Error::new("test.broken", "it says no")
}

pub fn passing() -> Error {
    Error::inconclusive("test.passing", "it is busy")
}

pub fn found(stands: &[&Arc<Stand>]) -> Arc<Found> {
    let others = stands.iter().map(|stand| Arc::clone(stand) as Arc<dyn Dependent>).collect();
    Arc::new(Found { connections: Vec::new(), others })
}

/// The names and verdicts of the dependents.
pub fn told(outcome: &Outcome) -> Vec<String> {
    outcome.dependents.iter().map(|one| format!("{} {}", one.name, one.verdict)).collect()
}

#[tokio::test]
async fn each_is_handed_the_new_password_once_the_targets_have_it() {
    let rig = Rig::new(Flavour::Samba, &["replication=300ms"]);
    let (pool, task) = (Stand::well("pool"), Stand::well("task"));
    let witness = Witness::default();
    let outcome = rotate(&Request { dependents: found(&[&pool, &task]), ..rig.request() }, &witness).await.unwrap();
    assert_eq!((told(&outcome), outcome.verdict), (vec!["pool ok".to_owned(), "task ok".to_owned()], Verdict::Ok));
    assert_eq!(
        witness.told()[4..],
        ["converge ok", "pool ok", "task ok", "dependents ok", "promote ok"].map(str::to_owned)
    );
    let new = rig.password(2).expose().to_owned();
    assert_eq!((pool.took(), task.took()), (vec![new.clone()], vec![new]));
    assert_eq!(rig.events()[5..], ["converge-ended", "dependent-ok", "dependent-ok", "dependents-ended", "promoted"]);
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; promote, ended ok");
}

#[tokio::test]
async fn one_that_fails_leaves_the_rotation_partial_and_can_be_retried() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let (pool, task) = (Stand::failing("pool", &[broken]), Stand::well("task"));
    let outcome = run(&Request { dependents: found(&[&pool, &task]), ..rig.request() }).await.unwrap();
    assert_eq!(told(&outcome), ["pool failed", "task ok"]);
    let error = outcome.error.clone().unwrap();
    assert_eq!((outcome.verdict.as_str(), error.code.as_str()), ("partial", "rotation.dependents_failed"));
    let said = "the password is changed and current, and 1 of 2 dependents have not taken it (pool): it says no";
    assert_eq!(error.message, said);
    assert!(error.hint.unwrap().contains("libretto recover"));
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; promote, ended partial");
    assert_eq!(rig.events()[6..], ["dependent-failed", "dependent-ok", "dependents-ended", "promoted"]);

    let current = credentials::current(&rig.store, &rig.connection).unwrap().unwrap();
    let rotation = journal::history(&rig.store, current.principal).unwrap().swap_remove(0);
    let open: Vec<String> =
        open_dependents(&rig.store, &rotation.id).unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(open, ["pool"]);
    let all: Vec<Arc<dyn Dependent>> = vec![pool.clone(), task.clone()];
    assert_eq!(retry(&rig, &all).await.len(), 1);
    assert_eq!((pool.took().len(), task.took().len()), (1, 1), "the one that has it is left alone");
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; promote, ended ok");
    assert!(open_dependents(&rig.store, &rotation.id).unwrap().is_empty());
}

/// Hands the current password to those that have not taken it.
pub async fn retry(rig: &Rig, all: &[Arc<dyn Dependent>]) -> Vec<DependentReport> {
    retry_over(rig, &recover::recovery(rig), all).await
}

/// The same, as this recovery does it.
pub async fn retry_over(rig: &Rig, recovery: &recover::Recovery, all: &[Arc<dyn Dependent>]) -> Vec<DependentReport> {
    retry_dependents(recovery, &secret(rig), all, &Witness::default()).await.unwrap()
}

/// The current password, as dependents are handed it.
fn secret(rig: &Rig) -> NewSecret {
    let current = credentials::current(&rig.store, &rig.connection).unwrap().unwrap();
    NewSecret {
        identity: Identity { name: current.username, password: rig.password(current.version) },
        principal: current.principal,
        credential: current.id,
        version: current.version,
        unproven: Vec::new(),
    }
}

pub fn still_open(rig: &Rig, rotation: &str) -> Vec<String> {
    open_dependents(&rig.store, rotation).unwrap().into_iter().map(|one| one.name).collect()
}

pub fn latest(rig: &Rig) -> journal::Rotation {
    let current = credentials::current(&rig.store, &rig.connection).unwrap().unwrap();
    journal::history(&rig.store, current.principal).unwrap().swap_remove(0)
}

#[tokio::test]
async fn a_later_change_that_is_refused_leaves_them_open() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let pool = Stand::failing("pool", &[broken]);
    run(&Request { dependents: found(&[&pool]), ..rig.request() }).await.unwrap();
    let partial = latest(&rig).id;
    let before = latest(&rig);
    let refused = journal::NewRotation {
        principal: before.principal,
        connection: "corp".to_owned(),
        run: None,
        stage: "record".to_owned(),
        pinned_target: before.pinned_target,
        candidate: None,
        before: serde_json::json!({}),
        options: serde_json::json!({}),
    };
    let later = journal::begin(&rig.store, &refused).unwrap();
    journal::finish(&rig.store, &later, Verdict::Failed, "change-refused", &serde_json::json!({})).unwrap();
    assert_eq!(latest(&rig).id, later);
    assert_eq!(still_open(&rig, &partial), ["pool"]);
}

#[tokio::test]
async fn a_password_that_was_not_set_is_nothing_for_them() {
    let rig = Rig::new(Flavour::Samba, &["target:1=lose:modify"]);
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let slow = request(&rig.store, &rig.connection, endpoints(rig.connection.ad().unwrap(), limits));
    let pool = Stand::well("pool");
    run(&Request { dependents: found(&[&pool]), ..slow }).await.unwrap_err();
    recover::settle(&recover::recovery(&rig)).await.unwrap();
    assert_eq!(rig.picture(), "v2 retired sent, v1 current proven; change, ended failed");
    assert!(still_open(&rig, &latest(&rig).id).is_empty());
}

#[tokio::test]
async fn one_that_is_none_any_more_is_settled() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let pool = Stand::failing("pool", &[broken]);
    run(&Request { dependents: found(&[&pool]), ..rig.request() }).await.unwrap();
    let reports = retry(&rig, &[]).await;
    assert_eq!((reports[0].name.as_str(), reports[0].verdict), ("pool", Verdict::Skipped));
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; promote, ended ok");
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let (slow, stuck) =
        (Stand::failing("slow", &[passing, passing]), Stand::failing("stuck", &[passing, passing, passing]));
    let outcome = run(&Request { dependents: found(&[&slow, &stuck]), ..rig.request() }).await.unwrap();
    assert_eq!(told(&outcome), ["slow ok", "stuck inconclusive"]);
    assert_eq!(
        (outcome.verdict.as_str(), outcome.error.unwrap().code.as_str()),
        ("inconclusive", "rotation.dependents_open")
    );
    assert_eq!((slow.took().len(), stuck.took().len()), (1, 0));
}

#[tokio::test]
async fn one_that_does_not_answer_stops_it_unless_it_may_be_down() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let request = |stand: &Arc<Stand>| Request { dependents: found(&[stand]), ..rig.request() };
    let down = Stand::down("share", passing);
    let error = run(&request(&down)).await.unwrap_err();
    assert_eq!(error.code(), "rotation.dependent_down");
    assert_eq!(error.message(), "share cannot take a new password, and nothing was changed: it is busy");
    assert_eq!(rig.picture(), "v1 current proven; no journal");
    let outcome = run(&Request { allow_down: true, ..request(&down) }).await.unwrap();
    assert_eq!((told(&outcome), outcome.verdict.as_str()), (vec!["share inconclusive".to_owned()], "inconclusive"));
    assert!(down.took().is_empty());
    // One that is wrong is not merely down.
    let wrong = Request { allow_down: true, ..request(&Stand::down("script", broken)) };
    assert_eq!(run(&wrong).await.unwrap_err().code(), "rotation.dependent_down");
}

#[tokio::test]
async fn while_a_target_lags_none_is_tried() {
    let rig = Rig::new(Flavour::Samba, &["replication=off"]);
    let pool = Stand::well("pool");
    let request = Request { dependents: found(&[&pool]), wait: Duration::from_millis(600), ..rig.request() };
    let outcome = run(&request).await.unwrap();
    assert_eq!((told(&outcome), outcome.verdict.as_str()), (vec!["pool inconclusive".to_owned()], "inconclusive"));
    assert!(pool.took().is_empty());
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; promote, ended inconclusive");
}

/// A rig whose first connection has the first target only, and another of the same account with the other two.
fn divided(faults: &[&str]) -> (Rig, Request) {
    let rig = Rig::new(Flavour::Windows, faults);
    rig.add("other", rig.lab.service_account().0, rig.lab.service_account().1);
    let mut request = rig.request();
    let others = request.endpoints.split_off(1);
    // The change does not go by this list, so the others do bring their targets.
    let other = OtherConnection { name: "other".to_owned(), endpoints: others };
    request.dependents = Arc::new(Found { connections: vec![other], others: Vec::new() });
    (rig, request)
}

#[tokio::test]
async fn another_connection_is_followed_on_its_own_targets() {
    let (rig, request) = divided(&["replication=300ms"]);
    let outcome = run(&request).await.unwrap();
    assert_eq!((told(&outcome), outcome.verdict), (vec!["other ok".to_owned()], Verdict::Ok));
    assert_eq!(verdicts(&outcome), ["ok", "ok", "ok"]);
    let owners: Vec<_> = outcome.targets.iter().map(|target| target.connection.as_deref()).collect();
    assert_eq!(owners, [None, Some("other"), Some("other")]);
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn another_connections_target_that_lags_is_not_signed_in_on() {
    let (rig, request) = divided(&["replication=off"]);
    let outcome = run(&Request { wait: Duration::from_millis(600), ..request }).await.unwrap();
    assert_eq!((told(&outcome), outcome.verdict.as_str()), (vec!["other inconclusive".to_owned()], "inconclusive"));
    assert_eq!(outcome.unproven().len(), 2);
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn another_connections_target_that_is_down_stops_it() {
    let (rig, request) = divided(&["target:3=down"]);
    let error = run(&request).await.unwrap_err();
    assert_eq!(error.code(), "rotation.target_down");
    // Both connections' credentials, now known to be one account's; nothing was sent.
    assert_eq!(rig.picture(), "v2 current proven, v1 previous; no journal");
    let outcome = run(&Request { allow_down: true, ..request }).await.unwrap();
    assert_eq!(
        (told(&outcome), verdicts(&outcome)),
        (vec!["other inconclusive".to_owned()], vec!["ok", "ok", "inconclusive"])
    );
}

/// Never answers; may say that time is up when it is asked.
#[derive(Debug)]
pub struct Stuck(pub Option<CancellationToken>);

impl Dependent for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn kind(&self) -> &'static str {
        "procedure"
    }

    fn ready(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn take<'a>(&'a self, _: &'a NewSecret) -> BoxFuture<'a, Result<String>> {
        self.0.iter().for_each(CancellationToken::cancel);
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_run_that_is_told_to_stop_leaves_the_dependents_open_and_promotes() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let request = rig.request();
    let (stuck, pool) = (Arc::new(Stuck(Some(request.hurry.clone()))), Stand::well("pool"));
    let others: Vec<Arc<dyn Dependent>> = vec![stuck, pool.clone()];
    let request = Request { dependents: Arc::new(Found { connections: Vec::new(), others }), ..request };
    let outcome = run(&request).await.unwrap();
    assert_eq!(told(&outcome), ["stuck inconclusive", "pool inconclusive"]);
    assert!(pool.took().is_empty());
    assert_eq!(rig.picture(), "v2 current sent proven, v1 previous proven; promote, ended inconclusive");
}

#[tokio::test]
async fn one_that_is_being_asked_when_the_program_ends_is_open_in_the_journal() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let pool = Stand::well("pool");
    let others: Vec<Arc<dyn Dependent>> = vec![pool.clone(), Arc::new(Stuck(None))];
    let request = Request { dependents: Arc::new(Found { connections: Vec::new(), others }), ..rig.request() };
    tokio::select! {
        ended = run(&request) => panic!("it ends: {ended:?}"),
        () = crate::lab::until("the first has it", || async { rig.events().contains(&"dependent-ok".to_owned()) }) => {}
    }
    assert_eq!(rig.picture(), "v2 candidate sent proven, v1 current proven; dependents, unfinished");
    let principal = credentials::current(&rig.store, &rig.connection).unwrap().unwrap().principal;
    let rotation = journal::unfinished_of(&rig.store, principal).unwrap().unwrap();
    let open = open_dependents(&rig.store, &rotation.id).unwrap();
    assert_eq!(open.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["stuck"]);
}
