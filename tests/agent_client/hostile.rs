//! Agents that mean ill: documents that unfold without end, codes that nobody knows, connections that break in the midst.

use std::{sync::Arc, time::Duration};

use libretto::{
    agent::client::{
        Address, Agent, Options, Which, document,
        fill::{Credential, Values},
        find::{ADD, TEST_CONNECTION, named, only_reads},
    },
    secret::Secret,
    service::tls,
    verdict::Verdict,
};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{Fake, contoso, swagger, test_operation, token};

const TEST: &str = "/api/Connections/TestConnection";

/// Definitions that each refer to the next one so many times.
fn unfolding(times: usize) -> Value {
    let mut document = swagger(TEST, &test_operation(&json!({ "$ref": "#/definitions/D1" })));
    for level in 1..=5 {
        let mut members: Map<String, Value> = (0..times)
            .map(|at| (format!("m{at}"), json!({ "$ref": format!("#/definitions/D{}", level + 1) })))
            .collect();
        members.insert("domain".to_owned(), json!({ "type": "string" }));
        members.insert("note".to_owned(), json!({ "type": "string" }));
        document["definitions"][format!("D{level}")] = json!({ "type": "object", "properties": members });
    }
    document["definitions"]["D6"] = json!({ "type": "object", "properties": { "domain": { "type": "string" } } });
    document
}

#[tokio::test]
async fn a_document_that_unfolds_without_end_is_read_to_no_end() {
    for times in [40, 300] {
        let fake = Fake::with_document(&unfolding(times)).await;
        let error = fake.test().await.unwrap_err();
        assert_eq!(error.code(), "agent.bad_document", "{error}");
        assert_eq!(error.message(), "the agent's document is wrong: its schemas unfold to more than can be read");
        assert!(fake.seen().is_empty());
    }
    let fake = Fake::with_document(&unfolding(3)).await;
    fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
    fake.test().await.unwrap();
}

#[tokio::test]
async fn choices_that_lead_back_to_themselves_come_to_an_end() {
    let mut document = swagger(TEST, &test_operation(&json!({ "$ref": "#/definitions/It" })));
    document["definitions"]["It"] = json!({ "oneOf": [{ "$ref": "#/definitions/It" }] });
    let error = Fake::with_document(&document).await.test().await.unwrap_err();
    assert_eq!(error.code(), "agent.cannot_fill", "{error}");
}

#[test]
fn what_is_too_much_of_a_document_is_not_taken() {
    let large = json!({ "swagger": "2.0", "info": { "title": "x".repeat(3 << 20) }, "paths": {} }).to_string();
    assert_eq!(
        document::read(large.as_bytes()).unwrap_err().message(),
        "the agent's document is wrong: it has more than 2 MB"
    );
    let mut doubling = json!({ "openapi": "3.0.0", "info": {}, "paths": { "/it": { "get": {} } },
        "servers": [{ "url": "https://x/{a0}", "variables": {} }] });
    for at in 0..40 {
        let next = format!("{{a{}}}", at + 1);
        doubling["servers"][0]["variables"][format!("a{at}")] = json!({ "default": format!("{next}{next}") });
    }
    assert!(document::read(doubling.to_string().as_bytes()).unwrap().base_path.len() < 10_000);
    let parameters: Vec<Value> =
        (0..300).map(|at| json!({ "name": format!("p{at}"), "in": "query", "type": "string" })).collect();
    let mut crowded = swagger(TEST, &test_operation(&json!({})));
    crowded["paths"]["/api/Crowd"] = json!({ "get": { "parameters": parameters } });
    let crowded = document::read(crowded.to_string().as_bytes()).unwrap();
    assert_eq!((crowded.operations.len(), crowded.broken.len()), (1, 1), "{:?}", crowded.broken);
}

#[tokio::test]
async fn an_error_lists_the_first_of_many_and_nothing_endless() {
    let mut document = swagger("/api/It", &json!({ "operationId": "i".repeat(100_000) }));
    for at in 0..400 {
        document["paths"][format!("/api/{at}/{}", "x".repeat(900))] = json!({ "get": {} });
        document["paths"][format!("none{at}{}", "x".repeat(900))] = json!({ "get": {} });
    }
    let error = Fake::with_document(&document).await.test().await.unwrap_err();
    assert_eq!(error.code(), "agent.no_operation");
    let facts = serde_json::to_string(&error.facts()).unwrap();
    assert!(facts.len() < 20_000 && facts.contains("and 351 more"), "{} {facts}", facts.len());
}

#[test]
fn what_is_called_by_its_method_is_that_operation_and_no_other() {
    let mut document = swagger("/api/Users/Make", &json!({ "operationId": "GetOrCreateUser" }));
    document["paths"]["/api/Users"] = json!({ "get": { "operationId": "Users_List" } });
    let document = document::read(document.to_string().as_bytes()).unwrap();
    assert_eq!(named(&document, "get /api/users").unwrap().to_string(), "GET /api/Users");
    for name in ["GET /OrCreateUser", "GET /Make", "GET /Or/Create/User"] {
        assert!(only_reads(name));
        assert_eq!(named(&document, name).unwrap_err().code(), "agent.no_operation", "{name}");
    }
    // It is found, as what writes.
    assert!(!only_reads("GET OrCreateUser"));
    assert!(!named(&document, "GET OrCreateUser").unwrap().only_reads());
}

