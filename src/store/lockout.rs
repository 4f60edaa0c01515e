//! What is known of lockout: how many wrong passwords lock an account, and for how long they count.
//!
//! It has to be known before a password is tried, so whatever a session reads of it is remembered: of the domain, and of an
//! account, to which a fine-grained policy may apply. Where both are known, the stricter holds. Where an account was never
//! looked at, or its fine-grained policy may not be read, what is assumed holds too: the domain's rules may be the wrong ones.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, named_params};
use serde::Serialize;

use super::{Store, failed, moment, query_one, rows::PrincipalId, rows::principals};
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

    /// The stricter of both in each respect.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
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

/// What is gone by for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applying {
    /// The rules.
    pub rules: Rules,
    /// Why they are assumed ones, in words; `None`: they were read.
    pub assumed: Option<&'static str>,
}

/// Remembers the rules of a principal's domain. They loosen nothing for an account of which it is not known whether a
/// fine-grained policy applies to it.
pub fn learn_domain(store: &Store, principal: PrincipalId, rules: Rules) -> Result<()> {
    let fresh = store.read(|c| {
        let domain = principals::domain(c, principals::surviving(c, principal)?)?;
        Ok(get(c, OF_DOMAIN, &domain)?.is_some_and(|row| row.rules == rules) && seen(c, "domain", domain, FRESH)?)
    })?;
    if fresh {
        return Ok(());
    }
    store.write(|t| {
        let domain = principals::domain(t, principals::surviving(t, principal)?)?;
        put(t, None, Some(&domain), Row { rules, sure: true })
    })
}

/// Remembers the rules that surely apply to a principal: those of a fine-grained policy, or of its domain where none applies.
pub fn learn_principal(store: &Store, principal: PrincipalId, rules: Rules) -> Result<()> {
    store.write(|t| put(t, Some(principals::surviving(t, principal)?), None, Row { rules, sure: true }))
}

/// Remembers that the rules of a principal could not be read: `applies` when a fine-grained policy is known to apply, else one
/// may. What was read before, over an account that may read more, is kept where it is not contradicted.
pub fn doubt_principal(store: &Store, principal: PrincipalId, domain: Rules, applies: bool) -> Result<()> {
    store.write(|t| {
        let principal = principals::surviving(t, principal)?;
        let row = match get(t, OF_PRINCIPAL, principal)? {
            Some(known) if !applies => known,
            Some(known) => Row { rules: known.rules.stricter(domain), sure: false },
            None => Row { rules: domain, sure: false },
        };
        put(t, Some(principal), None, row)
    })
}

/// Whether the rules of a principal were looked at within the last `time`.
pub fn seen_within(store: &Store, principal: PrincipalId, time: Duration) -> Result<bool> {
    store.read(|c| seen(c, "principal", principals::surviving(c, principal)?, time))
}

fn seen(c: &Connection, column: &str, key: impl rusqlite::ToSql, time: Duration) -> Result<bool> {
    let since = moment::text(time::OffsetDateTime::now_utc() - time);
    let sql = format!("SELECT EXISTS (SELECT 1 FROM lockout WHERE {column} = ?1 AND seen_at > ?2)");
    query_one(c, &sql, rusqlite::params![key, since], |row| row.get(0)).map_err(failed)
}

/// What is gone by for a principal; `assumed` where nobody has read anything yet, or what was read may not be all.
pub fn applying(store: &Store, principal: PrincipalId, assumed: Rules) -> Result<Applying> {
    store.read(|c| applying_in(c, principals::surviving(c, principal)?, assumed))
}

pub(super) fn applying_in(c: &Connection, principal: PrincipalId, assumed: Rules) -> Result<Applying> {
    let of_domain = get(c, OF_DOMAIN, principals::domain(c, principal)?)?.map(|row| row.rules);
    let own = get(c, OF_PRINCIPAL, principal)?;
    let known = match (own.map(|own| own.rules), of_domain) {
        (Some(own), Some(of_domain)) => own.stricter(of_domain),
        (Some(rules), None) | (None, Some(rules)) => rules,
        (None, None) => {
            return Ok(Applying { rules: assumed, assumed: Some("nobody has read the directory's rules yet") });
        }
    };
    let why = match own {
        Some(Row { sure: true, .. }) => return Ok(Applying { rules: known, assumed: None }),
        Some(_) => "there may be a fine-grained policy, which the account may not read",
        None => "nobody has looked yet whether a fine-grained policy applies",
    };
    let rules = known.stricter(assumed);
    Ok(Applying { rules, assumed: (rules.threshold != known.threshold).then_some(why) })
}

