//! Limits: kept before they bite, and pauses that stay within the scope that they were told for.
//!
//! Scopes: an app in a national cloud, over all tenants; an app in one tenant; the sign-in of an app in one tenant. Each has
//! buckets after Microsoft's own limits ("Microsoft Graph service-specific throttling limits"), and a pause when a server
//! asked for one. A server that says that a limit is near (`x-ms-throttle-limit-percentage`) slows its scope for ten seconds.
//! Where no limit is published a scope starts open, and goes at half its rate after each refusal until it is not refused any more.

mod bucket;
mod pauses;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bucket::{Bucket, Limit};
pub(super) use pauses::back_off;
pub use pauses::retry_after;
use pauses::{jitter, pause};
use reqwest::header::HeaderMap;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::errors;
use crate::{error::Result, net::deadline};

/// A request that was refused so often because there is too much to do is not sent again.
pub(super) const MOST_REFUSALS: u32 = 10;
/// No pause is longer, whatever a server says.
const CAP: Duration = Duration::from_hours(24);
/// A pause of the discovery, which all domains share, is no longer.
const DISCOVERY_CAP: Duration = Duration::from_mins(3);
/// From here on a server tells how near the limit is.
const TOLD_FROM: f64 = 0.8;
/// Scopes that nobody uses are forgotten beyond this number.
const KEPT: usize = 20_000;

/// What a limit is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of an app's requests to one Graph.
    App {
        /// Graph's host.
        graph: String,
        /// The app.
        app: String,
    },
    /// An app's requests to one tenant.
    Tenant {
        /// Graph's host.
        graph: String,
        /// The app.
        app: String,
        /// The tenant.
        tenant: String,
    },
    /// Questions whose domain a tenant is; nobody signs in.
    Discovery {
        /// The sign-in host.
        login: String,
    },
    /// An app's sign-ins to one tenant.
    SignIn {
        /// The sign-in host.
        login: String,
        /// The app.
        app: String,
        /// The tenant.
        tenant: String,
    },
}

impl Scope {
    /// Units per second and writes per second; a quarter of the window's quota may come at once.
    fn limits(&self) -> Limit {
        match self {
            // 150,000 units in 20 s and 70,000 writes in 5 minutes.
            Self::App { .. } => Limit::new(Bucket::new(7_500.0, 37_500.0), Bucket::new(233.0, 17_500.0)),
            // 3,500 units in 10 s (a small tenant) and 3,000 writes in 150 s.
            Self::Tenant { .. } => Limit::new(Bucket::new(350.0, 875.0), Bucket::new(20.0, 750.0)),
            // None are published for these. Ten thousand domains are discovered in a second or two as long as nobody minds; a
            // refusal halves the rate.
            Self::Discovery { .. } => {
                Limit::new(Bucket::new(5_000.0, 5_000.0), Bucket::new(5_000.0, 5_000.0)).adaptive()
            }
            // It only keeps a program that goes round in circles from doing harm.
            Self::SignIn { .. } => Limit::new(Bucket::new(50.0, 200.0), Bucket::new(50.0, 200.0)),
        }
    }

    fn whom(&self) -> &'static str {
        match self {
            Self::App { .. } => "Graph, for this app in all tenants,",
            Self::Tenant { .. } => "Graph, for this tenant,",
            Self::Discovery { .. } => "the discovery of domains",
            Self::SignIn { .. } => "the sign-in of this app to this tenant",
        }
    }
}

/// What a request costs.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Resource units.
    pub units: f64,
    /// Whether it counts as a write.
    pub write: bool,
}

/// What one question costs that is no write.
pub(super) const ONE: Cost = Cost { units: 1.0, write: false };

/// Whether a server has done nothing because it has too much to do. A 503 counts when it says for how long: otherwise it may be
/// anything that is broken.
pub(super) fn is_throttled(status: u16, headers: &HeaderMap) -> bool {
    status == 429 || (status == 503 && headers.contains_key("retry-after"))
}

/// How long an operation waits yet, in all: no longer than the request may that it is a part of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) until: Instant,
    /// When the request ends that this is a part of.
    told: Option<Instant>,
}

impl Patience {
    pub(super) fn new(length: Duration) -> Self {
        let (until, told) = (Instant::now() + length.min(CAP), deadline::told());
        Self { until: told.map_or(until, |told| told.min(until)), told }
    }

    /// Waits, unless that is longer than there is patience for.
    pub(super) async fn wait(&self, time: Duration, whom: &str) -> Result<()> {
        if time.is_zero() {
            return Ok(());
        }
        if Instant::now() + time > self.until {
            return Err(errors::throttled(whom, time.as_secs_f64().ceil() as u64));
        }
        sleep(time).await;
        Ok(())
    }
}

