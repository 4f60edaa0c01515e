//! The cloud's state, and the way of a request through its faults to the service that it is for.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use zeroize::Zeroizing;

use super::{
    super::clock::Clock,
    app::{App, EXCHANGE, WORKLOAD},
    fault::{CloudFault, Place, Retry},
    http::{Answer, Body, Call},
    jwt::{Key, fresh_guid},
    refusal::{Failure, Refused},
    tenant::{LABELS, Tenant},
};

/// How long a new secret is not yet known unless a fault says otherwise. In the real cloud it is seconds to minutes.
const NEW_SECRET_DELAY: Duration = Duration::from_millis(300);
/// What a proxy's or a portal's page may look like.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head>\n\
                    <body><h1>Welcome</h1><p>Accept the terms of use to go on.</p></body></html>\n";

/// The cloud as its connections share it. Its contents are made when first asked for, so that a lab starts at once.
pub(super) struct Cloud {
    /// `https://host:port`.
    pub base: String,
    pub clock: Clock,
    pub key: Key,
    faults: Vec<(Place, CloudFault)>,
    /// How often each fault has struck: at sign-in, at Graph.
    struck: Vec<[AtomicU32; 2]>,
    secret: Zeroizing<String>,
    world: OnceLock<Mutex<World>>,
}

/// What changes.
pub(super) struct World {
    pub tenants: Vec<Tenant>,
    pub apps: Vec<App>,
    pub refresh: HashMap<String, Refresh>,
}

/// A token to get others with.
#[derive(Clone)]
pub(super) struct Refresh {
    /// The user's tenant and id.
    pub tenant: usize,
    pub user: String,
    pub since: OffsetDateTime,
}

/// Which service a request is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Login,
    Graph,
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cloud").field("base", &self.base).finish_non_exhaustive()
    }
}

impl World {
    /// The tenant with this id or verified domain.
    pub(super) fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.is(name))
    }
}

impl Cloud {
    pub(super) fn new(base: String, clock: Clock, faults: Vec<(Place, CloudFault)>, secret: &str) -> Self {
        let struck = faults.iter().map(|_| [AtomicU32::new(0), AtomicU32::new(0)]).collect();
        let secret = Zeroizing::new(secret.to_owned());
        Self { base, clock, key: Key::fresh(), faults, struck, secret, world: OnceLock::new() }
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        let world = self.world.get_or_init(|| Mutex::new(self.made()));
        world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> World {
        let now = self.now();
        let has = |number: usize, fault| self.has(Side::Login, Some(LABELS[number]), fault);
        let tenant =
            |number| Tenant::new(number, now, !has(number, CloudFault::NoConsent), !has(number, CloudFault::NoRoles));
        let expired = self.has(Side::Login, Some(LABELS[0]), CloudFault::ExpiredSecret);
        let apps = vec![App::lab(now, &self.secret, expired), App::stranger(now)];
        World { tenants: (0..LABELS.len()).map(tenant).collect(), apps, refresh: HashMap::new() }
    }

    /// Whether something is wrong at this side for this tenant.
    pub(super) fn has(&self, side: Side, tenant: Option<&str>, fault: CloudFault) -> bool {
        self.faults.iter().any(|(place, one)| *one == fault && at(*place, side, tenant))
    }

    /// How long a new credential is not known.
    pub(super) fn new_secret_delay(&self) -> Duration {
        let told = self.faults.iter().rev().find_map(|(_, fault)| match fault {
            CloudFault::NewSecretDelay(delay) => Some(*delay),
            _ => None,
        });
        told.unwrap_or(NEW_SECRET_DELAY)
    }

    /// Answers a request from the network.
    pub(super) async fn answer(&self, call: Call) -> Answer {
        let graph = matches!(call.path.first().map(String::as_str), Some("v1.0" | "beta"));
        let side = if graph { Side::Graph } else { Side::Login };
        let tenant = self.label(side, &call);
        for (place, fault) in &self.faults {
            match fault {
                CloudFault::Slow(delay) if at(*place, side, tenant) => tokio::time::sleep(*delay).await,
                CloudFault::Html if at(*place, side, tenant) => {
                    return Answer { status: 200, headers: Vec::new(), body: Body::Html(PAGE) };
                }
                _ => {}
            }
        }
        match side {
            Side::Login => self.refused(side, tenant, &call).unwrap_or_else(|| self.login(&call)),
            Side::Graph => self.graph(&call),
        }
    }

    /// The refusal of a service that has too much to do, if that is what is wrong with it.
    pub(super) fn refused(&self, side: Side, tenant: Option<&str>, call: &Call) -> Option<Answer> {
        let one_less = |times: u32| move |struck: u32| (struck < times).then_some(struck + 1);
        for ((place, fault), struck) in self.faults.iter().zip(&self.struck) {
            let (status, times, retry) = match *fault {
                CloudFault::Throttled(times, retry) => (429, times, retry),
                CloudFault::Unavailable(times, retry) => (503, times, retry),
                _ => continue,
            };
            let struck = &struck[side as usize];
            if at(*place, side, tenant)
                && struck.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less(times)).is_ok()
            {
                return Some(self.later(side, status, retry, call));
            }
        }
        None
    }

