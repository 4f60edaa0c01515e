//! The lab's Remote Agent and Workflow Engine, as scripts meet them, and what `--fault` does to them.

use serde_json::{Value, json};

use crate::support::world::World;

/// What of an event tells how an operation went: its text, or the error's code and verdict.
fn told(world: &World, body: &str, faults: &str) -> (Option<i32>, Value) {
    world.file("it.rhai", &format!("const GRANTS = [\"agent:write\", \"we:write\"];\n{body}\n"));
    let output = world.run(&format!("run it.rhai --lab --json {faults}"));
    let last = output.json_lines().pop().unwrap();
    (output.code, last)
}

const TEST: &str = r#"agent::test_connection(conn::get("contoso"))"#;
const UPDATE: &str = r#"agent::update(conn::get("contoso"))"#;
const ROUTE: &str = r#"we::update_agent(conn::get("fabrikam"))"#;

#[test]
fn connections_agent_and_engine_are_there() {
    let world = World::new();
    let body = r#"
        let all = conn::list(#{ kind: "msonline" }).map(|conn| `${conn.name} ${conn.domain} ${conn.ad} ${conn.app_home}`);
        if all != ["contoso contoso.example lab-ad contoso", "fabrikam fabrikam.example lab-ad contoso"] { throw all }
        for conn in conn::list(#{ kind: "msonline" }) { agent::update(conn); we::update_agent(conn); agent::test_connection(conn); }
        if agent::list(conn::get("contoso")).len() != 2 { throw "list" }
        if !we::drift().is_empty() { throw "drift" }"#;
    let (code, last) = told(&world, body, "");
    assert_eq!((code, last["changed"].as_array().unwrap().len()), (Some(0), 4), "{last}");
    // Each lab is a new one.
    let (_, last) = told(&world, "if we::routes().some(|route| route.written_by != \"lab\") { throw \"old\" }", "");
    assert_eq!(last["verdict"], "ok", "{last}");
}

#[test]
fn services_that_are_down_or_have_other_tokens() {
    let world = World::new();
    let code = |body: &str, faults: &str| {
        let (code, last) = told(&world, body, faults);
        json!([code, last["error"]["code"]])
    };
    assert_eq!(code(TEST, "--fault agent=down"), json!([4, "agent.unreachable"]));
    assert_eq!(code(TEST, "--fault agent=wrong-token"), json!([1, "agent.wrong_token"]));
    assert_eq!(code("we::routes()", "--fault workflow=down"), json!([4, "workflow.unreachable"]));
    assert_eq!(code("we::routes()", "--fault workflow=wrong-token"), json!([1, "workflow.wrong_token"]));
    assert_eq!(code(ROUTE, "--fault agent=down"), json!([4, "agent.unreachable"]));
    assert_eq!(code(TEST, "--fault workflow=down --fault agent=down"), json!([4, "agent.unreachable"]));
    assert_eq!(code(TEST, "--fault cloud=expired-secret"), json!([1, "cloud.expired_secret"]));
    assert_eq!(code(TEST, "--fault cloud=429"), json!([0, null]));
}

/// The write was done: who asks again finds it.
#[test]
fn a_crash_before_the_reply_leaves_the_write_done_and_in_doubt() {
    let world = World::new();
    let (code, last) = told(&world, UPDATE, "--fault agent=crash-before-reply");
    assert_eq!((code, &last["verdict"]), (Some(3), &json!("in-doubt")), "{last}");
    let (code, last) = told(&world, UPDATE, "--fault agent=crash-before-reply:100ms");
    assert_eq!((code, &last["verdict"]), (Some(0), &json!("ok")), "{last}");
    let (code, last) = told(&world, ROUTE, "--fault workflow=crash-before-reply:100ms");
    assert_eq!((code, &last["verdict"]), (Some(0), &json!("ok")), "{last}");
    let (code, last) = told(&world, ROUTE, "--fault workflow=crash-before-reply");
    assert_eq!((code, &last["verdict"]), (Some(3), &json!("in-doubt")), "{last}");
}

#[test]
fn the_ports_of_the_services_follow_those_of_the_others() {
    for base in (42_000..60_000).step_by(97) {
        let world = World::new();
        let mut lab = world.program().args(["lab", "--json", "--port-base", &base.to_string()]).start();
        lab.await_output("\n");
        let said = lab.said();
        let Some(line) = said.lines().next().and_then(|line| serde_json::from_str::<Value>(line).ok()) else {
            continue;
        };
        if line["event"] != "lab-started" {
            continue;
        }
        assert_eq!(line["agent"]["address"], format!("127.0.0.1:{}", base + 7));
        assert_eq!(line["workflow"]["url"], format!("https://127.0.0.1:{}", base + 8));
        lab.signal("TERM");
        lab.finish().ok();
        return;
    }
    panic!("no nine ports are free");
}
