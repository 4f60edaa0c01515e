//! An app's own credentials: list, add, prove, remove.

use std::time::Duration;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use libretto::{
    cloud::{Freshness, Waiting},
    secret::Secret,
    verdict::Verdict,
};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use time::macros::datetime;

use super::{NEXT, PEM, fact, signed_in};
use crate::support::cloud::{FakeCloud, Reply, world};

const OBJECT: &str = "dddddddd-0000-4000-8000-00000000000d";
const KEY: &str = "eeeeeeee-0000-4000-8000-00000000000e";

fn at(action: &str) -> String {
    format!("/v1.0/applications/{OBJECT}/{action}")
}

fn password(text: Option<&str>) -> Value {
    let mut secret = json!({
        "keyId": KEY, "displayName": "libretto tx-1", "hint": "Can", "customKeyIdentifier": null,
        "startDateTime": "2026-11-23T10:00:00Z", "endDateTime": "2027-05-23T10:00:00Z", "secretText": null,
    });
    if let Some(text) = text {
        secret["secretText"] = text.into();
    }
    secret
}

fn key() -> Value {
    json!({
        "keyId": KEY, "displayName": "libretto tx-2", "customKeyIdentifier": "dGh1bWI=", "type": "AsymmetricX509Cert", "usage": "Verify",
        "startDateTime": "2026-11-23T10:00:00Z", "endDateTime": "2027-05-23T10:00:00Z", "key": null,
    })
}

#[tokio::test]
async fn a_registration_is_found_by_its_apps_id() {
    let (fake, graph) = signed_in().await;
    let body = json!({
        "id": OBJECT, "appId": world::APP, "displayName": "Libretto", "passwordCredentials": [password(None)], "keyCredentials": [key()],
    });
    fake.on("GET", &format!("/v1.0/applications(appId='{}')", world::APP), [Reply::json(200, &body)]);
    let application = graph.application(world::APP).await.unwrap();
    let credential = |kind: &str, name: &str, hint: &str| {
        json!({
            "keyId": KEY, "kind": kind, "displayName": name, "hint": hint, "starts": "2026-11-23T10:00:00Z",
            "ends": "2027-05-23T10:00:00Z",
        })
    };
    assert_eq!(
        serde_json::to_value(&application).unwrap(),
        json!({
            "id": OBJECT, "appId": world::APP, "displayName": "Libretto",
            "credentials": [credential("secret", "libretto tx-1", "Can"), credential("certificate", "libretto tx-2", "dGh1bWI=")],
        })
    );
    fake.assert_as_described();
}

#[tokio::test]
async fn a_secret_is_added_and_removed() {
    let (fake, graph) = signed_in().await;
    fake.on("POST", &at("addPassword"), [Reply::json(200, &password(Some("Canary-New-Secret-9")))]);
    let (made, text) = graph.add_secret(OBJECT, "libretto tx-1", datetime!(2027-05-23 10:00 UTC)).await.unwrap();
    assert_eq!((made.key_id.as_str(), text.expose()), (KEY, "Canary-New-Secret-9"));
    assert!(!format!("{made:?}{text:?}").contains("Canary"));
    assert_eq!(
        fake.asked().pop().unwrap().json(),
        json!({ "passwordCredential": { "displayName": "libretto tx-1", "endDateTime": "2027-05-23T10:00:00Z" } })
    );
    let gone =
        world::graph_error(400, "Request_BadRequest", &format!("No password credential found with keyId '{KEY}'."));
    fake.on(
        "POST",
        &at("removePassword"),
        [Reply::json(204, &Value::Null), gone, world::graph_error(403, "Authorization_RequestDenied", "No.")],
    );
    graph.remove_secret(OBJECT, KEY).await.unwrap();
    assert_eq!(fake.asked().pop().unwrap().json(), json!({ "keyId": KEY }));
    // Gone already is what was wanted.
    graph.remove_secret(OBJECT, KEY).await.unwrap();
    assert_eq!(graph.remove_secret(OBJECT, KEY).await.unwrap_err().code(), "cloud.permission_missing");
    fake.assert_as_described();
}

#[tokio::test]
async fn a_secret_that_was_added_and_not_answered_is_in_doubt_with_its_name() {
    let (fake, graph) = signed_in().await;
    fake.on("POST", &at("addPassword"), [Reply::json(200, &password(None)).odd()]);
    let error = graph.add_secret(OBJECT, "libretto tx-1", datetime!(2027-05-23 10:00 UTC)).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("cloud.in_doubt", Verdict::InDoubt));
    assert_eq!(error.remedy(), Some("remove the secret named 'libretto tx-1' from the app registration"));
}

#[tokio::test]
async fn a_certificate_is_added_and_removed_with_a_proof_by_the_present_one() {
    let (fake, graph) = signed_in().await;
    fake.on("POST", &at("addKey"), [Reply::json(200, &key())]);
    fake.on("POST", &at("removeKey"), [Reply::json(204, &Value::Null)]);
    let present = Secret::new(PEM).unwrap();
    let certificate = &NEXT[NEXT.find("-----BEGIN CERT").unwrap()..];
    let made = graph.add_certificate(OBJECT, "libretto tx-2", certificate, &present).await.unwrap();
    graph.remove_certificate(OBJECT, &made.key_id, &present).await.unwrap();
    let asked = fake.asked();
    let (add, remove) = (asked[1].json(), asked[2].json());
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    assert_eq!(
        add["keyCredential"],
        json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "displayName": "libretto tx-2", "key": BASE64.encode(&der) })
    );
    assert_eq!((&add["passwordCredential"], &remove["keyId"]), (&Value::Null, &json!(KEY)));
    for body in [add, remove] {
        proven(body["proof"].as_str().unwrap());
    }
    fake.assert_as_described();
}

