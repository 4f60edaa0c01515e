//! Codes of errors that come from agents and engines of ours. Errors keep theirs as the program's own words, so that one that comes from
//! outside is looked up here.

use std::{
    collections::HashSet,
    sync::{LazyLock, Mutex, PoisonError},
};

/// Codes that are not in [`OWN`], which agents and engines of another version answer with, are learnt up to this number. What
/// strangers make up can use it up, and harms none of our own.
const LEARNT: usize = 256;

/// A code, where it looks like one of these rooms.
pub(crate) fn known(code: &str, rooms: &[&str]) -> Option<&'static str> {
    static CODES: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let (room, name) = code.split_once('.')?;
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !rooms.contains(&room) || !is_plain(name) || code.len() > 48 {
        return None;
    }
    if let Some(at) = OWN.lines().find(|own| *own == code) {
        return Some(at);
    }
    let mut codes = CODES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = codes.get(code) {
        return Some(known);
    }
    if codes.len() >= LEARNT {
        return None;
    }
    let learnt: &'static str = Box::leak(code.to_owned().into_boxed_str());
    codes.insert(learnt);
    Some(learnt)
}

/// Codes of this version, one in a line.
const OWN: &str = include_str!("codes.txt");
