//! The client of Remote Agents, against agents that only their documents describe, and against Libretto's own.

mod asking;
mod bad;
mod believed;
mod documents;
mod hostile;
mod own;
mod scripts;
mod ways;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use libretto::{
    agent::client::{Address, Agent, Answer, Options, Which, fill::Values, find::TEST_CONNECTION},
    error::Error,
    secret::Secret,
};
use serde_json::{Value, json};

/// What `GET /swagger/docs/v1` and the like answer: status, media type, text.
type Page = (u16, &'static str, String);

/// A request as it arrived.
#[derive(Debug, Clone)]
struct Seen {
    what: String,
    headers: HashMap<String, String>,
    body: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// An agent of somebody else's: it answers what it was told to answer, and remembers what it was asked.
#[derive(Clone)]
struct Fake {
    pages: Arc<Mutex<HashMap<String, Page>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    port: u16,
}

impl Fake {
    /// Starts one that has a document at Swashbuckle's place.
    async fn with_document(document: &Value) -> Self {
        let fake = Self::start().await;
        fake.page("GET /swagger/docs/v1", 200, "application/json", &document.to_string());
        fake
    }

    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fake = Self { pages: Arc::default(), seen: Arc::default(), port };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        fake
    }

    fn page(&self, what: &str, status: u16, media: &'static str, text: &str) -> &Self {
        self.pages.lock().unwrap().insert(what.to_owned(), (status, media, text.to_owned()));
        self
    }

    fn gone(&self, what: &str) -> &Self {
        self.pages.lock().unwrap().remove(what);
        self
    }

    fn json(&self, what: &str, status: u16, body: &Value) -> &Self {
        self.page(what, status, "application/json", &body.to_string())
    }

    fn address(&self) -> Address {
        Address { host: "127.0.0.1".to_owned(), port: self.port }
    }

    fn agent(&self) -> Agent {
        Agent::new(self.address(), &quick()).unwrap()
    }

    /// What was asked for, but for the document.
    fn seen(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| !seen.what.contains("swagger") && !seen.what.contains("openapi")).cloned().collect()
    }

    fn documents_read(&self) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| seen.what == "GET /swagger/docs/v1").count()
    }

    async fn test(&self) -> Result<Answer, Error> {
        test(&self.agent()).await
    }
}

async fn answer(State(fake): State<Fake>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let what = format!("{method} {uri}");
    let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    fake.seen.lock().unwrap().push(Seen {
        what: what.clone(),
        headers: headers.iter().map(text).collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    // `POST /it #2` is for the second time alone.
    let times = fake.seen.lock().unwrap().iter().filter(|seen| seen.what == what).count();
    let pages = fake.pages.lock().unwrap().clone();
    let page = pages.get(&format!("{what} #{times}")).or(pages.get(&what)).cloned();
    match page {
        Some((status, media, text)) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), [("content-type", media)]).into_response();
            if (300..400).contains(&status) {
                response.headers_mut().insert("location", text.parse().unwrap());
            } else {
                *response.body_mut() = text.into();
            }
            response
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn quick() -> Options {
    Options { timeout: Duration::from_secs(20), ..Options::default() }
}

fn token() -> Secret {
    Secret::new("the agent's token 4711").unwrap()
}

fn contoso() -> Values {
    Values { domain: "contoso.example".to_owned(), name: Some("contoso".to_owned()), ..Values::default() }
}

async fn test(agent: &Agent) -> Result<Answer, Error> {
    agent.ask(Which::Wanted(&TEST_CONNECTION), &contoso(), Some(&token())).await
}

/// Code, message and remedy of an error, each on a line.
fn told(error: &Error) -> String {
    format!("{}\n{}\n{}", error.code(), error.message(), error.remedy().unwrap_or_default())
}

/// A Swagger 2.0 document as Swashbuckle writes it, with one operation.
fn swagger(path: &str, operation: &Value) -> Value {
    json!({
        "swagger": "2.0",
        "info": { "version": "v1", "title": "AAD Remote Agent" },
        "host": "somewhere.else:80",
        "basePath": "/",
        "schemes": ["http"],
        "paths": { path: { "post": operation } },
        "definitions": {
            "TestReq": { "type": "object", "properties": { "tenantDomain": { "type": "string" } } },
        },
    })
}

/// `TestConnection` as the article describes it; its body is a schema.
fn test_operation(schema: &Value) -> Value {
    json!({
        "tags": ["Connections"],
        "operationId": "Connections_TestConnection",
        "consumes": ["application/json", "text/json", "application/xml"],
        "produces": ["application/json"],
        "parameters": [{ "name": "req", "in": "body", "required": true, "schema": schema }],
        "responses": { "200": { "description": "OK", "schema": { "type": "object" } } },
        "deprecated": false,
    })
}