/// A proof as Microsoft describes it, signed by the present certificate's key.
fn proven(proof: &str) {
    let parts: Vec<&str> = proof.split('.').collect();
    let json = |part: &str| serde_json::from_slice::<Value>(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap();
    let (header, claims) = (json(parts[0]), json(parts[1]));
    assert_eq!((&header["alg"], header["x5t"].is_string()), (&json!("RS256"), true));
    assert_eq!((&claims["aud"], &claims["iss"]), (&json!("00000002-0000-0000-c000-000000000000"), &json!(OBJECT)));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 600);
    let der = CertificateDer::from_pem_slice(PEM.as_bytes()).unwrap();
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
    let key = certificate.public_key().subject_public_key.data.to_vec();
    let signature = BASE64URL_NOPAD.decode(parts[2].as_bytes()).unwrap();
    let signed = format!("{}.{}", parts[0], parts[1]);
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(signed.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn policies_say_beforehand_what_may_be_added() {
    let (fake, graph) = signed_in().await;
    let own = format!("/v1.0/applications/{OBJECT}/appManagementPolicies");
    let restriction = |kind: &str, state: &str, longest: Value| json!({ "restrictionType": kind, "state": state, "maxLifetime": longest });
    let restrictions = json!({
        "passwordCredentials": [
            restriction("passwordAddition", "disabled", Value::Null),
            restriction("passwordLifetime", "enabled", json!("P90D")),
            restriction("somethingNew", "enabled", Value::Null),
        ],
        "keyCredentials": [restriction("asymmetricKeyLifetime", "enabled", json!("P365D"))],
    });
    let tenants = json!({ "isEnabled": true, "applicationRestrictions": restrictions });
    let off = json!({ "isEnabled": false, "applicationRestrictions": restrictions });
    let forbids = json!({ "isEnabled": true, "restrictions": { "passwordCredentials": [restriction("passwordAddition", "enabled", Value::Null)] } });
    let ignored = json!({ "isEnabled": false, "restrictions": restrictions });
    let list = |policies: &[&Value]| Reply::json(200, &json!({ "value": policies }));
    fake.on("GET", &own, [list(&[]), list(&[&ignored]), list(&[&forbids])]);
    fake.on("GET", "/v1.0/policies/defaultAppManagementPolicy", [Reply::json(200, &tenants), Reply::json(200, &off)]);
    let mut told = Vec::new();
    for _ in 0..3 {
        let policy = graph.app_policy(OBJECT).await.unwrap();
        told.push((policy.secrets, policy.longest_secret, policy.longest_certificate));
    }
    let limited = (true, Some("P90D".to_owned()), Some("P365D".to_owned()));
    assert_eq!(told, [limited, (true, None, None), (false, None, None)]);
}

fn waiting(at_most: u64) -> Waiting {
    Waiting { at_most: Duration::from_millis(at_most), successes: 3, pause: Duration::from_millis(10) }
}

#[tokio::test]
async fn a_new_secret_is_proven_by_several_successes_in_a_row() {
    let fake = FakeCloud::start().await;
    let path = format!("/{}/oauth2/v2.0/token", world::TENANT);
    let not_yet = || world::refused(401, "invalid_client", 7_000_215, "Invalid client secret provided.");
    let known = || world::granted(world::TENANT, &Value::Null);
    fake.on("POST", &path, [not_yet(), known(), not_yet(), known(), known(), known(), not_yet()]);
    let proven = fake.cloud().prove(&fake.sign_in(), &waiting(60_000)).await.unwrap();
    assert_eq!((proven.attempts, proven.not_yet, fake.count("POST", &path)), (6, 2, 6));
}

#[tokio::test]
async fn not_yet_has_an_end_and_other_refusals_have_none_to_wait_for() {
    let fake = FakeCloud::start().await;
    let path = format!("/{}/oauth2/v2.0/token", world::TENANT);
    let not_yet = || world::refused(401, "invalid_client", 700_027, "The key was not found.");
    fake.on("POST", &path, (0..1000).map(|_| not_yet()));
    let error = fake.cloud().prove(&fake.sign_in(), &waiting(300)).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("cloud.not_yet", Verdict::Inconclusive));
    assert_eq!(fact(&error, "aadsts"), Some("700027"));

    let fake = FakeCloud::start().await;
    fake.on("POST", &path, [world::refused(401, "invalid_client", 7_000_222, "Expired.")]);
    let error = fake.cloud().prove(&fake.sign_in(), &waiting(60_000)).await.unwrap_err();
    assert_eq!((error.code(), fake.count("POST", &path)), ("cloud.expired_secret", 1));
    fake.cloud().sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
}
