//! Actions: through the engine to the agent that the route names, and what goes wrong on the way.

use std::{net::TcpListener, thread};

use serde_json::{Value, json};

use super::engine::{Engine, closed_port, route_to};
use crate::{agent::served::Served, support::world::World};

#[test]
fn an_action_is_done_by_the_agent_and_its_answer_comes_back() {
    let (engine, agent) = (Engine::new(), Served::new());
    engine.put("contoso", &route_to(&agent));
    let reply = engine.act("CONTOSO", "Agent_Status", &Value::Null);
    assert_eq!(reply.status, 200, "{reply:?}");
    let done = reply.json();
    assert_eq!(
        json!([done["connection"], done["agent"], done["operation"], done["status"], done["verdict"]]),
        json!(["contoso", agent.address, "GET /api/Agent/Status", 200, "ok"])
    );
    assert_eq!(json!([done["answer"]["status"], done["answer"]["connections"]]), json!(["up", 0]));
    let new = json!({ "domain": "contoso.example", "clientId": "app-1", "clientSecret": "a-first-secret" });
    let added = engine.act("contoso", "Connections/Add", &new).json();
    assert_eq!(added["answer"], agent.get("/api/Connections/Get?domain=contoso.example").json());
    // without a body the domain stands in for it
    let deleted = engine.act("contoso", "POST /api/Connections/Delete", &Value::Null).json();
    assert_eq!(deleted["answer"], json!({ "deleted": "contoso.example" }));
}

#[test]
fn what_goes_wrong_is_told_apart() {
    let (engine, agent) = (Engine::new(), Served::new());
    let said = |connection: &str, operation: &str| {
        let reply = engine.act(connection, operation, &Value::Null);
        let (problem, body) = (reply.problem(), reply.json());
        (problem.0, problem.1, body["verdict"].as_str().unwrap().to_owned(), body)
    };
    let unknown = said("contoso", "Agent_Status");
    assert_eq!((unknown.0, unknown.1.as_str(), unknown.2.as_str()), (404, "workflow.unknown_route", "failed"));
    let mut route = route_to(&agent);
    route["port"] = closed_port().into();
    engine.put("down", &route);
    let down = said("down", "Agent_Status");
    assert_eq!((down.0, down.1.as_str(), down.2.as_str()), (424, "agent.unreachable", "inconclusive"));
    assert_eq!(down.3["facts"]["connection"], "down");
    let mut route = route_to(&agent);
    route["token"] = "another-token".into();
    engine.put("refused", &route);
    let refused = said("refused", "Agent_Status");
    assert_eq!((refused.0, refused.1.as_str(), refused.2.as_str()), (424, "agent.wrong_token", "failed"));
    assert!(refused.3["remedy"].as_str().unwrap().contains("`we::update_agent`"), "{}", refused.3);
    route.as_object_mut().unwrap().shift_remove("token");
    engine.put("without", &route);
    assert_eq!(said("without", "Agent_Status").1, "agent.no_token");
    // what the agent itself has against it
    engine.put("contoso", &route_to(&agent));
    let own = said("contoso", "Connections_TestConnection");
    assert_eq!((own.0, own.1.as_str(), own.2.as_str()), (424, "agent.unknown_domain", "failed"));
    assert_eq!(own.3["detail"], "the agent holds no connection for contoso.example");
    assert_eq!(json!([own.3["facts"]["status"], own.3["facts"]["agent"]]), json!(["404", agent.address]));
    assert_eq!(said("contoso", "Agent_Sing").1, "agent.no_operation");
}

#[test]
fn an_agent_that_was_started_again_is_acted_through_at_once() {
    let (engine, agent) = (Engine::new(), Served::new());
    engine.put("contoso", &route_to(&agent));
    assert_eq!(engine.act("contoso", "Agent_Status", &Value::Null).status, 200);
    let address = agent.address.clone();
    let (world, _) = agent.stop();
    assert_eq!(engine.act("contoso", "Agent_Status", &Value::Null).problem().1, "agent.unreachable");
    let _agent = Served::with(world, &["--listen", &address]);
    assert_eq!(engine.act("contoso", "Agent_Status", &Value::Null).status, 200);
}

#[test]
fn an_agent_that_hangs_does_not_hold_up_the_others() {
    let world = World::new();
    world.file("home/config.toml", "[service]\nat_once = 4\nanswer_seconds = 20\nstop_seconds = 1\n");
    let (engine, agent) = (Engine::with(world, &[]), Served::new());
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut route = route_to(&agent);
    route["port"] = hanging.local_addr().unwrap().port().into();
    engine.put("hanging", &route);
    engine.put("contoso", &route_to(&agent));
    thread::scope(|scope| {
        let first = scope.spawn(|| engine.act("hanging", "Agent_Status", &Value::Null));
        // the first has the one place that this agent is given from here on
        let held = hanging.accept().unwrap();
        let second = engine.act("hanging", "Agent_Status", &Value::Null);
        assert_eq!(second.problem(), (503, "workflow.agent_busy".to_owned()));
        assert_eq!(second.header("retry-after"), Some("1"));
        assert_eq!(engine.act("contoso", "Agent_Status", &Value::Null).status, 200);
        drop((held, hanging));
        assert_eq!(first.join().unwrap().problem().0, 424);
    });
}
