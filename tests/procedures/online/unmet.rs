//! Nothing is added while a prerequisite is not met, whatever ends the run.

use serde_json::json;

use super::{super::told, office::Office};
use crate::support::world::words;

#[test]
fn an_unmet_prerequisite_leaves_nothing_also_where_what_fails_is_kept() {
    let office = Office::new();
    let nothing = json!({ "here": [], "agent": [], "routes": [] });
    for more in ["", " on_failure=keep"] {
        let run = office.run(&format!("{}{more}", office.add("nowhere.example")));
        assert_eq!((run.code, office.held()), (Some(1), nothing.clone()), "{}", run.stdout);
        let all = told(&run);
        assert!(!all.iter().any(|line| line.starts_with("changed: ")), "{all:?}");
        assert!(all.contains(
            &"unchanged: connection nowhere not added: it was removed again, and nothing is left of it".to_owned()
        ));
    }
    office.world.file("tenants.csv", "domain\nnowhere.example\ncontoso.example\n");
    let list = office.add("x").replace("domain=x", "domains=tenants.csv");
    let run = office.run(&format!("{list} on_failure=keep"));
    assert_eq!(office.held()["here"], json!(["contoso.example"]), "{}", run.stdout);
}

#[test]
fn killed_while_the_prerequisites_are_checked_it_leaves_nothing() {
    let office = Office::new();
    office.agent.signal("STOP");
    let mut running = office.program().args(words(&office.add("contoso.example"))).start();
    running.await_output("\"event\":\"step-started\",\"step\":\"Check the prerequisites\"");
    // It is there as long as the run is, for nobody else to take the name.
    let there = || office.run("connections list kind:msonline --json").ok().json_lines().len();
    assert_eq!(there(), 1);
    running.signal("KILL");
    drop(running.finish());
    assert_eq!(there(), 0);
    // Nor does another command take it from a run that goes on.
    let mut running = office.program().args(words(&office.add("contoso.example"))).start();
    running.await_output("\"event\":\"step-started\",\"step\":\"Check the prerequisites\"");
    assert_eq!(there(), 1);
    office.agent.signal("CONT");
    let run = running.finish();
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    let whole =
        json!({ "here": ["contoso.example"], "agent": [["contoso.example", 1]], "routes": ["contoso.example"] });
    assert_eq!(office.held(), whole);
}
