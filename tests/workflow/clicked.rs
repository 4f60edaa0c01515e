//! The engine's Swagger page in a real browser.

use serde_json::{Value, json};

use super::engine::{Engine, route_to};
use crate::{
    agent::{
        clicked::{authorize, execute, try_out},
        served::Served,
    },
    support::{browser::Browser, canary::canary},
};

const ACT: &str = "#operations-Actions-Actions_Act";

#[test]
fn an_action_is_sent_on_the_page() {
    let (engine, agent) = (Engine::new(), Served::new());
    engine.put("contoso", &route_to(&agent));
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/swagger", engine.0.address));
    authorize(&mut browser, &engine.0.token);
    let action = json!({ "connection": "contoso", "operation": "Agent_Status" });
    try_out(&mut browser, ACT);
    let answer = execute(&mut browser, ACT, &action, "200");
    assert_eq!(json!([answer["verdict"], answer["answer"]["status"]]), json!(["ok", "up"]));
    for token in [&engine.0.token, &agent.token] {
        canary(token).assert_absent("what is seen", browser.visible());
        canary(token).assert_absent("the page", browser.kept());
    }
    assert_eq!(browser.complaints(), Vec::<&Value>::new());
}
