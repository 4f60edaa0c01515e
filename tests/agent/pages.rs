//! The document, the Swagger page, the status page.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Value, json};

use super::served::{Served, request};

fn refs(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(to)) = members.get("$ref") {
                found.insert(to.clone());
            }
            members.values().for_each(|value| refs(value, found));
        }
        Value::Array(all) => all.iter().for_each(|value| refs(value, found)),
        _ => {}
    }
}

#[test]
fn the_document_is_whole_and_the_same_at_both_places() {
    let served = Served::new();
    let reply = served.open("/openapi.json");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(served.open("/swagger/docs/v1").body, reply.body);
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut links = BTreeSet::new();
    refs(&document, &mut links);
    for link in links {
        assert!(document.pointer(link.trim_start_matches('#')).is_some(), "{link} leads nowhere");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::meta::is_valid(schema), "{name} is no JSON schema: {schema}");
    }
    let ids: Vec<&str> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    let expected = [
        "Agent_CheckEgress",
        "Agent_Status",
        "Connections_Add",
        "Connections_Delete",
        "Connections_Get",
        "Connections_List",
        "Connections_TestConnection",
        "Connections_Update",
        "LicenceProfiles_Delete",
        "LicenceProfiles_List",
        "LicenceProfiles_Set",
        "Users_AssignLicence",
        "Users_Disable",
        "Users_Enable",
        "Users_Find",
        "Users_RemoveLicence",
        "Users_ResetPassword",
        "Users_RevokeSessions",
    ];
    assert_eq!(ids, expected);
    let test = &document["paths"]["/api/Connections/TestConnection"]["post"];
    assert_eq!(test["tags"], json!(["Connections"]));
    assert_eq!(test["requestBody"]["x-bodyName"], "req");
    assert_eq!(test["x-codegen-request-body-name"], "req");
    let shapes = &document["components"]["schemas"]["DomainReq"]["oneOf"];
    assert_eq!(json!([shapes[0]["type"], shapes[1]["type"]]), json!(["string", "object"]));
    assert_eq!(document["security"], json!([{ "token": [] }]));
}

#[test]
fn answers_are_as_the_document_says() {
    let served = Served::new();
    let document = served.open("/openapi.json").json();
    let fits = |schema: &str, answer: &Value| {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}"), "components": document["components"] });
        let errors: Vec<String> =
            jsonschema::validator_for(&schema).unwrap().iter_errors(answer).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{answer}: {errors:?}");
    };
    let new = json!({ "domain": "contoso.example", "clientId": "app", "clientSecret": "hush-hush-hush" });
    fits("ConnectionReq", &new);
    fits("Held", &served.call("Add", &new).json());
    fits("Held", &served.get("/api/Connections/Get?domain=contoso.example").json());
    fits("Problem", &served.call("Add", &new).json());
    fits("Problem", &served.open("/api/Agent/Status").json());
    fits("Status", &served.get("/api/Agent/Status").json());
    fits("EgressChecked", &served.get("/api/Agent/CheckEgress?cloud=china").json());
    fits("Profile", &served.post("/api/LicenceProfiles/Set", r#"{"name":"staff","sku":"SPE_E3"}"#).json());
    fits("Deleted", &served.call("Delete", &json!("contoso.example")).json());
}

#[test]
fn the_page_is_served_with_all_its_files_and_asks_nobody_else() {
    let served = Served::new();
    let page = served.open("/swagger");
    for path in ["/swagger/", "/swagger/index.html", "/swagger/ui", "/swagger/ui/", "/swagger/ui/index"] {
        assert_eq!(served.open(path).body, page.body, "{path}");
    }
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let named = Regex::new("(?:href|src)=\"([^\"]+)\"").unwrap();
    let files: Vec<&str> = named.captures_iter(&page.body).map(|found| found.get(1).unwrap().as_str()).collect();
    assert_eq!(files.len(), 7, "{files:?}");
    for file in files {
        let reply = served.open(file);
        assert!(
            file.starts_with("/swagger/ui/") && reply.status == 200 && !reply.body.is_empty(),
            "{file}: {}",
            reply.status
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    let settings = served.open("/swagger/ui/swagger-initializer.js").body;
    assert!(settings.contains("\"/swagger/docs/v1\"") && settings.contains("\"validatorUrl\": \"none\""), "{settings}");
    assert!(!settings.contains("petstore"), "{settings}");
    for outside in ["/swagger/ui/..%2f..%2fCargo.toml", "/swagger/ui/nothing.js"] {
        assert_eq!(served.open(outside).problem(), (404, "service.unknown_path".to_owned()));
    }
}

#[test]
fn the_status_page_is_for_people_and_for_programs() {
    let served = Served::new();
    for path in ["/", "/status"] {
        let page = served.open(path);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.body.contains("<h1>Libretto Remote Agent</h1>"), "{}", page.body);
        let facts = served.say(&request("GET", path, &[("Accept", "application/json")], "")).json();
        let names: Vec<&String> = facts.as_object().unwrap().keys().collect();
        assert_eq!(names, ["service", "status", "version", "uptimeSeconds"]);
        assert_eq!((&facts["service"], &facts["status"]), (&json!("Remote Agent"), &json!("up")));
    }
}
