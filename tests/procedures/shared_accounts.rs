//! Several connections of one account, and accounts about which something is in doubt.

use std::time::Duration;

use super::{FIRST, Service, told};
use crate::support::{
    domain::{User, lock_after},
    program::Program,
    samba::samba,
};

#[test]
fn a_stale_password_of_six_connections_costs_one_attempt() {
    let service = Service::without_connection("six");
    let dn = format!("CN={},CN=Users,{}", service.name, samba().base);
    let user = User { name: service.name.clone(), upn: service.upn.clone(), dn, password: FIRST.to_owned() };
    lock_after(&user, 3);
    let program = service.program.clone().env("STALE", "Wrong-Password-2!");
    let ca = samba().ca.to_string_lossy().into_owned();
    for number in 1..=6 {
        let name = format!("shared{number}");
        let target = samba().controller(number % 3 + 1).1.to_string();
        let args = ["connections", "add", "ad", "--name", &name, "--domain", "lab.test", "--username", &service.upn];
        let trust = ["--password", "env:STALE", "--ca", &ca, "--target", &target];
        assert_eq!(program.clone().args(args.iter().chain(&trust)).run().code, Some(0));
    }
    let run = program.args(["connections", "test", "--json"]).run();
    let mut verdicts: Vec<String> = run
        .json_lines()
        .iter()
        .filter(|event| event["event"] == "item-finished")
        .map(|event| event["verdict"].as_str().unwrap().to_owned())
        .collect();
    verdicts.sort();
    assert_eq!(verdicts, ["failed", "not-started", "not-started", "not-started", "not-started", "not-started"]);
    assert_eq!((run.code, service.bad_passwords()), (Some(1), 1));
}

#[test]
fn while_a_rotation_is_in_doubt_nothing_signs_in_and_nothing_is_stored() {
    // The change is made, and its answer is lost.
    let mut lab = Program::new().args(["lab", "--fault", "target:1=close:modify", "--json"]).start();
    lab.await_output("lab-started");
    let said = lab.said();
    let world: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let (ca, password, username) = (text(&world["ca"]), text(&world["password"]), text(&world["username"]));
    let mut args = vec!["connections".to_owned(), "add".into(), "ad".into(), "--name".into(), "my".into()];
    args.extend(
        ["--domain", "lab.test", "--username", &username, "--password", &password, "--ca", &ca].map(str::to_owned),
    );
    for target in world["targets"].as_array().unwrap() {
        args.extend(["--target".to_owned(), text(&target["ldaps"])]);
    }
    let program = Program::new().limit(Duration::from_mins(1));
    assert_eq!(program.clone().args(&args).run().code, Some(0));
    let run = |args: &[&str]| program.clone().args(args).run();
    let rotated = run(&["run", "reset_ad_creds", "connection=my", "rotate=true", "--json"]);
    assert_eq!((told(&rotated).last().unwrap().split(':').next(), rotated.code), (Some("in_doubt"), Some(3)));
    // Nobody has asked yet whose account this one is.
    let second = args.iter().position(|arg| arg == "my").unwrap();
    args[second] = "second".to_owned();
    assert_eq!(program.clone().args(&args).run().code, Some(0));
    let old = format!("password={password}");
    for again in [
        &["connections", "test", "second"][..],
        &["run", "reset_ad_creds", "connection=my", &old],
        &["run", "reset_ad_creds", "connection=my", "rotate=true"],
        &["connections", "test", "my"],
        &["connections", "edit", "my", "--password", &password],
    ] {
        let output = run(again);
        assert_eq!(output.code, Some(3), "{again:?}: {}{}", output.stdout, output.stderr);
    }
    lab.signal("INT");
    assert_eq!(lab.finish().code, Some(0));
}
