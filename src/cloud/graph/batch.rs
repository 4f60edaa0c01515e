//! Several requests in one (`$batch`): at most twenty, all of one tenant. That the whole succeeded proves nothing of its parts.
//!
//! Source: learn.microsoft.com, "Combine multiple HTTP requests using JSON batching".

use std::{collections::HashMap, sync::Arc};

use futures_util::future::join_all;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use super::{Graph, permissions};
use crate::{
    cloud::{
        answer::Object,
        errors,
        http::Effect,
        throttle::{Patience, is_throttled},
    },
    error::{Error, Result},
    verdict::Verdict,
};

/// Where batches go.
pub(super) const PATH: &str = "/$batch";
/// So many requests go into one.
const MOST: usize = 20;

/// One request to Graph.
#[derive(Clone)]
pub struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Arc<Value>>,
    repeatable: bool,
}

impl std::fmt::Debug for Ask {
    /// Without the body: a password may stand in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Ask {
    fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        let repeatable = matches!(method, Method::GET | Method::DELETE);
        Self { method, path: path.into(), body: body.map(Arc::new), repeatable }
    }

    /// Reads. `path` is what follows Graph's version, encoded, e.g. `/domains/contoso.com`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    /// Makes or does something.
    #[must_use]
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, Some(body))
    }

    /// Changes something.
    #[must_use]
    pub fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path, Some(body))
    }

    /// Removes something.
    #[must_use]
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, None)
    }

    /// Says that sending it twice does what sending it once does, so that a lost answer is no doubt.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    pub(super) fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    pub(super) fn effect(&self) -> Effect {
        if self.repeatable { Effect::Repeatable } else { Effect::Once }
    }

    /// What the server was told in confidence: the token, and passwords.
    pub(super) fn confidential<'a>(&'a self, token: &'a str) -> Vec<&'a str> {
        let password =
            self.body.as_ref().and_then(|body| body.pointer("/passwordProfile/password")).and_then(Value::as_str);
        let proof = self.body.as_ref().and_then(|body| body.get("proof")).and_then(Value::as_str);
        [Some(token), password, proof].into_iter().flatten().collect()
    }

    fn inner(&self, id: usize) -> Value {
        let mut inner = json!({ "id": id.to_string(), "method": self.method.as_str(), "url": self.path });
        if let Some(body) = &self.body {
            inner["body"] = body.as_ref().clone();
            inner["headers"] = json!({ "Content-Type": "application/json" });
        }
        inner
    }
}

impl Graph {
    /// Sends many requests, twenty at a time, and answers one result for each, in order. Those that Graph had no time for are
    /// sent again one by one.
    pub async fn batch(&self, asks: Vec<Ask>) -> Vec<Result<Value>> {
        let mut results = Vec::with_capacity(asks.len());
        for twenty in asks.chunks(MOST) {
            match self.twenty(twenty).await {
                Ok(some) => results.extend(some),
                Err(error) => results.extend(twenty.iter().map(|ask| Err(apart(&error, ask)))),
            }
        }
        results
    }

    async fn twenty(&self, asks: &[Ask]) -> Result<Vec<Result<Value>>> {
        let requests: Vec<Value> = asks.iter().enumerate().map(|(id, ask)| ask.inner(id)).collect();
        let mut whole = Ask::post(PATH, json!({ "requests": requests }));
        whole.repeatable = asks.iter().all(|ask| ask.repeatable);
        // Each part counts by itself: the whole has cost nothing yet.
        let cloud = &self.0.cloud.0;
        let patience = Patience::new(cloud.options.patience);
        for ask in asks {
            cloud.limits.admit(&self.0.scopes, ask.cost(), &patience).await?;
        }
        let answer = self.send(whole).await?;
        let mut parts = HashMap::new();
        for part in Object::of(&answer, "the batch")?.objects("responses")? {
            parts.insert(part.text("id")?, (part.number("status")?, part.raw("headers"), part.raw("body")));
        }
        let each = asks.iter().enumerate().map(|(id, ask)| {
            let part = parts.remove(&id.to_string());
            self.part(ask, part)
        });
        Ok(join_all(each.collect::<Vec<_>>()).await)
    }

    /// One part's answer.
    async fn part(&self, ask: &Ask, part: Option<(i64, Option<&Value>, Option<&Value>)>) -> Result<Value> {
        let Some((status, headers, body)) = part else {
            let error = errors::bad_answer("the batch", "responses", &format!("has no answer to {ask:?}"));
            return Err(apart(&error, ask));
        };
        let status = u16::try_from(status).unwrap_or_default();
        let headers = header_map(headers);
        self.0.cloud.0.limits.heed(&self.0.scopes, &headers);
        match status {
            200..300 => Ok(body.cloned().unwrap_or_default()),
            429 | 503 if ask.repeatable || is_throttled(status, &headers) => {
                self.0.cloud.0.limits.pause(&self.0.scopes, &headers, 0);
                self.send(ask.clone()).await
            }
            500.. if ask.repeatable => self.send(ask.clone()).await,
            _ => {
                let id = headers.get("request-id").and_then(|value| value.to_str().ok());
                let held = self.held();
                let confidential = ask.confidential(held.confidential());
                let error = errors::graph::refusal(status, body, id, &confidential);
                Err(if status >= 500 { doubt(&error) } else { permissions::explain(error, ask) })
            }
        }
    }
}

/// What a failure of the whole means for a part: when it was sent, a write may have been done; a read was only not answered.
fn apart(error: &Error, ask: &Ask) -> Error {
    let unanswered = error.verdict() == Verdict::InDoubt;
    let unreadable = matches!(error.code(), "cloud.bad_answer" | "cloud.too_large");
    match (ask.repeatable, unanswered) {
        (true, true) => {
            let text = "the batch that this was part of was not answered";
            facts(error, Error::inconclusive("cloud.broken", text).hint("try again; look at the way to the cloud"))
        }
        (false, false) if unreadable => doubt(error),
        _ => error.clone(),
    }
}

/// A write that was sent, and whose answer says nothing.
pub(super) fn doubt(error: &Error) -> Error {
    let text = format!("{error}; the change may have been made");
    facts(
        error,
        Error::in_doubt("cloud.in_doubt", text).hint("see in the tenant whether it was made before it is sent again"),
    )
}

fn facts(of: &Error, error: Error) -> Error {
    of.details().iter().fold(error, |error, (key, value)| error.with(key, value.as_str()))
}

fn header_map(headers: Option<&Value>) -> HeaderMap {
    let members = headers.and_then(Value::as_object);
    let pairs = members.into_iter().flatten().filter_map(|(name, value)| {
        let text = value.as_str().map(str::to_owned).or_else(|| value.as_number().map(ToString::to_string))?;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&text).ok()?))
    });
    pairs.collect()
}
