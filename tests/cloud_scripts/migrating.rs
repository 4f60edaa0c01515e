//! From a user's password to an app's certificate: `migrate_msonline`, with an agent and an engine of its own.

use serde_json::{Value, json};

use super::Office;
use crate::{
    agent::served::Served,
    support::{
        program::Output,
        world::{World, assert_nowhere, words},
    },
    workflow::engine::{Engine, port},
};

struct House {
    office: Office,
    agent: Served,
    _engine: Engine,
    password: String,
}

impl House {
    /// `fabrikam` signs in as the tenant's administrator, and its agent has that.
    fn new() -> Self {
        let mut office = Office::empty(&[]);
        office.grants = super::ALL_GRANTS;
        let world = World::new();
        world.file("cloud.pem", office.cloud.ca_pem());
        let agent = Served::with(world, &["--cloud-login", &office.cloud.login(), "--cloud-ca", "cloud.pem"]);
        let engine = Engine::new();
        office.config(&format!("[workflow]\nurl = \"http://{}\"\ntoken = \"file:workflow.token\"\n", engine.0.address));
        office.world.file("home/workflow.token", &engine.0.token);
        office.world.file("app.pem", office.cloud.certificate().unwrap().expose());
        let (user, password) = office.cloud.administrator("fabrikam.example").unwrap();
        let house = Self { office, agent, _engine: engine, password: password.expose().to_owned() };
        let add = format!(
            "connections add msonline --name fabrikam --domain fabrikam.example --username {user} --password env:USER_PASSWORD \
             --agent 127.0.0.1:{} --agent-token env:AGENT_TOKEN",
            port(&house.agent)
        );
        house.libretto(&add).ok();
        house
            .script("let conn = conn::get(\"fabrikam\"); cloud::test(conn); agent::update(conn); agent::test_connection(conn);")
            .ok();
        house
    }

    fn libretto(&self, line: &str) -> Output {
        let program =
            self.office.world.program().env("USER_PASSWORD", &self.password).env("AGENT_TOKEN", &self.agent.token);
        let output = program.args(words(line)).run();
        assert_nowhere(&self.password, &self.office.world, std::slice::from_ref(&output));
        output
    }

    fn script(&self, body: &str) -> Output {
        self.office.world.file("it.rhai", &format!("{}\n{body}\n", self.office.grants));
        self.libretto("run it.rhai --json")
    }

    fn shown(&self) -> Value {
        let shown = self.libretto("connections show fabrikam --json").ok().json_lines().pop().unwrap();
        json!([shown["username"], shown["client_id"], shown["credential"]])
    }
}

#[test]
fn a_user_with_a_password_becomes_an_app_with_a_certificate() {
    let house = House::new();
    let app = house.office.cloud.client_id();
    let line = format!("run migrate_msonline connection=fabrikam client_id={app} certificate=file:app.pem --json");
    let output = house.libretto(&line).ok();
    let last = output.json_lines().pop().unwrap();
    let (user, _) = house.office.cloud.administrator("fabrikam.example").unwrap();
    let did = last["changed"].as_array().unwrap();
    assert_eq!(did[0], format!("fabrikam: signs in as the app {app} and no more as {user}"));
    assert_eq!((did.len(), &last["counts"]), (3, &json!({ "ok": 5 })), "{last}");
    assert_eq!(house.shown(), json!([app, app, "version 1"]));
    let held = house.agent.get("/api/Connections/Get?domain=fabrikam.example").json();
    assert_eq!(json!([held["form"], held["signInAs"]]), json!(["certificate", app]));
    let again = house.libretto(&line);
    assert_eq!(again.json_lines().pop().unwrap()["error"]["code"], "cloud.is_app");
}

#[test]
fn an_app_that_does_not_sign_in_changes_nothing() {
    let house = House::new();
    let app = house.office.cloud.client_id();
    let before = house.shown();
    house.office.world.file("next.pem", include_str!("../cloud/keys/next.pem"));
    let run = |more: &str| {
        let output = house.libretto(&format!("run migrate_msonline connection=fabrikam {more} --json --wait 0s"));
        output.json_lines().pop().unwrap()["error"]["code"].clone()
    };
    assert_eq!(run(&format!("client_id={app} certificate=file:next.pem")), "cloud.wrong_certificate");
    assert_eq!(run("client_id=7f9b7a3e-0c2a-4f0c-8a52-b2a3b6b1a111 certificate=file:app.pem"), "cloud.unknown_app");
    assert_eq!(run(&format!("client_id={app}")), "connection.new_app");
    assert_eq!(run(&format!("client_id={app} certificate=env:USER_PASSWORD")), "connection.bad_certificate");
    assert_eq!(house.shown(), before);
    let tested = house.agent.call("TestConnection", &json!("fabrikam.example"));
    assert_eq!(tested.status, 200, "{tested:?}");
}

#[test]
fn a_connection_joins_an_app_that_others_sign_in_as() {
    let house = House::new();
    let app = house.office.cloud.client_id();
    house.office.libretto(&format!("connections add msonline --name contoso --domain contoso.example --client-id {app} --secret env:APP_SECRET --app-home contoso")).ok();
    house.libretto(&format!("run migrate_msonline connection=fabrikam client_id={app} app_home=contoso")).ok();
    assert_eq!(house.shown(), json!([app, app, "version 1"]));
    let principals = house.office.result("", "conn::list().map(|conn| conn::credential(conn).version)");
    assert_eq!(principals, json!([1, 1]));
}
