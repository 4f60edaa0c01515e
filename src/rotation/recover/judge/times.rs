//! When the password was set on the pinned target, and what that says of a secret that signs in there.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::Judge;
use crate::{
    connection::credentials::{GRACE, SKEW},
    directory::{self, Session, ticks},
    error::Result,
};

/// How often `pwdLastSet` is read while a late write may still land.
const PAUSE: Duration = Duration::from_secs(1);

/// What `pwdLastSet` says. A mark is its value; `None` where it may not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// No password was set since before the write.
    AsBefore,
    /// None was set for more than the hour of grace: only the valid one signs in.
    Old,
    /// One was set lately, and after the write could land: it was somebody else.
    Overtaken,
    /// One was set lately: by the write, or by somebody else.
    Lately,
    /// Nothing.
    Unknown,
}

impl Judge<'_> {
    pub(super) fn times(&self, mark: Option<i64>) -> Times {
        if mark.is_some() && mark == self.case.before {
            // What has acknowledged the write shows something else: another server, or one that was set back.
            return if self.case.acknowledged { Times::Unknown } else { Times::AsBefore };
        }
        let limit = self.case.limit(self.request.late);
        match mark.and_then(ticks::moment).filter(|set| is_graced(*set)) {
            Some(set) if limit.is_some_and(|limit| set > limit.saturating_add(SKEW)) => Times::Overtaken,
            Some(_) if self.case.before.is_some() => Times::Lately,
            None if mark.is_some() && self.case.before.is_some() => Times::Old,
            None if limit.is_some_and(|limit| !is_graced(limit)) => Times::Old,
            _ => Times::Unknown,
        }
    }

    pub(super) fn is_as_before(&self, mark: Option<i64>) -> bool {
        self.times(mark) == Times::AsBefore
    }

    /// Whether a password was set since the write, and so lately that the one before still signs in.
    pub(super) fn is_graced(&self, mark: Option<i64>) -> bool {
        mark != self.case.before && mark.and_then(ticks::moment).is_some_and(is_graced)
    }

    /// Whether the one before the password of then may still sign in, where none was set since.
    pub(super) fn was_graced(&self) -> bool {
        self.case.before.and_then(ticks::moment).is_some_and(is_graced)
    }

    pub(super) fn is_overtaken(&self, mark: Option<i64>) -> bool {
        self.times(mark) == Times::Overtaken
    }

    /// Whether a password was set after the given one was given: that is not the last one then.
    pub(super) fn is_given_overtaken(&self, mark: Option<i64>) -> bool {
        let set = mark.filter(|_| self.is_graced(mark)).and_then(ticks::moment);
        set.zip(self.case.given_at).is_some_and(|(set, given)| set > given.saturating_add(SKEW))
    }

    pub(super) async fn dn(&self, session: &Session) -> Result<String> {
        Ok(directory::resolve(session, self.case.guid()).await.map_err(|error| self.unasked(&error))?.dn)
    }

    /// `pwdLastSet`; `None` where it may not be read.
    pub(super) async fn mark(&self, session: &Session, dn: &str) -> Result<Option<i64>> {
        match directory::pwd_last_set(session, dn).await {
            Ok(mark) => Ok(Some(mark)),
            Err(error) if error.code() == "ad.no_rights" => Ok(None),
            Err(error) => Err(self.unasked(&error)),
        }
    }

    /// Waits until no write can land any more, or one has; answers `pwdLastSet` then. By a clock that nobody sets: where
    /// the other one was set back, the write seems to be sent in the future.
    pub(super) async fn after_limit(&self, session: &Session, dn: &str, seen: Option<i64>) -> Result<Option<i64>> {
        let Some(limit) = self.case.limit(self.request.late) else { return Ok(seen) };
        let rest = Duration::try_from(limit - OffsetDateTime::now_utc()).unwrap_or(Duration::ZERO);
        let until = Instant::now() + rest.min(self.request.late);
        let mut told = false;
        loop {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return self.mark(session, dn).await;
            }
            if !std::mem::replace(&mut told, true) {
                let note = format!("the write may still land on {}: {} s more", self.place(), rest.as_secs() + 1);
                self.onlooker.told("wait", &note);
            }
            tokio::select! { biased;
                () = self.request.hurry.cancelled() => {
                    return Err(self.in_doubt("the write may still land, and the run was told to stop waiting for that"));
                }
                () = tokio::time::sleep(rest.min(PAUSE)) => {}
            }
            let now = self.mark(session, dn).await?;
            if now != seen {
                return Ok(now);
            }
        }
    }
}

/// Whether what was replaced at that moment may still sign in. A time at the very end of the calendar is no reason to stop.
fn is_graced(set: OffsetDateTime) -> bool {
    set.saturating_add(GRACE + SKEW) > OffsetDateTime::now_utc()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_password_that_was_set_at_the_end_of_the_calendar_is_young() {
        assert!(is_graced(datetime!(9999-12-31 23:59:59 UTC)));
        assert!(!is_graced(datetime!(2001-01-01 00:00 UTC)));
    }
}
