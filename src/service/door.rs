//! The door: who may come in, how many at once, how much they may bring and how long it may take.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Limits, Problem, Token, attempts::Attempts, listen::Peer, pages::Pages};
use crate::{error::Error, net::deadline};

/// How long a request waits for its turn before it is refused.
const PATIENCE: Duration = Duration::from_secs(1);
/// So long the rest of a body that is refused is read and thrown away: a client that still sends when the connection is
/// closed may never see why.
const DISCARD: Duration = Duration::from_secs(2);
/// And so much, times the largest body.
const DISCARD_TIMES: usize = 4;

/// The part of an operation's time that it may wait for others.
const WAITING: f64 = 0.75;

/// What the door knows.
pub(super) struct Door {
    token: Token,
    attempts: Attempts,
    places: Arc<Semaphore>,
    all: usize,
    limits: Limits,
}

impl Door {
    pub(super) fn new(token: Token, limits: Limits) -> Self {
        let all = limits.at_once.clamp(1, u32::MAX as usize >> 3);
        Self { token, attempts: Attempts::default(), places: Arc::new(Semaphore::new(all)), all, limits }
    }

    /// Waits until nothing is under way.
    pub(super) async fn empty(&self) {
        let _ = self.places.acquire_many(self.all as u32).await;
    }

    /// Operations that are under way.
    pub(super) fn under_way(&self) -> usize {
        self.all - self.places.available_permits()
    }

    /// Lets a request in that shows the token. What it answers otherwise repeats nothing of the request.
    fn check(&self, headers: &HeaderMap, peer: IpAddr) -> Result<(), Problem> {
        let unauthorised = |error| Problem::new(StatusCode::UNAUTHORIZED, error).challenge();
        let hint =
            "send the header Authorization: Bearer TOKEN; the service's `token` command on its host prints the token";
        let Some(shown) = bearer(headers) else {
            return Err(unauthorised(Error::new("service.no_token", "the request shows no token").hint(hint)));
        };
        if self.token.opens(shown) {
            return Ok(());
        }
        match self.attempts.failed(peer, Instant::now()) {
            None => Err(unauthorised(Error::new("service.wrong_token", "the token is wrong").hint(hint))),
            Some(wait) => {
                let seconds = wait.as_secs() + 1;
                let error = Error::new("service.too_many_attempts", "too many wrong tokens came from this address")
                    .hint(format!("wait {seconds} s; the service's `token` command on its host prints the right one"))
                    .retryable();
                Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, error).retry_after(seconds))
            }
        }
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        if let Ok(Ok(place)) = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await {
            return Ok(place);
        }
        let error = Error::inconclusive("service.busy", "the service does as much as it may at once")
            .hint("try again in a moment");
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, error).retry_after(1))
    }

    /// The whole body, which is small.
    async fn body(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, (Problem, Option<Body>)> {
        let most = self.limits.largest_body();
        if length(headers).is_some_and(|length| length > most as u64) {
            return Err((too_large(most), Some(body)));
        }
        let mut parts = body.into_data_stream();
        let read = async {
            let mut whole = Vec::new();
            while let Some(part) = parts.next().await {
                let part = part.map_err(|_| broken_off())?;
                if whole.len() + part.len() > most {
                    return Err(too_large(most));
                }
                whole.extend_from_slice(&part);
            }
            Ok(Bytes::from(whole))
        };
        match timeout(self.limits.body(), read).await {
            Ok(Ok(whole)) => Ok(whole),
            Ok(Err(problem)) => Err((problem, Some(Body::from_stream(parts)))),
            Err(_) => {
                let error = Error::new("service.too_slow", "the request's body did not arrive in time")
                    .hint("send it faster, or raise [service] body_seconds in config.toml");
                Err((Problem::new(StatusCode::REQUEST_TIMEOUT, error), None))
            }
        }
    }

    async fn admit(&self, request: Request, next: Next) -> Response {
        let (mut parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>().cloned();
        if let Err(problem) = self.check(&parts.headers, peer.as_ref().map_or([0; 4].into(), |peer| peer.address.ip()))
        {
            return self.refuse(problem, &parts.headers, body).await;
        }
        if let Some(peer) = peer {
            peer.known.note();
        }
        let place = match self.place().await {
            Ok(place) => place,
            Err(problem) => return self.refuse(problem, &parts.headers, body).await,
        };
        let whole = match self.body(&parts.headers, body).await {
            Ok(whole) => whole,
            Err((problem, Some(rest))) => return self.refuse(problem, &parts.headers, rest).await,
            Err((problem, None)) => return closing(problem),
        };
        // It has done its duty, and logs of what follows are not to have it.
        parts.headers.remove(header::AUTHORIZATION);
        let request = Request::from_parts(parts, Body::from(whole));
        // What waits for the cloud says so in time, before this here only knows that it took too long.
        let whole = self.limits.answer();
        let may_wait = tokio::time::Instant::now() + whole.mul_f64(WAITING);
        // A task of its own: a client that goes away must not leave a write half done.
        let done = tokio::spawn(async move {
            let response = deadline::until(may_wait, next.run(request)).await;
            drop(place);
            response
        });
        match timeout(whole, done).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => {
                let error = Error::in_doubt("service.fault", "the service has a fault of its own")
                    .hint("look at its log, and report it");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error).into_response()
            }
            Err(_) => {
                let error = Error::in_doubt("service.too_long", "the operation takes too long; it goes on")
                    .hint("look later what became of it");
                Problem::new(StatusCode::GATEWAY_TIMEOUT, error).into_response()
            }
        }
    }

    async fn refuse(&self, problem: Problem, headers: &HeaderMap, body: Body) -> Response {
        // Who waits to be told to go on has sent nothing yet, and reading would tell him.
        if !headers.contains_key(header::EXPECT) {
            let most = self.limits.largest_body().saturating_mul(DISCARD_TIMES);
            let mut parts = body.into_data_stream();
            let discard = async {
                let mut gone = 0;
                while let Some(Ok(part)) = parts.next().await {
                    gone += part.len();
                    if gone > most {
                        return false;
                    }
                }
                true
            };
            if timeout(DISCARD, discard).await == Ok(true) {
                return problem.into_response();
            }
        }
        closing(problem)
    }
}

