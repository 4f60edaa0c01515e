//! Two operators, each with a process of their own, rotate one account at the same time: one does it, the other is told.

use serde_json::Value;

use crate::{
    lockout::Rig,
    support::{
        program::{Output, Running},
        text::operator,
    },
};

const ROTATE: &[&str] = &["rotate=true", "--json"];

/// A lab whose changes take a while to arrive, so that a rotation lasts.
fn rig(connections: &[&str]) -> Rig {
    let rig = Rig::new(3, &["replication=2s"]);
    for (number, name) in connections.iter().enumerate() {
        let username = ["svc-libretto@lab.test", "LAB\\svc-libretto"][number % 2];
        rig.add(name, username, "env:SERVICE", &rig.addresses());
    }
    rig
}

fn start(rig: &Rig, connection: &str) -> Running {
    let connection = format!("connection={connection}");
    rig.program.clone().args([&["run", "reset_ad_creds", &connection], ROTATE].concat()).start()
}

fn error(output: &Output) -> Value {
    let lines = output.json_lines();
    lines.iter().find(|line| line["event"] == "step-finished" && !line["error"].is_null()).unwrap()["error"].clone()
}

/// That it was told who is at work and since when, and that nothing else was said to be wrong.
fn told_to_wait(output: &Output) {
    let error = error(output);
    let message = error["message"].as_str().unwrap();
    assert_eq!((error["code"].as_str(), output.code), (Some("rotation.busy"), Some(1)), "{message}");
    let (who, since) = message.split_once(" is changing this account's credential since ").unwrap();
    assert!(who.starts_with(&format!("{}, run ", operator())) && who.contains(", pid "), "{message}");
    assert_eq!((error["details"]["holder"].as_str(), error["details"]["since"].as_str()), (Some(who), Some(since)));
    assert_eq!(error["hint"], "wait until it has ended, then try again");
}

fn all_work(rig: &Rig, connections: &[&str]) {
    for name in connections {
        let tested = rig.run(&["connections", "test", name]);
        assert_eq!(tested.code, Some(0), "{name}: {}{}", tested.stdout, tested.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_operators_is_told_who_and_since_when() {
    let rig = rig(&["corp", "branch"]);
    // `corp` knows which account it is, `branch` has never asked.
    all_work(&rig, &["corp"]);
    let mut first = start(&rig, "corp");
    first.await_output("\"prove\"");
    told_to_wait(&start(&rig, "corp").finish());
    told_to_wait(&start(&rig, "branch").finish());
    let tested = rig.run(&["connections", "test", "corp", "--json"]);
    assert_eq!(crate::lockout::codes(&tested, "item-finished"), ["rotation.busy"], "{}", tested.stdout);
    assert_eq!(first.finish().code, Some(0));
    all_work(&rig, &["corp"]);
    let again = start(&rig, "branch").finish();
    assert_eq!(again.code, Some(0), "{}{}", again.stdout, again.stderr);
    all_work(&rig, &["corp", "branch"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_begin_together_one_goes_on_and_no_password_is_lost() {
    for connections in [["corp", "corp"], ["corp", "branch"]] {
        let rig = rig(&["corp", "branch"]);
        let both = connections.map(|connection| start(&rig, connection)).map(Running::finish);
        let mut codes = both.each_ref().map(|one| one.code);
        codes.sort_unstable();
        // On a machine that is busy the second may begin when the first is done.
        assert!([[Some(0), Some(1)], [Some(0), Some(0)]].contains(&codes), "{}\n{}", both[0].stdout, both[1].stdout);
        both.iter().filter(|one| one.code == Some(1)).for_each(told_to_wait);
        all_work(&rig, &connections);
        let again = start(&rig, "branch").finish();
        assert_eq!(again.code, Some(0), "{}{}", again.stdout, again.stderr);
        all_work(&rig, &["corp", "branch"]);
    }
}