#[tokio::test]
async fn no_token_goes_into_a_header_that_others_write_down() {
    for name in ["User-Agent", "Referer", "Cookie", "Host", "X-Forwarded-For"] {
        let mut document = swagger(TEST, &test_operation(&json!({ "type": "string" })));
        document["securityDefinitions"] = json!({ "key": { "type": "apiKey", "in": "header", "name": name } });
        let fake = Fake::with_document(&document).await;
        fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
        fake.test().await.unwrap();
        let [seen] = fake.seen().try_into().unwrap();
        assert_eq!(seen.header("authorization"), Some("Bearer the agent's token 4711"), "{name}");
        let others = seen.headers.iter().filter(|(name, _)| *name != "authorization");
        assert!(!others.into_iter().any(|(_, value)| value.contains("4711")), "{name}: {:?}", seen.headers);
    }
}

#[tokio::test]
async fn codes_that_one_agent_makes_up_leave_another_its_own() {
    let fake = Fake::with_document(&swagger(TEST, &test_operation(&json!({ "type": "string" })))).await;
    let letters = |mut at: usize| {
        let mut text = String::new();
        for _ in 0..4 {
            text.push(char::from(b'a' + (at % 26) as u8));
            at /= 26;
        }
        text
    };
    let agent = fake.agent();
    let code_of = async |code: &str| {
        fake.json(&format!("POST {TEST}"), 424, &json!({ "code": code, "detail": "no" }));
        super::test(&agent).await.unwrap_err().code().to_owned()
    };
    for at in 0..300 {
        code_of(&format!("cloud.rubbish_{}", letters(at))).await;
    }
    assert_eq!(code_of("cloud.rubbish_zzzz").await, "agent.refused");
    for own in ["cloud.wrong_secret", "cloud.expired_secret", "agent.unknown_domain", "cloud.consent_missing"] {
        assert_eq!(code_of(own).await, own);
    }
}

#[tokio::test]
async fn what_only_reads_is_never_in_doubt() {
    let mut document = swagger(TEST, &test_operation(&json!({ "type": "string" })));
    document["paths"]["/api/Connections/Add"] =
        json!({ "post": { "tags": ["Connections"], "parameters": [{ "name": "req", "in": "body", "schema": {} }] } });
    let fake = Fake::with_document(&document).await;
    let late = json!({ "code": "service.too_long", "detail": "it takes too long", "verdict": "in-doubt" });
    for path in [TEST, "/api/Connections/Add"] {
        fake.json(&format!("POST {path}"), 504, &late);
    }
    let verdict = async |wanted| {
        let error = fake.agent().ask(Which::Wanted(wanted), &contoso(), Some(&token())).await.unwrap_err();
        (error.code(), error.verdict())
    };
    assert_eq!(verdict(&TEST_CONNECTION).await, ("service.too_long", Verdict::Inconclusive));
    assert_eq!(verdict(&ADD).await, ("service.too_long", Verdict::InDoubt));
}

/// An agent that takes what it is sent over TLS, and then sends what is no TLS.
async fn breaks_after_the_request() -> (tempfile::TempDir, u16, Arc<str>) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, file) = tls::own(folder.path(), &[]).unwrap();
    let ca = std::fs::read_to_string(file).unwrap().into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut document = swagger(
        "/api/Connections/Add",
        &test_operation(&json!({
        "type": "object", "properties": { "domain": { "type": "string" }, "clientSecret": { "type": "string" } } })),
    );
    document["paths"]["/api/Connections/Add"]["post"]["operationId"] = json!("Connections_Add");
    let document = document.to_string();
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(certificate.config);
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = vec![0; 16 << 10];
            let count = stream.read(&mut head).await.unwrap_or_default();
            if head[..count].starts_with(b"GET /swagger/docs/v1") {
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{document}",
                    document.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            } else {
                let (mut bare, _) = stream.into_inner();
                let _ = bare.write_all(&[0x17, 3, 3, 0, 32]).await;
                let _ = bare.write_all(&[7; 32]).await;
                let _ = bare.shutdown().await;
            }
        }
    });
    (folder, port, ca)
}

#[tokio::test]
async fn a_write_after_which_tls_breaks_is_in_doubt() {
    let (_folder, port, ca) = breaks_after_the_request().await;
    let options = Options { ca_pem: Some(ca), timeout: Duration::from_secs(20), ..Options::default() };
    let agent = Agent::new(Address { host: "127.0.0.1".to_owned(), port }, &options).unwrap();
    let secret = Credential::ClientSecret(Secret::new("the app's secret").unwrap());
    let values = Values { credential: Some(secret), ..contoso() };
    let error = agent.ask(Which::Wanted(&ADD), &values, Some(&token())).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("agent.broken", Verdict::InDoubt), "{error}");
}
