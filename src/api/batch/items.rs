//! The items of a batch: what each is called, and what it gets of what the closure captures.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use rhai::{Array, Dynamic, FnPtr, Map};

use crate::{connection::Connection, script::value, secret::redact::redact};

/// One item, from its place in the list to its record.
pub(super) struct Item {
    pub(super) index: usize,
    pub(super) key: String,
    pub(super) occurrence: u32,
    pub(super) value: Dynamic,
}

/// Gives each item its key, by default its value without secrets, and tells equal keys apart by their occurrence.
pub(super) fn identify(items: Array) -> impl Iterator<Item = Item> {
    // By hash: ten thousand keys held twice would be a megabyte. Two keys of one hash would only count as equal ones.
    let mut seen: HashMap<u64, u32> = HashMap::new();
    items.into_iter().enumerate().map(move |(index, value)| {
        let value = value.flatten();
        let key = match value.read_lock::<Connection>() {
            Some(connection) => connection.name.clone(),
            None => match value::to_json(&value) {
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            },
        };
        let key = redact(&key).into_owned();
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let next = seen.entry(hasher.finish()).or_insert(0);
        let occurrence = *next;
        *next += 1;
        Item { index, key, occurrence, value }
    })
}

/// Captured variables are shared with the code around the batch. Each becomes a read-only copy, so that an item that
/// changes one gets an error and not a lost update.
pub(super) fn own_copies(body: &FnPtr) -> FnPtr {
    let mut body = body.clone();
    for captured in body.iter_curry_mut() {
        // Shared as the language shares what a closure captures: it looks for the mark inside, and nowhere else.
        *captured = deep_copy(captured).into_read_only().into_shared();
    }
    body
}

fn deep_copy(value: &Dynamic) -> Dynamic {
    let value = value.flatten_clone();
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().map(deep_copy).collect::<Array>().into();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.iter().map(|(name, value)| (name.clone(), deep_copy(value))).collect::<Map>().into();
    }
    if let Some(function) = value.read_lock::<FnPtr>() {
        let mut function = function.clone();
        for captured in function.iter_curry_mut() {
            *captured = deep_copy(captured);
        }
        return function.into();
    }
    value
}
