//! Agents that are down, hang, or are something else: each has an error of its own.

use std::time::Duration;

use libretto::{
    agent::client::{
        Address, Agent, Options, Which,
        find::{ADD, TEST_CONNECTION},
    },
    verdict::Verdict,
};
use serde_json::json;
use tokio::{io::AsyncReadExt, net::TcpListener};

use super::{Fake, contoso, quick, swagger, test, test_operation, token, told};

const TEST: &str = "/api/Connections/TestConnection";

fn at(port: u16) -> Address {
    Address { host: "127.0.0.1".to_owned(), port }
}

#[tokio::test]
async fn an_agent_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = test(&Agent::new(at(port), &quick()).unwrap()).await.unwrap_err();
    assert_eq!(
        told(&error),
        format!(
            "agent.unreachable\n\
             the agent 127.0.0.1:{port} cannot be reached: Connection refused (os error 111)\n\
             see that the Remote Agent runs (`libretto agent serve`, or its pool and site), then name, port and firewall"
        )
    );
    assert_eq!(error.verdict(), Verdict::Inconclusive);
}

#[tokio::test]
async fn an_agent_that_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = Options { timeout: Duration::from_millis(300), ..Options::default() };
    let error = test(&Agent::new(at(port), &options).unwrap()).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("agent.timeout", Verdict::Inconclusive));
    drop(listener);
}

