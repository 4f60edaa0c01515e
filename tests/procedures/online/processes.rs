//! Both articles, step by step, on services that are processes of their own.

use libretto::{
    cloud::{Cloud, Freshness, Options, Proof, SignIn},
    secret::Secret,
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{
    super::told,
    office::{Office, text},
};
use crate::support::{
    canary::canary,
    world::{World, words},
};

/// A new secret of the app, as an administrator makes it in its home tenant.
async fn new_secret(office: &Office) -> String {
    let (said, ca) = (&office.lab["cloud"], std::fs::read_to_string(text(&office.lab["ca"])).unwrap());
    let login = text(&said["login"]).parse().unwrap();
    let cloud = Cloud::new(Options { login: Some(login), ca_pem: Some(ca.into()), ..Options::default() }).unwrap();
    let tenant = cloud.discover("contoso.example").await.unwrap();
    let app = text(&said["clientId"]);
    let present = std::fs::read_to_string(text(&said["secret"]).trim_start_matches("file:")).unwrap();
    let proof = Proof::ClientSecret(Secret::new(present).unwrap());
    let sign_in = SignIn { tenant, app: app.clone(), proof, version: None };
    let graph = cloud.sign_in(&sign_in, Freshness::Fresh).await.unwrap();
    let object = graph.application(&app).await.unwrap().id;
    let ends = OffsetDateTime::now_utc() + Duration::days(90);
    graph.add_secret(&object, "by hand", ends).await.unwrap().1.expose().to_owned()
}

#[test]
fn article_236_from_the_prerequisites_to_the_route() {
    let mut office = Office::new();
    let run = office.run(&office.add("contoso.example"));
    let agent = office.agent.address.clone();
    let cloud =
        office.lab["cloud"]["login"].as_str().unwrap().trim_start_matches("https://").trim_end_matches('/').to_owned();
    let lines: Vec<String> =
        told(&run).into_iter().map(|line| line.replace(&agent, "AGENT").replace(&cloud, "CLOUD")).collect();
    let steps: Vec<&String> = lines.iter().filter(|line| !line.starts_with("  ")).collect();
    let expected = [
        "Show what is to be made: ok",
        "Describe the connection: ok",
        "Check the prerequisites: ok",
        "Test the connection from here: ok",
        "Update the Remote Agent: ok",
        "Test the connection through the Remote Agent: ok",
        "Update Agent in WE: ok",
        "ok {\"ok\":7} exit 0",
        "changed: connection contoso added",
        "changed: the agent AGENT has contoso with version 1 of its credential",
        "changed: route of contoso in the Workflow Engine written",
    ];
    assert_eq!(steps, expected, "{lines:#?}");
    let whole =
        json!({ "here": ["contoso.example"], "agent": [["contoso.example", 1]], "routes": ["contoso.example"] });
    assert_eq!(office.held(), whole);
    // after a reboot of both hosts
    office.agent.kill();
    office.engine.kill();
    let run = office.run("run health_check --json");
    assert_eq!(run.code, Some(4), "{}", run.stdout);
    office.agent.start();
    office.engine.start();
    let run = office.run("run health_check --json");
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    assert_eq!(office.held(), whole);
    // the secret that the others of the app share need not be given again
    let next = words(&office.add("fabrikam.example")).into_iter().filter(|word| !word.starts_with("secret="));
    office.program().args(next).run().ok();
    assert_eq!(office.held()["agent"], json!([["contoso.example", 1], ["fabrikam.example", 1]]));
}

#[test]
fn without_a_workflow_engine_the_rest_is_done() {
    let office = Office::new();
    let config = std::fs::read_to_string(office.world.home().join("config.toml")).unwrap();
    office.world.file(
        "home/config.toml",
        config.split_once("[cloud]").map(|(_, cloud)| format!("[cloud]{cloud}")).unwrap().as_str(),
    );
    let steps: Vec<String> = told(&office.run(&office.add("contoso.example")))
        .into_iter()
        .filter(|line| line.ends_with(": skipped"))
        .collect();
    assert_eq!(steps, ["Update Agent in WE: skipped"]);
    office.run("run reset_msonline_creds connection=contoso").ok();
    office.run("run health_check").ok();
}

#[test]
fn what_is_gone_on_one_side_shows() {
    let office = Office::new();
    office.run(&office.add("contoso.example")).ok();
    office.world.file("gone.rhai", "const GRANTS = [\"agent:write\", \"we:write\"];\nlet c = conn::get(\"contoso\");\nagent::remove(c); we::remove_route(c);\n");
    office.run("run gone.rhai").ok();
    let run = office.run("run health_check --json");
    let steps: Vec<String> =
        told(&run).into_iter().filter(|line| !line.starts_with("  ") && line.ends_with(": failed")).collect();
    assert_eq!(
        steps,
        [
            "Look at the Remote Agents: failed",
            "Look at the Workflow Engine: failed",
            "Test the Microsoft Online connections: failed"
        ]
    );
    office.run("run reset_msonline_creds connection=contoso").ok();
    office.run("run health_check").ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn article_1735_a_new_secret_for_all_connections_of_the_app() {
    let mut office = Office::new();
    office.run(&office.add("contoso.example")).ok();
    office.run(&office.add("fabrikam.example")).ok();
    let secret = new_secret(&office).await;
    let reset = words("run reset_msonline_creds connection=fabrikam secret=env:NEXT --wait 60s --json");
    // nothing is begun while the agent is down
    office.agent.kill();
    let run = office.program().env("NEXT", &secret).args(&reset).run();
    assert_eq!(run.code, Some(4), "{}", run.stdout);
    office.agent.start();
    assert_eq!(office.held()["agent"], json!([["contoso.example", 1], ["fabrikam.example", 1]]));
    let run = office.program().env("NEXT", &secret).args(&reset).run();
    let steps: Vec<String> = told(&run).into_iter().filter(|line| !line.starts_with("  ")).collect();
    let expected = [
        "Check the Remote Agent's host and port: ok",
        "Set the credentials: ok",
        "Prove them from here: ok",
        "Update the Remote Agent: ok",
        "Test AAD Connection: ok",
        "Update Agent in WE: ok",
        "The same for the app's other connections: ok",
        "ok {\"ok\":7} exit 0",
    ];
    assert_eq!(steps[..8], expected, "{steps:#?}");
    // the agent has one secret of the app, for both domains
    assert_eq!(office.held()["agent"], json!([["contoso.example", 2], ["fabrikam.example", 2]]));
    for name in ["contoso", "fabrikam"] {
        let versions = office.run(&format!("connections history {name} --json")).ok().json_lines();
        let states: Vec<_> = versions.iter().map(|one| json!([one["version"], one["state"]])).collect();
        assert_eq!(states, [json!([2, "current"]), json!([1, "previous"])], "{versions:?}");
    }
    canary(&secret).assert_absent("standard output", &run.stdout);
    canary(&secret).assert_absent_below(&office.world.home());
    // killed after it was stored, and before the agent has it: the next run brings it there
    let third = new_secret(&office).await;
    let mut running = office.program().env("NEXT", &third).args(&reset).start();
    running.await_output("\"event\":\"step-started\",\"step\":\"Update the Remote Agent\"");
    running.signal("KILL");
    drop(running.finish());
    office.run("run reset_msonline_creds connection=contoso").ok();
    assert_eq!(office.held()["agent"], json!([["contoso.example", 3], ["fabrikam.example", 3]]));
    office.run("run health_check").ok();
}

#[test]
fn in_the_lab_the_app_gets_another_secret() {
    let world = World::new();
    let run = world.run("run reset_msonline_creds --lab --json");
    let steps: Vec<String> = told(&run).into_iter().filter(|line| !line.starts_with("  ")).collect();
    let expected = [
        "Check the Remote Agent's host and port: ok",
        "Set the credentials: ok",
        "Prove them from here: ok",
        "Update the Remote Agent: skipped",
        "Test AAD Connection: ok",
        "Update Agent in WE: skipped",
        "The same for the app's other connections: ok",
        "ok {\"skipped\":2,\"ok\":5} exit 0",
    ];
    assert_eq!(steps[..8], expected, "{steps:#?}");
    // the credential, two copies and two routes, each once
    assert_eq!(steps.len(), 8 + 5, "{steps:#?}");
}

#[test]
fn article_1735_with_another_secret_for_the_app() {
    let mut office = Office::new();
    office.run(&format!("{} app_home=contoso", office.add("contoso.example"))).ok();
    office.run(&format!("{} app_home=contoso", office.add("fabrikam.example"))).ok();
    office.run("run reset_msonline_creds connection=fabrikam rotate=true").ok();
    assert_eq!(office.held()["agent"], json!([["contoso.example", 2], ["fabrikam.example", 2]]));
    // the agent is cut off in the middle: the next run brings it what is stored
    let mut running =
        office.program().args(words("run reset_msonline_creds connection=contoso rotate=true --json")).start();
    running.await_output("\"event\":\"step-started\",\"step\":\"Set the credentials\"");
    office.agent.kill();
    drop(running.finish());
    office.agent.start();
    drop(office.run("recover"));
    office.run("run reset_msonline_creds connection=contoso").ok();
    office.run("run health_check").ok();
    let held = office.held();
    assert_eq!(held["agent"][0][1], held["agent"][1][1], "{held}");
}
