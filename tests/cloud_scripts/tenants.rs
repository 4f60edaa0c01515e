//! What a tenant is, as scripts read it.

use libretto::lab::cloud::CloudFault;
use serde_json::{Value, json};

use super::Office;

#[test]
fn a_domain_has_its_tenant() {
    let office = Office::new();
    let told = office.result("", r#"[cloud::tenant("Tailspin.example"), cloud::tenant(conn::get("fabrikam"))]"#);
    let one = |domain: &str| json!({ "id": office.tenant(domain), "cloud": "other", "login": office.cloud.login(), "graph": office.cloud.login() });
    assert_eq!(told, json!([one("tailspin.example"), one("fabrikam.example")]));
    assert_eq!(office.error(r#"cloud::tenant("nowhere.example")"#)["code"], "cloud.unknown_tenant");
    assert_eq!(office.error(r#"cloud::tenant("a b")"#)["code"], "cloud.bad_domain");
    assert_eq!(office.error("cloud::domain(7)")["code"], "script.argument");
}

#[test]
fn a_tenant_is_read() {
    let office = Office::new();
    let conn = r#"let conn = conn::get("fabrikam");"#;
    let organization = office.result(conn, "cloud::organization(conn)");
    let expected = json!({ "id": office.tenant("fabrikam.example"), "display_name": "Fabrikam", "default_domain": "fabrikam.example",
        "synced": organization["synced"], "country": organization["country"], "domains": organization["domains"] });
    assert_eq!(organization, expected);
    let own = json!({ "name": "fabrikam.example", "verified": true, "authentication_type": "Managed", "default": true, "initial": false,
        "services": ["Email", "OfficeCommunicationsOnline", "Intune"] });
    let domains = office.result(conn, "[cloud::domain(conn), cloud::domains(conn)]");
    assert_eq!(domains[0], own);
    assert!(domains[1].as_array().unwrap().contains(&own), "{domains}");
    let other = office.result(conn, r#"cloud::domain(conn, "fed.fabrikam.example").authentication_type"#);
    assert_eq!(other, "Federated");
    let roles = office.result(conn, "cloud::roles(conn)");
    assert!(roles["app"].as_array().unwrap().contains(&json!("User.ReadWrite.All")), "{roles}");
    assert_eq!(roles["unreadable"], Value::Null);
    let licences = office.result(conn, "cloud::licences(conn)");
    assert!(licences[0]["sku_id"].is_string() && licences[0]["plans"][0]["applies_to"].is_string(), "{licences}");
    let customers =
        office.result("", r#"cloud::relationships(conn::get("contoso")).map(|one| [one.customer_name, one.status])"#);
    assert_eq!(customers, json!([["Fabrikam", "active"], ["Tailspin Toys", "expired"]]));
}

#[test]
fn a_test_proves_what_the_connection_signs_in_with() {
    let office = Office::new();
    let shown = |name: &str| office.libretto(&format!("connections show {name} --json")).json_lines().pop().unwrap();
    assert_eq!(shown("contoso")["proven_at"], Value::Null);
    let id = office.result("", r#"cloud::test(conn::get("contoso")).id"#);
    assert_eq!(id, office.tenant("contoso.example"));
    let authority = office.cloud.address().to_string();
    // one app, one credential
    assert_eq!(json!([shown("contoso")["proven_on"], shown("fabrikam")["proven_on"]]), json!([authority, authority]));
    let app = format!("other/{}", office.cloud.client_id());
    let principal = office.result("", r#"conn::credential(conn::get("fabrikam")).principal"#);
    assert_eq!(principal, app);
}

#[test]
fn a_candidate_that_is_refused_leaves_the_one_before() {
    let office = Office::new();
    let change = r#"let conn = conn::get("contoso"); conn::set_credentials(conn, conn.client_id, secret::generate()); cloud::test(conn);"#;
    office.world.file("it.rhai", &format!("{}\n{change}\n", super::GRANTS));
    let output = office.libretto("run it.rhai --json --wait 1s");
    let end = output.json_lines().pop().unwrap();
    assert_eq!((output.code, &end["error"]["code"]), (Some(1), &json!("cloud.wrong_secret")), "{end}");
    let history = office.libretto("connections history contoso --json").json_lines();
    let states: Vec<&str> = history.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["retired", "current"]);
    // the right one is taken by the same way
    office.libretto("connections edit contoso --secret env:APP_SECRET").ok();
    assert_eq!(office.script(r#"cloud::test(conn::get("contoso"))"#).0, Some(0));
}

#[test]
fn what_the_cloud_refuses_keeps_its_name() {
    let office = Office::with(&[CloudFault::ConditionalAccess]);
    let (code, end) = office.script(r#"cloud::organization(conn::get("contoso"))"#);
    assert_eq!((code, &end["error"]["code"]), (Some(1), &json!("cloud.conditional_access")), "{end}");
    let office = Office::new();
    office
        .libretto("connections add ad --name corp --domain lab.test --username a@lab.test --password env:APP_SECRET")
        .ok();
    assert_eq!(office.error(r#"cloud::organization(conn::get("corp"))"#)["code"], "connection.wrong_kind");
    office.world.file("home/cloud.pem", "nothing");
    assert_eq!(office.error(r#"cloud::test(conn::get("contoso"))"#)["code"], "cloud.bad_ca");
}

#[test]
fn a_script_in_the_lab_goes_to_the_labs_cloud() {
    let office = Office::empty(&[CloudFault::Down]);
    office.world.file("it.rhai", r#"print(cloud::tenant("contoso.example").cloud)"#);
    let output = office.libretto("run it.rhai --lab --json");
    assert_eq!(output.code, Some(0), "{}", output.text());
}
