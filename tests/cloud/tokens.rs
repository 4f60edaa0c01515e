//! How long a token is used, and for whom.

use std::time::Duration;

use futures_util::future::join_all;
use libretto::cloud::{Cloud, Freshness, Options};
use serde_json::{Value, json};

use super::signed_in;
use crate::support::cloud::{FakeCloud, Reply, world};

fn token_path() -> String {
    format!("/{}/oauth2/v2.0/token", world::TENANT)
}

#[tokio::test]
async fn a_token_is_fetched_once_and_for_all_who_wait() {
    let fake = FakeCloud::start().await;
    let (cloud, sign_in) = (fake.cloud(), fake.sign_in());
    let slow = world::granted(world::TENANT, &Value::Null).after(Duration::from_millis(200));
    fake.on("POST", &token_path(), [slow]);
    let all = join_all((0..50).map(|_| cloud.sign_in(&sign_in, Freshness::Cached))).await;
    assert!(all.iter().all(Result::is_ok));
    let graph = cloud.clone().sign_in(&sign_in, Freshness::Cached).await.unwrap();
    graph.organization().await.unwrap();
    assert_eq!(fake.count("POST", &token_path()), 1);
}

#[tokio::test]
async fn a_fresh_token_is_fetched_each_time_and_serves_those_who_come_after() {
    let fake = FakeCloud::start().await;
    let (cloud, sign_in) = (fake.cloud(), fake.sign_in());
    for _ in 0..3 {
        cloud.sign_in(&sign_in, Freshness::Fresh).await.unwrap();
    }
    cloud.sign_in(&sign_in, Freshness::Cached).await.unwrap();
    assert_eq!(fake.count("POST", &token_path()), 3);
    // One that is refused leaves none of the earlier ones behind.
    fake.on("POST", &token_path(), [world::refused(401, "invalid_client", 7_000_222, "Expired.")]);
    cloud.sign_in(&sign_in, Freshness::Fresh).await.unwrap_err();
    cloud.sign_in(&sign_in, Freshness::Cached).await.unwrap();
    assert_eq!(fake.count("POST", &token_path()), 5);
}

#[tokio::test]
async fn a_test_fetches_a_fresh_token_each_time() {
    let fake = FakeCloud::start().await;
    let cloud = fake.cloud();
    for _ in 0..2 {
        cloud.test(world::DOMAIN, &fake.sign_in()).await.unwrap();
    }
    assert_eq!(fake.count("POST", &token_path()), 2);
}

#[tokio::test]
async fn whatever_differs_has_a_token_of_its_own() {
    let fake = FakeCloud::start().await;
    let cloud = fake.cloud();
    let first = fake.sign_in();
    let mut version = first.clone();
    version.version = Some(2);
    let mut app = first.clone();
    app.app = "another-app".to_owned();
    // The same version number with another secret: a restored store, for one.
    let secret = fake.with_secret("Canary-Other-Secret");
    let mut graph = first.clone();
    graph.tenant.graph = "http://localhost:1/".parse().unwrap();
    for sign_in in [&first, &version, &app, &secret, &graph] {
        cloud.sign_in(sign_in, Freshness::Cached).await.unwrap();
    }
    assert_eq!(fake.count("POST", &token_path()), 5);
    for sign_in in [&first, &version, &app, &secret, &graph] {
        cloud.sign_in(sign_in, Freshness::Cached).await.unwrap();
    }
    assert_eq!(fake.count("POST", &token_path()), 5);
    cloud.forget_tokens();
    cloud.sign_in(&first, Freshness::Cached).await.unwrap();
    assert_eq!(fake.count("POST", &token_path()), 6);
}

/// The bearer of the last request to Graph.
fn bearer(fake: &FakeCloud) -> String {
    let graph = fake.asked().into_iter().rfind(|asked| asked.path == "/v1.0/organization");
    graph.unwrap().bearer.unwrap()
}

