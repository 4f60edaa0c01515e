//! Microsoft Graph for one tenant: one request with all that surrounds it, and collections of several pages.
//!
//! A request waits until the limits allow it, carries a token that is valid, is repeated where that changes nothing or where Graph
//! says that nothing was done, and pauses its own scope where Graph asks for that.

pub mod batch;
pub mod credentials;
pub mod domains;
pub mod licences;
pub mod organization;
pub(super) mod path;
pub mod permissions;
pub mod policies;
pub mod relationships;
pub mod roles;
pub mod users;

use std::sync::{Arc, Mutex, PoisonError};

use batch::Ask;
use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::{
    Claims, Cloud, SignIn, Tenant,
    answer::Object,
    discovery::join,
    errors,
    http::{self, Answer},
    signin::{self, Wanted},
    throttle::{Cost, Patience, Scope, back_off, is_throttled},
    tokens::Token,
};
use crate::{
    error::{Error, Result},
    secret::Secret,
    verdict::Verdict,
};

/// The version of Graph that is spoken.
const VERSION: &str = "v1.0";
/// More pages than this are a server that goes round in circles.
const PAGES: usize = 2_000;
/// A collection is held in memory as a whole.
const MOST_MEMBERS: usize = 100_000;
const MOST_BYTES: usize = 64 << 20;
/// How often a request that only a passing trouble stopped is sent.
const ATTEMPTS: u32 = 4;

/// One tenant's Graph, signed in. Cheap to clone.
#[derive(Clone)]
pub struct Graph(Arc<Inner>);

struct Inner {
    cloud: Cloud,
    sign_in: SignIn,
    token: Mutex<Arc<Token>>,
    scopes: [Scope; 2],
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Graph({})", self.0.sign_in.tenant.id)
    }
}

impl Graph {
    pub(super) fn new(cloud: Cloud, sign_in: SignIn, token: Arc<Token>) -> Self {
        let (graph, app) = (http::authority(&sign_in.tenant.graph), sign_in.app.clone());
        let tenant = sign_in.tenant.id.clone();
        let scopes = [Scope::App { graph: graph.clone(), app: app.clone() }, Scope::Tenant { graph, app, tenant }];
        Self(Arc::new(Inner { cloud, sign_in, token: Mutex::new(token), scopes }))
    }

