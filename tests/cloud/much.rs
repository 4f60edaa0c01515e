//! Much at once: many who want a token, many who wait when the first refusal comes, collections without end.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use libretto::cloud::{Cloud, Freshness, Options};
use serde_json::{Value, json};

use super::{fact, signed_in, told};
use crate::support::cloud::{FakeCloud, Reply, world};

const ORGANIZATION: &str = "/v1.0/organization";

fn token_path() -> String {
    format!("/{}/oauth2/v2.0/token", world::TENANT)
}

/// Whoever asks for a fresh token while another is being fetched needs one that was begun later, and one is enough for all.
#[tokio::test]
async fn a_fetch_that_began_after_i_asked_is_fresh_enough() {
    let fake = FakeCloud::start().await;
    let (cloud, sign_in) = (fake.cloud(), fake.sign_in());
    let slow = || world::granted(world::TENANT, &Value::Null).after(Duration::from_millis(100));
    fake.on("POST", &token_path(), (0..50).map(|_| slow()));
    let all = join_all((0..50).map(|_| cloud.sign_in(&sign_in, Freshness::Fresh))).await;
    assert!(all.iter().all(Result::is_ok));
    let fetched = fake.count("POST", &token_path());
    assert!((1..=3).contains(&fetched), "{fetched}");
    // So is its failure.
    let refusal = || world::refused(401, "invalid_client", 7_000_222, "Expired.").after(Duration::from_millis(100));
    let failing = FakeCloud::start().await;
    failing.on("POST", &token_path(), (0..50).map(|_| refusal()));
    let cloud = failing.cloud();
    let sign_in = failing.sign_in();
    let all = join_all((0..50).map(|_| cloud.sign_in(&sign_in, Freshness::Fresh))).await;
    assert!(all.iter().all(|one| one.as_ref().is_err_and(|e| e.code() == "cloud.expired_secret")));
    let fetched = failing.count("POST", &token_path());
    assert!((1..=3).contains(&fetched), "{fetched}");
}

#[tokio::test]
async fn who_waits_for_a_token_waits_no_longer_than_there_is_patience() {
    let fake = FakeCloud::start().await;
    let cloud = Cloud::new(Options { patience: Duration::from_millis(300), ..fake.options() }).unwrap();
    let sign_in = fake.sign_in();
    let slow = world::granted(world::TENANT, &Value::Null).after(Duration::from_secs(20));
    fake.on("POST", &token_path(), [slow]);
    let first = tokio::spawn({
        let (cloud, sign_in) = (cloud.clone(), sign_in.clone());
        async move { cloud.sign_in(&sign_in, Freshness::Fresh).await.map(drop) }
    });
    while fake.count("POST", &token_path()) == 0 {
        tokio::task::yield_now().await;
    }
    let error = cloud.sign_in(&sign_in, Freshness::Fresh).await.unwrap_err();
    assert_eq!(
        told(&error),
        "[cloud.too_late] nothing was asked of the cloud: the time for it had passed before its turn came; \
        do less at a time; see what the others wait for"
    );
    first.abort();
}

/// The first of many is refused while the others wait for their turn: none of them is sent into the pause.
#[tokio::test]
async fn a_pause_holds_those_who_wait_for_their_turn_too() {
    let (fake, graph) = signed_in().await;
    // From now on seven a second.
    let near = Reply::json(200, &world::organization()).header("x-ms-throttle-limit-percentage", "1.2");
    fake.on("GET", ORGANIZATION, [near]);
    graph.organization().await.unwrap();
    let busy = world::graph_error(429, "TooManyRequests", "Too many.").header("retry-after", "2");
    fake.on("GET", ORGANIZATION, [busy]);
    let began = Instant::now();
    let ask = async || {
        graph.organization().await.unwrap();
        began.elapsed()
    };
    let times = join_all((0..6).map(|_| ask())).await;
    let first = times.iter().min().unwrap();
    assert!(*first >= Duration::from_secs(2), "{times:?}");
}

