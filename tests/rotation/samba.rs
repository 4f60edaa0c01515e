//! The transaction on three real domain controllers: Samba, with its default password policy.

use std::process::Command;

use libretto::directory::{self, Session};

use super::*;
use crate::support::{
    names::leading_elsewhere,
    samba::{create_user, samba, samba_tool, unique_name},
};

const FIRST: &str = "First-Password-1!";

/// A user of the domain that every controller knows, and a store that knows the user.
struct Domain {
    store: Store,
    user: String,
    connection: Connection,
    ca: String,
}

impl Domain {
    fn new(prefix: &str) -> Self {
        let user = unique_name(prefix);
        create_user(&user, FIRST);
        spread();
        let store = Store::temporary().unwrap();
        let ca = std::fs::read_to_string(&samba().ca).unwrap();
        let upn = format!("{user}@{}", samba().domain);
        let first = Secret::new(FIRST).unwrap();
        let connection = connection::add(&store, &new("corp", &upn, &first, &addresses(), &ca)).unwrap();
        Self { store, user, connection, ca }
    }

    fn request(&self) -> Request {
        let settings = self.connection.ad().unwrap();
        let wait = Duration::from_mins(2);
        Request { wait, ..request(&self.store, &self.connection, endpoints(settings, Limits::default())) }
    }

    fn over_administrator(&self) -> Request {
        let password = Secret::new(samba().admin_password.clone()).unwrap();
        let admin = new("admin", &samba().admin, &password, &addresses(), &self.ca);
        let admin = connection::add(&self.store, &admin).unwrap();
        let identity = Identity { name: samba().admin.clone(), password };
        Request { via: Some(administering(&self.store, &admin, identity)), ..self.request() }
    }

    fn password(&self, version: u32) -> Secret {
        password(&self.store, &self.connection, version)
    }

    fn picture(&self) -> String {
        picture(&self.store, &self.connection)
    }

    /// What a controller says to a password; `ok` when it takes it.
    async fn says(&self, controller: usize, password: &str) -> &'static str {
        let endpoint = &endpoints(self.connection.ad().unwrap(), Limits::default())[controller - 1];
        let password = Secret::new(password).unwrap();
        let identity = Identity { name: self.connection.username.clone(), password };
        match Session::connect(endpoint, &identity).await {
            Ok(_) => "ok",
            Err(error) => error.code(),
        }
    }

    /// Bad passwords that each controller has counted; none where it never met one.
    async fn bad_counts(&self) -> Vec<i64> {
        let password = Secret::new(samba().admin_password.clone()).unwrap();
        let identity = Identity { name: samba().admin.clone(), password };
        let mut counts = Vec::new();
        for endpoint in endpoints(self.connection.ad().unwrap(), Limits::default()) {
            let session = Session::connect(&endpoint, &identity).await.unwrap();
            let user = directory::resolve(&session, &self.user).await.unwrap();
            counts.push(directory::account(&session, &user.dn).await.unwrap().bad_pwd_count.unwrap_or(0));
        }
        counts
    }
}

fn addresses() -> Vec<String> {
    samba().targets.iter().map(|(_, address)| address.to_string()).collect()
}

