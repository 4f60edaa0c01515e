//! The agent and the cloud, which is the lab's: a process of its own on one side, a server of the test's on the other.

use libretto::lab::cloud::{CloudOptions, LabCloud};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::served::Served;
use crate::support::world::World;

/// A cloud, and an agent that goes there.
pub struct Clouded {
    pub served: Served,
    pub cloud: LabCloud,
    /// What the cloud runs on.
    _runtime: Runtime,
}

pub fn clouded() -> Clouded {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let cloud = {
        let _inside = runtime.enter();
        LabCloud::start(CloudOptions::default()).unwrap()
    };
    let world = World::new();
    world.file("cloud.pem", cloud.ca_pem());
    let served = Served::with(world, &["--cloud-login", &cloud.login(), "--cloud-ca", "cloud.pem"]);
    Clouded { served, cloud, _runtime: runtime }
}

impl Clouded {
    pub fn add(&self, domain: &str, secret: &str) -> Value {
        let new = json!({ "domain": domain, "clientId": self.cloud.client_id(), "clientSecret": secret });
        let added = self.served.call("Add", &new);
        assert_eq!(added.status, 200, "{added:?}");
        added.json()
    }

    pub fn tenant(&self, domain: &str) -> String {
        self.cloud.tenants().into_iter().find(|tenant| tenant.domain == domain).unwrap().id
    }
}

#[test]
fn a_test_answers_what_the_cloud_says_of_the_domain() {
    let clouded = clouded();
    let secret = clouded.cloud.secret().expose().to_owned();
    for domain in ["contoso.example", "fabrikam.example"] {
        // both sign in as one app, so what the first test proves holds for the second
        assert_eq!(clouded.add(domain, &secret)["provenAt"].is_string(), domain == "fabrikam.example");
        for body in [json!(domain), json!({ "req": domain })] {
            let reply = clouded.served.call("TestConnection", &body);
            assert_eq!(reply.status, 200, "{reply:?}");
            let found = reply.json();
            let tenant = clouded.tenant(domain);
            assert_eq!(json!([found["id"], found["tenant"], found["domain"]]), json!([tenant, tenant, domain]));
            assert_eq!(json!([found["verified"], found["authenticationType"]]), json!([true, "Managed"]));
            assert!(found["services"].as_array().is_some_and(|services| !services.is_empty()), "{found}");
            assert!(found["licences"].as_array().is_some_and(|licences| !licences.is_empty()), "{found}");
            assert!(!reply.body.contains(&secret), "{found}");
        }
        let held = clouded.served.get(&format!("/api/Connections/Get?domain={domain}")).json();
        assert!(held["provenAt"].is_string(), "{held}");
    }
    let egress = clouded.served.get("/api/Agent/CheckEgress").json();
    assert_eq!((&egress["reached"], &egress["hosts"][0]["role"]), (&json!(true), &json!("sign-in")), "{egress}");
}

#[test]
fn a_certificate_signs_in_too() {
    let clouded = clouded();
    let pair = clouded.cloud.certificate().unwrap();
    let new =
        json!({ "domain": "contoso.example", "clientId": clouded.cloud.client_id(), "certificate": pair.expose() });
    let added = clouded.served.call("Add", &new);
    assert_eq!(added.json()["form"], "certificate", "{added:?}");
    let tested = clouded.served.call("TestConnection", &json!("contoso.example"));
    assert_eq!((tested.status, &tested.json()["version"]), (200, &json!(1)), "{tested:?}");
}

