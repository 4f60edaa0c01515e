//! An app's secrets and certificates, as scripts work on them.

use serde_json::json;

use super::Office;
use crate::support::world::words;

const CONN: &str = r#"let conn = conn::get("fabrikam");"#;
/// Quick enough for a test; the lab knows a new secret after a third of a second.
const SOON: &str = r#"#{ wait: "20s", pause: "100ms" }"#;

#[test]
fn a_secret_is_added_proven_and_removed() {
    let office = Office::new();
    let listed = office.result(CONN, "cloud::app_credentials(conn)");
    assert_eq!(
        json!([listed["app"], listed["object"]]),
        json!([office.cloud.client_id(), office.cloud.application_id()])
    );
    let told = |listed: &serde_json::Value| {
        let all = listed["credentials"].as_array().unwrap().iter();
        all.map(|one| json!([one["kind"], one["display_name"], one["current"]])).collect::<Vec<_>>()
    };
    let first = [json!(["secret", "set up with the lab", true]), json!(["certificate", "CN=Libretto lab app", false])];
    assert_eq!(told(&listed), first);
    let body = format!(
        r#"{CONN}
        let made = cloud::add_app_secret(conn, "by hand", #{{ lifetime: "30d" }});
        if `${{made.secret}}` != "[secret]" {{ throw "shown" }}
        let proven = cloud::prove_app_credential(conn, made.secret, {SOON});
        if proven.attempts < 3 {{ throw proven }}
        if cloud::app_credentials(conn).credentials.len() != 3 {{ throw "added" }}
        if !cloud::remove_app_credential(conn, made.key_id) || cloud::remove_app_credential(conn, made.key_id) {{ throw "removed" }}"#
    );
    let (code, end) = office.script(&body);
    assert_eq!(code, Some(0), "{end}");
    let changed = end["changed"].as_array().unwrap();
    assert_eq!((changed.len(), &changed[0]), (2, &json!("secret 'by hand' added to the app Libretto")), "{end}");
    assert_eq!(told(&office.result(CONN, "cloud::app_credentials(conn)")), first);
    let own = &listed["credentials"][0]["key_id"];
    assert_eq!(
        office.error(&format!("{CONN} cloud::remove_app_credential(conn, {own})"))["code"],
        "cloud.own_credential"
    );
    // it may not prove a certificate
    let refused = office.error(&format!("{CONN} cloud::add_app_certificate(conn, \"x\", secret::generate())"));
    assert_eq!(refused["code"], "cloud.no_certificate");
}

#[test]
fn a_certificate_is_added_proven_and_removed() {
    let office = Office::empty(&[]);
    let pem = office.cloud.certificate().unwrap();
    office.world.file("app.pem", pem.expose()).file("next.pem", include_str!("../cloud/keys/next.pem"));
    let app = office.cloud.client_id();
    office
        .libretto(&format!(
            "connections add msonline --name fabrikam --domain contoso.example --client-id {app} --certificate app.pem --app-home fabrikam"
        ))
        .ok();
    let body = format!(
        r#"const PARAMS = #{{ next: #{{ type: "secret", help: "the next" }} }};
        const GRANTS = ["cloud:write"];
        {CONN}
        let made = cloud::add_app_certificate(conn, "the next", args::next);
        cloud::prove_app_credential(conn, args::next, {SOON});
        let listed = cloud::app_credentials(conn).credentials.filter(|one| one.kind == "certificate");
        print(#{{ it: listed.map(|one| [one.display_name, one.current]) }}.to_json());
        if !cloud::remove_app_credential(conn, made.key_id) {{ throw "removed" }}"#
    );
    office.world.file("it.rhai", &body);
    let output = office.world.program().args(words("run it.rhai next=file:next.pem --json")).run().ok();
    let said = output.json_lines().iter().find_map(|line| line["text"].as_str().map(str::to_owned)).unwrap();
    assert_eq!(said, r#"{"it":[["CN=Libretto lab app",true],["the next",false]]}"#);
}

#[test]
fn an_app_is_changed_in_its_home_tenant_only() {
    let office = Office::new();
    let list = "cloud::app_credentials(conn)";
    office.libretto("connections edit fabrikam --app-home ''").ok();
    assert_eq!(office.error(&format!("{CONN} {list}"))["code"], "cloud.no_app_home");
    office.libretto("connections edit fabrikam --app-home fabrikam").ok();
    // the tenant has the app by consent, and not its registration
    let refused = office.error(&format!("{CONN} {list}"));
    assert_eq!(refused["code"], "cloud.not_app_home", "{refused}");
}
