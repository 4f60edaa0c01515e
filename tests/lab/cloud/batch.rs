//! `$batch`: many requests in one, each judged by itself.

use std::collections::HashMap;

use super::*;

async fn batch(sky: &Sky, token: &str, requests: Value) -> HashMap<String, Value> {
    let said = sky.ask("POST", "/$batch", token, Some(json!({ "requests": requests }))).await;
    assert_eq!(said.status, 200, "{}", said.text);
    let responses = said.body["responses"].as_array().unwrap().clone();
    responses.into_iter().map(|part| (part["id"].as_str().unwrap().to_owned(), part)).collect()
}

#[tokio::test]
async fn each_part_has_its_own_answer() {
    let sky = sky(&[]);
    let token = sky.token("contoso.example").await;
    let change = json!({ "jobTitle": "Batched" });
    let parts = batch(
        &sky,
        &token,
        json!([
            { "id": "a", "method": "GET", "url": "/users?$select=id&$top=2" },
            { "id": "b", "method": "GET", "url": "/users/nobody@contoso.example" },
            { "id": "c", "method": "PATCH", "url": "/users/alex@contoso.example", "body": change,
              "headers": { "Content-Type": "application/json" } },
            { "id": "d", "method": "GET", "url": "/organization", "dependsOn": ["b"] },
            { "id": "e", "method": "GET", "url": "/domains/contoso.example", "dependsOn": ["c"] },
        ]),
    )
    .await;
    let status = |id: &str| parts[id]["status"].as_u64().unwrap();
    assert_eq!(["a", "b", "c", "d", "e"].map(status), [200, 404, 204, 424, 200]);
    schema::check("GET", "/users", 200, &parts["a"]["body"]);
    schema::check("GET", "/users/x", 404, &parts["b"]["body"]);
    schema::check("GET", "/domains/x", 200, &parts["e"]["body"]);
    assert!(parts["a"]["body"]["@odata.nextLink"].as_str().unwrap().contains("/v1.0/users?"));
    assert!(parts["c"].get("body").is_none());
    assert_eq!(sky.get("/users/alex@contoso.example", &token).await["jobTitle"], "Batched");
}

#[tokio::test]
async fn the_whole_succeeds_while_parts_are_throttled() {
    let sky = sky(&["cloud:graph=429:1"]);
    let token = sky.token("contoso.example").await;
    let get = |id: &str| json!({ "id": id, "method": "GET", "url": "/organization" });
    let parts = batch(&sky, &token, json!([get("1"), get("2")])).await;
    assert_eq!((&parts["1"]["status"], &parts["2"]["status"]), (&json!(429), &json!(200)));
    assert_eq!(parts["1"]["headers"]["Retry-After"], "1");
    assert_eq!(parts["1"]["body"]["error"]["code"], "TooManyRequests");
}

#[tokio::test]
async fn batches_that_are_none_are_refused() {
    let sky = sky(&[]);
    let token = sky.token("contoso.example").await;
    let many: Vec<Value> =
        (0..21).map(|n| json!({ "id": n.to_string(), "method": "GET", "url": "/domains" })).collect();
    for body in
        [json!({}), json!({ "requests": many }), json!({ "requests": [{ "id": "1" }] }), json!({ "requests": [{}] })]
    {
        let (status, code, _) = sky.refusal("POST", "/$batch", &token, Some(body)).await;
        assert_eq!((status, code.as_str()), (400, "BadRequest"));
    }
    // A batch within a batch, and one without a token.
    let inner = json!([{ "id": "1", "method": "POST", "url": "/$batch", "body": { "requests": [] } }]);
    assert_eq!(batch(&sky, &token, inner).await["1"]["status"], 400);
    let parts = batch(&sky, "", json!([{ "id": "1", "method": "GET", "url": "/domains" }])).await;
    assert_eq!(parts["1"]["status"], 401);
}