const OF_DOMAIN: &str = "SELECT threshold, window, duration, sure FROM lockout WHERE domain = ?1";
const OF_PRINCIPAL: &str = "SELECT threshold, window, duration, sure FROM lockout WHERE principal = ?1";

/// What the store has of one domain or account.
#[derive(Clone, Copy)]
struct Row {
    rules: Rules,
    sure: bool,
}

fn get(c: &Connection, sql: &str, key: impl rusqlite::ToSql) -> Result<Option<Row>> {
    let read = |row: &rusqlite::Row<'_>| {
        let duration: Option<i64> = row.get(2)?;
        let seconds = |number: i64| u64::try_from(number).unwrap_or(0);
        let rules = Rules::of_seconds(row.get(0)?, seconds(row.get(1)?), duration.map(seconds));
        Ok(Row { rules, sure: row.get(3)? })
    };
    c.prepare_cached(sql).and_then(|mut one| one.query_row([key], read).optional()).map_err(failed)
}

fn put(c: &Connection, principal: Option<PrincipalId>, domain: Option<&str>, row: Row) -> Result<()> {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    c.execute(
        "INSERT OR REPLACE INTO lockout (principal, domain, threshold, window, duration, seen_at, sure)
         VALUES (:principal, :domain, :threshold, :window, :duration, :seen_at, :sure)",
        named_params! {
            ":principal": principal, ":domain": domain, ":threshold": row.rules.threshold,
            ":window": seconds(row.rules.window), ":duration": row.rules.duration.map(seconds),
            ":seen_at": moment::now(), ":sure": row.sure,
        },
    )
    .map(|_| ())
    .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(threshold: u32, minutes: u64) -> Rules {
        Rules::of_seconds(threshold, 60 * minutes, None)
    }

    struct Rig {
        store: Store,
        own: PrincipalId,
    }

    impl Rig {
        fn new() -> Self {
            let store = Store::temporary().unwrap();
            let own = store.write(|t| principals::insert(t, "ad", "lab.test", "own")).unwrap();
            Self { store, own }
        }

        /// With the usual assumption, threshold and whether it is assumed.
        fn applying(&self) -> (u32, bool) {
            let found = applying(&self.store, self.own, rules(3, 30)).unwrap();
            (found.rules.threshold, found.assumed.is_some())
        }
    }

    #[test]
    fn the_stricter_of_domain_and_account_holds() {
        let rig = Rig::new();
        assert_eq!(rig.applying(), (3, true));
        learn_domain(&rig.store, rig.own, rules(5, 30)).unwrap();
        learn_principal(&rig.store, rig.own, rules(4, 20)).unwrap();
        assert_eq!(
            applying(&rig.store, rig.own, rules(3, 30)).unwrap(),
            Applying { rules: rules(4, 30), assumed: None }
        );
        learn_domain(&rig.store, rig.own, rules(0, 30)).unwrap();
        assert_eq!(rig.applying(), (4, false));
        learn_principal(&rig.store, rig.own, rules(0, 30)).unwrap();
        assert_eq!(rig.applying(), (0, false));
        assert_eq!(rules(0, 30).allowed(), None);
        assert_eq!([1, 2, 3, 10].map(|threshold| rules(threshold, 1).allowed()), [0, 0, 1, 8].map(Some));
    }

    #[test]
    fn a_domains_rules_loosen_nothing_for_an_account_that_may_have_its_own() {
        let rig = Rig::new();
        for (domain, expected) in [(0, (3, true)), (10, (3, true)), (2, (2, false))] {
            learn_domain(&rig.store, rig.own, rules(domain, 30)).unwrap();
            assert_eq!(rig.applying(), expected, "never looked at, domain {domain}");
            doubt_principal(&rig.store, rig.own, rules(domain, 30), false).unwrap();
            assert_eq!(rig.applying(), expected, "may not be read, domain {domain}");
            rig.store.write(|t| t.execute("DELETE FROM lockout", []).map_err(failed)).unwrap();
        }
    }

    #[test]
    fn what_an_administrator_has_read_is_kept_until_it_is_contradicted() {
        let rig = Rig::new();
        learn_principal(&rig.store, rig.own, rules(10, 30)).unwrap();
        doubt_principal(&rig.store, rig.own, rules(0, 30), false).unwrap();
        assert_eq!(rig.applying(), (10, false));
        doubt_principal(&rig.store, rig.own, rules(0, 30), true).unwrap();
        assert_eq!(rig.applying(), (3, true));
        learn_principal(&rig.store, rig.own, rules(1, 30)).unwrap();
        doubt_principal(&rig.store, rig.own, rules(0, 30), true).unwrap();
        assert_eq!(rig.applying(), (1, false), "the stricter one");
    }
}
