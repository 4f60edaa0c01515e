//! `agent::` in scripts, run by the program: what is journalled, what is proven, what is shown.

use serde_json::{Value, json};

use super::{Fake, swagger, test_operation};
use crate::support::{
    canary::canary,
    program::{Output, Program},
};

pub(super) const APP_SECRET: &str = "Canary-App-7!\"x";
const TOKEN: &str = "Canary-Token-8!x";
pub(super) const TEST: &str = "/api/Connections/TestConnection";

pub(super) struct Place {
    program: Program,
    pub(super) fake: Fake,
}

/// An agent that others made: operations with ids of its own, connections by numbers.
fn document() -> Value {
    let mut document = swagger(TEST, &test_operation(&json!({ "$ref": "#/definitions/TestReq" })));
    let connection = json!({ "type": "object", "required": ["Domain"], "properties": {
        "Domain": { "type": "string" }, "AppId": { "type": "string" }, "AppSecret": { "type": "string" } } });
    let body = json!({ "name": "connection", "in": "body", "schema": connection });
    let id = json!({ "name": "id", "in": "path", "required": true, "type": "integer" });
    document["paths"]["/api/Connections"] = json!({
        "get": { "tags": ["Connections"], "operationId": "Connections_GetAll" },
        "post": { "tags": ["Connections"], "operationId": "Connections_Post", "parameters": [body] },
    });
    document["paths"]["/api/Connections/{id}"] = json!({
        "put": { "tags": ["Connections"], "operationId": "Connections_Put", "parameters": [id, body] },
        "delete": { "tags": ["Connections"], "operationId": "Connections_Delete", "parameters": [id] },
    });
    document["paths"]["/api/Users/Find"] = json!({ "post": { "tags": ["Users"], "operationId": "Users_Find",
        "parameters": [{ "name": "it", "in": "body", "schema": {} }] } });
    document["paths"]["/api/Echo"] =
        json!({ "post": { "tags": ["Echo"], "parameters": [{ "name": "it", "in": "body", "schema": {} }] } });
    document
}

impl Place {
    pub(super) async fn new() -> Self {
        let fake = Fake::with_document(&document()).await;
        let program = Program::new().env("APP", APP_SECRET).env("TOKEN", TOKEN);
        let place = Self { program, fake };
        let add = format!(
            "connections add msonline --name contoso --domain contoso.example --client-id app-1 --secret env:APP \
             --agent 127.0.0.1:{} --agent-token env:TOKEN",
            place.fake.port
        );
        place.command(&add).await;
        place
    }

    async fn command(&self, line: &str) -> Output {
        self.run(line.split_whitespace().map(str::to_owned).collect()).await
    }

    /// The program, while the agent of this test's runtime goes on answering.
    async fn run(&self, args: Vec<String>) -> Output {
        let program = self.program.clone().args(args);
        let home = program.home_path().to_owned();
        let output = tokio::task::spawn_blocking(move || program.run()).await.unwrap();
        for secret in [APP_SECRET, TOKEN] {
            canary(secret).assert_absent("standard output", &output.stdout);
            canary(secret).assert_absent("standard error", &output.stderr);
            canary(secret).assert_absent_below(&home);
        }
        output
    }

    /// What a script's run says at its end.
    pub(super) async fn script(&self, body: &str) -> (Value, Option<i32>) {
        self.script_within("1s", body).await
    }

    pub(super) async fn script_within(&self, wait: &str, body: &str) -> (Value, Option<i32>) {
        let head = "const GRANTS = [\"agent:write\", \"connection:write\"];\nlet conn = conn::get(\"contoso\");\n";
        std::fs::write(self.program.folder_path().join("it.rhai"), format!("{head}{body}")).unwrap();
        let output = self.run(["run", "./it.rhai", "--json", "--wait", wait].map(str::to_owned).to_vec()).await;
        (output.json_lines().pop().unwrap(), output.code)
    }

    /// What the agent was given last.
    pub(super) fn given(&self) -> Value {
        let seen = self.fake.seen();
        seen.iter().rev().find(|seen| seen.what == "PUT /api/Connections/7").unwrap().json()
    }

