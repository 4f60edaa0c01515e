//! What becomes of the answers, and of an operation that is gone.

use libretto::{
    agent::client::{
        Which,
        fill::{Credential, Values},
        find::{ADD, DELETE, UPDATE},
    },
    secret::Secret,
    verdict::Verdict,
};
use serde_json::json;

use super::{Fake, contoso, swagger, test, test_operation, token};

const TEST: &str = "/api/Connections/TestConnection";

async fn fake() -> Fake {
    Fake::with_document(&swagger(TEST, &test_operation(&json!({ "type": "string" })))).await
}

#[tokio::test]
async fn the_document_is_read_once() {
    let fake = fake().await;
    fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
    let agent = fake.agent();
    for _ in 0..3 {
        test(&agent).await.unwrap();
    }
    let (one, two) = tokio::join!(test(&agent), test(&agent));
    one.and(two).unwrap();
    assert_eq!((fake.seen().len(), fake.documents_read()), (5, 1));
}

#[tokio::test]
async fn an_operation_that_is_gone_is_looked_for_again() {
    let fake = fake().await;
    fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
    let agent = fake.agent();
    test(&agent).await.unwrap();
    let moved = swagger("/v2/Connections/TestConnection", &test_operation(&json!({ "$ref": "#/definitions/TestReq" })));
    fake.gone(&format!("POST {TEST}"));
    fake.page("GET /swagger/docs/v1", 200, "application/json", &moved.to_string());
    fake.json("POST /v2/Connections/TestConnection", 200, &json!({ "id": "2" }));
    let answer = test(&agent).await.unwrap();
    assert_eq!((answer.operation.as_str(), answer.body), ("POST /v2/Connections/TestConnection", json!({ "id": "2" })));
    assert_eq!(fake.seen().pop().unwrap().json(), json!({ "tenantDomain": "contoso.example" }));
    fake.gone("POST /v2/Connections/TestConnection");
    for _ in 0..3 {
        assert_eq!(test(&agent).await.unwrap_err().code(), "agent.not_found");
    }
    assert_eq!(fake.documents_read(), 2, "a path that only knows no such domain is no reason to read it over and over");
}

#[tokio::test]
async fn an_agents_own_words_are_passed_on() {
    let fake = fake().await;
    let problem = json!({ "title": "Failed Dependency", "status": 424, "code": "cloud.wrong_secret",
        "detail": "the app's secret is wrong.", "remedy": "give the connection the right one", "retryable": false,
        "verdict": "failed", "facts": { "trace_id": "t-1", "aadsts": "7000215" } });
    fake.json(&format!("POST {TEST}"), 424, &problem);
    let error = fake.test().await.unwrap_err();
    assert_eq!(
        (error.code(), error.message(), error.remedy()),
        ("cloud.wrong_secret", "the app's secret is wrong", Some("give the connection the right one"))
    );
    assert_eq!((&error.facts()["trace_id"], &error.facts()["aadsts"]), (&json!("t-1"), &json!("7000215")));
    for (status, body, code, verdict) in [
        (404, json!({ "code": "agent.unknown_domain", "detail": "no" }), "agent.unknown_domain", Verdict::Failed),
        (400, json!({ "code": "rotation.unfinished", "detail": "x" }), "agent.refused", Verdict::Failed),
        (400, json!({ "Message": "An error" }), "agent.refused", Verdict::Failed),
        (500, json!({ "Message": "An error" }), "agent.failed", Verdict::Inconclusive),
        (503, json!({ "verdict": "inconclusive", "code": "store.locked" }), "agent.failed", Verdict::Inconclusive),
        (429, json!({}), "agent.throttled", Verdict::Inconclusive),
        (413, json!({}), "agent.too_large", Verdict::Failed),
        // It only reads.
        (405, json!({ "code": "cloud.other", "verdict": "in-doubt" }), "cloud.other", Verdict::Inconclusive),
    ] {
        fake.json(&format!("POST {TEST}"), status, &body);
        let error = fake.test().await.unwrap_err();
        assert_eq!((error.code(), error.verdict()), (code, verdict), "{status} {body}");
    }
}

