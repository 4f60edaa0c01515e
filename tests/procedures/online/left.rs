//! Cut short between a write at an agent or the engine and its proof: `libretto recover` knows, and settles it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::office::Office;
use crate::support::{
    lossy::{Loss, Lossy},
    program::Running,
    world::words,
};

/// What the Remote Agent answers to a test of contoso's copy.
fn code(office: &Office) -> Option<i32> {
    office.run("run tested.rhai").code
}

/// Connection, kind, version, and whether the run goes on, of what is not settled.
pub fn left(office: &Office) -> Value {
    let events = office.run("run left.rhai --json").ok().json_lines();
    let all = events.iter().find_map(|event| event["text"].as_str()?.strip_prefix("left ")).unwrap();
    serde_json::from_str::<Value>(all).unwrap()["all"].take()
}

/// An office with contoso's connection, proven, and what these tests run in it.
pub fn with_contoso() -> Office {
    let office = Office::new();
    office.run(&office.add("contoso.example")).ok();
    office
        .world
        .file("tested.rhai", "agent::test_connection(conn::get(\"contoso\"));")
        .file(
            "left.rhai",
            "print(`left ${#{ all: agent::unsettled().map(|one| [one.connection, one.what, one.version, one.alive]) }.to_json()}`);",
        )
        .file(
            "candidate.rhai",
            "const PARAMS = #{ secret: #{ type: \"secret\" } };\nconst GRANTS = [\"agent:write\", \"connection:write\"];\n\
             let c = conn::get(\"contoso\");\nagent::status(c);\nconn::set_credentials(c, c.username, args::secret);\n\
             step(\"Wait\", || while !(\"go\" in conn::list().map(|one| one.name)) { sleep(0.05) });\nagent::update(c);\n\
             step(\"Stay\", || loop { sleep(0.05) });\n",
        )
        .file(
            "route.rhai",
            "const GRANTS = [\"we:write\"];\nwe::update_agent(conn::get(\"contoso\"));\n",
        )
        .file("unrouted.rhai", "const GRANTS = [\"we:write\"];\nwe::remove_route(conn::get(\"contoso\"));\n")
        .file(
            "removed.rhai",
            "const GRANTS = [\"agent:write\"];\nlet c = conn::get(\"contoso\");\nagent::status(c);\n\
             step(\"Wait\", || while !(\"go\" in conn::list().map(|one| one.name)) { sleep(0.05) });\nagent::remove(c);\n",
        );
    office
}

/// Puts somebody who loses things between the connections' home and the engine.
pub fn before_the_engine(office: &Office) -> (Lossy, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let lossy = runtime.block_on(Lossy::before(&office.engine.address));
    let config = std::fs::read_to_string(office.world.home().join("config.toml")).unwrap();
    let url = format!("127.0.0.1:{}", lossy.port);
    office.world.file("home/config.toml", &config.replace(&office.engine.address, &url));
    (lossy, runtime)
}

/// Waits for what is left.
fn until(office: &Office, wanted: &Value) {
    let begun = Instant::now();
    while left(office) != *wanted {
        assert!(begun.elapsed() < Duration::from_mins(1), "{} and not {wanted}", left(office));
    }
}

/// Lets the scripts go on that wait for it.
fn go(office: &Office) {
    office.run("connections add ad --name go --domain go.example --username u --password env:AGENT_TOKEN --target dc.go.example").ok();
}

fn candidate(office: &Office, secret: &str) -> Running {
    office.program().env("NEXT", secret).args(words("run candidate.rhai secret=env:NEXT --json")).start()
}

fn kill(running: Running) {
    running.signal("KILL");
    drop(running.finish());
}

/// Everything is as it was: the stored version is current, the agent signs in, and nothing is left.
fn is_whole(office: &Office) {
    assert_eq!((left(office), code(office)), (json!([]), Some(0)));
    let recovered = office.run("recover").ok();
    assert!(recovered.stdout.contains("nothing to recover"), "{}", recovered.stdout);
    assert!(!office.run("connections list").ok().stderr.contains("libretto recover"));
    let versions = office.run("connections history contoso --json").ok().json_lines();
    let current: Vec<&Value> =
        versions.iter().filter(|one| one["state"] == "current").map(|one| &one["version"]).collect();
    assert_eq!(current, [&json!(1)], "{versions:?}");
    office.run("run reset_msonline_creds connection=contoso").ok();
}

#[test]
fn a_candidate_that_the_agent_has_when_the_program_is_killed_is_taken_back() {
    let office = with_contoso();
    go(&office);
    let mut running = candidate(&office, "No-Such-Secret-1!");
    running.await_output("\"event\":\"step-started\",\"step\":\"Stay\"");
    assert_eq!(left(&office), json!([["contoso", "copy", 2, true]]));
    // nothing is done beneath a run that goes on
    let recovered = office.run("recover").ok();
    assert!(recovered.stdout.contains("works at it") && recovered.stdout.lines().count() < 8, "{}", recovered.stdout);
    kill(running);
    assert_eq!((left(&office), code(&office)), (json!([["contoso", "copy", 2, false]]), Some(1)));
    let said = office.run("connections list").ok().stderr;
    assert_eq!(said, "1 change at an agent or the Workflow Engine is not settled: `libretto recover` settles it\n");
    let recovered = office.run("recover").ok();
    for told in [
        "has version 2, which nothing has proven",
        "has version 1 now, which is current",
        "with version 1 of its credential again",
    ] {
        assert!(recovered.stdout.contains(told), "{told}: {}", recovered.stdout);
    }
    is_whole(&office);
}

