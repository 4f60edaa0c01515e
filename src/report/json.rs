//! One event, one line of JSON.

use crate::{secret::redact::redact, store::events::Stamped};

/// The event as one line of JSON, without its line ending.
#[must_use]
pub fn line(event: &Stamped) -> String {
    // Events hold texts, numbers and maps with text keys, which serde_json always can write.
    let text = serde_json::to_string(event).unwrap_or_default();
    redact(&text).into_owned()
}
