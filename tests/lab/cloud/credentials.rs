//! The app's secrets and certificates: added, not yet known, known, removed.

use data_encoding::BASE64;

use super::*;

const CONTOSO: &str = "contoso.example";
const DAY: time::Duration = time::Duration::DAY;

fn at(sky: &Sky, action: &str) -> String {
    format!("/applications/{}/{action}", sky.cloud.application_id())
}

fn days(days: i64) -> String {
    (time::OffsetDateTime::now_utc() + DAY * days as i32)
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}

/// A proof of possession by the key of `pem`.
fn proof(sky: &Sky, pem: &str, algorithm: &str) -> String {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let directory = "00000002-0000-0000-c000-000000000000";
    let claims = json!({ "aud": directory, "iss": sky.cloud.application_id(), "nbf": now, "exp": now + 600 });
    sign(pem, pem, algorithm, &claims)
}

fn certificate(pem: &str) -> String {
    BASE64.encode(&CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
}

#[tokio::test]
async fn a_new_secret_is_not_yet_known_then_known_and_gone_when_removed() {
    let sky = sky(&["cloud=new-secret-delay:2m"]);
    let token = sky.token(CONTOSO).await;
    let body = json!({ "passwordCredential": { "displayName": "libretto 7", "endDateTime": days(30) } });
    let made = sky.ask("POST", &at(&sky, "addPassword"), &token, Some(body)).await;
    let (secret, id) = (made.body["secretText"].as_str().unwrap(), made.body["keyId"].as_str().unwrap());
    assert_eq!((secret.len(), &made.body["hint"]), (40, &json!(&secret[..3])));
    let shown = sky.get(&format!("/applications(appId='{}')", sky.cloud.client_id()), &token).await;
    assert_eq!(shown["passwordCredentials"][1]["displayName"], "libretto 7");
    assert!(!shown.to_string().contains(secret));
    for tenant in [CONTOSO, "fabrikam.example"] {
        assert_eq!(sky.by_secret(tenant, secret).await.refused(), (401, "invalid_client", 7_000_215));
    }
    sky.clock.advance(MINUTE * 3);
    // One secret serves every tenant.
    for tenant in sky.cloud.tenants() {
        assert_eq!(sky.by_secret(&tenant.domain, secret).await.status, 200);
    }
    let remove = async || sky.ask("POST", &at(&sky, "removePassword"), &token, Some(json!({ "keyId": id }))).await;
    assert_eq!(remove().await.status, 204);
    assert_eq!(sky.by_secret(CONTOSO, secret).await.refused(), (401, "invalid_client", 7_000_215));
    let again = remove().await;
    assert_eq!(
        (again.status, &again.body["error"]["message"]),
        (400, &json!("No password credential found with keyId."))
    );
    assert_eq!(sky.by_secret(CONTOSO, sky.cloud.secret().expose()).await.status, 200);
}

#[tokio::test]
async fn a_secret_expires() {
    let sky = sky(&["cloud=new-secret-delay:0s"]);
    let token = sky.token(CONTOSO).await;
    let body = json!({ "passwordCredential": { "endDateTime": days(1) } });
    let made = sky.ask("POST", &at(&sky, "addPassword"), &token, Some(body)).await;
    let secret = made.body["secretText"].as_str().unwrap();
    assert_eq!(sky.by_secret(CONTOSO, secret).await.status, 200);
    sky.clock.advance(Duration::from_hours(25));
    assert_eq!(sky.by_secret(CONTOSO, secret).await.refused(), (401, "invalid_client", 7_000_222));
}

#[tokio::test]
async fn secrets_that_cannot_be_are_refused() {
    let sky = sky(&["cloud=secret-policy"]);
    let token = sky.token(CONTOSO).await;
    for (body, code) in [
        (json!({ "passwordCredential": { "endDateTime": days(91) } }), "CredentialInvalidLifetimeAsPerAppPolicy"),
        // Two years unless told.
        (json!({}), "CredentialInvalidLifetimeAsPerAppPolicy"),
        (json!({ "passwordCredential": { "endDateTime": days(-1) } }), "Request_BadRequest"),
        (json!({ "passwordCredential": { "endDateTime": "soon" } }), "BadRequest"),
    ] {
        let (status, said, _) = sky.refusal("POST", &at(&sky, "addPassword"), &token, Some(body)).await;
        assert_eq!((status, said.as_str()), (400, code));
    }
    let body = json!({ "passwordCredential": { "endDateTime": days(89) } });
    assert_eq!(sky.ask("POST", &at(&sky, "addPassword"), &token, Some(body)).await.status, 200);
    // The application's object is nowhere but at home, and others' are others'.
    let fabrikam = sky.token("fabrikam.example").await;
    assert_eq!(sky.refusal("POST", &at(&sky, "addPassword"), &fabrikam, None).await.0, 404);
    assert_eq!(sky.get("/applications", &fabrikam).await["value"], json!([]));
}

#[tokio::test]
async fn a_certificate_is_added_by_who_holds_the_present_one() {
    let sky = sky(&["cloud=new-secret-delay:2m"]);
    let token = sky.token(CONTOSO).await;
    let own = sky.cloud.certificate().unwrap();
    let key = json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "displayName": "libretto 8", "key": certificate(STRANGER) });
    let add = async |proof: &str, key: &Value| {
        let body = json!({ "keyCredential": key, "passwordCredential": null, "proof": proof });
        sky.ask("POST", &at(&sky, "addKey"), &token, Some(body)).await
    };
    // By the new key itself, by nobody.
    for bad in [&proof(&sky, STRANGER, "PS256"), "rubbish", ""] {
        let said = add(bad, &key).await;
        assert_eq!((said.status, &said.body["error"]["code"]), (401, &json!("Authentication_MissingOrMalformed")));
    }
    let good = proof(&sky, own.expose(), "RS256");
    let rubbish = json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": "AAAA" });
    assert_eq!(add(&good, &rubbish).await.status, 400);
    let made = add(&good, &key).await;
    assert_eq!((made.status, made.body["customKeyIdentifier"].as_str().unwrap().len()), (200, 40));
    let by_new = async || sky.by_assertion(CONTOSO, &sign(STRANGER, STRANGER, "PS256", &sky.claims(CONTOSO))).await;
    assert_eq!(by_new().await.refused(), (401, "invalid_client", 700_027));
    sky.clock.advance(MINUTE * 3);
    assert_eq!(by_new().await.status, 200);
    // Now the new one proves the removal of the first.
    let shown = sky.get(&format!("/applications/{}", sky.cloud.application_id()), &token).await;
    let keys: Vec<&str> =
        shown["keyCredentials"].as_array().unwrap().iter().map(|k| k["keyId"].as_str().unwrap()).collect();
    let body = json!({ "keyId": keys[0], "proof": proof(&sky, STRANGER, "PS256") });
    let removed = sky.ask("POST", &at(&sky, "removeKey"), &token, Some(body.clone())).await;
    assert_eq!(removed.status, 204);
    assert_eq!(
        sky.refusal("POST", &at(&sky, "removeKey"), &token, Some(body)).await.2,
        "No key credential found with keyId."
    );
    let by_old = sign(own.expose(), own.expose(), "PS256", &sky.claims(CONTOSO));
    assert_eq!(sky.by_assertion(CONTOSO, &by_old).await.refused(), (401, "invalid_client", 700_027));
}
