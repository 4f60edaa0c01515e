//! Rotations that nothing disturbs.

use serde_json::{Value, json};

use super::{House, faults, registered, versions};
use crate::{cloud_scripts::Office, support::world::words};

#[test]
fn a_secret_is_rotated_once_for_all_connections() {
    let house = House::new();
    let office = &house.office;
    let rotated = office.result("", r#"cloud::rotate(conn::get("fabrikam"))"#);
    let told = json!([
        rotated["verdict"],
        rotated["form"],
        rotated["version"],
        rotated["connections"],
        rotated["retiring"]["version"],
        rotated["error"]
    ]);
    assert_eq!(told, json!(["ok", "client-secret", 2, ["contoso", "fabrikam"], 1, null]), "{rotated}");
    let dependents: Vec<Value> =
        rotated["dependents"].as_array().unwrap().iter().map(|one| json!([one["kind"], one["verdict"]])).collect();
    assert_eq!(dependents, ["agent", "agent", "route", "route"].map(|kind| json!([kind, "ok"])));
    let stages: Vec<&Value> = rotated["stages"].as_array().unwrap().iter().map(|one| &one["stage"]).collect();
    assert_eq!(stages, ["preflight", "record", "change", "prove", "promote", "dependents", "retire"]);
    assert_eq!(versions(office), ["2 current", "1 retiring"]);
    let names = registered(office);
    assert!(names.len() == 2 && names[1].starts_with("libretto "), "{names:?}");
    assert_eq!(faults(office), Vec::<String>::new());
    house.assert_agent_works();
    office.result("", r#"cloud::test(conn::get("fabrikam")).id"#);
}

#[test]
fn what_a_run_says_of_it() {
    let office = Office::new();
    office.world.file(
        "it.rhai",
        &format!("{}\nstep(\"Rotate\", || cloud::rotate(conn::get(\"contoso\")));", crate::cloud_scripts::GRANTS),
    );
    let output = office.libretto("run it.rhai").ok();
    let app = office.cloud.client_id();
    let shown: Vec<String> =
        output.stdout.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    let has = |text: &str| assert!(shown.iter().any(|line| line.contains(text)), "{text}\n{}", output.stdout);
    has(
        "app Libretto of contoso.example, 2 credentials in its registration; 2 connections, 2 agents' copies and 2 routes depend on it",
    );
    has("what is added will be called libretto ");
    has("version 2 is in the registration as ");
    has("signed in 3 times in a row, after ");
    has("version 2 is current in contoso, fabrikam");
    has("handing it on needs agent:write, which the script does not declare");
    has("handing it on needs we:write, which the script does not declare");
    has("version 1 works on until ");
    has(&format!("credential added to the app Libretto ({app}), version 2 is current in contoso, fabrikam"));
    let audit = office.libretto("audit export").ok().stdout;
    for what in [
        "rotation-begun",
        "add-sent",
        "added",
        "proven",
        "credential-promoted",
        "credential-retiring",
        "switched",
        "promoted",
    ] {
        assert!(audit.contains(&format!("\"{what}\"")), "{what}\n{audit}");
    }
    office.libretto("audit verify").ok();
}

#[test]
fn a_revoked_secret_is_removed_at_once() {
    let house = House::new();
    let office = &house.office;
    let rotated = office.result("", r#"cloud::rotate(conn::get("contoso"), #{ revoke: "now" })"#);
    assert_eq!(json!([rotated["verdict"], rotated["retiring"]]), json!(["ok", null]), "{rotated}");
    assert!(rotated["access_ends"].is_string(), "{rotated}");
    assert_eq!(versions(office), ["2 current", "1 retired"]);
    assert_eq!(registered(office).len(), 1);
    assert!(super::signs_in(office, office.cloud.secret().expose()).is_err());
    assert_eq!(faults(office), Vec::<String>::new());
    house.assert_agent_works();
}

#[test]
fn a_certificate_is_rotated() {
    let office = Office::empty(&[]);
    let pem = office.cloud.certificate().unwrap();
    office.world.file("app.pem", pem.expose()).file("next.pem", include_str!("../cloud/keys/next.pem"));
    let add = format!(
        "connections add msonline --name contoso --domain contoso.example --client-id {} --certificate app.pem --app-home contoso",
        office.cloud.client_id()
    );
    office.libretto(&add).ok();
    let script = |options: &str| {
        let params = "const PARAMS = #{ next: #{ type: \"secret\", optional: true, help: \"the next\" } };";
        let body = format!(
            "{params}\n{}\nlet it = cloud::rotate(conn::get(\"contoso\"), {options}); print(`${{it.form}} ${{it.version}}`)",
            crate::cloud_scripts::GRANTS
        );
        office.world.file("it.rhai", &body);
        office.world.program().args(words("run it.rhai next=file:next.pem --json")).run()
    };
    let refused = script("#{}");
    assert_eq!(super::end(&refused)["error"]["code"], "rotation.no_certificate", "{}", refused.stdout);
    let rotated = script("#{ certificate: args::next }").ok();
    assert!(rotated.stdout.contains("certificate 2"), "{}", rotated.stdout);
    assert_eq!(versions(&office), ["2 current", "1 retiring"]);
    let same = script("#{ certificate: args::next }");
    assert_eq!(super::end(&same)["error"]["code"], "rotation.same_certificate", "{}", same.stdout);
    // and back to the first, which proves itself with the second; the one that retires is taken away by its thumbprint
    super::a_week_later(&office);
    office.libretto("recover").ok();
    assert_eq!(versions(&office), ["2 current", "1 retired"]);
    assert_eq!(office.script("cloud::test(conn::get(\"contoso\"))").0, Some(0));
}
