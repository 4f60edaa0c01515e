//! What stands where the engine should be, or where an agent should be, and answers oddly.

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use libretto::{
    error::Error,
    secret::Secret,
    verdict::Verdict,
    workflow::client::{Engine, Options, Route, Whom},
};
use serde_json::{Value, json};

use super::engine::Engine as Served;

async fn listening(router: Router) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

/// A client of what answers everything in the same way.
async fn engine(status: u16, media: &'static str, body: &'static str) -> Engine {
    let status = StatusCode::from_u16(status).unwrap();
    let router = Router::new().fallback(move || async move { (status, [(header::CONTENT_TYPE, media)], body) });
    let url = format!("http://127.0.0.1:{}/", listening(router).await);
    client(&url).unwrap()
}

fn client(url: &str) -> Result<Engine, Error> {
    let token = Secret::new("the engine's token").unwrap();
    Engine::new(&Options { url: url.parse().unwrap(), token, ca_pem: None, proxy: None, no_proxy: None })
}

fn route() -> Route {
    Route {
        connection: "contoso".to_owned(),
        domain: "contoso.example".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 1,
        ca_pem: None,
        token: None,
        written_by: "alice".to_owned(),
    }
}

/// What became of a write, an action that writes, one that reads, and a read.
async fn outcomes(engine: &Engine) -> Vec<(&'static str, Verdict)> {
    let whom = Whom { connection: "contoso", domain: "contoso.example" };
    let errors = [
        engine.put(&route()).await.unwrap_err(),
        engine.act(whom, "Users_ResetPassword", None, true).await.unwrap_err(),
        engine.act(whom, "Agent_Status", None, false).await.unwrap_err(),
        engine.get("contoso").await.unwrap_err(),
    ];
    errors.iter().map(|error| (error.code(), error.verdict())).collect()
}

#[tokio::test]
async fn a_write_that_was_taken_is_in_doubt_however_it_is_answered() {
    use Verdict::{Failed, InDoubt, Inconclusive};
    for (status, media, body, code, read) in [
        (
            200,
            "application/json",
            "{\"of\":\"another version\"}",
            "workflow.bad_answer",
            ("workflow.bad_answer", Failed),
        ),
        (200, "text/html", "<html>done</html>", "workflow.bad_answer", ("workflow.foreign", Failed)),
        (
            504,
            "application/problem+json",
            "{\"code\":\"service.too_long\",\"detail\":\"late\",\"verdict\":\"in-doubt\"}",
            "service.too_long",
            ("service.too_long", Inconclusive),
        ),
    ] {
        let told = outcomes(&engine(status, media, body).await).await;
        assert_eq!(told, [(code, InDoubt), (code, InDoubt), read, read], "{body}");
    }
    // What was not taken is not.
    let told = outcomes(&engine(404, "text/html", "<html>nothing here</html>").await).await;
    assert_eq!(told, [("workflow.foreign", Failed); 4]);
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    let error = client("https://user:hunter2pass@engine.example/").err().unwrap();
    assert_eq!(error.code(), "workflow.bad_url");
    let all = format!("{error:?} {:?} {:?}", error.remedy(), error.facts());
    assert!(!all.contains("hunter2pass"), "{all}");
}

/// An agent that repeats what it was shown, as a member's name and as its value.
async fn echo(headers: HeaderMap, uri: axum::http::Uri) -> impl IntoResponse {
    let shown = headers.get(header::AUTHORIZATION).map_or("", |value| value.to_str().unwrap());
    let body = if uri.path() == "/swagger/docs/v1" {
        json!({ "swagger": "2.0", "info": { "title": "echo", "version": "1" }, "paths": {
            "/api/Agent/Status": { "get": { "tags": ["Agent"], "operationId": "Agent_Status" } } } })
    } else {
        json!({ "deep": { shown: [shown, { shown: 1 }] } })
    };
    ([(header::CONTENT_TYPE, "application/json")], body.to_string())
}

#[test]
fn a_token_does_not_come_back_as_the_name_of_a_member() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let port = runtime.block_on(listening(Router::new().fallback(echo)));
    let engine = Served::new();
    let token = "canary-token-of-the-agent-4711";
    let route =
        json!({ "domain": "contoso.example", "host": "127.0.0.1", "port": port, "token": token, "writtenBy": "alice" });
    assert_eq!(engine.put("contoso", &route).status, 200);
    let reply = engine.act("contoso", "Agent_Status", &Value::Null);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(!reply.body.contains(token), "{}", reply.body);
    assert_eq!(reply.json()["answer"]["deep"]["Bearer [secret]"][0], "Bearer [secret]", "{}", reply.body);
}
