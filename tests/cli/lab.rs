//! `libretto lab` keeps the world up: what it prints works from another process, and Ctrl-C ends it.

use crate::support::world::{World, words};

#[test]
fn the_printed_command_reaches_the_lab_from_another_process() {
    let world = World::new();
    let mut lab = world.program().args(["lab"]).start();
    lab.await_output("Ctrl-C ends it");
    let said = lab.said();
    let command = said.lines().find_map(|line| line.trim().strip_prefix("libretto ")).unwrap();
    for command in said.lines().filter_map(|line| line.trim().strip_prefix("libretto ")) {
        world.program().args(words(command)).run().ok();
    }
    let (_, config) = said.split_once("config.toml of the home folder:\n").unwrap();
    world.file("home/config.toml", config.split("[cloud]").next().unwrap());
    world.file("route.rhai", "const GRANTS = [\"we:write\"];\nprint(we::update_agent(conn::get(\"contoso\")).code);\n");
    world.run("run route.rhai").ok();
    world.run("connections test contoso").ok();
    let tested = world.run("connections test my-lab");
    tested.is("exit 0
1| test_connections run [run]
1|
1|     1 item: 1 ok, [time], [time]
1| ok            Test the connections                         [time]
1|
1| ok in [time]: 1 ok
1| nothing was changed");
    lab.signal("INT");
    let ended = lab.finish();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let folder = command.split("--ca ").nth(1).unwrap().split('/').take(3).collect::<Vec<_>>().join("/");
    assert!(!std::path::Path::new(&folder).exists(), "{folder} is left behind");
}

#[test]
fn machines_are_told_in_one_line() {
    let world = World::new();
    let mut lab = world.program().args(["lab", "--json"]).start();
    lab.await_output("\n");
    lab.signal("TERM");
    let ended = lab.finish();
    let line = &ended.json_lines()[0];
    assert_eq!(ended.code, Some(0));
    assert_eq!((&line["event"], &line["domain"]), (&"lab-started".into(), &"lab.test".into()));
    assert_eq!(line["targets"].as_array().unwrap().len(), 3);
    assert!(line["password"].as_str().unwrap().starts_with("file:/"));
    let cloud = &line["cloud"];
    assert!(cloud["login"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    assert_eq!(cloud["tenants"], serde_json::json!(["contoso.example", "fabrikam.example", "tailspin.example"]));
    assert!(cloud["secret"].as_str().unwrap().starts_with("file:/"));
    let services = [&line["agent"]["token"], &line["workflow"]["token"]];
    assert!(services.iter().all(|token| token.as_str().unwrap().starts_with("file:/")), "{line}");
    assert!(line["workflow"]["url"].as_str().unwrap().starts_with("https://127.0.0.1:"));
}

#[test]
fn ports_that_are_taken_are_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let world = World::new();
    let output = world.program().args(["lab", "--port-base", &port.to_string()]).run();
    assert_eq!(output.code, Some(2), "{}", output.text());
    assert!(output.stderr.starts_with("error[lab."), "{}", output.text());
    assert!(output.stderr.contains("help: "), "{}", output.text());
}

#[test]
fn a_lab_run_in_doubt_does_not_lead_to_a_recovery_that_it_cannot_have() {
    let world = World::new();
    let run = world.run("run reset_ad_creds --lab --fault target:1=close:modify");
    assert_eq!(run.code, Some(3), "{}", run.text());
    let helps: Vec<&str> = run.stdout.lines().filter_map(|line| line.trim().strip_prefix("help: ")).collect();
    assert!(!helps.is_empty(), "{}", run.text());
    for help in helps {
        assert!(help.starts_with("this was the lab, and its directory and both passwords end with the run"), "{help}");
    }
    assert!(!run.text().contains("kept in the home folder"), "{}", run.text());
    world.run("recover").ok();
}
