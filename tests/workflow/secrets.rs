//! Secrets go in and never come out: tokens of agents, and what actions carry.

use serde_json::{Value, json};

use super::engine::{Engine, closed_port, route_to};
use crate::{agent::served::Served, support::canary::canary};

#[test]
fn no_secret_is_in_any_answer_log_or_file() {
    let (engine, agent) = (Engine::new(), Served::new());
    let secret = |name: &str| format!("Canary/{name}+\"{}\"&<e>", uuid::Uuid::new_v4().simple());
    let (token, client, misplaced) = (secret("token"), secret("client"), secret("misplaced"));
    let mut wrong = route_to(&agent);
    wrong["token"] = token.as_str().into();
    let mut down = wrong.clone();
    down["port"] = closed_port().into();
    let new = json!({ "domain": "contoso.example", "clientId": "app-1", "clientSecret": client });
    let said = [
        engine.put("contoso", &route_to(&agent)),
        engine.put("wrong", &wrong),
        engine.put("down", &down),
        engine.act("contoso", "Connections_Add", &new),
        engine.act("contoso", "Connections_Add", &new),
        engine.act("contoso", "Connections_Delete", &json!({ "clientSecret": misplaced })),
        engine.act("wrong", "Connections_Add", &new),
        engine.act("down", "Connections_Add", &new),
        engine.act(
            "contoso",
            "Connections_Add",
            &json!({ "domain": "a.example", "clientId": "a", "clientSecret": [misplaced] }),
        ),
        engine.put("contoso2", &json!({ "domain": misplaced, "host": "a" })),
        engine.put("contoso3", &json!({ "domain": "a.example", "host": misplaced })),
        engine.put("contoso4", &json!({ "domain": "a.example", "host": "a", (misplaced.as_str()): 1 })),
        engine.act("contoso", "Agent_Status", &Value::Null),
        engine.0.get("/api/Routes"),
        engine.0.get("/api/Routes/contoso"),
        engine.0.open("/openapi.json"),
    ];
    assert!(said.iter().all(|reply| reply.status < 500), "{said:?}");
    let (own, agents) = (engine.0.token.clone(), agent.token.clone());
    let (world, ended) = engine.0.stop();
    assert!(ended.stderr.contains("POST /api/Actions 200"), "{}", ended.stderr);
    for secret in [token, client, misplaced, own, agents] {
        let canary = canary(&secret);
        for reply in &said {
            canary.assert_absent("an answer", format!("{reply:?}"));
            canary.assert_absent("an answer's body", &reply.body);
        }
        canary.assert_absent("standard output", &ended.stdout);
        canary.assert_absent("standard error", &ended.stderr);
        canary.assert_absent_below(&world.home());
    }
}
