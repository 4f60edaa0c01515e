//! The lab's clock: the real one plus an offset, so that an hour of grace can pass in no time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use time::OffsetDateTime;

/// Tells the time inside a lab. Copies share one offset. Replication runs by real time, not by this.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset: Arc<AtomicI64>,
}

/// One second in the unit of directory times (100 ns).
pub const SECOND: i64 = 10_000_000;
/// One minute in the unit of directory times.
pub const MINUTE: i64 = 60 * SECOND;
/// One day in the unit of directory times.
pub const DAY: i64 = 24 * 60 * MINUTE;

/// 1601-01-01 to 1970-01-01 in 100 ns (MS-DTYP 2.3.3, FILETIME).
const UNIX_EPOCH: i64 = 116_444_736_000_000_000;

impl Clock {
    /// Lets time pass at once, e.g. the hour in which a previous password still works.
    pub fn advance(&self, by: Duration) {
        let ticks = i64::try_from(by.as_nanos() / 100).unwrap_or(i64::MAX);
        self.offset.fetch_add(ticks, Ordering::Relaxed);
    }

    /// The time as a date.
    pub(super) fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + time::Duration::microseconds(self.offset.load(Ordering::Relaxed) / 10)
    }

    /// The time as directory attributes such as `pwdLastSet` hold it: 100 ns since 1601 (MS-DTYP 2.3.3).
    pub(super) fn ticks(&self) -> i64 {
        let unix = OffsetDateTime::now_utc().unix_timestamp_nanos() / 100;
        i64::try_from(unix).unwrap_or(0) + UNIX_EPOCH + self.offset.load(Ordering::Relaxed)
    }
}

/// Ticks as LDAP's generalised time with a tenth of a second, as `whenChanged` shows it.
pub(super) fn generalised(ticks: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp((ticks - UNIX_EPOCH) / SECOND).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}.0Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_count_from_1601_and_advance() {
        let clock = Clock::default();
        let before = clock.ticks();
        clock.advance(Duration::from_hours(1));
        let passed = clock.ticks() - before;
        assert!((60 * MINUTE..60 * MINUTE + 10 * SECOND).contains(&passed), "{passed}");
        assert_eq!(generalised(UNIX_EPOCH + DAY), "19700102000000.0Z");
    }
}
