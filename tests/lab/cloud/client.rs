//! The lab's cloud with Libretto's own client: what users of `--lab` go through.

use libretto::{
    cloud::{Cloud, Freshness, Options, Proof, SignIn},
    secret::Secret,
};
use time::OffsetDateTime;

use super::*;

fn client(sky: &Sky) -> Cloud {
    let login = Some(sky.cloud.login().parse().unwrap());
    Cloud::new(Options { login, ca_pem: Some(sky.cloud.ca_pem().into()), ..Options::default() }).unwrap()
}

async fn whose(sky: &Sky, cloud: &Cloud, domain: &str, proof: Proof) -> SignIn {
    let tenant = cloud.discover(domain).await.unwrap();
    assert_eq!(tenant.id, sky.tenant(domain));
    SignIn { tenant, app: sky.cloud.client_id().to_owned(), proof, version: None }
}

#[tokio::test]
async fn every_proof_signs_in() {
    let sky = sky(&[]);
    let cloud = client(&sky);
    let (username, password) = sky.cloud.administrator("contoso.example").unwrap();
    for (domain, proof) in [
        ("contoso.example", Proof::ClientSecret(sky.cloud.secret().clone())),
        ("tailspin.example", Proof::Certificate(sky.cloud.certificate().unwrap())),
        ("fabrikam.example", Proof::Federated(sky.cloud.federated_assertion().unwrap())),
        ("fabrikam.example", Proof::RefreshToken { token: sky.cloud.refresh_token().unwrap(), client_secret: None }),
        ("contoso.example", Proof::Password { username, password }),
    ] {
        let sign_in = whose(&sky, &cloud, domain, proof).await;
        let graph = cloud.sign_in(&sign_in, Freshness::Fresh).await.unwrap();
        assert_eq!(graph.organization().await.unwrap().id, sky.tenant(domain));
    }
}

#[tokio::test]
async fn a_connection_is_tested_and_a_wrong_certificate_refused() {
    let sky = sky(&["cloud=429:1"]);
    let cloud = client(&sky);
    // Discovery is throttled once; the client leaves that to its caller.
    let _ = cloud.discover("contoso.example").await;
    let secret = Proof::ClientSecret(sky.cloud.secret().clone());
    let sign_in = whose(&sky, &cloud, "contoso.example", secret).await;
    let report = serde_json::to_value(cloud.test("contoso.example", &sign_in).await.unwrap()).unwrap();
    assert_eq!((&report["domain"], &report["verified"]), (&json!("contoso.example"), &json!(true)), "{report}");
    let proof = Proof::Certificate(Secret::new(STRANGER).unwrap());
    let error =
        cloud.sign_in(&whose(&sky, &cloud, "contoso.example", proof).await, Freshness::Fresh).await.unwrap_err();
    assert!(error.details().contains(&("aadsts", "700027".to_owned())), "{error:?}");
}

#[tokio::test]
async fn a_secret_is_changed() {
    let sky = sky(&["cloud=new-secret-delay:2m"]);
    let cloud = client(&sky);
    let old = whose(&sky, &cloud, "contoso.example", Proof::ClientSecret(sky.cloud.secret().clone())).await;
    let graph = cloud.sign_in(&old, Freshness::Cached).await.unwrap();
    let app = graph.application(&old.app).await.unwrap();
    let (made, secret) =
        graph.add_secret(&app.id, "libretto 9", OffsetDateTime::now_utc() + time::Duration::days(90)).await.unwrap();
    let new = SignIn { proof: Proof::ClientSecret(secret), ..old.clone() };
    let error = cloud.sign_in(&new, Freshness::Fresh).await.unwrap_err();
    assert!(error.details().contains(&("aadsts", "7000215".to_owned())), "{error:?}");
    sky.clock.advance(MINUTE * 3);
    let graph = cloud.sign_in(&new, Freshness::Fresh).await.unwrap();
    for credential in app.credentials.iter().filter(|one| one.display_name.as_deref() == Some("set up with the lab")) {
        graph.remove_secret(&app.id, &credential.key_id).await.unwrap();
    }
    assert!(cloud.sign_in(&old, Freshness::Fresh).await.is_err());
    assert!(graph.application(&old.app).await.unwrap().credentials.contains(&made));
}

#[tokio::test]
async fn roles_users_and_relationships_are_read() {
    let sky = sky(&[]);
    let cloud = client(&sky);
    let sign_in = whose(&sky, &cloud, "contoso.example", Proof::ClientSecret(sky.cloud.secret().clone())).await;
    let graph = cloud.sign_in(&sign_in, Freshness::Cached).await.unwrap();
    assert_eq!(graph.roles().await.unwrap().global_administrator, Some(true));
    let user = graph.find_user("o.reilly@contoso.example").await.unwrap().unwrap();
    assert_eq!((user.licences.len(), user.enabled), (1, Some(true)));
    assert_eq!(graph.relationships().await.unwrap().len(), 2);
    assert_eq!(graph.licences().await.unwrap().len(), 2);
    let own = sky.cloud.certificate().unwrap();
    let app = graph.application(&sign_in.app).await.unwrap();
    let added = graph.add_certificate(&app.id, "libretto 10", STRANGER, &own).await.unwrap();
    graph.remove_certificate(&app.id, &added.key_id, &own).await.unwrap();
}