#[test]
fn a_copy_whose_write_has_no_answer_is_given_again() {
    let office = with_contoso();
    let mut running = candidate(&office, "No-Such-Secret-1!");
    running.await_output("\"event\":\"step-started\",\"step\":\"Wait\"");
    office.agent.signal("STOP");
    go(&office);
    until(&office, &json!([["contoso", "copy", 2, true]]));
    kill(running);
    assert_eq!(left(&office), json!([["contoso", "copy", 2, false]]));
    office.agent.signal("CONT");
    let recovered = office.run("recover").ok();
    assert!(
        recovered.stdout.contains("was given version 2, and what became of that is not known"),
        "{}",
        recovered.stdout
    );
    is_whole(&office);
}

#[test]
fn a_recovery_that_does_not_reach_the_agent_is_done_again() {
    let mut office = with_contoso();
    go(&office);
    let mut running = candidate(&office, "No-Such-Secret-1!");
    running.await_output("\"event\":\"step-started\",\"step\":\"Stay\"");
    kill(running);
    office.agent.kill();
    assert_ne!(office.run("recover").code, Some(0));
    assert_eq!(left(&office), json!([["contoso", "copy", 2, false]]));
    office.agent.start();
    office.run("recover").ok();
    is_whole(&office);
}

#[test]
fn a_procedure_killed_while_it_tests_through_the_agent() {
    let office = with_contoso();
    let reset = words("run reset_msonline_creds connection=contoso secret=env:NEXT from_here=false --wait 120s --json");
    let mut running = office.program().env("NEXT", "No-Such-Secret-1!").args(reset).start();
    running.await_output("\"event\":\"step-started\",\"step\":\"Test AAD Connection\"");
    kill(running);
    assert_eq!(left(&office), json!([["contoso", "copy", 2, false]]));
    office.run("recover").ok();
    is_whole(&office);
}

#[test]
fn a_procedure_interrupted_twice_while_it_tests_through_the_agent() {
    let office = with_contoso();
    let reset = words("run reset_msonline_creds connection=contoso secret=env:NEXT from_here=false --wait 120s --json");
    let mut running = office.program().env("NEXT", "No-Such-Secret-1!").args(reset).start();
    running.await_output("\"event\":\"step-started\",\"step\":\"Test AAD Connection\"");
    running.signal("INT");
    running.signal("INT");
    assert_eq!(running.finish().code, Some(130));
    // Given back on the way, or left.
    office.run("recover").ok();
    is_whole(&office);
}

#[test]
fn a_removal_whose_answer_is_not_known_is_looked_at() {
    let office = with_contoso();
    let mut running = office.program().args(words("run removed.rhai --json")).start();
    running.await_output("\"event\":\"step-started\",\"step\":\"Wait\"");
    office.agent.signal("STOP");
    go(&office);
    until(&office, &json!([["contoso", "copy", null, true]]));
    kill(running);
    office.agent.signal("CONT");
    let recovered = office.run("recover").ok();
    let has = recovered.stdout.contains(": it has a copy still");
    assert_ne!(has, recovered.stdout.contains(": it has no copy"), "{}", recovered.stdout);
    assert_eq!((left(&office), code(&office)), (json!([]), Some(i32::from(!has))));
}

#[test]
fn a_route_whose_write_has_no_answer_is_looked_at() {
    let office = with_contoso();
    let (lossy, _runtime) = before_the_engine(&office);
    let cases = [
        ("route.rhai", "PUT", Loss::HangBefore, "it holds the route to 127.0.0.1:"),
        ("route.rhai", "PUT", Loss::HangAfter, "the Workflow Engine: it holds the route\n"),
        ("unrouted.rhai", "DELETE", Loss::HangBefore, "it holds a route to 127.0.0.1:"),
        ("unrouted.rhai", "DELETE", Loss::HangAfter, "it holds no route\n"),
    ];
    for (script, method, loss, told) in cases {
        if method == "PUT" {
            office.run("run unrouted.rhai").ok();
        }
        lossy.lose(method, loss);
        let running = office.program().args(["run", script, "--json"]).start();
        until(&office, &json!([["contoso", "route", null, true]]));
        kill(running);
        lossy.lose("PUT", Loss::None);
        let recovered = office.run("recover").ok();
        assert!(recovered.stdout.contains(told), "{told}: {}", recovered.stdout);
        assert_eq!(left(&office), json!([]));
    }
}
