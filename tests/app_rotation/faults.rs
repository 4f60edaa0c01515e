//! What goes wrong: before anything is added, after it, and at what depends on it.

use std::time::Duration;

use libretto::lab::cloud::CloudFault;
use serde_json::json;

use super::{House, faults, registered, versions};
use crate::cloud_scripts::Office;

const ROTATE: &str = r#"cloud::rotate(conn::get("contoso"))"#;

#[test]
fn an_app_that_may_not_change_itself_is_refused() {
    let office = Office::with(&[CloudFault::NoRoles]);
    let error = office.error(ROTATE);
    assert_eq!(error["code"], "rotation.app_may_not", "{error}");
    assert!(error["message"].as_str().unwrap().ends_with("and so the app may not change itself"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("Application.ReadWrite.OwnedBy"), "{error}");
    assert_eq!(versions(&office), ["1 current"]);
}

#[test]
fn an_app_without_a_home_is_refused() {
    let office = Office::new();
    office.libretto("connections edit contoso --app-home ''").ok();
    let (_, end) = office.script(ROTATE);
    assert_eq!(end["error"]["code"], "cloud.no_app_home");
    let unchanged =
        format!("credential of the app {}: nothing added, the one before stays current", office.cloud.client_id());
    assert_eq!(end["unchanged"], json!([unchanged]));
    // another tenant's connection, which holds no registration
    office.libretto("connections edit fabrikam --app-home fabrikam").ok();
    assert_eq!(office.error(r#"cloud::rotate(conn::get("fabrikam"))"#)["code"], "cloud.not_app_home");
}

#[test]
fn the_policy_for_apps_is_kept() {
    let office = Office::with(&[CloudFault::SecretPolicy]);
    let rotated = office.result("", ROTATE);
    let note = rotated["stages"][0]["note"].as_str().unwrap();
    assert!(note.contains("the tenant's policy allows secrets of 90 days"), "{note}");
    assert_eq!(rotated["verdict"], "ok");
}

#[test]
fn a_secret_that_is_not_known_yet_waits_for_a_recovery() {
    let house = House::of(Office::with(&[CloudFault::NewSecretDelay(Duration::from_secs(8))]));
    let office = &house.office;
    let (code, end) = office.script(r#"cloud::rotate(conn::get("contoso"), #{ wait: "300ms" })"#);
    assert_eq!((code, &end["error"]["code"]), (Some(4), &json!("rotation.not_yet")), "{end}");
    assert!(end["changed"][0].as_str().unwrap().ends_with("and not in use: it has yet to be proven"), "{end}");
    assert_eq!(versions(office), ["2 candidate", "1 current"]);
    // what is there goes on to work meanwhile, and no second one is begun
    office.result("", r#"cloud::test(conn::get("fabrikam")).id"#);
    assert_eq!(office.error(ROTATE)["code"], "rotation.unfinished");
    let known = office.result("", "cloud::unfinished()[0].known");
    assert_eq!(
        known,
        "version 2 is in the registration of Libretto and has not signed in yet; version 1 is valid and in use"
    );
    let recovered = office.libretto("recover --wait 60s").ok().stdout;
    assert!(recovered.contains("version 2 signed in"), "{recovered}");
    assert_eq!(versions(office), ["2 current", "1 retiring"]);
    assert_eq!(faults(office), Vec::<String>::new());
    house.assert_agent_works();
}

#[test]
fn an_agent_that_is_down_is_told_before_and_after() {
    let House { office, agent, engine } = House::new();
    let (_home, _) = agent.stop();
    let (code, end) = office.script(ROTATE);
    assert_eq!((code, &end["error"]["code"]), (Some(1), &json!("rotation.dependent_down")), "{end}");
    assert_eq!(registered(&office).len(), 1, "nothing was added");
    let (code, end) = office.script(r#"cloud::rotate(conn::get("contoso"), #{ allow_down: true })"#);
    assert!(matches!(code, Some(1 | 4)), "{end}");
    let plan = office.result("", "cloud::unfinished().map(|one| one.known)");
    assert!(plan[0].as_str().unwrap().contains("version 2 is current and not taken by agent 127.0.0.1:"), "{plan}");
    assert_eq!(versions(&office), ["2 current", "1 retiring"]);
    drop(engine);
}

#[test]
fn a_dependent_that_comes_back_is_handed_it_by_a_recovery() {
    let House { office, agent, engine } = House::new();
    let address = agent.address.clone();
    let (home, _) = agent.stop();
    office.script(r#"cloud::rotate(conn::get("contoso"), #{ allow_down: true })"#);
    let login = office.cloud.login();
    let agent = crate::agent::served::Served::with(
        home,
        &["--listen", &address, "--cloud-login", &login, "--cloud-ca", "cloud.pem"],
    );
    let house = House { office, agent, engine };
    let recovered = house.office.libretto("recover").ok().stdout;
    assert!(recovered.contains("has version 2; its test answers 200"), "{recovered}");
    assert!(house.office.libretto("recover").ok().stdout.contains("nothing to recover"));
    house.assert_agent_works();
    assert_eq!(faults(&house.office), Vec::<String>::new());
}
