//! One event, one line of JSON.

use serde_json::Value;

use crate::{secret::redact::redact_json, store::events::Stamped};

/// Fields that hold words of Libretto's own: redacting them could only break what machines rely on.
const OWN: &[&str] = &["event", "time", "run", "verdict", "counts"];

/// The event as one line of JSON, without its line ending. It is redacted text by text, before they are written: in the
/// written line a secret could look like a part of the syntax.
#[must_use]
pub fn line(event: &Stamped) -> String {
    // Events hold texts, numbers and maps with text keys, which serde_json always can write.
    let mut json = serde_json::to_value(event).unwrap_or_default();
    let fields = json.as_object_mut().into_iter().flat_map(|fields| fields.iter_mut());
    for (name, value) in fields.filter(|(name, _)| !OWN.contains(&name.as_str())) {
        match (name.as_str(), value) {
            ("error", Value::Object(failure)) => {
                failure.iter_mut().filter(|(name, _)| *name != "verdict").for_each(|(_, value)| redact_json(value));
            }
            (_, value) => redact_json(value),
        }
    }
    json.to_string()
}
