//! One scope's state: what it has left, how long it is paused, how slowly it goes.

use std::time::Duration;

use tokio::time::Instant;

use super::Cost;

/// How long "the limit is near" holds.
const NEAR: Duration = Duration::from_secs(10);
/// Refusals that come within this time of each other are one: they were sent together.
const TOGETHER: Duration = Duration::from_secs(1);
/// After so long without a refusal the rate doubles again.
const RECOVERS: Duration = Duration::from_secs(20);
/// The least part of its rate that an adaptive scope goes at.
const LEAST: f64 = 1.0 / 256.0;

/// One scope's state.
#[derive(Debug)]
pub(super) struct Limit {
    units: Bucket,
    writes: Bucket,
    reads_paused_until: Option<Instant>,
    writes_paused_until: Option<Instant>,
    /// Until when it goes slower, and what part of the usual rate is left.
    slow: Option<(Instant, f64)>,
    /// Whether refusals halve the rate.
    adapts: bool,
    /// The part of the rate that refusals have left, and since when.
    halved: Option<(Instant, f64)>,
}

/// What a request took.
#[derive(Debug)]
pub(super) struct Reserved {
    /// How long to wait for it.
    pub(super) wait: Duration,
    units: Duration,
    writes: Duration,
}

impl Limit {
    pub(super) fn new(units: Bucket, writes: Bucket) -> Self {
        Self {
            units,
            writes,
            reads_paused_until: None,
            writes_paused_until: None,
            slow: None,
            adapts: false,
            halved: None,
        }
    }

    /// Goes at half its rate after each refusal.
    pub(super) fn adaptive(self) -> Self {
        Self { adapts: true, ..self }
    }

    pub(super) fn paused(&self, write: bool, now: Instant) -> Duration {
        let until = if write { self.writes_paused_until } else { self.reads_paused_until };
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// `which`: `Read`, `Write`, or anything else for both.
    pub(super) fn pause(&mut self, now: Instant, until: Instant, which: &str) {
        let later = |old: Option<Instant>| Some(old.map_or(until, |old| old.max(until)));
        if which != "Write" {
            self.reads_paused_until = later(self.reads_paused_until);
        }
        if which != "Read" {
            self.writes_paused_until = later(self.writes_paused_until);
        }
        if self.adapts && self.halved.is_none_or(|(since, _)| now >= since + TOGETHER) {
            let left = self.open(now).unwrap_or(1.0);
            self.halved = Some((until, (left / 2.0).max(LEAST)));
        }
    }

    pub(super) fn slow(&mut self, share: f64, now: Instant) {
        let left = ((1.0 - share) * 2.5).clamp(0.02, 0.5);
        self.slow = Some((now + NEAR, left));
    }

    /// The part of the rate that refusals have left by now.
    fn open(&self, now: Instant) -> Option<f64> {
        let (since, left) = self.halved?;
        let times = now.saturating_duration_since(since).as_secs_f64() / RECOVERS.as_secs_f64();
        Some(left * 2_f64.powf(times.floor().min(64.0))).filter(|left| *left < 1.0)
    }

    /// Takes what a request costs; where that would have to be waited for longer than `most`, it takes nothing, and says how long
    /// it would have been.
    pub(super) fn reserve(&mut self, cost: Cost, now: Instant, most: Duration) -> Result<Reserved, Duration> {
        if self.slow.is_some_and(|(until, _)| until <= now) {
            self.slow = None;
            self.units.forgive(now);
            self.writes.forgive(now);
        }
        let slow = self.slow.map(|(_, left)| left);
        let left = match (slow, self.open(now)) {
            (Some(slow), Some(open)) => Some(slow.min(open)),
            (slow, open) => slow.or(open),
        };
        let units = self.units.wait(left, now);
        let wait = if cost.write { units.max(self.writes.wait(left, now)) } else { units };
        if wait > most {
            return Err(wait);
        }
        let units = self.units.take(cost.units, left, now);
        let writes = if cost.write { self.writes.take(1.0, left, now) } else { Duration::ZERO };
        Ok(Reserved { wait, units, writes })
    }

    /// Gives back what a request took that is not sent.
    pub(super) fn give_back(&mut self, reserved: &Reserved) {
        self.units.next -= reserved.units;
        self.writes.next -= reserved.writes;
    }

    pub(super) fn idle(&self, now: Instant) -> bool {
        let is_slow = self.slow.is_some_and(|(until, _)| until > now) || self.open(now).is_some();
        let is_paused = !self.paused(true, now).is_zero() || !self.paused(false, now).is_zero();
        !is_slow && !is_paused && self.units.next <= now && self.writes.next <= now
    }
}

/// So much per second, some of it at once.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: f64,
    at_once: Duration,
    /// When the bucket would be empty again if everything so far had come evenly.
    next: Instant,
}

