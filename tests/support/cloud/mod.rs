//! A cloud for tests: a server on loopback that answers as Entra ID and Graph do, and oddly where a test says so. What goes in and
//! out is compared with Microsoft's own description where that is at hand.

pub mod description;
pub mod front;
pub mod world;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use libretto::{
    cloud::{Cloud, Options, Proof, SignIn, Tenant},
    secret::Secret,
};
use serde_json::{Value, json};

/// A request as it arrived; the parts of a batch are listed as requests of their own.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub bearer: Option<String>,
    pub body: Vec<u8>,
    /// Whether it came inside a batch.
    pub within: bool,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The members of a form.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Answered after so long.
    pub after: std::time::Duration,
    /// Not one that Microsoft's description knows.
    pub odd: bool,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body,
            after: std::time::Duration::ZERO,
            odd: false,
        }
    }

    pub fn text(status: u16, kind: &str, body: &str) -> Self {
        let mut reply = Self::json(status, &Value::Null);
        reply.headers = vec![("content-type", kind.to_owned())];
        body.clone_into(&mut reply.body);
        reply.odd()
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn odd(mut self) -> Self {
        self.odd = true;
        self
    }

    pub fn after(mut self, time: std::time::Duration) -> Self {
        self.after = time;
        self
    }
}

struct Rule {
    method: &'static str,
    path: String,
    replies: VecDeque<Reply>,
}

#[derive(Default)]
struct Shared {
    asked: Vec<Asked>,
    rules: Vec<Rule>,
    /// Tokens that Graph accepts no more.
    revoked: Vec<String>,
    /// What did not agree with the description.
    disagreements: Vec<String>,
    address: String,
}

/// The server. It ends with the test's runtime.
#[derive(Clone)]
pub struct FakeCloud(Arc<Mutex<Shared>>);

impl FakeCloud {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self(Arc::default());
        this.0.lock().unwrap().address = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(answer).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        this
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.0.lock().unwrap().address.clone()
    }

    pub fn options(&self) -> Options {
        Options { login: Some(format!("http://{}/", self.address()).parse().unwrap()), ..Options::default() }
    }

    pub fn cloud(&self) -> Cloud {
        Cloud::new(self.options()).unwrap()
    }

    pub fn tenant(&self) -> Tenant {
        let here: url::Url = format!("http://{}/", self.address()).parse().unwrap();
        Tenant {
            id: world::TENANT.to_owned(),
            cloud: libretto::cloud::clouds::NationalCloud::Other,
            login: here.clone(),
            graph: here,
        }
    }

    /// The app of the world, with its secret.
    pub fn sign_in(&self) -> SignIn {
        self.with_secret(world::SECRET)
    }

    pub fn with_secret(&self, secret: &str) -> SignIn {
        self.with(Proof::ClientSecret(Secret::new(secret).unwrap()))
    }

    pub fn with(&self, proof: Proof) -> SignIn {
        SignIn { tenant: self.tenant(), app: world::APP.to_owned(), proof, version: None }
    }

    /// Answers the next requests of this kind so, each once; then as the world does.
    pub fn on(&self, method: &'static str, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let rule = Rule { method, path: path.to_owned(), replies: replies.into_iter().collect() };
        self.0.lock().unwrap().rules.push(rule);
    }

    /// From now on Graph refuses the tokens that it has seen.
    pub fn revoke_tokens(&self) {
        let mut shared = self.0.lock().unwrap();
        shared.revoked = shared.asked.iter().filter_map(|asked| asked.bearer.clone()).collect();
    }

    /// Every request so far, in order, without the batches' shells.
    pub fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().asked.iter().filter(|asked| asked.path != "/v1.0/$batch").cloned().collect()
    }

    /// `METHOD path` of every request so far, shells of batches among them.
    pub fn lines(&self) -> Vec<String> {
        let shared = self.0.lock().unwrap();
        shared.asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }

    /// How often something was asked for.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.lines().iter().filter(|line| **line == format!("{method} {path}")).count()
    }

    /// Fails when a request or an answer was not as Microsoft describes it.
    pub fn assert_as_described(&self) {
        let found = &self.0.lock().unwrap().disagreements;
        assert!(found.is_empty(), "{found:#?}");
    }

    fn reply(&self, asked: &Asked) -> Reply {
        let mut shared = self.0.lock().unwrap();
        shared.asked.push(asked.clone());
        if asked.bearer.as_ref().is_some_and(|bearer| shared.revoked.contains(bearer)) {
            return world::graph_error(401, "InvalidAuthenticationToken", "Access token has been revoked.");
        }
        let address = shared.address.clone();
        let rule = shared
            .rules
            .iter_mut()
            .find(|rule| rule.method == asked.method && rule.path == asked.path && !rule.replies.is_empty());
        let reply = rule.and_then(|rule| rule.replies.pop_front()).unwrap_or_else(|| world::answer(asked, &address));
        let wrong = description::disagreement(asked, &reply);
        shared.disagreements.extend(wrong);
        reply
    }

    fn batch(&self, shell: &Asked) -> Reply {
        self.0.lock().unwrap().asked.push(shell.clone());
        let body = shell.json();
        let requests = body["requests"].as_array().unwrap();
        assert!(requests.len() <= 20, "a batch of {}", requests.len());
        let mut responses: Vec<Value> = requests.iter().map(|inner| self.inner(shell, inner)).collect();
        // Graph answers in any order.
        responses.reverse();
        Reply::json(200, &json!({ "responses": responses }))
    }

    fn inner(&self, shell: &Asked, inner: &Value) -> Value {
        let mut asked = split(inner["method"].as_str().unwrap(), &format!("/v1.0{}", inner["url"].as_str().unwrap()));
        asked.bearer.clone_from(&shell.bearer);
        asked.within = true;
        asked.body = inner.get("body").map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let reply = self.reply(&asked);
        let headers: serde_json::Map<String, Value> =
            reply.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        let body = serde_json::from_str::<Value>(&reply.body).unwrap_or(Value::Null);
        json!({ "id": inner["id"], "status": reply.status, "headers": headers, "body": body })
    }
}

fn split(method: &str, uri: &str) -> Asked {
    let url = url::Url::parse(&format!("http://test{uri}")).unwrap();
    Asked {
        method: method.to_owned(),
        path: percent_encoding::percent_decode_str(url.path()).decode_utf8().unwrap().into_owned(),
        query: url.query_pairs().into_owned().collect(),
        bearer: None,
        body: Vec::new(),
        within: false,
    }
}

async fn answer(State(cloud): State<FakeCloud>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut asked = split(head.method.as_str(), head.uri.path_and_query().unwrap().as_str());
    asked.bearer = head
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned));
    asked.body = to_bytes(body, 1 << 20).await.unwrap().to_vec();
    let overruled = {
        let shared = cloud.0.lock().unwrap();
        shared.rules.iter().any(|rule| rule.path == asked.path && !rule.replies.is_empty())
    };
    let reply = if asked.path == "/v1.0/$batch" && !overruled { cloud.batch(&asked) } else { cloud.reply(&asked) };
    tokio::time::sleep(reply.after).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}
