//! Windows times: 100-nanosecond ticks since 1601-01-01 (`FILETIME`, MS-DTYP 2.3.3), and intervals as negative ticks.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Ticks from 1601 to 1970.
const UNIX_EPOCH: i128 = 116_444_736_000_000_000;

/// The moment that a `FILETIME` names; `None` for 0 and the largest value, which both mean "never".
#[must_use]
pub fn moment(ticks: i64) -> Option<OffsetDateTime> {
    if ticks <= 0 || ticks == i64::MAX {
        return None;
    }
    OffsetDateTime::from_unix_timestamp_nanos((i128::from(ticks) - UNIX_EPOCH) * 100).ok()
}

/// A moment as RFC 3339 text, e.g. `2026-03-01T09:30:00.25Z`.
#[must_use]
pub fn text(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}

/// The length of an interval attribute such as `maxPwdAge`, which holds negative ticks (MS-ADTS 3.1.1.1); `None` for
/// "never", which is the lowest number, and in practice also 0 and anything positive.
#[must_use]
pub fn interval(ticks: i64) -> Option<Duration> {
    (ticks < 0 && ticks != i64::MIN).then(|| Duration::from_nanos(ticks.unsigned_abs().saturating_mul(100)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read() {
        assert_eq!(text(moment(116_444_736_000_000_000).unwrap()), "1970-01-01T00:00:00Z");
        assert_eq!(text(moment(134_168_526_002_500_000).unwrap()), "2026-03-01T15:30:00.25Z");
        assert_eq!((moment(0), moment(i64::MAX), moment(-1)), (None, None, None));
        assert_eq!(interval(-18_000_000_000), Some(Duration::from_mins(30)));
        assert_eq!((interval(0), interval(i64::MIN), interval(5)), (None, None, None));
    }
}
