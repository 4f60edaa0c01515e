//! The Workflow Engine's answer to a route is lost, in a run that lives on.

use serde_json::{Value, json};

use super::{
    super::told,
    left::{self, before_the_engine},
};
use crate::support::lossy::Loss;

#[test]
fn a_route_whose_answer_is_lost_is_looked_at_by_the_run_itself() {
    let office = left::with_contoso();
    let (lossy, _runtime) = before_the_engine(&office);
    let in_doubt = || left::left(&office) == json!([["contoso", "route", null, false]]);
    let cases = [
        // The route is there, whatever the answers are like.
        (Loss::After, 0, "changed: route of contoso in the Workflow Engine written", true),
        (
            Loss::Before,
            3,
            "in_doubt: nobody knows whether this was done: route of contoso in the Workflow Engine written",
            false,
        ),
    ];
    for (loss, code, sentence, is_there) in cases {
        office.run("run unrouted.rhai").ok();
        lossy.lose("PUT", loss);
        let run = office.run("run route.rhai --json");
        assert_eq!(run.code, Some(code), "{loss:?}: {}", run.stdout);
        assert!(told(&run).iter().any(|line| line == sentence), "{:?}", told(&run));
        assert_eq!(office.held()["routes"], if is_there { json!(["contoso.example"]) } else { json!([]) });
        assert_eq!(in_doubt(), !is_there);
    }
    // Actions that do not only read: what an engine may have done is in doubt, and what it has never had is not done again.
    lossy.lose("PUT", Loss::None);
    office.run("recover").ok();
    office.world.file(
        "act.rhai",
        "const GRANTS = [\"agent:write\", \"we:write\"];\nwe::act(conn::get(\"contoso\"), \"Connections_Delete\");\n",
    );
    lossy.lose("POST", Loss::After);
    let run = office.run("run act.rhai --json");
    let error = run.json_lines().pop().unwrap()["error"].clone();
    assert_eq!((run.code, &error["verdict"]), (Some(3), &Value::from("in-doubt")), "{error}");
}
