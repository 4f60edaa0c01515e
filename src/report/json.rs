//! One event, one line of JSON.

use serde_json::Value;

use crate::{secret::redact::redact, store::events::Stamped};

/// Fields that hold words of Libretto's own: redacting them could only break what machines rely on.
const OWN: &[&str] = &["event", "time", "run", "verdict"];

/// The event as one line of JSON, without its line ending.
#[must_use]
pub fn line(event: &Stamped) -> String {
    // Events hold texts, numbers and maps with text keys, which serde_json always can write.
    let mut json = serde_json::to_value(event).unwrap_or_default();
    redact_texts(&mut json);
    json.to_string()
}

/// Redacts text by text, before they are written: in the written line a secret could look like a part of the syntax.
fn redact_texts(json: &mut Value) {
    match json {
        Value::String(text) => {
            let redacted = redact(text).into_owned();
            *text = redacted;
        }
        Value::Array(items) => items.iter_mut().for_each(redact_texts),
        Value::Object(fields) => {
            fields
                .iter_mut()
                .filter(|(name, _)| !OWN.contains(&name.as_str()))
                .for_each(|(_, value)| redact_texts(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
