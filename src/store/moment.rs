//! Times as the store keeps them: RFC 3339, UTC, always six digits of a second, so that they sort as text.

use time::{Duration, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// The text of `at`, e.g. `2026-02-03T04:05:06.000007Z`.
pub(crate) fn text(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, micro) = at.to_hms_micro();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z", u8::from(month))
}

/// The text of this moment.
pub(crate) fn now() -> String {
    text(OffsetDateTime::now_utc())
}

/// The text of what a person wrote: a date (its beginning, UTC), or a time with its zone as RFC 3339 has it.
pub(crate) fn read(written: &str) -> Option<String> {
    let midnight = format!("{written}T00:00:00Z");
    [written, &midnight].into_iter().find_map(|form| OffsetDateTime::parse(form, &Rfc3339).ok()).map(text)
}

/// The moment `time` before the one that `at` tells; `at` itself when it cannot be read.
pub(crate) fn before(at: &str, time: Duration) -> String {
    OffsetDateTime::parse(at, &Rfc3339).map_or_else(|_| at.to_owned(), |at| text(at - time))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_sort_as_text_and_read_back() {
        let early = datetime!(2026-02-03 04:05:06 UTC);
        let late = datetime!(2026-02-03 05:05:06.000_007 +1);
        assert_eq!(text(early), "2026-02-03T04:05:06.000000Z");
        assert_eq!(text(late), "2026-02-03T04:05:06.000007Z");
        assert!(text(early) < text(late));
        assert_eq!(OffsetDateTime::parse(&text(late), &Rfc3339), Ok(late));
        assert_eq!(read("2026-02-03").as_deref(), Some("2026-02-03T00:00:00.000000Z"));
        assert_eq!(read("2026-02-03T05:05:06+01:00").as_deref(), Some("2026-02-03T04:05:06.000000Z"));
        assert_eq!(read("yesterday"), None);
    }
}
