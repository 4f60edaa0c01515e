//! Throttling: who is paused, for how long, and who is not.

use std::time::{Duration, Instant};

use libretto::{
    cloud::{Cloud, Freshness, Graph, Options, throttle::retry_after},
    error::Error,
};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use time::macros::datetime;

use super::{fact, signed_in};
use crate::support::cloud::{FakeCloud, Reply, world};

const ORGANIZATION: &str = "/v1.0/organization";

fn busy(status: u16) -> Reply {
    world::graph_error(status, "TooManyRequests", "Too many requests.")
}

async fn timed(graph: &Graph) -> (Duration, Result<(), Error>) {
    let began = Instant::now();
    let result = graph.organization().await.map(drop);
    (began.elapsed(), result)
}

fn seconds(text: f64) -> Duration {
    Duration::from_secs_f64(text)
}

#[test]
fn a_pause_is_told_in_seconds_in_decimals_as_a_date_or_not_at_all() {
    let now = datetime!(2026-11-23 10:00:00 UTC);
    let read = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_str(text).unwrap());
        retry_after(&headers, now)
    };
    assert_eq!(read("17"), Some(Duration::from_secs(17)));
    assert_eq!(read(" 1.25 "), Some(Duration::from_millis(1_250)));
    assert_eq!(read("Mon, 23 Nov 2026 10:00:30 GMT"), Some(Duration::from_secs(30)));
    assert_eq!(read("Mon, 23 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
    for odd in ["", "soon", "-5", "NaN", "inf", "1e400"] {
        assert_eq!(read(odd), None, "{odd}");
    }
    assert_eq!(retry_after(&HeaderMap::new(), now), None);
}

#[tokio::test]
async fn a_pause_is_kept_and_the_request_sent_again() {
    for status in [429, 503] {
        let (fake, graph) = signed_in().await;
        fake.on(
            "GET",
            ORGANIZATION,
            [busy(status).header("retry-after", "0.4"), busy(status).header("retry-after", "0.3")],
        );
        let (took, result) = timed(&graph).await;
        result.unwrap();
        assert!(took >= seconds(0.7), "{took:?}");
        assert_eq!(fake.count("GET", ORGANIZATION), 3);
        fake.assert_as_described();
    }
}

#[tokio::test]
async fn without_a_word_how_long_it_waits_a_second_and_then_longer() {
    let (fake, graph) = signed_in().await;
    fake.on("GET", ORGANIZATION, [busy(429)]);
    let (took, result) = timed(&graph).await;
    result.unwrap();
    assert!(took >= seconds(1.0), "{took:?}");
}

#[tokio::test]
async fn a_pause_that_is_longer_than_the_patience_is_told_at_once() {
    let (fake, graph) = signed_in().await;
    fake.on("GET", ORGANIZATION, [busy(429).header("retry-after", "600")]);
    for _ in 0..2 {
        let (took, result) = timed(&graph).await;
        let error = result.unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), ("cloud.throttled", true));
        let told: u64 = fact(&error, "retry_after").unwrap().parse().unwrap();
        assert!((598..=602).contains(&told) && took < seconds(60.0), "{told}");
    }
    // The second was not even sent.
    assert_eq!(fake.count("GET", ORGANIZATION), 1);
}

/// Another tenant's Graph, with the same app.
async fn elsewhere(fake: &FakeCloud, cloud: &Cloud) -> Graph {
    let mut sign_in = fake.sign_in();
    world::OTHER_TENANT.clone_into(&mut sign_in.tenant.id);
    let path = format!("/{}/oauth2/v2.0/token", world::OTHER_TENANT);
    fake.on("POST", &path, [world::granted(world::OTHER_TENANT, &Value::Null)]);
    cloud.sign_in(&sign_in, Freshness::Cached).await.unwrap()
}

