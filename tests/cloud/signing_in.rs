//! The ways to prove who signs in, and what is sent.

use data_encoding::BASE64URL_NOPAD;
use libretto::{
    cloud::{Freshness, Proof},
    secret::Secret,
};
use rcgen::{CertificateParams, KeyPair};
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{NEXT, PEM, fact, refusal, told};
use crate::support::cloud::{FakeCloud, world};

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

fn token_path() -> String {
    format!("/{}/oauth2/v2.0/token", world::TENANT)
}

/// The form that a sign-in with this proof sends, without what differs each time.
async fn form(proof: Proof) -> (FakeCloud, Vec<(String, String)>) {
    let fake = FakeCloud::start().await;
    fake.cloud().sign_in(&fake.with(proof), Freshness::Fresh).await.unwrap();
    let asked = fake.asked();
    assert_eq!(fake.lines(), [format!("POST {}", token_path())]);
    let form = asked[0].form();
    (fake, form)
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_client_secret_is_sent_as_it_is() {
    let (fake, form) = form(Proof::ClientSecret(secret("Canary ~&=+%ü-12"))).await;
    let scope = format!("http://{}/.default", fake.address());
    let wanted = [
        ("client_id", world::APP),
        ("scope", &scope),
        ("grant_type", "client_credentials"),
        ("client_secret", "Canary ~&=+%ü-12"),
    ];
    assert_eq!(form, pairs(&wanted));
}

#[tokio::test]
async fn a_certificate_signs_an_assertion() {
    let (fake, form) = form(Proof::Certificate(secret(PEM))).await;
    let get = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap();
    assert_eq!(get("client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let assertion = get("client_assertion");
    let parts: Vec<&str> = assertion.split('.').collect();
    let json = |part: &str| serde_json::from_slice::<Value>(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap();
    let der = CertificateDer::from_pem_slice(PEM.as_bytes()).unwrap();
    let print = BASE64URL_NOPAD.encode(&Sha256::digest(&der));
    assert_eq!(json(parts[0]), json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": print }));
    let mut claims = json(parts[1]);
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let (from, until) = (claims["nbf"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!((now - 60..=now).contains(&from) && until == from + 540, "{claims}");
    for name in ["nbf", "iat", "exp", "jti"] {
        claims.as_object_mut().unwrap().remove(name).unwrap();
    }
    let audience = format!("http://{}{}", fake.address(), token_path());
    assert_eq!(claims, json!({ "aud": audience, "iss": world::APP, "sub": world::APP }));
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
    let key = certificate.public_key().subject_public_key.data.to_vec();
    let signed = format!("{}.{}", parts[0], parts[1]);
    let signature = BASE64URL_NOPAD.decode(parts[2].as_bytes()).unwrap();
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key).verify(signed.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn of_several_certificates_the_one_of_the_key_is_used() {
    let other = &NEXT[NEXT.find("-----BEGIN CERTIFICATE").unwrap()..];
    let (_, form) = form(Proof::Certificate(secret(&format!("{other}{PEM}")))).await;
    let (_, assertion) = form.iter().find(|(key, _)| key == "client_assertion").unwrap();
    let header = BASE64URL_NOPAD.decode(assertion.split('.').next().unwrap().as_bytes()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let der = CertificateDer::from_pem_slice(PEM.as_bytes()).unwrap();
    assert_eq!(header["x5t#S256"], BASE64URL_NOPAD.encode(&Sha256::digest(&der)));
}

#[tokio::test]
async fn a_federated_assertion_a_refresh_token_and_a_password_have_their_forms() {
    let jwt = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let (fake, sent) = form(Proof::Federated(secret("eyJh.eyJi.c2ln\n"))).await;
    let scope = format!("http://{}/.default", fake.address());
    assert_eq!(
        sent,
        pairs(&[
            ("client_id", world::APP),
            ("scope", &scope),
            ("grant_type", "client_credentials"),
            ("client_assertion_type", jwt),
            ("client_assertion", "eyJh.eyJi.c2ln")
        ])
    );

    let proof = Proof::RefreshToken { token: secret("0.Canary-refresh"), client_secret: Some(secret(world::SECRET)) };
    let (fake, sent) = form(proof).await;
    let scope = format!("http://{}/.default offline_access", fake.address());
    assert_eq!(
        sent,
        pairs(&[
            ("client_id", world::APP),
            ("scope", &scope),
            ("grant_type", "refresh_token"),
            ("client_secret", world::SECRET),
            ("refresh_token", "0.Canary-refresh")
        ])
    );

    let proof = Proof::Password { username: "svc@contoso.example".to_owned(), password: secret("Canary p&ss") };
    let (fake, sent) = form(proof).await;
    let scope = format!("http://{}/.default", fake.address());
    assert_eq!(
        sent,
        pairs(&[
            ("client_id", world::APP),
            ("scope", &scope),
            ("grant_type", "password"),
            ("username", "svc@contoso.example"),
            ("password", "Canary p&ss")
        ])
    );
}

#[tokio::test]
async fn the_refresh_token_that_comes_back_is_handed_on() {
    let fake = FakeCloud::start().await;
    let mut granted = world::granted(world::TENANT, &json!(null));
    let mut body: Value = serde_json::from_str(&granted.body).unwrap();
    body["refresh_token"] = json!("0.Canary-next-refresh");
    granted.body = body.to_string();
    fake.on("POST", &token_path(), [granted]);
    let proof = Proof::RefreshToken { token: secret("0.Canary-refresh"), client_secret: None };
    let graph = fake.cloud().sign_in(&fake.with(proof), Freshness::Fresh).await.unwrap();
    assert_eq!(graph.renewed_refresh_token().unwrap().expose(), "0.Canary-next-refresh");
}

#[tokio::test]
async fn a_password_that_cannot_sign_in_this_way_is_not_sent() {
    let fake = FakeCloud::start().await;
    let proof = Proof::Password { username: "svc@contoso.example".to_owned(), password: secret("Canary-edge ") };
    let error = refusal(&fake.cloud(), &fake.with(proof)).await;
    assert_eq!((error.code(), fake.lines().len()), ("cloud.password_edges", 0));
}

/// A certificate for the tests' key that is valid between these days from now.
fn dated(from: i64, until: i64) -> String {
    let pem = &PEM[PEM.find("-----BEGIN PRIVATE KEY").unwrap()..];
    let key = KeyPair::from_pem(pem).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = OffsetDateTime::now_utc() + time::Duration::days(from);
    params.not_after = OffsetDateTime::now_utc() + time::Duration::days(until);
    format!("{}{pem}", params.self_signed(&key).unwrap().pem())
}

#[tokio::test]
async fn a_certificate_that_cannot_sign_in_is_refused_before_anything_is_sent() {
    let fake = FakeCloud::start().await;
    let key = &PEM[PEM.find("-----BEGIN PRIVATE KEY").unwrap()..];
    let certificate = &PEM[..PEM.find("-----BEGIN PRIVATE KEY").unwrap()];
    let elliptic = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
    let elliptic = format!("{}{}", elliptic.cert.pem(), elliptic.signing_key.serialize_pem());
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let cases = [
        (dated(-90, -1), "cloud.expired_certificate", "the app's certificate expired on"),
        (
            dated(2, 90),
            "cloud.clock_skew",
            "the clocks of this machine and of the cloud differ: the app's certificate is valid from",
        ),
        (
            key.to_owned(),
            "cloud.bad_certificate",
            "the app's certificate cannot be used: no certificate in it belongs to its key",
        ),
        (
            certificate.to_owned(),
            "cloud.bad_certificate",
            "the app's certificate cannot be used: there is no private key in it",
        ),
        (
            format!("{}{key}", &NEXT[NEXT.find("-----BEGIN CERT").unwrap()..]),
            "cloud.bad_certificate",
            "the app's certificate cannot be used: no certificate in it belongs to its key",
        ),
        (
            elliptic,
            "cloud.bad_certificate",
            "the app's certificate cannot be used: its key is no RSA key of 2048 to 4096 bits",
        ),
        (
            format!("{certificate}{encrypted}"),
            "cloud.bad_certificate",
            "the app's certificate cannot be used: its key is encrypted with a passphrase",
        ),
        (
            "nothing at all".to_owned(),
            "cloud.bad_certificate",
            "the app's certificate cannot be used: there is no private key in it",
        ),
    ];
    for (pem, code, words) in cases {
        let error = refusal(&fake.cloud(), &fake.with(Proof::Certificate(secret(&pem)))).await;
        assert_eq!(error.code(), code);
        assert!(error.message().starts_with(words) && error.remedy().is_some(), "{}", told(&error));
    }
    assert_eq!(fake.lines(), [""; 0]);
}

#[tokio::test]
async fn a_token_of_another_tenant_is_never_used() {
    let fake = FakeCloud::start().await;
    fake.on("POST", &token_path(), [world::granted(world::OTHER_TENANT, &json!(null))]);
    let cloud = fake.cloud();
    let error = refusal(&cloud, &fake.sign_in()).await;
    assert_eq!(
        (error.code(), fact(&error, "tenant"), fact(&error, "answered_for")),
        ("cloud.wrong_tenant", Some(world::TENANT), Some(world::OTHER_TENANT))
    );
    // Nor is it kept.
    cloud.sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    assert_eq!(fake.count("POST", &token_path()), 2);
}

#[tokio::test]
async fn clocks_that_differ_are_named() {
    let fake = FakeCloud::start().await;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let cases = [
        (json!({ "nbf": now + 1_800 }), "a new token is valid from 1"),
        (json!({ "nbf": now - 9_000, "exp": now - 5_400 }), "a new token has been invalid for 5"),
    ];
    for (claims, words) in cases {
        fake.on("POST", &token_path(), [world::granted(world::TENANT, &claims)]);
        let error = refusal(&fake.cloud(), &fake.sign_in()).await;
        assert_eq!(error.code(), "cloud.clock_skew");
        assert!(error.message().contains(words), "{error}");
    }
    // Within the allowance nothing is said.
    fake.on("POST", &token_path(), [world::granted(world::TENANT, &json!({ "nbf": now + 240 }))]);
    fake.cloud().sign_in(&fake.sign_in(), Freshness::Fresh).await.unwrap();
}
