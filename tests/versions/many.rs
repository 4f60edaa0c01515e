//! `rotate_all`: many accounts, each once, each with a verdict.

use std::collections::BTreeMap;

use libretto::connection::{self, Change, Given, Scope};
use libretto::secret::Secret;
use serde_json::Value;

use super::Place;
use crate::support::program::Output;

/// Verdict and reason by step and item.
fn told(output: &Output) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = output.json_lines().into_iter().filter(|event| event["event"] == "item-finished");
    items
        .map(|item| {
            let step = if text(&item["batch"]).starts_with("Find") {
                "find"
            } else if text(&item["batch"]).starts_with("Rotate the") {
                "rotate"
            } else {
                "last"
            };
            let verdict = format!("{} {}", text(&item["verdict"]), text(&item["error"]["message"]));
            (format!("{step} {}", text(&item["key"])), verdict.trim().to_owned())
        })
        .collect()
}

#[track_caller]
fn is(told: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    let told: Vec<(&str, &str)> = told.iter().map(|(item, how)| (item.as_str(), how.as_str())).collect();
    assert_eq!(told, expected);
}

/// Seven connections of five accounts, one that is no directory's, one without a credential.
fn place() -> Place {
    let place = Place::new(&[]).with_corp();
    place.add("corp2", "svc-libretto", "LAB\\svc-libretto", None);
    place.add("alice", "alice", "alice@lab.test", None);
    place.add("bob", "bob", "bob@lab.test", None);
    place.add("carol", "carol", "carol@lab.test", Some("corp"));
    place.add("dave", "dave", "dave@lab.test", Some("corp"));
    place.add("dave2", "dave", "LAB\\dave", Some("corp"));
    let wrong = Given::Secret(Secret::new("Not-Bobs-Password-1").unwrap());
    for name in ["bob", "dave"] {
        let change = Change { secret: Some(wrong.clone()), ..Change::default() };
        connection::edit(&place.store(), name, &Scope::all(), &change).unwrap();
    }
    place.run("connections add ad --name bare --domain lab.test --username x@lab.test --target dc1.lab.test").ok();
    place.run("connections add msonline --name online --domain contoso.example --client-id 11111111-2222-3333-4444-555555555555").ok();
    place
}

#[test]
fn each_account_is_rotated_once_and_one_that_fails_holds_up_no_other() {
    let place = place();
    let run = place.run("run rotate_all connections=* length=32 --json");
    let dup = "skipped its account is that of corp";
    is(
        &told(&run),
        &[
            ("find alice", "ok"),
            ("find bare", "skipped no credential is stored for it"),
            ("find bob", "failed the name or the password is wrong"),
            ("find carol", "ok"),
            ("find corp", "ok"),
            ("find corp2", "ok"),
            // Its stored password is wrong; the administrative connection does without it.
            ("find dave", "ok"),
            ("find dave2", "ok"),
            ("find online", "skipped it is of kind msonline"),
            ("last corp", "ok"),
            ("last corp2", dup),
            ("rotate alice", "ok"),
            ("rotate carol", "ok"),
            ("rotate dave", "ok"),
            ("rotate dave2", "skipped its account is that of dave"),
        ],
    );
    let end = run.json_lines().pop().unwrap();
    assert_eq!((run.code, end["verdict"].as_str()), (Some(1), Some("partial")), "{end}");
    assert_eq!(end["changed"].as_array().unwrap().len(), 4, "{end}");
    // Each account got one new version, which all its connections share, and every one of them works.
    let version = |name: &str| {
        let lines = place.run(&format!("connections history {name} --json")).json_lines();
        (lines[0]["version"].as_i64().unwrap(), lines.len())
    };
    assert_eq!((version("corp"), version("corp2")), ((3, 3), (3, 3)), "two connections, their first versions, one new");
    assert_eq!((version("alice"), version("bob")), ((2, 2), (2, 2)));
    assert_eq!((version("dave"), version("dave2")), ((4, 4), (4, 4)));
    let tested = place.run("connections test 'corp, corp2, alice, carol, dave, dave2' --json");
    assert_eq!(tested.code, Some(0), "{}", tested.text());
}

#[test]
fn passwords_that_are_young_enough_are_left_alone() {
    let place = Place::new(&[]).with_corp();
    place.add("alice", "alice", "alice@lab.test", None);
    place.run("run rotate_all connections=alice").ok();
    let run = place.run("run rotate_all connections=kind:ad older_than=1d --json");
    is(
        &told(&run),
        &[
            ("find alice", "ok"),
            ("find corp", "ok"),
            ("rotate alice", "skipped its password is 0 minutes old (pwdLastSet)"),
            ("rotate corp", "ok"),
        ],
    );
    assert_eq!(run.code, Some(0), "{}", run.text());
}

#[test]
fn no_connection_and_a_length_that_the_policy_refuses_are_told() {
    let place = Place::new(&[]);
    let none = place.run("run rotate_all connections=*");
    assert!(none.stdout.contains("no connection is selected"), "{}", none.text());
    let place = Place::new(&["policy=strict"]).with_corp();
    let short = place.run("run rotate_all connections=corp length=32");
    assert!(
        short.stdout.contains("a password of 32 characters is asked for, and the policy wants 64 at least"),
        "{}",
        short.text()
    );
    assert_eq!(short.code, Some(1));
    let weak = place.run("run reset_ad_creds connection=corp rotate=true length=9");
    assert!(weak.stdout.contains("and the policy wants 64 at least"), "{}", weak.text());
    assert_eq!(place.run("connections history corp --json").stdout.lines().count(), 1, "nothing was recorded");
}