#[tokio::test]
async fn a_tenants_pause_is_its_own() {
    let fake = FakeCloud::start().await;
    let cloud = Cloud::new(Options { patience: seconds(2.0), ..fake.options() }).unwrap();
    let here = cloud.sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    let there = elsewhere(&fake, &cloud).await;
    let mut other = fake.sign_in();
    other.app = "another-app".to_owned();
    let other = cloud.sign_in(&other, Freshness::Cached).await.unwrap();
    for scope in ["Tenant_Application/ReadWrite/app/tenant", ""] {
        let reply = busy(429).header("retry-after", "300").header("x-ms-throttle-scope", scope);
        fake.on("GET", "/v1.0/domains", [reply]);
    }
    assert_eq!(here.domains().await.unwrap_err().code(), "cloud.throttled");
    assert_eq!(here.licences().await.unwrap_err().code(), "cloud.throttled");
    // Neither the other tenant, nor another app in the same one, nor the sign-in waits.
    there.licences().await.unwrap();
    other.licences().await.unwrap();
    cloud.sign_in(&fake.sign_in(), Freshness::Fresh).await.unwrap();
}

#[tokio::test]
async fn an_apps_pause_holds_for_all_its_tenants() {
    let fake = FakeCloud::start().await;
    let cloud = Cloud::new(Options { patience: seconds(2.0), ..fake.options() }).unwrap();
    let here = cloud.sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    let there = elsewhere(&fake, &cloud).await;
    let mut other = fake.sign_in();
    other.app = "another-app".to_owned();
    let other = cloud.sign_in(&other, Freshness::Cached).await.unwrap();
    let reply = busy(429).header("retry-after", "300").header("x-ms-throttle-scope", "Application/ReadWrite/app/x");
    fake.on("GET", "/v1.0/domains", [reply]);
    assert_eq!(here.domains().await.unwrap_err().code(), "cloud.throttled");
    assert_eq!(there.licences().await.unwrap_err().code(), "cloud.throttled");
    other.licences().await.unwrap();
}

#[tokio::test]
async fn a_pause_for_writes_lets_reads_pass() {
    let fake = FakeCloud::start().await;
    let cloud = Cloud::new(Options { patience: seconds(2.0), ..fake.options() }).unwrap();
    let graph = cloud.sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    let reply =
        busy(429).header("retry-after", "300").header("x-ms-throttle-scope", "Tenant_Application/Write/app/tenant");
    fake.on("PATCH", "/v1.0/users/ada@contoso.example", [reply]);
    for _ in 0..2 {
        assert_eq!(graph.disable_user("ada@contoso.example").await.unwrap_err().code(), "cloud.throttled");
    }
    assert_eq!(fake.count("PATCH", "/v1.0/users/ada@contoso.example"), 1);
    graph.licences().await.unwrap();
}

#[tokio::test]
async fn the_sign_ins_pause_does_not_stop_who_is_signed_in() {
    let fake = FakeCloud::start().await;
    let cloud = Cloud::new(Options { patience: seconds(2.0), ..fake.options() }).unwrap();
    let graph = cloud.sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    let path = format!("/{}/oauth2/v2.0/token", world::TENANT);
    fake.on("POST", &path, [Reply::json(429, &Value::Null).header("retry-after", "60")]);
    for _ in 0..2 {
        let error = cloud.sign_in(&fake.sign_in(), Freshness::Fresh).await.unwrap_err();
        assert_eq!(error.code(), "cloud.throttled");
    }
    assert_eq!(fake.count("POST", &path), 2);
    graph.licences().await.unwrap();
}

#[tokio::test]
async fn the_sign_in_and_discovery_keep_pauses_too() {
    let token = format!("/{}/oauth2/v2.0/token", world::TENANT);
    let configuration = format!("/{}/v2.0/.well-known/openid-configuration", world::DOMAIN);
    for status in [429, 503] {
        let fake = FakeCloud::start().await;
        let reply = || Reply::json(status, &Value::Null).header("retry-after", "0.4");
        fake.on("GET", &configuration, [reply()]);
        fake.on("POST", &token, [reply(), reply()]);
        let began = Instant::now();
        fake.cloud().discover(world::DOMAIN).await.unwrap();
        fake.cloud().sign_in(&fake.sign_in(), Freshness::Fresh).await.unwrap();
        assert!(began.elapsed() >= seconds(1.2), "{:?}", began.elapsed());
        assert_eq!((fake.count("GET", &configuration), fake.count("POST", &token)), (2, 3));
    }
}

