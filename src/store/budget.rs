//! The lockout budget: how many sign-ins that may have been wrong ones a principal has behind it.
//!
//! An attempt is on the disk *before* it is sent and is cleared when it succeeded. One whose answer never came counts as
//! a wrong one, also when the process that sent it is gone. All processes share the count.

use std::time::Duration;

use rusqlite::{Connection, named_params};
use serde::Serialize;
use time::OffsetDateTime;

use super::{
    Store, failed, moment,
    rows::{PrincipalId, principals},
};
use crate::error::{Error, Result};

/// What a sign-in was sent over; a wrong password counts in the directory either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A bind.
    Ldap,
    /// A session set-up at a file server.
    Smb,
}

impl Protocol {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Smb => "smb",
        }
    }
}

/// One attempt that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptId(i64);

/// Writes an attempt, whatever the count is: for the sign-in that is always allowed (the proving bind after an
/// acknowledged change) and where the directory has no lockout. On the disk when it returns.
pub fn begin(store: &Store, principal: PrincipalId, target: &str, protocol: Protocol) -> Result<AttemptId> {
    store.write(|t| insert(t, principal, target, protocol, OffsetDateTime::now_utc()))
}

/// Writes an attempt if fewer than `allowed` of this principal stand open within `window`, over all targets and
/// protocols: controllers pass wrong passwords on to the PDC emulator, so one count per target would be too kind.
/// Counting and writing are one transaction, so two processes cannot both take the last one.
///
/// # Errors
/// `rotation.budget_spent`: nothing was written and nothing may be sent.
pub fn spend(
    store: &Store,
    principal: PrincipalId,
    target: &str,
    protocol: Protocol,
    window: Duration,
    allowed: u32,
) -> Result<AttemptId> {
    spend_at(store, principal, target, protocol, window, allowed, OffsetDateTime::now_utc())
}

fn spend_at(
    store: &Store,
    principal: PrincipalId,
    target: &str,
    protocol: Protocol,
    window: Duration,
    allowed: u32,
    at: OffsetDateTime,
) -> Result<AttemptId> {
    store.write(|t| {
        let open = count_at(t, principal, None, window, at)?;
        if open >= allowed {
            return Err(Error::new(
                "rotation.budget_spent",
                format!(
                    "{open} unproven sign-ins of this account stand within {} minutes and {allowed} are allowed: one \
                     more could lock it",
                    window.as_secs() / 60
                ),
            )
            .hint("wait until the directory's observation window has passed, and give the right password then")
            .with("target", target));
        }
        insert(t, principal, target, protocol, at)
    })
}

/// Marks an attempt as one that succeeded; it counts no more.
pub fn clear(store: &Store, attempt: AttemptId) -> Result<()> {
    store.write(|t| {
        t.execute("UPDATE attempt SET cleared_at = ?2 WHERE id = ?1", (attempt.0, moment::now())).map_err(failed)?;
        Ok(())
    })
}

/// How many attempts of `principal` stand open within the last `window`, on one target or (with `None`) on all.
pub fn count(store: &Store, principal: PrincipalId, target: Option<&str>, window: Duration) -> Result<u32> {
    store.read(|c| count_at(c, principal, target, window, OffsetDateTime::now_utc()))
}

fn insert(
    c: &Connection,
    principal: PrincipalId,
    target: &str,
    protocol: Protocol,
    at: OffsetDateTime,
) -> Result<AttemptId> {
    let row = (principals::surviving(c, principal)?, target, protocol.as_str(), moment::text(at));
    c.execute("INSERT INTO attempt (principal, target, protocol, at) VALUES (?1, ?2, ?3, ?4)", row).map_err(failed)?;
    Ok(AttemptId(c.last_insert_rowid()))
}

/// Attempts later than `at` count too: a clock that was set back must not make room.
fn count_at(
    c: &Connection,
    principal: PrincipalId,
    target: Option<&str>,
    window: Duration,
    at: OffsetDateTime,
) -> Result<u32> {
    let principal = principals::surviving(c, principal)?;
    c.query_row(
        "SELECT count(*) FROM attempt WHERE principal = :principal AND cleared_at IS NULL AND at > :since
            AND (:target IS NULL OR target = :target)",
        named_params! { ":principal": principal, ":since": moment::text(at - window), ":target": target },
        |row| row.get(0),
    )
    .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_mins(30);

    #[test]
    fn an_attempt_counts_until_it_is_cleared_or_the_window_has_passed() {
        let store = Store::temporary().unwrap();
        let principal = store.write(|t| principals::insert(t, "ad", "lab.test", "svc")).unwrap();
        let start = OffsetDateTime::now_utc();
        let spend = |at| spend_at(&store, principal, "dc1", Protocol::Ldap, WINDOW, 2, at);
        let first = spend(start).unwrap();
        spend(start + Duration::from_mins(10)).unwrap();
        let refused = spend(start + Duration::from_mins(11)).unwrap_err();
        assert_eq!(refused.code(), "rotation.budget_spent");
        clear(&store, first).unwrap();
        spend(start + Duration::from_mins(12)).unwrap();
        assert_eq!(spend(start + Duration::from_mins(12)).unwrap_err().code(), "rotation.budget_spent");
        assert!(spend(start + Duration::from_mins(41)).is_ok(), "the one of minute 10 is out of the window");
        assert_eq!(
            spend(start).unwrap_err().code(),
            "rotation.budget_spent",
            "a clock that was set back makes no room"
        );
    }
}
