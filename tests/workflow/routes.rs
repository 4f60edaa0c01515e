//! Routes: written whole, shown without their tokens, compared, removed.

use serde_json::{Value, json};

use super::engine::Engine;

fn route() -> Value {
    json!({ "domain": "Contoso.Example", "host": "Agent1.Corp.Example", "token": "the-agents-token", "writtenBy": "alice" })
}

/// What of a route is the same each time.
fn facts(held: &Value) -> Value {
    let mut held = held.clone();
    held.as_object_mut().unwrap().shift_remove("writtenAt").unwrap();
    held
}

fn contoso() -> Value {
    json!({ "connection": "contoso", "domain": "contoso.example", "host": "agent1.corp.example", "port": 40002, "ca": null,
        "hasToken": true, "writtenBy": "alice" })
}

#[test]
fn a_route_is_written_shown_listed_and_removed() {
    let engine = Engine::new();
    let put = engine.put("contoso", &route());
    assert_eq!((put.status, facts(&put.json())), (200, contoso()));
    assert_eq!(engine.0.get("/api/Routes/CONTOSO").json(), put.json());
    // another one in its place takes nothing over, its token least of all
    let other = json!({ "domain": "contoso.example", "host": "fd00::5", "port": 41000 });
    let held = engine.put("Contoso", &other).json();
    let expected = json!({ "connection": "Contoso", "domain": "contoso.example", "host": "fd00::5", "port": 41000, "ca": null,
        "hasToken": false, "writtenBy": "unknown" });
    assert_eq!(facts(&held), expected);
    let b = engine.put("b%C3%BCro", &route()).json();
    assert_eq!(engine.0.get("/api/Routes").json(), json!([b, held]));
    assert_eq!(engine.0.get("/api/Workflow/Status").json()["routes"], 2);
    let (world, _) = engine.0.stop();
    let engine = Engine::with(world, &[]);
    assert_eq!(engine.delete("contoso").json(), held);
    for gone in [engine.delete("contoso"), engine.0.get("/api/Routes/contoso")] {
        assert_eq!(gone.problem(), (404, "workflow.unknown_route".to_owned()));
    }
    let slip = engine.0.get("/api/Routes/b%C3%BCrro");
    assert_eq!(slip.json()["remedy"], "did you mean büro?");
    assert_eq!(engine.0.get("/api/Routes").json(), json!([b]));
}

#[test]
fn what_differs_is_told_by_name_and_never_shown() {
    let engine = Engine::new();
    assert_eq!(engine.compare("contoso", &route()), json!({ "route": null, "differs": [] }));
    let held = engine.put("contoso", &route()).json();
    assert_eq!(engine.compare("contoso", &route()), json!({ "route": held, "differs": [] }));
    let other = json!({ "domain": "fabrikam.example", "host": "agent2", "port": 1, "token": "the-agents-tokem" });
    assert_eq!(engine.compare("contoso", &other)["differs"], json!(["domain", "host", "port", "token"]));
    let without = json!({ "domain": "contoso.example", "host": "agent1.corp.example" });
    assert_eq!(engine.compare("contoso", &without)["differs"], json!(["token"]));
    assert_eq!(engine.0.get("/api/Routes/contoso").json(), held);
}

#[test]
fn what_is_not_as_it_must_be_is_refused_by_its_members_name() {
    let engine = Engine::new();
    let cases = [
        (json!({ "host": "a" }), "domain is missing"),
        (json!({ "domain": "a.example" }), "host is missing"),
        (json!({ "domain": "a b", "host": "a" }), "the domain is not a DNS name"),
        (json!({ "domain": "a.example", "host": "a:1" }), "host is not a host name or address"),
        (json!({ "domain": "a.example", "host": "http://a" }), "host is not a host name or address"),
        (json!({ "domain": "a.example", "host": "a", "port": "x" }), "port must be a number"),
        (json!({ "domain": "a.example", "host": "a", "port": 65536 }), "port must be a number from 1 to 65535"),
        (json!({ "domain": "a.example", "host": "a", "ca": "hush" }), "ca holds no certificate that can be read"),
        (json!({ "domain": "a.example", "host": "a", "writtenBy": "a\nb" }), "writtenBy cannot be a name"),
        (
            json!({ "domain": "a.example", "host": "a", "Token": "hush" }),
            "the body has a member that the operation does not know",
        ),
    ];
    for (body, expected) in cases {
        let reply = engine.put("contoso", &body);
        assert_eq!(reply.problem(), (400, "service.bad_body".to_owned()), "{body}");
        assert_eq!(reply.json()["detail"], expected, "{body}");
    }
    assert_eq!(engine.put("a%20b", &route()).problem(), (400, "service.bad_body".to_owned()));
    assert_eq!(
        engine.put("a", &json!({ "domain": "a.example", "host": "a", "token": "abc" })).problem().1,
        "service.bad_body"
    );
    let unnamed = engine.0.post("/api/Actions", r#"{"connection":"a"}"#);
    assert_eq!(unnamed.problem(), (400, "service.bad_body".to_owned()));
    assert_eq!(engine.0.get("/api/Routes").json(), json!([]));
}

#[test]
fn who_wrote_a_route_is_in_the_audit_trail() {
    let engine = Engine::new();
    engine.put("contoso", &route());
    engine.delete("contoso");
    let (world, _) = engine.0.stop();
    let home = world.home().join("workflow");
    let exported = world.program().home(&home).args(["audit", "export"]).run().ok().stdout;
    let acts: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<Value> = acts.iter().map(|act| json!([act["what"], act["connection"], act["data"]])).collect();
    let data = json!({ "agent": "agent1.corp.example:40002", "token": true, "written_by": "alice" });
    assert_eq!(told, [json!(["route-written", "contoso", data]), json!(["route-removed", "contoso", {}])]);
}