/// All limits of the process.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<HashMap<Scope, Arc<Mutex<Limit>>>>);

impl Limits {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn of(&self, scope: &Scope) -> Arc<Mutex<Limit>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limit) = all.get(scope) {
            return Arc::clone(limit);
        }
        if all.len() >= KEPT {
            let now = Instant::now();
            all.retain(|_, limit| Arc::strong_count(limit) > 1 || !lock(limit).idle(now));
        }
        let limit = Arc::new(Mutex::new(scope.limits()));
        all.insert(scope.clone(), Arc::clone(&limit));
        limit
    }

    /// Waits until a request may be sent within all its scopes. Who would wait too long takes nothing of them.
    pub(super) async fn admit(&self, scopes: &[Scope], cost: Cost, patience: &Patience) -> Result<()> {
        if patience.told.is_some_and(|told| told <= Instant::now()) {
            return Err(errors::too_late());
        }
        self.outlast_pauses(scopes, cost, patience).await?;
        let now = Instant::now();
        let most = patience.until.saturating_duration_since(now);
        let (mut taken, mut longest) = (Vec::with_capacity(scopes.len()), Duration::ZERO);
        for scope in scopes {
            let limit = self.of(scope);
            let reserved = lock(&limit).reserve(cost, now, most);
            match reserved {
                Ok(reserved) => {
                    longest = longest.max(reserved.wait);
                    taken.push((limit, reserved));
                }
                Err(wait) => {
                    for (limit, reserved) in &taken {
                        lock(limit).give_back(reserved);
                    }
                    return Err(errors::throttled(scope.whom(), wait.as_secs_f64().ceil() as u64));
                }
            }
        }
        patience.wait(longest, "Graph").await?;
        // The first refusal may have come back while this waited for its turn.
        self.outlast_pauses(scopes, cost, patience).await
    }

    /// Waits until none of the scopes is paused. A pause may be made longer while it is waited for.
    async fn outlast_pauses(&self, scopes: &[Scope], cost: Cost, patience: &Patience) -> Result<()> {
        loop {
            let rest = |scope: &Scope| lock(&self.of(scope)).paused(cost.write, Instant::now());
            let longest = scopes.iter().map(|scope| (rest(scope), scope.whom())).max_by_key(|(rest, _)| *rest);
            let Some((rest, whom)) = longest.filter(|(rest, _)| !rest.is_zero()) else { return Ok(()) };
            // So that those who wait do not all come in the same moment.
            patience.wait(rest + jitter(rest.mul_f64(0.1).min(Duration::from_secs(1))), whom).await?;
        }
    }

    /// Pauses the scope that a refusal is for: the one that `x-ms-throttle-scope` names, else the narrowest. Answers how long.
    pub(super) fn pause(&self, scopes: &[Scope], headers: &HeaderMap, attempt: u32) -> Duration {
        let mut length = pause(retry_after(headers, OffsetDateTime::now_utc()), attempt);
        if matches!(scopes.last(), Some(Scope::Discovery { .. })) {
            length = length.min(DISCOVERY_CAP);
        }
        let told = headers.get("x-ms-throttle-scope").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut parts = told.split('/');
        let (whose, which) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let wide = scopes.iter().find(|scope| whose == "Application" && matches!(scope, Scope::App { .. }));
        let Some(scope) = wide.or(scopes.last()) else { return length };
        let now = Instant::now();
        lock(&self.of(scope)).pause(now, now + length, which);
        if whose == "Tenant" {
            for limit in self.neighbours(scope) {
                lock(&limit).pause(now, now + length, which);
            }
        }
        length
    }

    /// The scopes of the same tenant, whatever the app.
    fn neighbours(&self, scope: &Scope) -> Vec<Arc<Mutex<Limit>>> {
        let Scope::Tenant { graph, tenant, .. } = scope else { return Vec::new() };
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_near =
            |one: &Scope| matches!(one, Scope::Tenant { graph: g, tenant: t, .. } if (g, t) == (graph, tenant));
        all.iter().filter(|(one, _)| is_near(one)).map(|(_, limit)| Arc::clone(limit)).collect()
    }

    /// Looks at what an answer says of the limits.
    pub(super) fn heed(&self, scopes: &[Scope], headers: &HeaderMap) {
        let told = headers.get("x-ms-throttle-limit-percentage").and_then(|value| value.to_str().ok());
        let share = told.and_then(|text| text.trim().parse::<f64>().ok()).filter(|share| *share >= TOLD_FROM);
        if let (Some(share), Some(scope)) = (share, scopes.last()) {
            lock(&self.of(scope)).slow(share, Instant::now());
        }
    }
}

fn lock(limit: &Mutex<Limit>) -> std::sync::MutexGuard<'_, Limit> {
    limit.lock().unwrap_or_else(PoisonError::into_inner)
}
