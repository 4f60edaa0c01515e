//! Killed in the middle, Libretto or a service, and run again: it converges, and nothing is there twice.

use serde_json::{Value, json};

use super::office::Office;
use crate::support::world::words;

const STEPS: [&str; 4] = [
    "Check the prerequisites",
    "Update the Remote Agent",
    "Test the connection through the Remote Agent",
    "Update Agent in WE",
];

fn whole() -> Value {
    json!({ "here": ["contoso.example"], "agent": [["contoso.example", 1]], "routes": ["contoso.example"] })
}

/// The event that a step begins.
fn begins(step: &str) -> String {
    format!("\"event\":\"step-started\",\"step\":\"{step}\"")
}

#[test]
fn libretto_killed_at_a_step_and_run_again() {
    let office = Office::new();
    for step in STEPS {
        let mut running = office.program().args(words(&office.add("contoso.example"))).start();
        running.await_output(&begins(step));
        running.signal("KILL");
        drop(running.finish());
    }
    let run = office.run(&office.add("contoso.example"));
    assert_eq!((run.code, office.held()), (Some(0), whole()), "{}", run.stdout);
    let versions = office.run("connections history contoso --json").ok().json_lines();
    assert_eq!(versions.len(), 1, "{versions:?}");
    office.run("run health_check").ok();
}

#[test]
fn the_agent_killed_at_a_step_and_run_again() {
    let mut office = Office::new();
    for step in &STEPS[1..3] {
        let mut running = office.program().args(words(&office.add("contoso.example"))).start();
        running.await_output(&begins(step));
        office.agent.kill();
        office.agent.start();
        let run = running.finish();
        assert!(matches!(run.code, Some(0 | 1 | 3 | 4)), "{}", run.stdout);
        let run = office.run(&office.add("contoso.example"));
        assert_eq!((run.code, office.held()), (Some(0), whole()), "{}", run.stdout);
        office.world.file("undo.rhai", "const GRANTS = [\"agent:write\", \"connection:write\", \"we:write\"];\nlet c = conn::get(\"contoso\");\nwe::remove_route(c); agent::remove(c); conn::remove(c);\n");
        office.run("run undo.rhai").ok();
        assert_eq!(office.held(), json!({ "here": [], "agent": [], "routes": [] }));
    }
}

#[test]
fn the_engine_killed_while_it_is_told_and_run_again() {
    let mut office = Office::new();
    let mut running = office.program().args(words(&office.add("contoso.example"))).start();
    running.await_output(&begins("Update Agent in WE"));
    office.engine.kill();
    let run = running.finish();
    assert!(matches!(run.code, Some(0 | 1 | 3 | 4)), "{}", run.stdout);
    office.engine.start();
    let run = office.run(&office.add("contoso.example"));
    assert_eq!((run.code, office.held()), (Some(0), whole()), "{}", run.stdout);
}