/// An answer after which the connection is of no use.
fn closing(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, axum::http::HeaderValue::from_static("close"));
    response
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(most: usize) -> Problem {
    let error = Error::new("service.too_large", format!("the request's body has more than {} KB", most / 1024))
        .hint("send less, or raise [service] body_kb in config.toml");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error)
}

fn broken_off() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, Error::new("service.bad_body", "the request's body breaks off"))
}

/// Puts the door before all of `operations`, and before what there is not; `pages` are open.
pub(super) fn stand_before(operations: Router, pages: Pages, door: &Arc<Door>) -> Router {
    operations
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(door), enter))
        .merge(pages.router())
        .layer(axum::middleware::from_fn(tell))
}

async fn enter(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    door.admit(request, next).await
}

/// Logs a request by what it was routed to: what it asked for in its own words may hold anything.
async fn tell(request: Request, next: Next) -> Response {
    let (begun, method) = (Instant::now(), request.method().clone());
    let path =
        request.extensions().get::<MatchedPath>().map_or("(unknown)".to_owned(), |path| path.as_str().to_owned());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address.to_string()).unwrap_or_default();
    let response = next.run(request).await;
    let ms = begun.elapsed().as_millis();
    tracing::info!("{peer} {method} {path} {} {ms} ms", response.status().as_u16());
    response
}

async fn unknown() -> Problem {
    let error = Error::new("service.unknown_path", "there is nothing under this path")
        .hint("the document, /openapi.json, and the page, /swagger, show what there is");
    Problem::new(StatusCode::NOT_FOUND, error)
}

async fn wrong_method() -> Problem {
    let error = Error::new("service.wrong_method", "the operation is not called with this method")
        .hint("the header Allow says which it is called with");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, error)
}