/// A command of `tests/samba-lab`.
fn lab(arguments: &[&str]) {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samba-lab");
    let output = Command::new(script).args(arguments).env("LIBRETTO_LAB_DIR", &samba().dir).output().unwrap();
    assert!(output.status.success(), "samba-lab {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What the first controller knows, the others know.
fn spread() {
    lab(&["repl-now", "1", "2"]);
    lab(&["repl-now", "1", "3"]);
}

/// Rules of the user's own: a password may be changed at once, and has 30 characters.
fn fine_grained(user: &str) {
    let name = unique_name("pso");
    samba_tool(&[
        "domain",
        "passwordsettings",
        "pso",
        "create",
        &name,
        "1",
        "--complexity=on",
        "--history-length=24",
        "--min-pwd-length=30",
        "--min-pwd-age=0",
    ]);
    samba_tool(&["domain", "passwordsettings", "pso", "apply", &name, user]);
    spread();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_reset_proven_on_three_controllers_and_current() {
    let domain = Domain::new("rot");
    let outcome = run(&domain.over_administrator()).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Ok, "{:?}", outcome.targets);
    assert_eq!(outcome.pinned, addresses()[0], "the first controller is the PDC emulator");
    assert_eq!(verdicts(&outcome), ["ok", "ok", "ok"]);
    assert_eq!(domain.picture(), "v2 current sent proven, v1 previous; promote, ended ok");
    assert_eq!(domain.bad_counts().await, [0, 0, 0]);
    for controller in 1..=3 {
        assert_eq!(domain.says(controller, domain.password(2).expose()).await, "ok");
    }
}

/// Minimum age one day: the change that its owner may not make yet is foreseen.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_of_today_may_not_be_changed_by_its_owner_by_default() {
    let domain = Domain::new("rot");
    let error = run(&domain.request()).await.unwrap_err();
    assert_eq!(error.code(), "rotation.too_young", "{error}");
    assert_eq!(domain.picture(), "v1 current proven; no journal");
    // Left to the directory it is refused there, and nothing is lost. Only where the policy that applies is uncertain.
    let insisting = run(&Request { insist: true, ..domain.request() }).await.unwrap_err();
    assert!(["ad.password_too_young", "rotation.too_young"].contains(&insisting.code()), "{insisting}");
    assert_eq!(domain.bad_counts().await, [0, 0, 0]);
    assert_eq!(domain.says(1, FIRST).await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_changes_its_own_password_by_its_fine_grained_policy() {
    let domain = Domain::new("rot");
    fine_grained(&domain.user);
    // Over an administrative account the policy can be read, and the password is made for it.
    let reset = run(&domain.over_administrator()).await.unwrap();
    assert_eq!((reset.version, reset.verdict), (2, Verdict::Ok), "{:?}", reset.targets);
    assert_eq!(domain.password(2).expose().len(), 30);
    let long = Some(Secret::new("Correct-Horse-Battery-Staple-1!").unwrap());
    let own = run(&Request { password: long, insist: true, ..domain.request() }).await.unwrap();
    assert_eq!((own.version, own.verdict), (3, Verdict::Ok), "{:?}", own.targets);
    assert_eq!(own.stages[2].note, format!("self-change on {}", addresses()[0]));
    assert_eq!(domain.picture(), "v3 current sent proven, v2 previous sent proven, v1 retired; promote, ended ok");
    assert_eq!(domain.bad_counts().await, [0, 0, 0]);
    for controller in 1..=3 {
        assert_eq!(domain.says(controller, domain.password(3).expose()).await, "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replication_that_is_held_is_waited_for_and_nothing_is_tried_before() {
    let domain = Domain::new("rot");
    lab(&["repl-off", "2"]);
    let request = domain.over_administrator();
    let releasing = async {
        let events = || events(&domain.store, &domain.connection);
        crate::lab::until("the change is proven", || async { events().contains(&"proven".to_owned()) }).await;
        // The second controller still has the old password, and was not bothered with the new one.
        let said = domain.says(2, FIRST).await;
        let counts = domain.bad_counts().await;
        lab(&["repl-on", "2"]);
        lab(&["repl-now", "1", "2"]);
        (said, counts)
    };
    let (outcome, (said, counts)) = tokio::join!(run(&request), releasing);
    let outcome = outcome.unwrap();
    assert_eq!((said, counts), ("ok", vec![0, 0, 0]));
    assert_eq!(verdicts(&outcome), ["ok", "ok", "ok"], "{:?}", outcome.targets);
    assert_eq!(domain.bad_counts().await, [0, 0, 0]);
    assert_eq!(domain.says(2, domain.password(2).expose()).await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_is_down_stops_it_unless_that_is_allowed() {
    let domain = Domain::new("rot");
    let nobody = addresses()[0].rsplit_once('.').map(|(net, _)| format!("{net}.250")).unwrap();
    let mut request = domain.over_administrator();
    let down = request.endpoints[1].at(Target::parse(&nobody).unwrap());
    request.endpoints[1] = down;
    let error = run(&request).await.unwrap_err();
    assert_eq!(error.code(), "rotation.target_down");
    assert_eq!(domain.picture(), "v1 current; no journal");
    let outcome = run(&Request { allow_down: true, ..request }).await.unwrap();
    assert_eq!((outcome.verdict, outcome.unproven()), (Verdict::Inconclusive, vec![nobody]));
    assert_eq!(domain.picture(), "v2 current sent proven, v1 previous; promote, ended inconclusive");
    assert_eq!(domain.says(3, domain.password(2).expose()).await, "ok");
}

/// The name of the domain leads to another controller each time that it is looked up.
#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_the_domain_is_one_controller_throughout() {
    let domain = Domain::new("rot");
    let controllers = addresses().iter().map(|address| address.parse().unwrap()).collect();
    let dns = leading_elsewhere(&samba().domain, controllers).await;
    let mut request = domain.over_administrator();
    request.endpoints.truncate(1);
    request.endpoints[0] = request.endpoints[0].at(Target::new(samba().domain.clone())).with_dns(dns);
    let outcome = run(&request).await.unwrap();
    assert_eq!((outcome.verdict, outcome.pinned), (Verdict::Ok, samba().domain.clone()), "{:?}", outcome.targets);
    assert_eq!(domain.bad_counts().await, [0, 0, 0]);
    assert_eq!(domain.says(1, domain.password(2).expose()).await, "ok");
}
