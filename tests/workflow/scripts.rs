//! Scripts: `we::`, in a process of its own, through the engine's to the agent's.

use serde_json::{Value, json};

use super::engine::{Engine, closed_port, port};
use crate::{
    agent::served::{Served, token_of},
    support::{
        program::Output,
        text::operator,
        world::{World, assert_nowhere},
    },
};

/// A home with connections, the engine and the agent that they are for.
struct Office {
    world: World,
    engine: Engine,
    agent: Served,
}

impl Office {
    fn new() -> Self {
        let office = Self { world: World::new(), engine: Engine::new(), agent: Served::new() };
        let url = format!("http://{}", office.engine.0.address);
        office
            .world
            .file("home/config.toml", &format!("[workflow]\nurl = \"{url}\"\ntoken = \"file:workflow.token\"\n"));
        office.world.file("home/workflow.token", &format!("{}\n", office.engine.0.token));
        office.add("contoso");
        office
    }

    fn libretto(&self, line: &str) -> Output {
        let program =
            self.world.program().env("AGENT_TOKEN", &self.agent.token).env("APP_SECRET", "a-secret-of-the-app");
        program.args(crate::support::world::words(line)).run()
    }

    fn add(&self, name: &str) {
        let line = format!(
            "connections add msonline --name {name} --domain {name}.example --client-id app-{name} --secret env:APP_SECRET \
             --agent 127.0.0.1:{} --agent-token env:AGENT_TOKEN",
            port(&self.agent)
        );
        self.libretto(&line).ok();
    }

    /// Runs a script; the exit code and the last event.
    fn run(&self, body: &str) -> (Option<i32>, Value) {
        self.world.file("it.rhai", &format!("const GRANTS = [\"we:write\"];\n{body}\n"));
        self.last("run it.rhai --json")
    }

    fn last(&self, line: &str) -> (Option<i32>, Value) {
        let output = self.libretto(line);
        (output.code, output.json_lines().pop().unwrap())
    }

    /// What an expression of a script is.
    #[track_caller]
    fn result(&self, expression: &str) -> Value {
        let script =
            format!("const GRANTS = [\"we:write\"];\nlet it = {expression};\nprint(#{{ it: it }}.to_json());\n");
        self.world.file("it.rhai", &script);
        let lines = self.libretto("run it.rhai --json").ok().json_lines();
        let said = lines.iter().find_map(|line| line["text"].as_str()).unwrap_or_else(|| panic!("{lines:?}"));
        serde_json::from_str::<Value>(said).unwrap()["it"].take()
    }

    #[track_caller]
    fn error(&self, body: &str) -> Value {
        let (code, last) = self.run(body);
        assert_ne!(code, Some(0), "{last}");
        last["error"].clone()
    }
}

const UPDATE: &str = r#"we::update_agent(conn::get("contoso"))"#;

