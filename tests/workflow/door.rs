//! Who may come in, and what the engine says of itself.

use serde_json::json;

use super::engine::Engine;
use crate::agent::served::{request, token_of};

#[test]
fn nothing_but_the_pages_is_to_be_had_without_the_token() {
    let engine = Engine::new();
    let document = engine.0.open("/openapi.json").json();
    let mut ids = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let reply = engine.0.say(&request(&method.to_uppercase(), path, &[], ""));
            assert_eq!(reply.problem(), (401, "service.no_token".to_owned()), "{method} {path}");
            ids.push(operation["operationId"].as_str().unwrap());
        }
    }
    ids.sort_unstable();
    let expected = [
        "Actions_Act",
        "Routes_Compare",
        "Routes_Delete",
        "Routes_Get",
        "Routes_List",
        "Routes_Put",
        "Workflow_Status",
    ];
    assert_eq!(ids, expected);
    let wrong = engine.0.say(&request("GET", "/api/Routes", &[("Authorization", "Bearer something-else")], ""));
    assert_eq!(wrong.problem(), (401, "service.wrong_token".to_owned()));
    assert!(engine.0.open("/swagger").body.contains("<title>Workflow Engine</title>"));
    assert!(engine.0.open("/").body.contains("<h1>Libretto Workflow Engine</h1>"));
}

#[test]
fn its_token_is_its_own_and_another_takes_its_place() {
    let engine = Engine::new();
    assert_ne!(token_of("agent", &engine.0.world, &[]), engine.0.token);
    let other = token_of("workflow", &engine.0.world, &["--new"]);
    assert_ne!(other, engine.0.token);
    let (world, ended) = engine.0.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.json_lines().pop().unwrap(), json!({ "event": "workflow-stopped", "cut_off": 0 }));
    assert_eq!(Engine::with(world, &[]).0.token, other);
}

#[test]
fn answers_are_as_the_document_says() {
    let engine = Engine::new();
    let document = engine.0.open("/openapi.json").json();
    let fits = |schema: &str, answer: &serde_json::Value| {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}"), "components": document["components"] });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(answer).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{answer}: {errors:?}");
    };
    let route = json!({ "domain": "contoso.example", "host": "127.0.0.1", "port": 1, "token": "hush-hush" });
    fits("RouteReq", &route);
    fits("Held", &engine.put("contoso", &route).json());
    fits("Compared", &engine.compare("contoso", &route));
    fits("Compared", &engine.compare("fabrikam", &route));
    fits("Problem", &engine.act("fabrikam", "Agent_Status", &json!(null)).json());
    fits("Status", &engine.0.get("/api/Workflow/Status").json());
}