#[tokio::test]
async fn what_hindered_is_told_and_not_that_there_was_no_time_to_try_again() {
    let fake = FakeCloud::start().await;
    let cloud = Cloud::new(Options { patience: Duration::from_millis(500), ..fake.options() }).unwrap();
    let graph = cloud.sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    let down = || Reply::json(500, &Value::Null).header("request-id", "1-2-3").odd();
    fake.on("GET", ORGANIZATION, [down()]);
    let error = graph.organization().await.unwrap_err();
    assert_eq!((error.code(), fact(&error, "request_id")), ("cloud.unavailable", Some("1-2-3")), "{error}");
    fake.on("POST", &token_path(), [down()]);
    assert_eq!(cloud.sign_in(&fake.sign_in(), Freshness::Fresh).await.unwrap_err().code(), "cloud.unavailable");
    let configuration = format!("/{}/v2.0/.well-known/openid-configuration", world::DOMAIN);
    fake.on("GET", &configuration, [down()]);
    assert_eq!(cloud.discover(world::DOMAIN).await.unwrap_err().code(), "cloud.unavailable");
}

#[tokio::test]
async fn a_refusal_keeps_the_id_of_its_request() {
    let fake = FakeCloud::start().await;
    let cloud = Cloud::new(Options { patience: Duration::from_millis(500), ..fake.options() }).unwrap();
    let graph = cloud.sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    let busy = world::graph_error(429, "TooManyRequests", "Too many.").header("retry-after", "60");
    let busy = Reply { headers: busy.headers.into_iter().filter(|(name, _)| *name != "request-id").collect(), ..busy };
    fake.on("GET", ORGANIZATION, [busy.header("request-id", "4-5-6")]);
    let error = graph.organization().await.unwrap_err();
    assert_eq!((error.code(), fact(&error, "request_id")), ("cloud.throttled", Some("4-5-6")), "{error}");
}

#[tokio::test]
async fn another_domains_answer_is_not_taken() {
    let fake = FakeCloud::start().await;
    let other = json!({ "id": "fabrikam.example", "isVerified": true, "supportedServices": ["Email"],
        "authenticationType": "Managed", "isDefault": false, "isInitial": false });
    fake.on("GET", &format!("/v1.0/domains/{}", world::DOMAIN), [Reply::json(200, &other).odd()]);
    let error = fake.cloud().test(world::DOMAIN, &fake.sign_in()).await.unwrap_err();
    assert_eq!(error.message(), "the domain: the answer's member id is another domain's");
}

#[tokio::test]
async fn a_collection_without_end_is_not_held_in_memory() {
    let (fake, graph) = signed_in().await;
    let page = |at: usize| {
        let next = format!("http://{}/v1.0/domains?$skiptoken={at}", fake.address());
        Reply::json(200, &json!({ "value": vec![json!({}); 10_000], "@odata.nextLink": next })).odd()
    };
    fake.on("GET", "/v1.0/domains", (0..20).map(page));
    let error = graph.domains().await.unwrap_err();
    assert_eq!(error.code(), "cloud.too_large", "{error}");
    assert_eq!(fake.count("GET", "/v1.0/domains"), 11);
}

#[tokio::test]
async fn a_tenant_that_is_none_is_not_repeated() {
    let (fake, graph) = signed_in().await;
    graph.licences().await.unwrap();
    let bearer = fake.asked().iter().find_map(|asked| asked.bearer.clone()).unwrap();
    let mut odd = world::organization();
    odd["value"][0]["id"] = json!(format!("Bearer {bearer}"));
    fake.on("GET", ORGANIZATION, [Reply::json(200, &odd).odd()]);
    let error = graph.organization().await.unwrap_err();
    assert_eq!(error.code(), "cloud.wrong_tenant");
    let all = format!("{} {:?}", told(&error), error.details());
    assert!(!all.contains(&bearer) && all.contains("(no tenant's id)"), "{all}");
}
