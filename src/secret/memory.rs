//! What the redactor remembers, and for how long.
//!
//! A command remembers every secret until it ends: an answer may repeat one long after it was used. A service lives for months, and
//! each request may bring a secret. There, a secret that nobody holds any more is forgotten when a period and another one are over,
//! so that what still repeats it (a log, an answer on its way) is cleared of it.

use std::{
    ops::Range,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

use super::{
    escapes::Kind,
    redact::{Known, merged},
};

/// So many secrets are remembered before any is forgotten: some 2 MB.
const MANY: usize = 1024;

pub(super) struct Memory {
    /// What is never forgotten.
    always: Known,
    passing: Option<Passing>,
}

/// What is remembered of a service's requests: since the last turn, and before it.
struct Passing {
    now: Known,
    before: Known,
    /// Secrets that somebody may hold.
    living: Vec<Weak<Zeroizing<String>>>,
    /// How many of them lived when it was looked last.
    lived: usize,
    turned: Instant,
    period: Duration,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { always: Known::new(), passing: None }
    }

    /// What is learnt from now on is forgotten once nobody holds it and `period` is over twice at most.
    pub(super) fn forget_after(&mut self, period: Duration) {
        if self.passing.is_none() {
            let (now, before) = (Known::new(), Known::new());
            self.passing = Some(Passing { now, before, living: Vec::new(), lived: 0, turned: Instant::now(), period });
        }
    }

    /// Whether there is nothing to be done for a secret.
    pub(super) fn has(&self, secret: &str) -> bool {
        self.always.has(secret)
    }

    pub(super) fn learn(&mut self, secret: &Arc<Zeroizing<String>>) {
        match &mut self.passing {
            None => self.always.learn(secret),
            Some(passing) => passing.learn(secret),
        }
    }

    /// Where secrets stand, in order and without overlap.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        merged(self.all().flat_map(|known| known.find(text)).collect())
    }

    /// From where on `text` may be the beginning of a secret that goes on in what follows.
    pub(super) fn open_end(&self, text: &[u8], layers: u32, flush: bool) -> usize {
        self.all().map(|known| known.open_end(text, &Kind::ALL, layers, flush)).min().unwrap_or(text.len())
    }

    fn all(&self) -> impl Iterator<Item = &Known> {
        let passing = self.passing.iter().flat_map(|passing| [&passing.now, &passing.before]);
        std::iter::once(&self.always).chain(passing)
    }
}

impl Passing {
    fn learn(&mut self, secret: &Arc<Zeroizing<String>>) {
        if self.living.len() >= 2 * self.lived + MANY {
            self.living.retain(|one| one.strong_count() > 0);
            self.lived = self.living.len();
        }
        self.living.push(Arc::downgrade(secret));
        if self.now.has(secret) {
            return;
        }
        if self.now.count() >= self.lived.max(MANY) && self.turned.elapsed() >= self.period {
            self.turn();
        }
        self.now.learn(secret);
    }

    /// What somebody holds is remembered anew; all else is remembered until the next turn.
    fn turn(&mut self) {
        let mut fresh = Known::new();
        self.living.retain(|one| one.upgrade().inspect(|secret| fresh.learn(secret)).is_some());
        self.lived = self.living.len();
        self.before = std::mem::replace(&mut self.now, fresh);
        self.turned = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Arc<Zeroizing<String>> {
        Arc::new(Zeroizing::new(text.to_owned()))
    }

    fn knows(memory: &Memory, text: &str) -> bool {
        !memory.find(text.as_bytes()).is_empty()
    }

    /// Learns `count` secrets that nobody keeps.
    fn pass(memory: &mut Memory, word: &str, count: usize) {
        (0..count).for_each(|n| memory.learn(&secret(&format!("{word}-{n}-of-a-request"))));
    }

    #[test]
    fn a_service_forgets_what_nobody_holds_and_nothing_else() {
        let mut memory = Memory::new();
        memory.learn(&secret("given-before-it-serves"));
        memory.forget_after(Duration::ZERO);
        let held = secret("held-all-the-while");
        memory.learn(&held);
        let mut most = 0;
        for round in 0..4 {
            let word = format!("round{round}");
            pass(&mut memory, &word, MANY);
            let last = format!("{word}-{}-of-a-request", MANY - 1);
            assert!(knows(&memory, &last), "{last} is forgotten at once");
            most = most.max(memory.all().map(Known::count).sum::<usize>());
        }
        assert!(most <= 3 * MANY, "{most} are remembered");
        assert!(!knows(&memory, "round0-1-of-a-request") && knows(&memory, "round3-1-of-a-request"));
        assert!(knows(&memory, "held-all-the-while") && knows(&memory, "given-before-it-serves"));
        drop(held);
        pass(&mut memory, "later", 3 * MANY);
        assert!(!knows(&memory, "held-all-the-while"));
    }

    #[test]
    fn nothing_is_forgotten_within_the_period() {
        let mut memory = Memory::new();
        memory.forget_after(Duration::from_hours(1));
        pass(&mut memory, "early", 2 * MANY + 2);
        assert!(knows(&memory, "early-0-of-a-request"));
    }

    #[test]
    fn a_command_forgets_nothing() {
        let mut memory = Memory::new();
        pass(&mut memory, "early", 2 * MANY + 2);
        assert!(knows(&memory, "early-0-of-a-request"));
    }

    #[test]
    fn a_secret_that_is_opened_again_and_again_takes_no_room() {
        let mut memory = Memory::new();
        memory.forget_after(Duration::from_hours(1));
        (0..4 * MANY).for_each(|_| memory.learn(&secret("the-same-each-time")));
        assert!(memory.passing.as_ref().unwrap().living.len() <= 2 * MANY);
    }
}
