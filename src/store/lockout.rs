//! What is known of lockout: how many wrong passwords lock an account, and for how long they count.
//!
//! It has to be known before a password is tried, so whatever a session reads of it is remembered: of the domain, and of an
//! account that a fine-grained policy applies to. Where both are known, the stricter holds.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Serialize;

use super::{Store, failed, moment, rows::PrincipalId, rows::principals};
use crate::error::Result;

/// The rules of one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// Wrong passwords that lock an account; 0: nothing does.
    pub threshold: u32,
    /// After so long without a wrong password the count begins anew.
    pub window: Duration,
    /// How long a lockout lasts; `None`: until an administrator ends it.
    pub duration: Option<Duration>,
}

impl Rules {
    /// Where nothing is known: one of the strictest that are in use.
    pub const ASSUMED: Self =
        Self { threshold: 3, window: Duration::from_mins(30), duration: Some(Duration::from_mins(30)) };

    /// The rules, with times in seconds as directories are read.
    #[must_use]
    pub fn of_seconds(threshold: u32, window: u64, duration: Option<u64>) -> Self {
        Self { threshold, window: Duration::from_secs(window), duration: duration.map(Duration::from_secs) }
    }

    /// How many wrong passwords may be sent: two fewer than lock the account, one for a mistake of somebody else's and one
    /// that is never used. `None`: nothing locks it.
    #[must_use]
    pub fn allowed(&self) -> Option<u32> {
        (self.threshold > 0).then(|| self.threshold.saturating_sub(2))
    }

    fn stricter(self, other: Self) -> Self {
        let threshold = match (self.threshold, other.threshold) {
            (0, one) | (one, 0) => one,
            (one, two) => one.min(two),
        };
        let duration = self.duration.zip(other.duration).map(|(one, two)| one.max(two));
        Self { threshold, window: self.window.max(other.window), duration }
    }
}

/// For so long a domain's rules that were seen again are not written again.
const FRESH: Duration = Duration::from_hours(1);

/// Remembers the rules of a principal's domain.
pub fn learn_domain(store: &Store, principal: PrincipalId, rules: Rules) -> Result<()> {
    if of_domain(store, principal)? == Some(rules) && seen_within(store, principal, FRESH)? {
        return Ok(());
    }
    store.write(|t| {
        let domain = principals::domain(t, principals::surviving(t, principal)?)?;
        put(t, None, Some(&domain), rules)
    })
}

/// Remembers the rules of a fine-grained policy that applies to a principal; `None`: none applies.
pub fn learn_principal(store: &Store, principal: PrincipalId, rules: Option<Rules>) -> Result<()> {
    store.write(|t| {
        let principal = principals::surviving(t, principal)?;
        match rules {
            Some(rules) => put(t, Some(principal), None, rules),
            None => t.execute("DELETE FROM lockout WHERE principal = ?1", [principal]).map(|_| ()).map_err(failed),
        }
    })
}

/// Whether the rules of a principal's domain were seen within the last `time`.
pub fn seen_within(store: &Store, principal: PrincipalId, time: Duration) -> Result<bool> {
    store.read(|c| {
        let principal = principals::surviving(c, principal)?;
        let since = moment::text(time::OffsetDateTime::now_utc() - time);
        c.query_row(
            "SELECT EXISTS (SELECT 1 FROM lockout WHERE domain = ?1 AND seen_at > ?2)",
            (principals::domain(c, principal)?, since),
            |row| row.get(0),
        )
        .map_err(failed)
    })
}

fn of_domain(store: &Store, principal: PrincipalId) -> Result<Option<Rules>> {
    store.read(|c| get(c, OF_DOMAIN, principals::domain(c, principals::surviving(c, principal)?)?))
}

/// What is known; `None` when nobody has read anything yet.
pub fn known(store: &Store, principal: PrincipalId) -> Result<Option<Rules>> {
    store.read(|c| known_in(c, principals::surviving(c, principal)?))
}

pub(super) fn known_in(c: &Connection, principal: PrincipalId) -> Result<Option<Rules>> {
    let domain = principals::domain(c, principal)?;
    let of_domain = get(c, OF_DOMAIN, &domain)?;
    let own = get(c, "SELECT threshold, window, duration FROM lockout WHERE principal = ?1", principal)?;
    Ok(match (own, of_domain) {
        (Some(own), Some(of_domain)) => Some(own.stricter(of_domain)),
        (own, of_domain) => own.or(of_domain),
    })
}

const OF_DOMAIN: &str = "SELECT threshold, window, duration FROM lockout WHERE domain = ?1";

fn get(c: &Connection, sql: &str, key: impl rusqlite::ToSql) -> Result<Option<Rules>> {
    let rules = |row: &Row<'_>| {
        let duration: Option<i64> = row.get(2)?;
        let seconds = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Rules::of_seconds(row.get(0)?, seconds(row.get(1)?), duration.map(seconds)))
    };
    c.prepare_cached(sql).and_then(|mut one| one.query_row([key], rules).optional()).map_err(failed)
}

fn put(c: &Connection, principal: Option<PrincipalId>, domain: Option<&str>, rules: Rules) -> Result<()> {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    c.execute(
        "INSERT OR REPLACE INTO lockout (principal, domain, threshold, window, duration, seen_at)
         VALUES (:principal, :domain, :threshold, :window, :duration, :seen_at)",
        named_params! {
            ":principal": principal, ":domain": domain, ":threshold": rules.threshold,
            ":window": seconds(rules.window), ":duration": rules.duration.map(seconds), ":seen_at": moment::now(),
        },
    )
    .map(|_| ())
    .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_of_domain_and_account_holds() {
        let store = Store::temporary().unwrap();
        let principal = |name| store.write(|t| principals::insert(t, "ad", "lab.test", name)).unwrap();
        let (own, other) = (principal("own"), principal("other"));
        assert_eq!(known(&store, own).unwrap(), None);
        let rules = |threshold, minutes: u64| Rules::of_seconds(threshold, 60 * minutes, None);
        learn_domain(&store, own, rules(5, 30)).unwrap();
        learn_principal(&store, own, Some(rules(3, 20))).unwrap();
        assert_eq!(known(&store, own).unwrap(), Some(rules(3, 30)));
        assert_eq!(known(&store, other).unwrap(), Some(rules(5, 30)), "the domain's, for all its accounts");
        learn_domain(&store, other, rules(0, 30)).unwrap();
        assert_eq!(known(&store, own).unwrap(), Some(rules(3, 30)));
        learn_principal(&store, own, None).unwrap();
        assert_eq!(known(&store, own).unwrap(), Some(rules(0, 30)));
        assert_eq!(rules(0, 30).allowed(), None);
        assert_eq!([1, 2, 3, 10].map(|threshold| rules(threshold, 1).allowed()), [0, 0, 1, 8].map(Some));
    }
}
