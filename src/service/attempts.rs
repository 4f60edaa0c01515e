//! Wrong tokens, counted per peer.
//!
//! A token has 256 bits, so it is not this that keeps guesses out: it keeps a client that tries and tries from filling logs and
//! from costing work. The right token is let in however many wrong ones came from the same address, or anybody on a machine
//! could lock everybody else on it out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Wrong tokens that a peer may send one after the other.
const BURST: f64 = 10.0;
/// One more may come after so long.
const REFILL: Duration = Duration::from_secs(6);
/// Peers that are remembered; who has so many addresses is not held by counting them.
const PEERS: usize = 4096;

/// Who sent how many.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Left>>);

#[derive(Debug)]
struct Left {
    count: f64,
    at: Instant,
}

impl Left {
    fn now(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at);
        (self.count + since.as_secs_f64() / REFILL.as_secs_f64()).min(BURST)
    }
}

impl Attempts {
    /// Notes a wrong token; `Some` is how long the peer is not listened to.
    pub(super) fn failed(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS {
            peers.retain(|_, left| left.now(now) < BURST);
            if peers.len() >= PEERS {
                peers.clear();
            }
        }
        let left = peers.entry(network(peer)).or_insert(Left { count: BURST, at: now });
        let count = left.now(now);
        if count < 1.0 {
            return Some(REFILL.mul_f64(1.0 - count));
        }
        *left = Left { count: count - 1.0, at: now };
        None
    }
}

/// A host has all addresses of its /64 to itself (RFC 4291, 2.5.4).
pub(super) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_ones_then_one_in_six_seconds_and_each_peer_for_itself() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let other: IpAddr = "192.0.2.1".parse().unwrap();
        assert!((0..10).all(|_| attempts.failed(one, start).is_none()));
        assert_eq!(attempts.failed(neighbour, start), Some(REFILL));
        assert_eq!(attempts.failed(other, start), None);
        assert_eq!(attempts.failed(one, start + REFILL), None);
        assert!(attempts.failed(one, start + REFILL).is_some());
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert!((0..9).all(|_| attempts.failed(mapped, start).is_none()));
        assert!(attempts.failed(other, start).is_some());
    }
}
