//! Spans of time, as scripts and parameters write them.

use std::time::Duration;

use rhai::Dynamic;

use super::FromScript;

/// Ten years: nothing waits longer, and a moment that far away can still be told.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// A span of time: `"30s"`, `"2m"`, `"1h"`, `"7d"`, `"250ms"`, or a number of seconds.
#[derive(Debug, Clone, Copy)]
pub struct Span(pub Duration);

impl FromScript for Span {
    const TYPE: &'static str = "duration";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let seconds = value.as_int().map(|n| n as f64).or_else(|_| value.as_float());
        if let Ok(seconds) = seconds {
            return match Duration::try_from_secs_f64(seconds) {
                Ok(span) if span <= LONGEST => Ok(Self(span)),
                Err(_) if seconds.is_nan() => Err("must be a number of seconds".to_owned()),
                Err(_) if seconds < 0.0 => Err("must not be negative".to_owned()),
                _ => Err("is too long".to_owned()),
            };
        }
        let text = String::from_script(value)
            .map_err(|_| "must be a duration like \"30s\" or a number of seconds".to_owned())?;
        parse_span(&text).map(Self)
    }
}

/// Reads `30s`, `2m`, `1h`, `7d`, `250ms`; a bare number counts seconds.
///
/// # Errors
/// A sentence's second half: `must be ...`.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(format!("must be a duration like 30s, 2m, 1h or 7d, not \"{text}\"")),
    };
    let number: f64 =
        number.parse().map_err(|_| format!("must be a duration like 30s, 2m, 1h or 7d, not \"{text}\""))?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(span) if span <= LONGEST => Ok(span),
        _ => Err(format!("is too long: \"{text}\"")),
    }
}