#[tokio::test]
async fn a_token_never_crosses_to_another_tenant_or_cloud() {
    let fake = FakeCloud::start().await;
    let cloud = fake.cloud();
    let here = fake.sign_in();
    let mut there = here.clone();
    world::OTHER_TENANT.clone_into(&mut there.tenant.id);
    let path = format!("/{}/oauth2/v2.0/token", world::OTHER_TENANT);
    fake.on("POST", &path, [world::granted(world::OTHER_TENANT, &json!({ "of": "the other tenant" }))]);
    let mut bearers = Vec::new();
    for sign_in in [&here, &there, &here, &there] {
        let graph = cloud.sign_in(sign_in, Freshness::Cached).await.unwrap();
        // What this Graph says of the tenant is another matter.
        let _ = graph.organization().await;
        bearers.push(bearer(&fake));
    }
    assert_eq!(bearers[..2], bearers[2..], "they are kept");
    for (bearer, tenant) in bearers.iter().zip([world::TENANT, world::OTHER_TENANT]) {
        let claims = bearer.trim_start_matches("Bearer ").split('.').nth(1).unwrap();
        let claims = data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap()["tid"], tenant);
    }
    // The same tenant at another sign-in host, which is the same server by another name.
    let mut elsewhere = here.clone();
    let login = here.tenant.login.as_str().replace("127.0.0.1", "localhost");
    assert_ne!(login, here.tenant.login.as_str());
    elsewhere.tenant.login = login.parse().unwrap();
    let before = fake.count("POST", &token_path());
    cloud.sign_in(&elsewhere, Freshness::Cached).await.unwrap();
    assert_eq!(fake.count("POST", &token_path()), before + 1);
}

fn short(seconds: u64) -> Reply {
    let text = world::token(world::TENANT, &Value::Null);
    Reply::json(200, &json!({ "token_type": "Bearer", "expires_in": seconds, "access_token": text }))
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_also_in_the_midst_of_work() {
    let fake = FakeCloud::start().await;
    fake.on("POST", &token_path(), [short(0), short(0)]);
    let (cloud, sign_in) = (fake.cloud(), fake.sign_in());
    let graph = cloud.sign_in(&sign_in, Freshness::Cached).await.unwrap();
    // Expired already: the second is expired too, the third is good for an hour.
    graph.organization().await.unwrap();
    graph.organization().await.unwrap();
    graph.organization().await.unwrap();
    assert_eq!(fake.count("POST", &token_path()), 3);
    let bearers: Vec<_> = fake.asked().into_iter().filter_map(|asked| asked.bearer).collect();
    assert!(bearers[0] != bearers[1] && bearers[1] == bearers[2]);
}

#[tokio::test]
async fn a_token_that_graph_refuses_is_replaced_once() {
    let (fake, graph) = signed_in().await;
    let refused = || world::graph_error(401, "InvalidAuthenticationToken", "Access token has been revoked.");
    fake.on("GET", "/v1.0/organization", [refused()]);
    graph.organization().await.unwrap();
    assert_eq!(fake.count("POST", &token_path()), 2);
    fake.on("GET", "/v1.0/organization", [refused(), refused()]);
    let error = graph.organization().await.unwrap_err();
    assert_eq!((error.code(), fake.count("POST", &token_path())), ("cloud.token_refused", 3));
}

#[tokio::test]
async fn a_token_that_is_refused_to_many_is_replaced_once_for_all() {
    let (fake, graph) = signed_in().await;
    graph.organization().await.unwrap();
    fake.revoke_tokens();
    let all = join_all((0..30).map(|_| graph.organization())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fake.count("POST", &token_path()), 2);
}

#[tokio::test]
async fn nothing_that_can_be_printed_holds_a_token_or_a_secret() {
    let (fake, graph) = signed_in().await;
    graph.organization().await.unwrap();
    let token = fake.asked().last().unwrap().bearer.clone().unwrap();
    let cloud =
        Cloud::new(Options { proxy: Some("http://me:Canary-Proxy@proxy.example:3128".into()), ..fake.options() })
            .unwrap();
    let all = format!("{graph:?} {:?} {cloud:?} {:?}", graph.claims(), fake.sign_in());
    assert!(!all.contains(&token) && !all.contains(world::SECRET) && !all.contains("Canary-Proxy"), "{all}");
}
