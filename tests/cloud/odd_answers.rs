//! Answers that are not what Microsoft's description says: each a clear error with the member's name, never a panic.

use libretto::{cloud::Graph, error::Error};
use serde_json::{Value, json};

use super::{fact, refusal, signed_in};
use crate::support::cloud::{FakeCloud, Reply, world};

/// Every way in which each member of `good` can be wrong: absent, null, of each other type.
fn spoiled(good: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for place in places(good, "") {
        for wrong in [
            json!(null),
            json!(true),
            json!(-7),
            json!(1.5),
            json!("x"),
            json!([]),
            json!([7]),
            json!({}),
            json!({ "a": 1 }),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(&place).unwrap() = wrong;
            all.push(bad);
        }
        let (parent, name) = place.rsplit_once('/').unwrap_or_default();
        let mut bad = good.clone();
        match bad.pointer_mut(parent) {
            Some(Value::Object(members)) => drop(members.remove(name)),
            Some(Value::Array(items)) => items.clear(),
            _ => {}
        }
        all.push(bad);
    }
    all
}

fn places(value: &Value, place: &str) -> Vec<String> {
    let mut all = vec![place.to_owned()];
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                all.extend(places(inner, &format!("{place}/{name}")));
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter().enumerate() {
                all.extend(places(inner, &format!("{place}/{i}")));
            }
        }
        _ => {}
    }
    all
}

/// Either it is good all the same, or the error names the member.
fn judge<T>(result: Result<T, Error>, body: &Value) -> usize {
    let Err(error) = result else { return 0 };
    assert!(matches!(error.code(), "cloud.bad_answer" | "cloud.wrong_tenant"), "{error:?} for {body}");
    assert!(error.remedy().is_some());
    if error.code() == "cloud.bad_answer" {
        let member = fact(&error, "member").unwrap();
        assert!(!member.is_empty() && error.message().contains(member), "{error}");
    }
    1
}

async fn each<T, F: Future<Output = Result<T, Error>>>(path: &str, good: &Value, ask: impl Fn(Graph) -> F) {
    let (fake, graph) = signed_in().await;
    let mut refused = 0;
    let all = spoiled(good);
    for body in &all {
        fake.on("GET", path, [Reply::json(200, body).odd()]);
        refused += judge(ask(graph.clone()).await, body);
    }
    assert!(refused > all.len() / 3, "{refused} of {}", all.len());
}

#[tokio::test]
async fn no_answer_of_graphs_does_harm() {
    each("/v1.0/organization", &world::organization(), |graph| async move { graph.organization().await }).await;
    each("/v1.0/domains/contoso.example", &world::domain(world::DOMAIN), |graph| async move {
        graph.domain(world::DOMAIN).await
    })
    .await;
    each("/v1.0/subscribedSkus", &world::licences(), |graph| async move { graph.licences().await }).await;
    each("/v1.0/users/ada@contoso.example", &world::user("ada@contoso.example"), |graph| async move {
        graph.find_user("ada@contoso.example").await
    })
    .await;
    let assignments =
        json!({ "value": [{ "directoryScopeId": "/", "roleDefinitionId": world::GLOBAL_ADMINISTRATOR }] });
    each("/v1.0/roleManagement/directory/roleAssignments", &assignments, |graph| async move { graph.roles().await })
        .await;
}

#[tokio::test]
async fn a_member_is_named_with_its_place() {
    let (fake, graph) = signed_in().await;
    let mut body = world::licences();
    body["value"][0]["servicePlans"][0]["servicePlanName"] = json!(12);
    fake.on("GET", "/v1.0/subscribedSkus", [Reply::json(200, &body).odd()]);
    let error = graph.licences().await.unwrap_err();
    assert_eq!(
        error.message(),
        "the licences: the answer's member value[0].servicePlans[0].servicePlanName is a number, not a text"
    );
    body["value"][0].as_object_mut().unwrap().remove("prepaidUnits");
    fake.on("GET", "/v1.0/subscribedSkus", [Reply::json(200, &body).odd()]);
    assert_eq!(
        graph.licences().await.unwrap_err().message(),
        "the licences: the answer's member value[0].prepaidUnits is missing"
    );
}