#[test]
fn what_the_cloud_refuses_is_told_by_its_name() {
    let clouded = clouded();
    clouded.add("contoso.example", "a-secret-that-is-wrong");
    let refused = clouded.served.call("TestConnection", &json!("contoso.example"));
    assert_eq!(refused.problem(), (424, "cloud.wrong_secret".to_owned()));
    assert!(refused.json()["facts"]["trace_id"].is_string(), "{refused:?}");
    let held = clouded.served.get("/api/Connections/Get?domain=contoso.example").json();
    assert_eq!(held["provenAt"], Value::Null);
    // the right one by an update, and the very next test says so
    let secret = clouded.cloud.secret().expose();
    clouded.served.call("Update", &json!({ "domain": "contoso.example", "clientSecret": secret }));
    assert_eq!(clouded.served.call("TestConnection", &json!("contoso.example")).status, 200);
    // held, but no tenant has it
    clouded.add("nobody.example", secret);
    let unknown = clouded.served.call("TestConnection", &json!("nobody.example"));
    assert_eq!(unknown.problem(), (404, "cloud.unknown_tenant".to_owned()));
    drop(clouded.cloud);
    let gone = clouded.served.call("TestConnection", &json!("contoso.example"));
    assert_eq!(gone.problem().0, 424);
    assert_eq!(gone.json()["verdict"], "inconclusive");
}

#[test]
fn users_and_their_licences_are_worked_on() {
    let clouded = clouded();
    clouded.add("contoso.example", clouded.cloud.secret().expose());
    let (name, _) = clouded.cloud.administrator("contoso.example").unwrap();
    let user = |more: Value| {
        let mut body = json!({ "domain": "contoso.example", "user": name });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    let call = |operation: &str, more: Value| {
        let reply = clouded.served.post(&format!("/api/Users/{operation}"), &user(more));
        assert_eq!(reply.status, 200, "{operation}: {reply:?}");
        reply.json()
    };
    let found = call("Find", json!({}));
    assert_eq!((&found["userPrincipalName"], &found["enabled"]), (&json!(name), &json!(true)));
    assert_eq!(call("Disable", json!({}))["done"], "disabled");
    assert_eq!(call("Find", json!({}))["enabled"], false);
    call("Enable", json!({}));
    assert_eq!(call("Find", json!({}))["enabled"], true);
    call("RevokeSessions", json!({}));
    let password = "Nine-Tailed-Comets-42";
    let reset = call("ResetPassword", json!({ "password": password, "changePassword": false }));
    assert!(!reset.to_string().contains(password));
    let licences = clouded.served.call("TestConnection", &json!("contoso.example")).json()["licences"].clone();
    let sku = licences[0]["sku"].as_str().unwrap();
    let profile = json!({ "name": "staff", "sku": sku }).to_string();
    assert_eq!(clouded.served.post("/api/LicenceProfiles/Set", &profile).status, 200);
    let had = |found: &Value| found["licences"].as_array().unwrap().contains(&licences[0]["id"]);
    call("AssignLicence", json!({ "profile": "STAFF" }));
    assert!(had(&call("Find", json!({}))));
    call("RemoveLicence", json!({ "sku": sku }));
    assert!(!had(&call("Find", json!({}))));
    let nobody = json!({ "domain": "contoso.example", "user": "nobody@contoso.example" }).to_string();
    for operation in ["Find", "Disable"] {
        assert_eq!(clouded.served.post(&format!("/api/Users/{operation}"), &nobody).problem().0, 404, "{operation}");
    }
    let unknown = clouded.served.post("/api/Users/AssignLicence", &user(json!({ "sku": "NOT_THERE" })));
    assert_eq!(unknown.problem(), (404, "agent.unknown_licence".to_owned()));
}

/// What a request may take in all is one time: the cloud's pauses end before it does.
#[test]
fn a_cloud_that_is_throttled_for_too_long_is_told_as_that() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let login = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let said =
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(said.as_bytes());
        }
    });
    let world = World::new();
    world.file("home/config.toml", "[service]\nanswer_seconds = 8\n");
    let served = Served::with(world, &["--cloud-login", &login]);
    served.call("Add", &json!({ "domain": "contoso.example", "clientId": "app", "clientSecret": "a-first-secret" }));
    let reply = served.call("TestConnection", &json!("contoso.example"));
    assert_eq!(reply.problem(), (424, "cloud.throttled".to_owned()));
    assert_eq!(reply.json()["verdict"], "inconclusive");
}