#[tokio::test]
async fn a_limit_that_is_near_slows_its_tenant_before_it_bites() {
    let (fake, graph) = signed_in().await;
    let near = Reply::json(200, &world::organization()).header("x-ms-throttle-limit-percentage", "1.2");
    fake.on("GET", ORGANIZATION, [near]);
    graph.organization().await.unwrap();
    let began = Instant::now();
    for _ in 0..6 {
        graph.organization().await.unwrap();
    }
    // A fiftieth of 350 a second is left; a small limit that is not near costs nothing.
    assert!(began.elapsed() >= seconds(0.6), "{:?}", began.elapsed());
    let other = fake.cloud().sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    let far = Reply::json(200, &world::organization()).header("x-ms-throttle-limit-percentage", "0.4");
    fake.on("GET", ORGANIZATION, [far]);
    let mut best = seconds(9.0);
    for _ in 0..5 {
        let began = Instant::now();
        for _ in 0..6 {
            other.organization().await.unwrap();
        }
        best = best.min(began.elapsed());
    }
    assert!(best < seconds(0.6), "{best:?}");
}

#[tokio::test]
async fn of_a_batch_only_those_are_sent_again_that_were_not_done() {
    let (fake, graph) = signed_in().await;
    fake.on("GET", "/v1.0/domains/contoso.example", [busy(429).header("retry-after", "0.3")]);
    fake.on(
        "GET",
        "/v1.0/users/ada@contoso.example",
        [busy(429).header("retry-after", "0.3"), busy(429).header("retry-after", "0.3")],
    );
    let asks = ["/organization", "/domains/contoso.example", "/users/ada@contoso.example", "/nothing"];
    let began = Instant::now();
    let results = graph.batch(asks.map(libretto::cloud::Ask::get).to_vec()).await;
    assert!(began.elapsed() >= seconds(0.3));
    let told: Vec<String> = results
        .iter()
        .map(|result| match result {
            Ok(value) => value["id"].as_str().or(value["value"][0]["id"].as_str()).unwrap().to_owned(),
            Err(error) => error.code().to_owned(),
        })
        .collect();
    assert_eq!(told, [world::TENANT, "contoso.example", "cccccccc-0000-4000-8000-00000000000c", "cloud.not_found"]);
    assert_eq!(fake.count("POST", "/v1.0/$batch"), 1);
    assert_eq!(fake.count("GET", "/v1.0/organization"), 1);
    assert_eq!(fake.count("GET", "/v1.0/domains/contoso.example"), 2);
    assert_eq!(fake.count("GET", "/v1.0/users/ada@contoso.example"), 3);
    fake.assert_as_described();
}

#[tokio::test]
async fn a_batch_is_of_at_most_twenty_and_its_order_is_kept() {
    let (fake, graph) = signed_in().await;
    for i in 0..45 {
        fake.on("GET", &format!("/v1.0/users/u{i}"), [Reply::json(200, &json!({ "id": format!("u{i}") }))]);
    }
    let asks = (0..45).map(|i| libretto::cloud::Ask::get(format!("/users/u{i}"))).collect();
    let results = graph.batch(asks).await;
    let ids: Vec<String> =
        results.into_iter().map(|result| result.unwrap()["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, (0..45).map(|i| format!("u{i}")).collect::<Vec<_>>());
    assert_eq!(fake.count("POST", "/v1.0/$batch"), 3);
}

#[tokio::test]
async fn a_pause_of_nothing_is_none_to_build_on() {
    let token = format!("/{}/oauth2/v2.0/token", world::TENANT);
    let configuration = format!("/{}/v2.0/.well-known/openid-configuration", world::DOMAIN);
    for told in ["0", "Mon, 23 Nov 2015 09:00:00 GMT"] {
        let fake = FakeCloud::start().await;
        let busy = || vec![Reply::json(429, &Value::Null).header("retry-after", told); 200];
        fake.on("GET", &configuration, busy());
        fake.on("POST", &token, busy());
        fake.on("GET", ORGANIZATION, busy());
        let cloud = Cloud::new(Options { patience: seconds(2.5), ..fake.options() }).unwrap();
        assert_eq!(cloud.discover(world::DOMAIN).await.unwrap_err().code(), "cloud.throttled");
        assert_eq!(cloud.sign_in(&fake.sign_in(), Freshness::Fresh).await.unwrap_err().code(), "cloud.throttled");
        let counts = [fake.count("GET", &configuration), fake.count("POST", &token)];
        assert!(counts.iter().all(|count| (1..=3).contains(count)), "{counts:?}");
    }
}
