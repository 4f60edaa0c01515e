//! Limits: kept before they bite, and pauses that stay within the scope that they were told for.
//!
//! Scopes: an app in a national cloud, over all tenants; an app in one tenant; the sign-in of an app in one tenant. Each has
//! buckets after Microsoft's own limits ("Microsoft Graph service-specific throttling limits"), and a pause when a server
//! asked for one. A server that says that a limit is near (`x-ms-throttle-limit-percentage`) slows its scope for ten seconds.

mod pauses;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

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
/// How long "the limit is near" holds.
const NEAR: Duration = Duration::from_secs(10);
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
            // None are published for these: they only keep a program that goes round in circles from doing harm.
            Self::Discovery { .. } => Limit::new(Bucket::new(200.0, 1_000.0), Bucket::new(200.0, 1_000.0)),
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
    until: Instant,
}

impl Patience {
    pub(super) fn new(length: Duration) -> Self {
        let until = Instant::now() + length.min(CAP);
        Self { until: deadline::told().map_or(until, |told| told.min(until)) }
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

    /// Waits until a request may be sent within all its scopes.
    pub(super) async fn admit(&self, scopes: &[Scope], cost: Cost, patience: &Patience) -> Result<()> {
        for scope in scopes {
            let limit = self.of(scope);
            // A pause may be made longer while it is waited for.
            loop {
                let rest = lock(&limit).paused(cost.write, Instant::now());
                if rest.is_zero() {
                    break;
                }
                // So that those who wait do not all come in the same moment.
                patience.wait(rest + jitter(rest.mul_f64(0.1).min(Duration::from_secs(1))), scope.whom()).await?;
            }
        }
        let mut longest = (Duration::ZERO, "Graph");
        for scope in scopes {
            let wait = lock(&self.of(scope)).reserve(cost, Instant::now());
            if wait > longest.0 {
                longest = (wait, scope.whom());
            }
        }
        patience.wait(longest.0, longest.1).await
    }

    /// Pauses the scope that a refusal is for: the one that `x-ms-throttle-scope` names, else the narrowest. Answers how long.
    pub(super) fn pause(&self, scopes: &[Scope], headers: &HeaderMap, attempt: u32) -> Duration {
        let length = pause(retry_after(headers, OffsetDateTime::now_utc()), attempt);
        let told = headers.get("x-ms-throttle-scope").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut parts = told.split('/');
        let (whose, which) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let wide = scopes.iter().find(|scope| whose == "Application" && matches!(scope, Scope::App { .. }));
        if let Some(scope) = wide.or(scopes.last()) {
            lock(&self.of(scope)).pause(Instant::now() + length, which == "Write");
        }
        length
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

/// One scope's state.
#[derive(Debug)]
struct Limit {
    units: Bucket,
    writes: Bucket,
    paused_until: Option<Instant>,
    writes_paused_until: Option<Instant>,
    /// Until when it goes slower, and what part of the usual rate is left.
    slow: Option<(Instant, f64)>,
}

impl Limit {
    fn new(units: Bucket, writes: Bucket) -> Self {
        Self { units, writes, paused_until: None, writes_paused_until: None, slow: None }
    }

    fn paused(&self, write: bool, now: Instant) -> Duration {
        let writes = self.writes_paused_until.filter(|_| write);
        self.paused_until.max(writes).map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn pause(&mut self, until: Instant, writes_only: bool) {
        let which = if writes_only { &mut self.writes_paused_until } else { &mut self.paused_until };
        *which = Some(which.map_or(until, |old| old.max(until)));
    }

    fn slow(&mut self, share: f64, now: Instant) {
        let left = ((1.0 - share) * 2.5).clamp(0.02, 0.5);
        self.slow = Some((now + NEAR, left));
    }

    fn reserve(&mut self, cost: Cost, now: Instant) -> Duration {
        let left = self.slow.filter(|(until, _)| *until > now).map(|(_, left)| left);
        let units = self.units.take(cost.units, left, now);
        let writes = if cost.write { self.writes.take(1.0, left, now) } else { Duration::ZERO };
        units.max(writes)
    }

    fn idle(&self, now: Instant) -> bool {
        self.paused(true, now).is_zero() && self.units.next <= now && self.writes.next <= now
    }
}

/// So much per second, some of it at once.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    at_once: Duration,
    /// When the bucket would be empty again if everything so far had come evenly.
    next: Instant,
}

impl Bucket {
    fn new(per_second: f64, at_once: f64) -> Self {
        Self { per_second, at_once: Duration::from_secs_f64(at_once / per_second), next: Instant::now() }
    }

    /// Takes `amount` and answers how long to wait for it. `left` is the part of the rate that is left, without any at once.
    fn take(&mut self, amount: f64, left: Option<f64>, now: Instant) -> Duration {
        let at_once = if left.is_some() { Duration::ZERO } else { self.at_once };
        let start = self.next.max(now);
        self.next = start + Duration::from_secs_f64(amount / (self.per_second * left.unwrap_or(1.0)));
        start.saturating_duration_since(now).saturating_sub(at_once)
    }
}