#[test]
fn update_agent_writes_reads_back_and_acts() {
    let office = Office::new();
    let (code, last) = office.run(UPDATE);
    assert_eq!(code, Some(0), "{last}");
    assert_eq!(last["changed"], json!(["route of contoso in the Workflow Engine written"]));
    let result = office.result(UPDATE);
    let expected = json!(["contoso", office.agent.address, "GET /api/Agent/Status", 200]);
    assert_eq!(json!([result["connection"], result["agent"], result["operation"], result["code"]]), expected);
    assert!(result["written_by"].as_str().unwrap().starts_with(&format!("{}, run ", operator())), "{result}");
    let route = office.result(r#"we::route(conn::get("contoso"))"#);
    assert_eq!(json!([route["host"], route["has_token"]]), json!(["127.0.0.1", true]));
    assert_eq!(office.result("we::routes()"), json!([route]));
    let held = office.result(r#"we::act(conn::get("contoso"), "Connections_List")"#);
    assert_eq!(json!([held["verdict"], held["answer"]]), json!(["ok", []]));
}

#[test]
fn drift_tells_what_differs_and_how() {
    let office = Office::new();
    office.add("fabrikam");
    let drift = |office: &Office| {
        let all = office.result("we::drift()");
        let told = all.as_array().unwrap().iter().map(|one| json!([one["connection"], one["drift"], one["differs"]]));
        told.collect::<Vec<_>>()
    };
    assert_eq!(drift(&office), [json!(["contoso", "no-route", []]), json!(["fabrikam", "no-route", []])]);
    office.result(r"conn::list().map(|conn| we::update_agent(conn))");
    assert_eq!(drift(&office), Vec::<Value>::new());
    let other = closed_port();
    office.libretto(&format!("connections edit contoso --agent 127.0.0.1:{other}")).ok();
    office.libretto("connections edit fabrikam --agent-token env:APP_SECRET").ok();
    office.engine.put("tailspin", &json!({ "domain": "tailspin.example", "host": "agent9" }));
    let expected = [
        json!(["contoso", "differs", ["port"]]),
        json!(["fabrikam", "differs", ["token"]]),
        json!(["tailspin", "no-connection", []]),
    ];
    assert_eq!(drift(&office), expected);
}

#[test]
fn what_goes_wrong_is_told_apart() {
    let office = Office::new();
    let acts =
        r#"we::act(conn::get("contoso"), "Users_Find", #{ domain: "contoso.example", user: "a@contoso.example" })"#;
    assert_eq!(office.error(acts)["code"], "workflow.unknown_route");
    office.result(UPDATE);
    // the agent's own refusal, with its code; what only reads has not been left undone
    let (_, last) = office.run(acts);
    assert_eq!(json!([last["error"]["code"], last["unchanged"]]), json!(["agent.unknown_domain", []]), "{last}");
    // its token is another one by now
    token_of("agent", &office.agent.world, &["--new"]);
    let Office { world, engine, agent } = office;
    let (address, token) = (agent.address.clone(), agent.token.clone());
    let (home, _) = agent.stop();
    let down = Office { world, engine, agent: Served { token, ..Served::new() } };
    assert_eq!(down.error(acts)["code"], "agent.unreachable");
    assert_eq!(down.run(UPDATE).0, Some(4), "what could not be told is inconclusive");
    let agent = Served::with(home, &["--listen", &address]);
    let office = Office { agent, ..down };
    let refused = office.error(UPDATE);
    assert_eq!(refused["code"], "agent.wrong_token");
    assert!(refused["message"].as_str().unwrap().starts_with("the route of contoso to 127.0.0.1:"), "{refused}");
    office.world.file("home/workflow.token", "something-else\n");
    assert_eq!(office.error("we::routes()")["code"], "workflow.wrong_token");
    office
        .world
        .file("home/config.toml", "[workflow]\nurl = \"http://192.0.2.1:1\"\ntoken = \"file:workflow.token\"\n");
    assert_eq!(office.error("we::routes()")["code"], "workflow.in_the_clear");
    let closed = format!("[workflow]\nurl = \"http://127.0.0.1:{}\"\ntoken = \"file:workflow.token\"\n", closed_port());
    office.world.file("home/config.toml", &closed);
    assert_eq!(office.error("we::routes()")["code"], "workflow.unreachable");
    office.world.file("home/config.toml", "[workflow]\nurl = \"http://127.0.0.1:1\"\ntoken = \"prompt\"\n");
    assert_eq!(office.error("we::routes()")["code"], "workflow.token_reference");
    office.world.file("home/config.toml", "");
    assert_eq!(office.error("we::routes()")["code"], "workflow.not_configured");
    // what is not the engine
    let url = format!(
        "[workflow]\nurl = \"http://{}/elsewhere\"\ntoken = \"command:echo {}\"\n",
        office.engine.0.address, office.engine.0.token
    );
    office.world.file("home/config.toml", &url);
    assert_eq!(office.error("we::routes()")["code"], "service.unknown_path");
}

/// Two homes may call different connections the same.
#[test]
fn an_action_goes_through_no_route_of_another_homes() {
    let office = Office::new();
    office.result(UPDATE);
    let mut route = super::engine::route_to(&office.agent);
    route["domain"] = json!("other.example");
    office.engine.put("contoso", &route);
    let acts = r#"we::act(conn::get("contoso"), "Connections_List")"#;
    let error = office.error(acts);
    assert_eq!(error["code"], "workflow.route_differs");
    assert_eq!(
        error["message"],
        "the Workflow Engine's route of contoso is for other.example, and the action is for contoso.example"
    );
    // Nor is it overwritten, unless that is said.
    let error = office.error(UPDATE);
    assert_eq!(error["code"], "workflow.route_of_another");
    let told = "the Workflow Engine's route of contoso is for other.example, and contoso is for contoso.example";
    assert_eq!(error["message"], told);
    assert_eq!(office.engine.0.get("/api/Routes/contoso").json()["domain"], "other.example");
    office.result(r#"we::update_agent(conn::get("contoso"), #{ replace: true })"#);
    assert_eq!(office.result(acts)["status"], 200);
}

#[test]
fn a_lab_never_reaches_the_real_engine() {
    let office = Office::new();
    office.engine.put("real", &json!({ "domain": "real.example", "host": "agent9" }));
    office.world.file("it.rhai", "print(#{ it: we::routes().map(|route| route.connection) }.to_json());\n");
    let said = office.libretto("run it.rhai --lab --json").ok().json_lines();
    let said = said.iter().find_map(|line| line["text"].as_str()).unwrap();
    assert_eq!(said, "{\"it\":[\"contoso\",\"fabrikam\"]}");
}

#[test]
fn a_route_carries_the_certificate_that_the_agent_is_trusted_by() {
    let mut office = Office::new();
    office.agent = Served::of("agent", World::new(), &["--self-signed"]);
    let pem = std::fs::read_to_string(office.agent.world.home().join("agent/certificate.pem")).unwrap();
    let other = Served::of("agent", World::new(), &["--self-signed"]);
    let others = std::fs::read_to_string(other.world.home().join("agent/certificate.pem")).unwrap();
    office.world.file("agent.pem", &pem).file("other.pem", &others);
    let edit = |ca: &str| {
        let line = format!(
            "connections edit contoso --agent 127.0.0.1:{} --agent-token env:AGENT_TOKEN --agent-ca {ca}",
            port(&office.agent)
        );
        office.libretto(&line).ok();
    };
    edit("agent.pem");
    assert_eq!(office.result(UPDATE)["code"], 200);
    let held = office.result(r#"we::route(conn::get("contoso"))"#);
    let hash = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(pem.as_bytes()));
    assert_eq!(held["ca"], hash);
    assert_eq!(office.result("we::drift()"), json!([]));
    // Another one: the route differs in just that, and through it the agent is not trusted.
    edit("other.pem");
    let drift = office.result("we::drift()");
    assert_eq!(json!([drift[0]["drift"], drift[0]["differs"]]), json!(["differs", ["ca"]]));
    assert_eq!(office.result(r#"we::act(conn::get("contoso"), "Agent_Status")"#)["status"], 200);
    assert_eq!(office.error(UPDATE)["code"], "agent.tls");
    assert_eq!(office.error(r#"we::act(conn::get("contoso"), "Agent_Status")"#)["code"], "agent.tls");
}

#[test]
fn the_engine_is_trusted_by_its_certificate() {
    let mut office = Office::new();
    office.engine = Engine::with(World::new(), &["--self-signed"]);
    let pem = std::fs::read_to_string(office.engine.0.world.home().join("workflow/certificate.pem")).unwrap();
    office.world.file("home/workflow.token", &office.engine.0.token);
    let config =
        format!("[workflow]\nurl = \"https://{}\"\ntoken = \"file:workflow.token\"\n", office.engine.0.address);
    office.world.file("home/config.toml", &config);
    assert_eq!(office.error("we::routes()")["code"], "workflow.tls");
    office.world.file("home/workflow.pem", &pem).file("home/config.toml", &format!("{config}ca = \"workflow.pem\"\n"));
    assert_eq!(office.result(UPDATE)["code"], 200);
}

#[test]
fn no_token_is_in_what_a_script_says_or_leaves() {
    let office = Office::new();
    std::fs::remove_file(office.world.home().join("workflow.token")).unwrap();
    let config = format!("[workflow]\nurl = \"http://{}\"\ntoken = \"env:ENGINE\"\n", office.engine.0.address);
    office.world.file("home/config.toml", &config);
    let body = "we::update_agent(conn::get(\"contoso\")); print(we::routes()); print(we::drift()); \
                print(we::act(conn::get(\"contoso\"), \"Connections_Add\", #{ domain: \"a.example\", clientId: \"a\", clientSecret: args::s }));";
    let head = "const PARAMS = #{ s: #{ type: \"secret\" } };\nconst GRANTS = [\"we:write\", \"agent:write\"];\n";
    office.world.file("it.rhai", &format!("{head}{body}\n"));
    let canary = "Canary-Of-An-Action-7!x";
    let program = office.world.program().env("ENGINE", &office.engine.0.token).env("S", canary);
    let output = program.args(["run", "it.rhai", "s=env:S", "--json", "-vv"]).run().ok();
    assert!(output.stdout.contains("a.example"), "{}", output.stdout);
    let outputs = [output];
    for secret in [canary, &office.engine.0.token, &office.agent.token] {
        assert_nowhere(secret, &office.world, &outputs);
    }
}

/// An action is done by an agent: who may not write there may not do it through the engine either.
#[test]
fn what_writes_at_an_agent_needs_the_grant_for_agents_too() {
    let office = Office::new();
    office.result(UPDATE);
    let acts = "we::act(conn::get(\"contoso\"), \"Connections_Delete\")";
    let error = office.error(acts);
    assert_eq!(error["code"], "script.grant_undeclared");
    assert_eq!(error["message"], "we::act of Connections_Delete needs agent:write, which the script does not declare");
    office.world.file("it.rhai", &format!("const GRANTS = [\"we:write\", \"agent:write\"];\n{acts}\n"));
    let (_, last) = office.last("run it.rhai --json");
    assert_eq!(last["error"]["code"], "agent.unknown_domain", "{last}");
    let output = office.libretto("run it.rhai --json --deny agent:write");
    assert_ne!(output.code, Some(0), "{}", output.stdout);
    assert!(output.text().contains("grant_denied"), "{}", output.text());
}

/// Takes the place of an engine that has no routes; what it hears is kept.
fn eavesdropper() -> (String, std::sync::Arc<std::sync::Mutex<String>>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let keeps = std::sync::Arc::clone(&heard);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut text = String::new();
            let mut buffer = [0; 4096];
            while !(text.ends_with("\r\n\r\n") && text.starts_with("GET") || text.ends_with('}')) {
                let count = stream.read(&mut buffer).unwrap();
                text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            let body = if text.starts_with("GET") { "[]" } else { "{\"route\":null,\"differs\":[]}" };
            keeps.lock().unwrap().push_str(&text);
            let start = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{start}{body}").as_bytes()).unwrap();
        }
    });
    (url, heard)
}

#[test]
fn no_agents_token_is_told_to_find_out_what_differs() {
    let office = Office::new();
    let (url, heard) = eavesdropper();
    office.world.file("home/config.toml", &format!("[workflow]\nurl = \"{url}\"\ntoken = \"file:workflow.token\"\n"));
    assert_eq!(office.result("we::drift()")[0]["drift"], "no-route");
    let heard = heard.lock().unwrap().clone();
    assert!(heard.contains("/api/Routes/contoso/Compare") && heard.contains("contoso.example"), "{heard}");
    assert!(!heard.contains(&office.agent.token), "{heard}");
}

#[test]
fn a_token_that_cannot_be_read_hides_no_other_drift() {
    let office = Office::new();
    office.add("fabrikam");
    let file = office.world.home().join("agent.token");
    std::fs::write(&file, &office.agent.token).unwrap();
    office.libretto(&format!("connections edit contoso --agent-token 'command:cat {}'", file.display())).ok();
    std::fs::remove_file(&file).unwrap();
    let all = office.result("we::drift()");
    let told: Vec<Value> = all.as_array().unwrap().iter().map(|one| json!([one["connection"], one["drift"]])).collect();
    assert_eq!(told, [json!(["contoso", "unreadable"]), json!(["fabrikam", "no-route"])]);
    assert!(all[0]["error"]["code"].is_string() && all[1]["error"].is_null(), "{all}");
}