#[tokio::test]
async fn no_answer_of_the_sign_in_services_does_harm() {
    let fake = FakeCloud::start().await;
    let cloud = fake.cloud();
    let path = format!("/{}/oauth2/v2.0/token", world::TENANT);
    let good: Value = serde_json::from_str(&world::granted(world::TENANT, &Value::Null).body).unwrap();
    let (all, mut refused) = (spoiled(&good), 0);
    for body in &all {
        fake.on("POST", &path, [Reply::json(200, body).odd()]);
        refused += judge(cloud.sign_in(&fake.sign_in(), libretto::cloud::Freshness::Fresh).await, body);
    }
    assert!(refused > all.len() / 3, "{refused} of {}", all.len());
    for token in ["", "x", "a.b", "a.b.c", "a.!!!.c", "a.e30.c", "a.W10.c", "a.e30.c.d", "a\nb.e30.c"] {
        let body = json!({ "token_type": "Bearer", "expires_in": 1, "access_token": token });
        fake.on("POST", &path, [Reply::json(200, &body).odd()]);
        let error = refusal(&cloud, &fake.sign_in()).await;
        assert_eq!(error.code(), "cloud.bad_answer", "{token}");
    }
    let endless = json!({ "token_type": "Bearer", "expires_in": i64::MAX, "access_token": world::token(world::TENANT, &Value::Null) });
    fake.on("POST", &path, [Reply::json(200, &endless).odd()]);
    cloud.sign_in(&fake.sign_in(), libretto::cloud::Freshness::Fresh).await.unwrap();
}

#[tokio::test]
async fn pages_and_rubbish_are_told_from_answers() {
    let (fake, graph) = signed_in().await;
    let page = "<html><head><title>Blocked by policy</title></head></html>";
    for (status, kind, body, what) in [
        (200, "text/html", page, "is a web page, \"Blocked by policy\""),
        (403, "text/html", page, "is a web page, \"Blocked by policy\""),
        (302, "text/html", page, "is a web page, \"Blocked by policy\""),
        (200, "application/json", "{\"value\": [", "is no JSON"),
        (200, "application/json", "\u{0}\u{1}", "is no JSON"),
        (404, "text/plain", "", "is empty"),
        (200, "text/plain", "", "is null, no object"),
    ] {
        fake.on("GET", "/v1.0/organization", [Reply::text(status, kind, body)]);
        let error = graph.organization().await.unwrap_err();
        assert_eq!(error.code(), "cloud.bad_answer");
        assert!(error.message().ends_with(what), "{error}");
    }
    let path = format!("/{}/oauth2/v2.0/token", world::TENANT);
    fake.on("POST", &path, [Reply::text(200, "text/html", page), Reply::text(407, "text/html", page)]);
    for _ in 0..2 {
        let error = refusal(&fake.cloud(), &fake.sign_in()).await;
        assert!(error.message().ends_with("is a web page, \"Blocked by policy\""), "{error}");
    }
}

#[tokio::test]
async fn a_batch_that_is_not_answered_whole_says_which_part_is_missing() {
    let (fake, graph) = signed_in().await;
    let asks = || vec![libretto::cloud::Ask::get("/organization"), libretto::cloud::Ask::get("/domains")];
    let half = json!({ "responses": [{ "id": "1", "status": 200, "body": { "value": [] } }] });
    fake.on("POST", "/v1.0/$batch", [Reply::json(200, &half)]);
    let results = graph.batch(asks()).await;
    assert!(results[1].is_ok());
    assert_eq!(
        results[0].as_ref().unwrap_err().message(),
        "the batch: the answer's member responses has no answer to GET /organization"
    );
    let good = json!({ "responses": [{ "id": "0", "status": 200, "headers": { "a": "b" }, "body": {} }, { "id": "1", "status": 200 }] });
    let (all, mut refused) = (spoiled(&good), 0);
    for body in &all {
        fake.on("POST", "/v1.0/$batch", [Reply::json(200, body)]);
        let results = graph.batch(asks()).await;
        refused += usize::from(results.iter().any(Result::is_err));
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            assert!(error.remedy().is_some(), "{error:?}");
        }
    }
    assert!(refused > all.len() / 3, "{refused} of {}", all.len());
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let (fake, graph) = signed_in().await;
    let large = format!("{{\"value\": [\"{}\"]}}", "x".repeat(17 << 20));
    fake.on("GET", "/v1.0/organization", [Reply::text(200, "application/json", &large)]);
    let error = graph.organization().await.unwrap_err();
    assert_eq!(error.code(), "cloud.too_large");
}