    pub(super) async fn shown(&self) -> Value {
        self.command("connections show contoso --json").await.json_lines().pop().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_given_and_a_test_through_it_proves_the_credential() {
    let place = Place::new().await;
    let agent = format!("127.0.0.1:{}", place.fake.port);
    place.fake.json("GET /api/Connections", 200, &json!([]));
    place.fake.json("POST /api/Connections", 201, &json!({ "Id": 7 }));
    place.fake.json(&format!("POST {TEST}"), 200, &json!({ "Id": "tenant-1", "Domain": "contoso.example" }));
    let (end, code) = place.script("if agent::test_connection(conn).id != \"tenant-1\" { throw \"x\" }").await;
    assert_eq!((code, &end["changed"]), (Some(0), &json!([])));
    assert_eq!(place.shown().await["proven_at"], Value::Null, "nobody knows which secret the copy has");
    let (end, code) = place.script("agent::update(conn); agent::test_connection(conn).code").await;
    let did = format!("the agent {agent} has contoso with version 1 of its credential");
    assert_eq!((code, &end["changed"]), (Some(0), &json!([did])), "{end}");
    let seen = place.fake.seen();
    let given = seen.iter().find(|seen| seen.what == "POST /api/Connections").unwrap();
    assert_eq!(given.json(), json!({ "AppId": "app-1", "AppSecret": APP_SECRET, "Domain": "contoso.example" }));
    assert!(seen.iter().all(|seen| seen.header("authorization") == Some(&format!("Bearer {TOKEN}"))));
    let shown = place.shown().await;
    assert_eq!((&shown["credential"], &shown["proven_on"]), (&json!("version 1"), &json!(format!("agent {agent}"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_goes_to_the_agent_and_becomes_current_by_a_test() {
    let place = Place::new().await;
    let held = json!({ "value": [{ "ID": 3, "Domain": "other.example" }, { "ID": 7, "Domain": "Contoso.example" }] });
    place.fake.json("GET /api/Connections", 200, &held);
    place.fake.json("PUT /api/Connections/7", 200, &json!(null));
    place.fake.json(&format!("POST {TEST}"), 424, &json!({ "code": "cloud.wrong_secret", "detail": "wrong" }));
    let change = "conn::set_credentials(conn, \"app-1\", secret::generate()); agent::update(conn); agent::test_connection(conn);";
    let (end, code) = place.script(change).await;
    assert_eq!((code, &end["error"]["code"]), (Some(1), &json!("cloud.wrong_secret")), "{end}");
    assert_eq!(place.shown().await["credential"], "version 1, not yet proven", "the old one stays");
    assert_eq!(place.given()["AppSecret"], APP_SECRET, "the agent has it again, too");
    let agent = format!("127.0.0.1:{}", place.fake.port);
    let did = [
        format!("the agent {agent} has contoso with version 2 of its credential"),
        format!("the agent {agent} has contoso with version 1 of its credential again"),
    ];
    assert_eq!((&end["changed"], &end["verdict"]), (&json!(did), &json!("partial")), "{end}");
    place.fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "tenant-1" }));
    let (end, code) = place.script(change).await;
    assert_eq!(code, Some(0), "{end}");
    assert_eq!(place.shown().await["credential"], "version 3");
    let history = place.command("connections history contoso --json").await.json_lines();
    let states: Vec<&str> = history.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["current", "retired", "previous"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_the_agent_cannot_be_relieved_of_is_told() {
    let place = Place::new().await;
    place.fake.json("GET /api/Connections", 200, &json!([{ "ID": 7, "Domain": "contoso.example" }]));
    place.fake.json("PUT /api/Connections/7", 200, &json!(null));
    place.fake.json(&format!("POST {TEST}"), 424, &json!({ "code": "cloud.expired_secret", "detail": "expired" }));
    let refused = json!({ "code": "agent.refused", "detail": "no" });
    place.fake.json("PUT /api/Connections/7 #2", 400, &refused);
    let change = "conn::set_credentials(conn, \"app-1\", secret::generate()); agent::update(conn); agent::test_connection(conn);";
    let (end, code) = place.script(change).await;
    assert_eq!((code, &end["error"]["code"]), (Some(1), &json!("cloud.expired_secret")), "{end}");
    let hint = end["error"]["hint"].as_str().unwrap();
    let agent = format!("127.0.0.1:{}", place.fake.port);
    assert!(hint.contains(&format!("the agent {agent} still has the version 2 that was refused")), "{hint}");
    assert!(hint.contains("`libretto recover`"), "{hint}");
}

/// Every part of the cloud learns of a new secret by and by.
#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_secret_that_is_not_known_yet_is_tried_again() {
    let place = Place::new().await;
    place.fake.json("GET /api/Connections", 200, &json!([{ "ID": 7, "Domain": "contoso.example" }]));
    place.fake.json("PUT /api/Connections/7", 200, &json!(null));
    let unknown = json!({ "code": "cloud.wrong_secret", "detail": "wrong" });
    place.fake.json(&format!("POST {TEST} #1"), 424, &unknown);
    place.fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "tenant-1" }));
    let head = "const GRANTS = [\"agent:write\", \"connection:write\"];\nlet conn = conn::get(\"contoso\");\n";
    let change = "conn::set_credentials(conn, \"app-1\", secret::generate()); agent::update(conn); agent::test_connection(conn);";
    std::fs::write(place.program.folder_path().join("it.rhai"), format!("{head}{change}")).unwrap();
    let output = place.command("run ./it.rhai --json").await;
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    assert_eq!(place.shown().await["credential"], "version 2");
    let tests = place.fake.seen().iter().filter(|seen| seen.what == format!("POST {TEST}")).count();
    assert_eq!(tests, 4, "one that was refused, then three in a row");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_never_reaches_a_real_agent() {
    let place = Place::new().await;
    let body = format!(
        "const GRANTS = [\"connection:write\"];\nlet conn = conn::add(#{{ kind: \"msonline\", name: \"x\", domain: \"x.example\", \
         client_id: \"app-1\", agent: \"127.0.0.1:{}\" }});\nagent::test_connection(conn)\n",
        place.fake.port
    );
    std::fs::write(place.program.folder_path().join("it.rhai"), body).unwrap();
    let last = place.command("run ./it.rhai --lab --json").await.json_lines().pop().unwrap();
    assert_eq!(last["error"]["code"], "agent.no_lab_agent", "{last}");
    assert_eq!((place.fake.documents_read(), place.fake.seen().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_list_remove_and_invoke() {
    let place = Place::new().await;
    place.fake.json("GET /api/Connections", 200, &json!([{ "id": 7, "domain": "contoso.example" }]));
    place.fake.json("DELETE /api/Connections/7", 204, &json!(null));
    place.fake.json("POST /api/Echo", 200, &json!({ "a": 1 }));
    // only reads, so that nothing of it is told as a change
    place.fake.json("POST /api/Users/Find", 200, &json!({ "a": 2 }));
    let agent = format!("127.0.0.1:{}", place.fake.port);
    let (end, code) = place
        .script(
            "let status = agent::status(conn);
             if status.verdict != \"ok\" || status.document != \"AAD Remote Agent (Swagger 2.0)\" { throw status }
             if agent::list(conn).len() != 1 { throw \"list\" }
             if agent::invoke(conn, \"Echo/Echo\", #{ a: 1 }).body.a != 1 { throw \"invoke\" }
             if agent::invoke(conn, \"Users/Find\", #{ a: 1 }).body.a != 2 { throw \"find\" }
             if !agent::remove(conn) { throw \"remove\" }",
        )
        .await;
    let did = [
        format!("POST /api/Echo done by the agent {agent}"),
        format!("the agent {agent} has no copy of contoso any more"),
    ];
    assert_eq!((code, &end["changed"]), (Some(0), &json!(did)), "{end}");
    place.fake.json("GET /api/Connections", 200, &json!([]));
    let (end, code) = place.script("if agent::remove(conn) { throw \"it was there\" }").await;
    assert_eq!(code, Some(0), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_down_is_a_report_of_status_and_an_error_of_a_test() {
    let place = Place::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    place.command(&format!("connections edit contoso --agent 127.0.0.1:{port}")).await;
    let (end, code) =
        place.script("let it = agent::status(conn); if it.error.code != \"agent.unreachable\" { throw it }").await;
    assert_eq!(code, Some(0), "{end}");
    let (end, code) = place.script("agent::update(conn)").await;
    assert_eq!((code, &end["error"]["code"]), (Some(4), &json!("agent.unreachable")), "nothing was sent: {end}");
    let output = place.command("connections test contoso --json").await;
    let end = output.json_lines().pop().unwrap();
    assert_eq!((output.code, &end["counts"]), (Some(4), &json!({ "inconclusive": 1 })), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_both_kinds_are_tested_together() {
    let place = Place::new().await;
    place.fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "tenant-1" }));
    let output = place.command("connections test contoso --json").await;
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    place.fake.json(&format!("POST {TEST}"), 200, &json!({ "message": "no such thing" }));
    let output = place.command("connections test contoso").await;
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    assert!(output.stdout.contains("the agent answers 200 without an ID"), "{}", output.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_needs_its_grant() {
    let place = Place::new().await;
    std::fs::write(place.program.folder_path().join("it.rhai"), "agent::update(conn::get(\"contoso\"))").unwrap();
    let output = place.run(["run", "./it.rhai"].map(str::to_owned).to_vec()).await;
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert!(output.stderr.contains("agent:write"), "{}", output.stderr);
    assert!(place.fake.seen().is_empty());
}

#[tokio::test]
async fn an_app_without_its_secret_is_told_how_to_give_it() {
    let place = Place::new().await;
    let add = format!(
        "connections add msonline --name fabrikam --domain fabrikam.example --client-id app-2 --agent 127.0.0.1:{}",
        place.fake.port
    );
    place.command(&add).await;
    let (end, code) = place.script("agent::update(conn::get(\"fabrikam\"));").await;
    let told = json!(["connection.no_credential", "libretto connections edit fabrikam --secret env:NAME"]);
    assert_eq!((json!([end["error"]["code"], end["error"]["hint"]]), code), (told, Some(1)), "{end}");
}
