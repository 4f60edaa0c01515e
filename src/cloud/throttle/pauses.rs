//! How long to leave a server alone.

use std::time::Duration;

use reqwest::header::HeaderMap;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::CAP;

/// The first pause after a refusal that tells none; it doubles with every further one.
const FIRST: Duration = Duration::from_secs(1);
/// The longest such pause.
const LONGEST: Duration = Duration::from_secs(30);
/// A server that tells a shorter pause has told none.
const SHORTEST: Duration = Duration::from_millis(100);
/// So many pauses are as long as a server says; then they grow.
const BELIEVED: u32 = 3;

/// The pause for an attempt that was refused without one being told.
pub(in crate::cloud) fn back_off(attempt: u32) -> Duration {
    let usual = FIRST.saturating_mul(1 << attempt.min(5)).min(LONGEST);
    usual + jitter(usual / 4)
}

/// How long to pause after a refusal: as long as the server says, unless that is nothing, or has not helped often enough.
pub(super) fn pause(told: Option<Duration>, attempt: u32) -> Duration {
    match told {
        Some(told) if told >= SHORTEST && attempt < BELIEVED => told,
        told => told.unwrap_or_default().max(back_off(attempt)),
    }
}

/// Something between nothing and `most`.
pub(super) fn jitter(most: Duration) -> Duration {
    most.mul_f64(rand::random::<f64>())
}

/// How long a server asks to be left alone (RFC 9110, 10.2.3): seconds, which some services send as a decimal, or a date.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok().map(|pause| pause.min(CAP));
    }
    let date = OffsetDateTime::parse(&text.replace("GMT", "+0000"), &Rfc2822).ok()?;
    Some(Duration::try_from(date - now).unwrap_or_default().min(CAP))
}