    /// Whose Graph it is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.0.sign_in.tenant
    }

    /// Who is signed in, as the token says.
    #[must_use]
    pub fn claims(&self) -> Claims {
        self.held().claims.clone()
    }

    /// The refresh token that came with the last sign-in by one: it takes the place of the one that was shown.
    #[must_use]
    pub fn renewed_refresh_token(&self) -> Option<Secret> {
        self.held().renewal.as_ref().and_then(|text| Secret::new(text.as_str()).ok())
    }

    fn held(&self) -> Arc<Token> {
        Arc::clone(&self.0.token.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A token that is valid for a while yet.
    async fn token(&self) -> Result<Arc<Token>> {
        let held = self.held();
        if held.is_stale() { self.renew(Wanted::Valid).await } else { Ok(held) }
    }

    async fn renew(&self, wanted: Wanted<'_>) -> Result<Arc<Token>> {
        let token = signin::token(&self.0.cloud, &self.0.sign_in, wanted).await?;
        *self.0.token.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&token);
        Ok(token)
    }

    /// Reads `path`, which begins with `/` and is encoded.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.send(Ask::get(path)).await
    }

    /// Sends one request and answers what came back; `null` for nothing.
    ///
    /// # Errors
    /// Those of [`errors::graph`]; `cloud.throttled`, `cloud.in_doubt`, `cloud.bad_answer`, and those of reaching Graph.
    pub async fn send(&self, ask: Ask) -> Result<Value> {
        let url = self.address(&ask.path)?;
        self.request(&ask, &url).await.map(|(answer, _)| answer)
    }

    fn address(&self, path: &str) -> Result<Url> {
        let url = join(&self.tenant().graph, &format!("{VERSION}{path}"))?;
        // A name of dots would lead out of its folder.
        let plain = path.split('?').next().unwrap_or_default();
        if !url.path().ends_with(&format!("/{VERSION}{plain}")) {
            return Err(Error::new("cloud.bad_name", "a name or an id in the request leads elsewhere")
                .hint("give names and ids as Graph answers them"));
        }
        Ok(url)
    }

    /// Answers what came back, and of how many bytes it was.
    async fn request(&self, ask: &Ask, url: &Url) -> Result<(Value, usize)> {
        let patience = Patience::new(self.0.cloud.0.options.patience);
        let (mut renewed, mut attempt, mut refusal) = (false, 0, None);
        loop {
            let admitted = self.0.cloud.0.limits.admit(&self.0.scopes, ask.cost(), &patience).await;
            admitted.map_err(|error| errors::of_request(error, refusal.as_deref()))?;
            let token = self.token().await?;
            let answer = self.once(ask, url, &token).await;
            let error = match answer {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    return answer
                        .json()
                        .map(|json| (json, answer.body.len()))
                        .map_err(|error| if ask.is_repeatable() { error } else { batch::doubt(&error) });
                }
                // Revoked, or a clock that was set: once more with another token.
                Ok(answer) if answer.status == 401 && !renewed => {
                    renewed = true;
                    self.renew(Wanted::Other(&token)).await?;
                    continue;
                }
                Ok(answer) if busy(ask, &answer) => {
                    let pause = self.0.cloud.0.limits.pause(&self.0.scopes, &answer.headers, attempt);
                    refusal = answer.header("request-id").map(str::to_owned);
                    attempt += 1;
                    if attempt < 2 * ATTEMPTS {
                        continue;
                    }
                    errors::of_request(errors::throttled(answer.host(), pause.as_secs()), refusal.as_deref())
                }
                Ok(answer) => refused(ask, &answer, &token),
                Err(error) => error,
            };
            let passes = error.is_retryable() && ask.is_repeatable() && attempt + 1 < ATTEMPTS;
            // One that cannot be reached was tried for long enough.
            if !passes || !matches!(error.code(), "cloud.unavailable" | "cloud.broken" | "cloud.conflict") {
                return Err(permissions::explain(error, ask));
            }
            // Why it was to be tried again says more than that there was no time to.
            if patience.wait(back_off(attempt), "Graph").await.is_err() {
                return Err(permissions::explain(error, ask));
            }
            attempt += 1;
        }
    }

    async fn once(&self, ask: &Ask, url: &Url, token: &Token) -> Result<Answer> {
        let cloud = &self.0.cloud.0;
        let mut request = cloud
            .http
            .client()
            .request(ask.method.clone(), url.clone())
            .header(reqwest::header::AUTHORIZATION, token.header()?)
            .header(reqwest::header::ACCEPT, "application/json")
            .header("client-request-id", uuid::Uuid::new_v4().to_string());
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let answer = cloud.http.send(request, ask.effect()).await?;
        cloud.limits.heed(&self.0.scopes, &answer.headers);
        Ok(answer)
    }

    /// All members of a collection, page by page.
    pub(super) async fn all(&self, path: &str) -> Result<Vec<Value>> {
        self.some(path, usize::MAX).await
    }

    /// The members of a collection, when there are at most `limit`.
    pub(super) async fn some(&self, path: &str, limit: usize) -> Result<Vec<Value>> {
        let mut url = self.address(path)?;
        let ask = Ask::get(path);
        let (mut members, mut bytes) = (Vec::new(), 0);
        for _ in 0..PAGES {
            let (answer, length) = self.request(&ask, &url).await?;
            bytes += length;
            let page = Object::of(&answer, "the collection")?;
            let next = page.maybe_text("@odata.nextLink")?;
            // Read by reference to see that it is a list, then taken.
            page.list("value")?;
            if let Value::Object(mut answer) = answer
                && let Some(Value::Array(values)) = answer.remove("value")
            {
                members.extend(values);
            }
            if members.len() > limit {
                return Err(
                    Error::new("cloud.too_many", format!("there are more than {limit}")).hint("use a narrower filter")
                );
            }
            if members.len() > MOST_MEMBERS || bytes > MOST_BYTES {
                return Err(Error::new("cloud.too_large", "the collection is larger than can be held at once")
                    .hint("ask for less at a time: fewer fields, a filter"));
            }
            let Some(next) = next else { return Ok(members) };
            url = self.next(&next, &url)?;
        }
        Err(errors::bad_answer("the collection", "@odata.nextLink", "goes on without end"))
    }

    /// The next page's address. The token goes there, so it has to be the same Graph.
    fn next(&self, link: &str, now: &Url) -> Result<Url> {
        let bad = |what: &str| errors::bad_answer("the collection", "@odata.nextLink", what);
        let next = Url::parse(link).map_err(|_| bad("is no address"))?;
        if next.origin() != self.tenant().graph.origin() || !next.username().is_empty() || next.password().is_some() {
            return Err(bad("leads to another host"));
        }
        if &next == now {
            return Err(bad("leads to the same page"));
        }
        Ok(next)
    }
}

/// Graph has too much to do and has done nothing. A 503 that says nothing of when to come again may be anything that is broken:
/// a write that does not do the same twice is not sent again then.
fn busy(ask: &Ask, answer: &Answer) -> bool {
    is_throttled(answer.status, &answer.headers) || (answer.status == 503 && ask.is_repeatable())
}

fn refused(ask: &Ask, answer: &Answer, token: &Token) -> Error {
    // Whatever it is that answers with pages, it is not Graph.
    let body = answer.maybe_json();
    if body.is_none() && answer.status < 500 && answer.header("request-id").is_none() {
        return answer.no_json();
    }
    let confidential = ask.confidential(token.confidential());
    let error = errors::graph::refusal(answer.status, body.as_ref(), answer.header("request-id"), &confidential);
    // A write that ends in a fault of the server's may have been done.
    if !ask.is_repeatable() && answer.status >= 500 && error.verdict() == Verdict::Inconclusive {
        return batch::doubt(&errors::renamed(
            &error,
            "cloud.unavailable",
            format!("{} answered with status {}", answer.host(), answer.status),
        ));
    }
    error
}

impl Ask {
    /// What it takes of the limits ("Identity and access service limits").
    pub(super) fn cost(&self) -> Cost {
        // Each part of a batch counts by itself.
        if self.path == batch::PATH {
            return Cost { units: 0.0, write: false };
        }
        let write = self.method != Method::GET;
        let plain = self.path.split('?').next().unwrap_or_default();
        let base: f64 = match plain.trim_start_matches('/').split('/').next().unwrap_or_default() {
            _ if write => 1.0,
            "subscribedSkus" => 3.0,
            "applications" => 2.0,
            "users" if plain == "/users" => 2.0,
            _ if plain.ends_with("/appRoleAssignments") => 2.0,
            _ => 1.0,
        };
        let less = if self.path.contains("$select") { 1.0 } else { 0.0 };
        let more = if self.path.contains("$expand") { 1.0 } else { 0.0 };
        Cost { units: (base - less + more).max(1.0), write }
    }
}
