//! The credential transaction of apps: through scripts, with the lab's cloud, a Remote Agent and a Workflow Engine as processes of
//! their own.

mod crash;
mod faults;
mod overlap;
mod smooth;

use libretto::{
    connection::{self, Scope, credentials},
    secret::seal::Identity,
    store::{Store, journal},
};
use serde_json::{Value, json};

use crate::{
    agent::served::Served,
    cloud_scripts::{ALL_GRANTS, Office},
    support::{program::Output, world::World},
    workflow::engine::{Engine, port},
};

/// An office with an agent that holds its connections, and an engine that routes to it.
pub struct House {
    pub office: Office,
    pub agent: Served,
    pub engine: Engine,
}

impl House {
    pub fn new() -> Self {
        Self::of(Office::new())
    }

    pub fn of(mut office: Office) -> Self {
        office.grants = ALL_GRANTS;
        let world = World::new();
        world.file("cloud.pem", office.cloud.ca_pem());
        let agent = Served::with(world, &["--cloud-login", &office.cloud.login(), "--cloud-ca", "cloud.pem"]);
        let engine = Engine::new();
        office.config(&format!("[workflow]\nurl = \"http://{}\"\ntoken = \"file:workflow.token\"\n", engine.0.address));
        office.world.file("home/workflow.token", &engine.0.token).file("agent.token", &agent.token);
        for name in ["contoso", "fabrikam"] {
            let line =
                format!("connections edit {name} --agent 127.0.0.1:{} --agent-token file:agent.token", port(&agent));
            office.libretto(&line).ok();
        }
        let (code, end) = office.script(
            "for conn in conn::list() { agent::update(conn); agent::test_connection(conn); we::update_agent(conn); }",
        );
        assert_eq!(code, Some(0), "{end}");
        Self { office, agent, engine }
    }

    /// The agent signs in with its copy of each.
    #[track_caller]
    pub fn assert_agent_works(&self) {
        for domain in ["contoso.example", "fabrikam.example"] {
            let tested = self.agent.call("TestConnection", &json!(domain));
            assert_eq!(tested.status, 200, "{tested:?}");
        }
    }
}

/// The name of everything in the registration, as people see it there.
#[track_caller]
pub fn registered(office: &Office) -> Vec<String> {
    let listed = office.result("", r#"cloud::app_credentials(conn::get("contoso")).credentials.filter(|one| one.kind == "secret").map(|one| one.display_name)"#);
    listed.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Number and state of each version, the latest first.
pub fn versions(office: &Office) -> Vec<String> {
    let history = office.libretto("connections history contoso --json").json_lines();
    history.iter().map(|one| format!("{} {}", one["version"], one["state"].as_str().unwrap())).collect()
}

/// What is wrong with what a home and its cloud have, once everything is settled; empty where all is well.
pub fn faults(office: &Office) -> Vec<String> {
    let mut faults = Vec::new();
    let store = Store::open(&office.world.home()).unwrap();
    let connection = connection::get(&store, "fabrikam", &Scope::all()).unwrap();
    if !journal::unfinished(&store).unwrap().is_empty() {
        faults.push("something is unfinished".to_owned());
    }
    for one in credentials::history(&store, &connection).unwrap() {
        if one.state == credentials::State::Candidate {
            faults.push(format!("version {} is a candidate still", one.version));
        }
    }
    let current = credentials::current(&store, &connection).unwrap().unwrap();
    let secret = credentials::open(&store, &Identity::load(&store).unwrap(), &current).unwrap();
    if let Err(said) = signs_in(office, secret.expose()) {
        faults.push(format!("version {} does not sign in: {said}", current.version));
    }
    let names = registered(office);
    for name in names.iter().filter_map(|name| name.strip_prefix("libretto ")) {
        let rotation = journal::get(&store, name).unwrap().unwrap();
        let state = rotation.candidate.map(|id| credentials::by_id(&store, id).unwrap().state.as_str());
        if !matches!(state, Some("current" | "retiring")) {
            faults.push(format!("the registration has an orphan, whose version is {state:?}"));
        }
    }
    faults
}

/// Whether a secret signs in, in the tenant of another connection than the home.
fn signs_in(office: &Office, secret: &str) -> Result<(), String> {
    use libretto::cloud::{Cloud, Freshness, Options, Proof, SignIn};
    let options = Options {
        login: Some(office.cloud.login().parse().unwrap()),
        ca_pem: Some(office.cloud.ca_pem().into()),
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cloud = Cloud::new(options).unwrap();
        let sign_in = SignIn {
            tenant: cloud.discover("fabrikam.example").await.unwrap(),
            app: office.cloud.client_id().to_owned(),
            proof: Proof::ClientSecret(libretto::secret::Secret::new(secret).unwrap()),
            version: None,
        };
        cloud.sign_in(&sign_in, Freshness::Fresh).await.map(drop).map_err(|error| error.to_string())
    })
}

/// Lets the overlaps be over that have begun.
pub fn a_week_later(office: &Office) {
    let raw = rusqlite::Connection::open(office.world.home().join("store.db")).unwrap();
    let sql =
        "UPDATE rotation_event SET data = json_set(data, '$.until', '2001-01-01T00:00:00Z') WHERE what = 'switched'";
    assert!(raw.execute(sql, []).unwrap() > 0);
}

/// The last event of a run.
pub fn end(output: &Output) -> Value {
    output.json_lines().pop().unwrap()
}