#[tokio::test]
async fn no_redirect_takes_the_token_elsewhere() {
    let (fake, elsewhere) = (fake().await, Fake::start().await);
    elsewhere.json("POST /there", 200, &json!({ "id": "1" }));
    let place = format!("http://127.0.0.1:{}/there", elsewhere.port);
    fake.page(&format!("POST {TEST}"), 307, "text/plain", &place);
    let error = fake.test().await.unwrap_err();
    assert_eq!(error.code(), "agent.redirected");
    assert_eq!(error.message(), format!("POST {TEST} is sent elsewhere to {place}, and a token does not follow"));
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_connection_is_written_into_whatever_members_the_agent_has() {
    let schema = json!({ "type": "object", "required": ["domainName", "credential"], "properties": {
        "name": { "type": "string" },
        "domainName": { "type": "string" },
        "port": { "type": "integer" },
        "credential": { "$ref": "#/definitions/Credential" },
        "parent": { "$ref": "#/definitions/Parent" },
    } });
    let mut operation = test_operation(&schema);
    operation["operationId"] = json!("Connections_AddConnection");
    let mut document = swagger("/api/Connections/AddConnection", &operation);
    document["definitions"] = json!({
        "Credential": { "type": "object", "required": ["app_id", "AppSecret"],
            "properties": { "app_id": { "type": "string" }, "AppSecret": { "type": "string" }, "back": { "$ref": "#/definitions/Parent" } } },
        "Parent": { "type": "object", "required": ["ticket"], "properties": { "ticket": { "type": "string" }, "me": { "$ref": "#/definitions/Parent" } } },
    });
    let fake = Fake::with_document(&document).await;
    fake.json("POST /api/Connections/AddConnection", 201, &json!(null));
    let values = Values {
        client_id: Some("app-1".to_owned()),
        credential: Some(Credential::ClientSecret(Secret::new("an app's secret").unwrap())),
        ..contoso()
    };
    let agent = fake.agent();
    agent.ask(Which::Wanted(&ADD), &values, Some(&token())).await.unwrap();
    assert_eq!(
        fake.seen()[0].json(),
        json!({ "credential": { "AppSecret": "an app's secret", "app_id": "app-1" }, "domainName": "contoso.example", "name": "contoso" })
    );
    let password = Credential::Password(Secret::new("a user's password").unwrap());
    let error =
        agent.ask(Which::Wanted(&ADD), &Values { credential: Some(password), ..contoso() }, None).await.unwrap_err();
    assert_eq!(error.code(), "agent.cannot_fill", "{error}");
    let none = agent.ask(Which::Wanted(&UPDATE), &values, None).await.unwrap_err();
    assert_eq!(none.code(), "agent.no_operation");
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_write_that_broke_on_the_agents_side_is_in_doubt() {
    let mut operation = test_operation(&json!({ "type": "object", "properties": { "domain": { "type": "string" } } }));
    operation["operationId"] = json!("Connections_Delete");
    let fake = Fake::with_document(&swagger("/api/Connections/Delete", &operation)).await;
    let (agent, place) = (fake.agent(), "POST /api/Connections/Delete");
    let told = async || {
        let error = agent.ask(Which::Wanted(&DELETE), &contoso(), Some(&token())).await.unwrap_err();
        (error.code(), error.verdict())
    };
    for (status, verdict) in [(500, Verdict::InDoubt), (504, Verdict::InDoubt), (503, Verdict::Inconclusive)] {
        fake.json(place, status, &json!({ "Message": "An error" }));
        assert_eq!(told().await, ("agent.failed", verdict), "{status}");
    }
    fake.page(place, 200, "text/html", "<html>Sign in</html>");
    assert_eq!(told().await, ("agent.bad_answer", Verdict::InDoubt));
}

#[tokio::test]
async fn no_secret_is_put_into_an_address() {
    let mut operation = test_operation(&json!({ "type": "object", "properties": { "domain": { "type": "string" } } }));
    operation["operationId"] = json!("Connections_Add");
    let parameter = json!({ "name": "clientSecret", "in": "query", "required": true, "type": "string" });
    operation["parameters"].as_array_mut().unwrap().push(parameter);
    let fake = Fake::with_document(&swagger("/api/Connections/Add", &operation)).await;
    let secret = Credential::ClientSecret(Secret::new("an app's secret").unwrap());
    let values = Values { credential: Some(secret), ..contoso() };
    let error = fake.agent().ask(Which::Wanted(&ADD), &values, Some(&token())).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (
            "agent.cannot_fill",
            "POST /api/Connections/Add cannot be asked for: it wants clientSecret, and that is not known"
        )
    );
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_a_web_page_is_none() {
    let fake = fake().await;
    fake.page(&format!("POST {TEST}"), 200, "text/html", "<html>Sign in</html>");
    assert_eq!(fake.test().await.unwrap_err().code(), "agent.bad_answer");
}
