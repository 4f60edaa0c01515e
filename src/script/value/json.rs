//! A script's values as JSON, whole or as much of them as the ledger keeps.

use rhai::{Array, Dynamic, Map};
use serde_json::Value;

use super::DEEPEST;
use crate::{connection::Connection, secret::Secret, secret::redact::redact};

/// Bytes of a value that the ledger keeps, about. It tells what happened and is no store of data: a page that was fetched or
/// the records of ten thousand items (each of which it has on its own) are cut.
const KEPT: usize = 64 << 10;
/// What stands where something was cut.
const CUT: &str = "...";

/// A script's value: secrets as `[secret]`, connections by name, functions and what else JSON does not know as words. Values
/// nested too deeply are cut.
#[must_use]
pub fn to_json(value: &Dynamic) -> Value {
    let mut room = usize::MAX;
    convert(value, 0, &mut room)
}

/// The same for the ledger: what is too long ends in `"..."`.
#[must_use]
pub fn for_ledger(value: &Dynamic) -> Value {
    let mut room = KEPT;
    convert(value, 0, &mut room)
}

/// A script's value as it goes out to another program: nothing is redacted or cut, and secrets are opened. The second answer
/// tells whether there is one.
///
/// # Errors
/// A sentence's second half, for what JSON does not know.
pub fn outgoing(value: &Dynamic) -> Result<(Value, bool), String> {
    let mut holds_secret = false;
    open(value, 0, &mut holds_secret).map(|json| (json, holds_secret))
}

fn open(value: &Dynamic, depth: usize, holds_secret: &mut bool) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err(format!("is nested more than {DEEPEST} levels deep"));
    }
    let value = value.flatten_clone();
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().map(|item| open(item, depth + 1, holds_secret)).collect();
    }
    if let Some(map) = value.read_lock::<Map>() {
        let fields = map.iter().map(|(name, value)| Ok((name.to_string(), open(value, depth + 1, holds_secret)?)));
        return fields.collect::<Result<serde_json::Map<_, _>, String>>().map(Value::from);
    }
    if let Some(secret) = value.read_lock::<Secret>() {
        *holds_secret = true;
        return Ok(Value::from(secret.expose()));
    }
    if value.is_string() || value.is_char() {
        return Ok(Value::from(value.to_string()));
    }
    if value.is_unit() || value.is_bool() || value.is_int() || value.is_float() {
        return Ok(convert(&value, depth, &mut usize::MAX.clone()));
    }
    Err(format!("holds a {}, which JSON does not know", value.type_name()))
}

/// `room` is how many bytes may still be made.
fn convert(value: &Dynamic, depth: usize, room: &mut usize) -> Value {
    if depth > DEEPEST {
        return Value::from("[too deep]");
    }
    if value.is_shared() {
        return convert(&value.flatten_clone(), depth, room);
    }
    *room = room.saturating_sub(8);
    if value.is_unit() {
        return Value::Null;
    }
    if let Ok(value) = value.as_bool() {
        return value.into();
    }
    if let Ok(value) = value.as_int() {
        return value.into();
    }
    if let Ok(value) = value.as_float() {
        return value.into();
    }
    if let Some(array) = value.read_lock::<Array>() {
        return list(&array, depth, room);
    }
    if let Some(map) = value.read_lock::<Map>() {
        return object(&map, depth, room);
    }
    if let Some(connection) = value.read_lock::<Connection>() {
        return Value::from(connection.name.as_str());
    }
    if value.is::<Secret>() {
        return Value::from("[secret]");
    }
    if value.is_string() || value.is_char() {
        return text(&redact(&value.to_string()), room);
    }
    Value::from(format!("[{}]", value.type_name()))
}

fn list(array: &Array, depth: usize, room: &mut usize) -> Value {
    let mut items = Vec::new();
    for item in array {
        if *room == 0 {
            items.push(CUT.into());
            break;
        }
        items.push(convert(item, depth + 1, room));
    }
    items.into()
}

fn object(map: &Map, depth: usize, room: &mut usize) -> Value {
    let mut fields = serde_json::Map::new();
    for (name, value) in map {
        if *room == 0 {
            fields.insert(CUT.to_owned(), CUT.into());
            break;
        }
        *room = room.saturating_sub(name.len());
        fields.insert(redact(name).into_owned(), convert(value, depth + 1, room));
    }
    fields.into()
}

/// Cut after it was redacted, so that no part of a secret is left.
fn text(text: &str, room: &mut usize) -> Value {
    if text.len() <= *room {
        *room -= text.len();
        return text.into();
    }
    let cut = &text[..text.floor_char_boundary(*room)];
    *room = 0;
    format!("{cut}{CUT}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_keeps_short_values_whole_and_cuts_long_ones() {
        let short: Array = vec![1.into(), "two".into(), Dynamic::UNIT];
        assert_eq!(for_ledger(&short.clone().into()), serde_json::json!([1, "two", null]));
        let long: Array = (0..1_000_000_i64).map(Dynamic::from).collect();
        let kept = for_ledger(&long.clone().into());
        let kept = kept.as_array().unwrap();
        assert_eq!((kept.first().unwrap(), kept.last().unwrap()), (&Value::from(0), &Value::from(CUT)));
        assert!(kept.len() < KEPT);
        assert_eq!(to_json(&long.into()).as_array().unwrap().len(), 1_000_000);
        let page = for_ledger(&"\u{e9}".repeat(KEPT).into());
        assert!(page.as_str().unwrap().len() <= KEPT + CUT.len() && page.as_str().unwrap().ends_with("\u{e9}..."));
    }
}