    fn later(&self, side: Side, status: u16, retry: Retry, call: &Call) -> Answer {
        let now = self.now();
        let answer = match (side, status) {
            (Side::Login, 429) => {
                let text = "Server is terminating a request because the tenant is sending too many of them.";
                Refused::new("invalid_request", 90055, text).status(429).answer(call, now)
            }
            (Side::Login, _) => {
                let text = "A transient error has occurred. Please try again.";
                Refused::new("temporarily_unavailable", 90033, text).status(503).answer(call, now)
            }
            (Side::Graph, 429) => Failure::new(429, "TooManyRequests", "Too many requests.").answer(call, now),
            (Side::Graph, _) => {
                Failure::new(503, "serviceNotAvailable", "The service is not available.").answer(call, now)
            }
        };
        match retry {
            Retry::Seconds => answer.header("retry-after", "1"),
            Retry::Decimal => answer.header("retry-after", "0.4"),
            Retry::Absent => answer,
            Retry::Date => {
                // Dates are of the real clock, in whole seconds: the next but one is surely ahead.
                let when = OffsetDateTime::now_utc() + Duration::from_secs(2);
                let date = when.replace_nanosecond(0).unwrap_or(when).format(&Rfc2822).unwrap_or_default();
                answer.header("retry-after", date.replace("+0000", "GMT"))
            }
        }
    }

    /// The tenant that a request is about, by the label that faults know it by.
    fn label(&self, side: Side, call: &Call) -> Option<&'static str> {
        let world = self.world();
        let name = match side {
            Side::Login => call.path.first().cloned(),
            Side::Graph => call.bearer.as_deref().and_then(|token| {
                let claims = self.key.claims(token)?;
                claims["tid"].as_str().map(str::to_owned)
            }),
        };
        world.tenant(&name?).map(|tenant| tenant.label)
    }

    /// An assertion as a cluster gives it to a workload.
    pub(super) fn workload_assertion(&self) -> String {
        let now = self.now().unix_timestamp();
        self.key.sign(&json!({
            "iss": self.workload_issuer(), "sub": WORKLOAD, "aud": EXCHANGE, "iat": now, "nbf": now, "exp": now + 3600,
        }))
    }

    pub(super) fn workload_issuer(&self) -> String {
        format!("{}/workloads", self.base)
    }

    /// A refresh token of the first tenant's administrator.
    pub(super) fn partner_token(&self) -> String {
        let since = self.now();
        let mut world = self.world();
        let user = world.tenants[0].users[0].id().to_owned();
        world.fresh_token(Refresh { tenant: 0, user, since })
    }
}

impl World {
    /// Keeps a refresh token and names it.
    pub(super) fn fresh_token(&mut self, refresh: Refresh) -> String {
        let token = format!("1.AXcA{}.AgABAwEAAAA{}", fresh_guid().replace('-', ""), fresh_guid().replace('-', ""));
        self.refresh.insert(token.clone(), refresh);
        token
    }
}

/// Whether a fault shows at this side for this tenant.
fn at(place: Place, side: Side, tenant: Option<&str>) -> bool {
    match place {
        Place::Everywhere => true,
        Place::Login => side == Side::Login,
        Place::Graph => side == Side::Graph,
        Place::Tenant(label) => tenant == Some(label),
    }
}
