//! The engine under whatever its own document allows and forbids.

use super::engine::{Engine, route_to};
use crate::{agent::served::Served, support::fuzz::fuzz};

#[test]
fn whatever_is_sent_no_answer_is_a_fault_or_holds_a_secret() {
    let (engine, agent) = (Engine::new(), Served::new());
    engine.put("contoso", &route_to(&agent));
    fuzz(&engine.0, &[&agent.token]);
    assert_eq!(engine.0.get("/api/Workflow/Status").json()["status"], "up");
}
