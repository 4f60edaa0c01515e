//! `expiry_report`: what ends, in the lab, where everything ends some day, and of stored certificates.

use serde_json::Value;

use super::Service;
use crate::support::world::{World, assert_nowhere};

/// What was looked at: step, item, verdict, code of the error.
fn items(events: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let item = events.iter().filter(|event| event["event"] == "item-finished");
    item.map(|event| format!("{} {} {}", text(&event["key"]), text(&event["verdict"]), text(&event["error"]["code"])))
        .collect()
}

#[test]
fn nothing_ends_at_once_and_everything_ends_some_day() {
    let world = World::new();
    let now = world.run("run expiry_report --lab days=0 --json").ok();
    assert_eq!(items(&now.json_lines()), ["lab-ad ok -", "lab-ad ok -", "contoso ok -"]);
    let later = world.run("run expiry_report --lab days=100000 --json");
    let events = later.json_lines();
    let found = items(&events);
    assert_eq!(later.code, Some(1), "{}", later.text());
    assert!(found[1..].iter().all(|one| one.ends_with("failed expiry.soon")), "{found:?}");
    let failed = events.iter().filter(|event| event["event"] == "item-finished" && event["verdict"] == "failed");
    assert!(failed.clone().count() >= 2 && failed.clone().all(|event| event["error"]["hint"].is_string()));
    // The directory's own word on its certificates.
    assert!(
        failed.clone().any(|event| event["error"]["message"].as_str().unwrap().contains("the certificate")),
        "{events:?}"
    );
}

/// Whoever looks at the exit code alone learns of the worst case too.
#[test]
fn what_has_ended_already_is_a_fault() {
    for fault in ["account=expired", "account=password-expired"] {
        let report = World::new().run(&format!("run expiry_report --lab --fault {fault} --json"));
        assert_eq!(report.code, Some(1), "{}", report.text());
        assert_eq!(items(&report.json_lines())[0], "lab-ad failed expiry.ended", "{}", report.text());
    }
}

/// The app's registration cannot be read here: what is stored is told all the same.
#[test]
fn a_stored_certificate_tells_its_own_end() {
    let world = World::new();
    world.file("app.pem", include_str!("../cloud/keys/app.pem"));
    let add =
        "connections add msonline --name contoso --domain contoso.example --client-id app-1 --certificate app.pem";
    world.run(add).ok();
    world.file("it.rhai", "let ends = conn::credential(conn::get(\"contoso\")).ends;\nprint(days_until(ends) > 0);\n");
    assert!(world.run("run it.rhai").ok().stdout.contains("true"));
    let soon = world.run("run expiry_report days=1000000 --json");
    assert_eq!((items(&soon.json_lines()), soon.code), (vec!["contoso failed expiry.soon".to_owned()], Some(1)));
    let later = world.run("run expiry_report days=0 --json").ok();
    assert_nowhere("PRIVATE KEY", &world, &[soon, later]);
    // A secret does not tell: that is not taken for good.
    let world = World::new().env("APP", "Canary-App-3!x");
    world.run(&add.replace("--certificate app.pem", "--secret env:APP")).ok();
    let untold = world.run("run expiry_report --json");
    assert_eq!(untold.code, Some(4), "{}", untold.text());
}

#[test]
fn a_real_directory_tells_its_accounts_and_certificates() {
    let service = Service::new("exp");
    let run = service.run(&["run", "expiry_report", "--json", "days=0"]);
    assert_eq!(
        (items(&run.json_lines()), run.code),
        (vec!["corp ok -".to_owned(), "corp ok -".to_owned()], Some(0)),
        "{}",
        run.stderr
    );
}
