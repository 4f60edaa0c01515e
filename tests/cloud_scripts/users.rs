//! Users of a tenant, as scripts work on them.

use serde_json::{Value, json};

use super::Office;

const CONN: &str = r#"let conn = conn::get("contoso"); let nina = "nina@contoso.example";"#;

#[test]
fn a_user_lives_through_everything() {
    let office = Office::new();
    let steps = r#"let made = cloud::create_user(conn, #{ name: nina, display_name: "Nina N", password: secret::generate(), usage_location: "DE" });"#;
    let made = office.result(&format!("{CONN}\nlet before = cloud::find_user(conn, nina);\n{steps}"), "[before, made]");
    let expected = json!({ "id": made[1]["id"], "user_principal_name": "nina@contoso.example", "display_name": "Nina N", "mail": made[1]["mail"],
        "enabled": true, "usage_location": "DE", "synced": false, "licences": [] });
    assert_eq!(made, json!([null, expected]));
    let steps = r#"
        if !cloud::disable_user(conn, nina) || cloud::disable_user(conn, nina) { throw "disable" }
        if cloud::find_user(conn, nina).enabled { throw "it is enabled" }
        if !cloud::enable_user(conn, nina) || cloud::enable_user(conn, nina) { throw "enable" }
        let sku = cloud::licences(conn)[0];
        if !cloud::assign_licence(conn, nina, sku.sku) || cloud::assign_licence(conn, nina, sku.sku_id) { throw "assign" }
        if cloud::find_user(conn, nina).licences != [sku.sku_id] { throw "licences" }
        if !cloud::assign_licence(conn, nina, sku.sku, #{ without: [sku.plans[0].name] }) { throw "without" }
        if !cloud::assign_licence(conn, nina, sku.sku, #{ remove: true }) { throw "remove" }
        if cloud::assign_licence(conn, nina, sku.sku, #{ remove: true }) { throw "remove again" }
        cloud::reset_password(conn, nina, secret::generate(), false);
        cloud::revoke_sessions(conn, nina);
        if cloud::find_users(conn, "accountEnabled eq true").filter(|one| one.user_principal_name == nina).len() != 1 { throw "find" }"#;
    let (code, end) = office.script(&format!("{CONN}{steps}"));
    assert_eq!(code, Some(0), "{end}");
    let changed: Vec<&str> = end["changed"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let did = [
        "user nina@contoso.example disabled",
        "user nina@contoso.example enabled",
        "licence SPE_E3 assigned to nina@contoso.example",
        "licence SPE_E3 assigned to nina@contoso.example",
        "licence SPE_E3 taken from nina@contoso.example",
        "password of user nina@contoso.example set",
        "sessions of nina@contoso.example ended",
    ];
    assert_eq!(changed, did);
}

#[test]
fn a_password_that_was_set_signs_in() {
    let office = Office::new();
    let (admin, password) = office.cloud.administrator("contoso.example").unwrap();
    let made = office.script(&format!(
        "{CONN}\nlet password = secret::generate();\ncloud::reset_password(conn, \"{admin}\", password, false);\nprint(`${{password}}`);"
    ));
    assert_eq!(made.0, Some(0), "{}", made.1);
    assert!(!made.1.to_string().contains(password.expose()));
    assert_eq!(made.1["changed"], json!([format!("password of user {admin} set")]));
}

#[test]
fn what_cannot_be_done_says_why() {
    let office = Office::new();
    let error = |body: &str| office.error(&format!("{CONN}\n{body}"))["code"].clone();
    assert_eq!(error("cloud::disable_user(conn, nina)"), "cloud.not_found");
    assert_eq!(
        error(r#"cloud::create_user(conn, #{ name: "nobody", password: secret::generate() })"#),
        "cloud.bad_name"
    );
    assert_eq!(error("cloud::create_user(conn, #{ name: nina })"), "script.argument");
    assert_eq!(error(r#"cloud::create_user(conn, #{ name: nina, password: "a literal" })"#), "script.argument");
    assert_eq!(error(r#"cloud::assign_licence(conn, nina, "NOT_THERE")"#), "cloud.unknown_licence");
    assert_eq!(error(r#"cloud::assign_licence(conn, nina, "SPE_E3", #{ without: ["NO"] })"#), "cloud.unknown_plan");
    assert_eq!(error(r#"cloud::find_users(conn, "accountEnabled eq true", 0)"#), "cloud.too_many");
    office.world.file("it.rhai", r#"cloud::disable_user(conn::get("contoso"), "a")"#);
    let output = office.libretto("run it.rhai");
    assert_eq!(output.code, Some(2), "{}", output.text());
    assert!(output.stderr.contains("cloud::disable_user` needs the grant cloud:write"), "{}", output.stderr);
}