/// Answers the document, takes the next request and then closes, or says nothing.
async fn takes_and_closes(hangs: bool) -> u16 {
    let mut operation = test_operation(&json!({ "type": "string" }));
    operation["operationId"] = json!("Connections_Add");
    let fake = Fake::with_document(&swagger("/api/Connections/Add", &operation)).await;
    let document = fake.port;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut start = [0; 4];
                stream.read_exact(&mut start).await.unwrap();
                if &start != b"POST" {
                    let mut other = tokio::net::TcpStream::connect(("127.0.0.1", document)).await.unwrap();
                    tokio::io::AsyncWriteExt::write_all(&mut other, &start).await.unwrap();
                    // One request a connection, so that the write comes over one of its own.
                    let mut request = [0; 4096];
                    let count = stream.read(&mut request).await.unwrap();
                    let text =
                        String::from_utf8_lossy(&request[..count]).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
                    tokio::io::AsyncWriteExt::write_all(&mut other, text.as_bytes()).await.unwrap();
                    tokio::io::copy(&mut other, &mut stream).await.unwrap();
                } else if hangs {
                    std::future::pending::<()>().await;
                } else {
                    let _ = stream.read(&mut [0; 4096]).await.unwrap();
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_write_without_an_answer_is_in_doubt() {
    for (hangs, code) in [(false, "agent.broken"), (true, "agent.timeout")] {
        let port = takes_and_closes(hangs).await;
        let options = Options { timeout: Duration::from_secs(if hangs { 1 } else { 20 }), ..Options::default() };
        let agent = Agent::new(at(port), &options).unwrap();
        let error = agent.ask(Which::Wanted(&ADD), &contoso(), Some(&token())).await.unwrap_err();
        assert_eq!((error.code(), error.verdict()), (code, Verdict::InDoubt), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_agents_document_says_so() {
    let html = "<!DOCTYPE html>\n<html><body>IIS Windows Server</body></html>";
    for (media, text, code, said) in [
        ("text/html", html, "agent.html", "a web page is where the agent's document should be"),
        ("application/json", html, "agent.html", "a web page is where the agent's document should be"),
        ("application/json", "", "agent.empty_document", "the agent's document is empty: nothing is in it"),
        ("application/json", "\u{feff} \n", "agent.empty_document", "the agent's document is empty: nothing is in it"),
        ("application/json", "{}", "agent.empty_document", "the agent's document is empty: it is an empty object"),
        (
            "application/json",
            "{\"swagger\": \"2.0\", \"paths\": {}}",
            "agent.empty_document",
            "the agent's document is empty: it has no operations",
        ),
        (
            "application/json",
            "{\"error\": \"x\"}",
            "agent.foreign_document",
            "what is there is not an agent's document: it names no version of Swagger or OpenAPI",
        ),
        (
            "application/yaml",
            "swagger: 2.0",
            "agent.foreign_document",
            "what is there is not an agent's document: it is not JSON (expected value at line 1 column 1)",
        ),
        (
            "application/json",
            "{\"swagger\": \"2.0\", \"paths\": []}",
            "agent.bad_document",
            "the agent's document is wrong: invalid type: sequence, expected a map",
        ),
    ] {
        let fake = Fake::start().await;
        fake.page("GET /swagger/docs/v1", 200, media, text);
        let error = fake.test().await.unwrap_err();
        assert_eq!((error.code(), error.message()), (code, said));
        assert!(error.remedy().is_some());
        assert_eq!(error.facts()["url"], format!("http://127.0.0.1:{}/swagger/docs/v1", fake.port));
    }
}

#[tokio::test]
async fn another_services_document_has_no_such_operation() {
    let petstore = swagger("/pet/{id}", &json!({ "tags": ["pet"], "operationId": "updatePet" }));
    let error = Fake::with_document(&petstore).await.test().await.unwrap_err();
    assert_eq!(error.code(), "agent.no_operation");
    assert_eq!(error.facts()["document"], "AAD Remote Agent v1 (Swagger 2.0)");
}

#[tokio::test]
async fn no_document_at_all() {
    let fake = Fake::start().await;
    let error = fake.test().await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (
            "agent.no_document",
            format!(
                "127.0.0.1:{} publishes no document of its operations; looked at /swagger/docs/v1, /swagger/v1/swagger.json, \
                 /openapi.json, /openapi/v1.json, /swagger.json",
                fake.port
            )
            .as_str()
        )
    );
    fake.page("GET /swagger/docs/v1", 502, "text/html", "bad gateway");
    let error = fake.test().await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("agent.failed", Verdict::Inconclusive));
}

#[tokio::test]
async fn tokens_that_are_wrong_or_missing() {
    let fake = Fake::with_document(&swagger(TEST, &test_operation(&json!({ "type": "string" })))).await;
    for (status, with_token, code) in
        [(401, true, "agent.wrong_token"), (403, true, "agent.forbidden"), (401, false, "agent.no_token")]
    {
        fake.page(&format!("POST {TEST}"), status, "application/json", "{}");
        let token = with_token.then(token);
        let error = fake.agent().ask(Which::Wanted(&TEST_CONNECTION), &contoso(), token.as_ref()).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(!format!("{} {:?}", told(&error), error.facts()).contains("4711"));
    }
    fake.page("GET /swagger/docs/v1", 401, "application/json", "");
    assert_eq!(fake.test().await.unwrap_err().code(), "agent.wrong_token");
    let seen = fake.seen.lock().unwrap().pop().unwrap();
    assert_eq!(seen.header("authorization"), None, "the last place was asked without a token as well");
}

/// The path is a key of the agent's document: before it stands `http://127.0.0.1:PORT`.
#[tokio::test]
async fn a_path_that_names_another_host_takes_nothing_there() {
    let elsewhere = Fake::start().await;
    elsewhere.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
    let operation = test_operation(&json!({ "type": "string" }));
    for path in [format!("@127.0.0.1:{}{TEST}", elsewhere.port), format!(":{}@{TEST}", elsewhere.port)] {
        let mut document = swagger(&path, &operation);
        document["paths"]["/api/Agent/Status"] = json!({ "get": { "tags": ["Agent"] } });
        let error = Fake::with_document(&document).await.test().await.unwrap_err();
        assert_eq!(error.code(), "agent.no_operation", "{error}");
        let said = format!("POST {path}: the agent's document is wrong: a path of it does not begin with /");
        assert_eq!(error.facts()["unreadable"], said);
    }
    assert!(elsewhere.seen().is_empty(), "{:?}", elsewhere.seen());
}

/// Forty that wait for a document share the one attempt to read it, and what comes of it.
#[tokio::test]
async fn an_agent_that_hangs_is_asked_once_for_all_that_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&taken);
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    let options = Options { timeout: Duration::from_millis(300), ..Options::default() };
    let agent = Agent::new(at(port), &options).unwrap();
    for error in futures_util::future::join_all((0..40).map(|_| test(&agent))).await {
        assert_eq!(error.unwrap_err().code(), "agent.timeout");
    }
    assert_eq!(taken.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(test(&agent).await.unwrap_err().code(), "agent.timeout", "who comes later tries for himself");
    assert_eq!(taken.load(std::sync::atomic::Ordering::SeqCst), 2);
}
