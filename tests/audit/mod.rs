//! The audit trail: what is told, that it can be verified by anybody, and that tampering shows.

mod acts;
mod tampering;
mod together;

use libretto::store::{Store, audit};
use serde_json::Value;

/// The trail, an entry a value.
pub fn entries(store: &Store) -> Vec<Value> {
    let mut entries = Vec::new();
    audit::each(store, None, |link| {
        entries.push(serde_json::from_str(&link.line()).unwrap());
        Ok(())
    })
    .unwrap();
    entries
}

/// Of each entry the word, the connection, the verdict and what is asked for of its data.
pub fn told(store: &Store) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    entries(store)
        .iter()
        .map(|entry| {
            let data = &entry["data"];
            let facts = ["version", "state", "fields", "script", "exit", "target"];
            let facts: Vec<String> = facts
                .iter()
                .filter(|fact| !data[**fact].is_null())
                .map(|fact| {
                    let target = *fact == "target";
                    if target { "on a target".to_owned() } else { format!("{fact} {}", text(&data[*fact])) }
                })
                .collect();
            format!(
                "{} {} {}: {}",
                text(&entry["what"]),
                text(&entry["connection"]),
                text(&entry["verdict"]),
                facts.join(", ")
            )
        })
        .collect()
}