impl Bucket {
    pub(super) fn new(per_second: f64, at_once: f64) -> Self {
        Self { per_second, at_once: Duration::from_secs_f64(at_once / per_second), next: Instant::now() }
    }

    /// How long the next one waits. `left` is the part of the rate that is left, without any at once.
    fn wait(&self, left: Option<f64>, now: Instant) -> Duration {
        let at_once = if left.is_some() { Duration::ZERO } else { self.at_once };
        self.next.saturating_duration_since(now).saturating_sub(at_once)
    }

    /// Takes `amount`; answers how much time that is.
    fn take(&mut self, amount: f64, left: Option<f64>, now: Instant) -> Duration {
        let time = Duration::from_secs_f64(amount / (self.per_second * left.unwrap_or(1.0)));
        self.next = self.next.max(now) + time;
        time
    }

    /// What was taken at a slower rate is not owed at the usual one.
    fn forgive(&mut self, now: Instant) {
        self.next = self.next.min(now + self.at_once);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    fn tenant() -> Limit {
        Limit::new(Bucket::new(350.0, 875.0), Bucket::new(20.0, 750.0))
    }

    fn cost(units: f64, write: bool) -> Cost {
        Cost { units, write }
    }

    /// How long the last of so many waits that come in one moment.
    fn last_of(limit: &mut Limit, count: usize, cost: Cost, now: Instant) -> f64 {
        let waits = (0..count).map(|_| limit.reserve(cost, now, LONG).unwrap().wait);
        waits.last().unwrap().as_secs_f64()
    }

    #[test]
    fn limits_are_kept_before_they_bite() {
        let now = Instant::now() + LONG;
        let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.1, "{found} is not {wanted}");
        near(last_of(&mut tenant(), 875, cost(1.0, false), now), 0.0);
        near(last_of(&mut tenant(), 2_000, cost(1.0, false), now), (2_000.0 - 875.0) / 350.0);
        near(last_of(&mut tenant(), 2_000, cost(3.0, false), now), (6_000.0 - 875.0) / 350.0);
        near(last_of(&mut tenant(), 1_000, cost(1.0, true), now), (1_000.0 - 750.0) / 20.0);
    }

    #[test]
    fn a_limit_that_is_near_leaves_no_debt() {
        let now = Instant::now() + LONG;
        let mut limit = tenant();
        limit.slow(1.2, now);
        let most = Duration::from_secs(2);
        let answers: Vec<_> = (0..5_000).map(|_| limit.reserve(cost(1.0, false), now, most).is_ok()).collect();
        let let_in = answers.iter().filter(|is_in| **is_in).count();
        // A fiftieth of 350 a second, for two seconds.
        assert!((14..=16).contains(&let_in), "{let_in}");
        let later = now + NEAR;
        assert_eq!(limit.reserve(cost(1.0, false), later, most).unwrap().wait, Duration::ZERO);
        // Nor where those who were slowed down had all the time in the world.
        limit.slow(1.2, later);
        assert!(last_of(&mut limit, 1_000, cost(1.0, false), later) > 100.0);
        assert!(limit.reserve(cost(1.0, false), later + NEAR, most).unwrap().wait < Duration::from_millis(10));
    }

    #[test]
    fn what_is_not_sent_is_given_back() {
        let now = Instant::now() + LONG;
        let mut limit = tenant();
        for _ in 0..10_000 {
            let reserved = limit.reserve(cost(1.0, true), now, LONG).unwrap();
            limit.give_back(&reserved);
        }
        assert!(limit.reserve(cost(1.0, true), now, LONG).unwrap().wait.is_zero());
    }

    #[test]
    fn where_no_limit_is_known_refusals_halve_the_rate_until_there_are_none() {
        let now = Instant::now() + LONG;
        let new = || Limit::new(Bucket::new(5_000.0, 5_000.0), Bucket::new(5_000.0, 5_000.0)).adaptive();
        assert!(last_of(&mut new(), 10_000, cost(1.0, false), now) <= 1.0);
        let mut limit = new();
        // Five hundred that were under way together are refused together.
        for _ in 0..500 {
            limit.pause(now, now + Duration::from_millis(100), "");
        }
        let at = now + Duration::from_millis(200);
        assert_eq!(limit.open(at), Some(0.5));
        limit.pause(at + TOGETHER, at + TOGETHER, "");
        assert_eq!(limit.open(at + TOGETHER), Some(0.25));
        assert_eq!(limit.open(at + TOGETHER + RECOVERS), Some(0.5));
        assert_eq!(limit.open(at + TOGETHER + RECOVERS * 2), None);
    }

    #[test]
    fn a_pause_for_reads_lets_writes_pass() {
        let now = Instant::now();
        let mut limit = tenant();
        limit.pause(now, now + LONG, "Read");
        assert!(limit.paused(true, now).is_zero() && !limit.paused(false, now).is_zero());
        limit.pause(now, now + LONG, "ReadWrite");
        assert!(!limit.paused(true, now).is_zero());
    }
}
