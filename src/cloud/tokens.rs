//! Access tokens, kept until they expire; one request at a time for each.
//!
//! A token is for one cloud, tenant, app, scope and version of a credential. What proved who asks is part of the key too, as a
//! keyed hash: a token that an old secret brought never answers for a new one, whatever the versions say.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::header::HeaderValue;
use ring::{hmac, rand::SystemRandom};
use tokio::{sync::Mutex as Turn, time::Instant};
use zeroize::Zeroizing;

use super::{claims::Claims, errors};
use crate::error::{Error, Result};

/// So many tokens are kept; the ones that expire first go.
const KEPT: usize = 2_048;
/// A token that is valid for less than this is renewed.
const MARGIN: Duration = Duration::from_mins(5);

/// No token is used for longer, whatever its answer says.
const LONGEST: Duration = Duration::from_hours(24);

/// An access token. It can be sent, not printed.
pub struct Token {
    text: Zeroizing<String>,
    /// Who holds it.
    pub(super) claims: Claims,
    /// From when on it is not used any more.
    stale: Instant,
    /// The refresh token that came with it.
    pub(super) renewal: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[token]")
    }
}

impl Token {
    pub(super) fn new(text: String, claims: Claims, lifetime: Duration, renewal: Option<String>) -> Self {
        let lifetime = lifetime.min(LONGEST);
        let stale = Instant::now() + lifetime.saturating_sub(MARGIN.min(lifetime / 2));
        Self { text: Zeroizing::new(text), claims, stale, renewal: renewal.map(Zeroizing::new) }
    }

    pub(super) fn is_stale(&self) -> bool {
        Instant::now() >= self.stale
    }

    /// The header that carries it; marked, so that no log of the HTTP library shows it.
    pub(super) fn header(&self) -> Result<HeaderValue> {
        let text = Zeroizing::new(format!("Bearer {}", self.text.as_str()));
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            errors::bad_answer("the sign-in service", "access_token", "has characters that cannot be sent")
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Its text, to clear a server's words of it.
    pub(super) fn confidential(&self) -> &str {
        &self.text
    }
}

/// What a token is kept by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) login: String,
    pub(super) tenant: String,
    pub(super) app: String,
    pub(super) scope: String,
    pub(super) version: Option<i64>,
    /// Of the proof, and of the user who shows it.
    pub(super) proof: [u8; 32],
}

/// The last attempt to fetch a token: when it began, and what came of it.
pub(super) type Last = Option<(Instant, Result<Arc<Token>>)>;

type Entry = Arc<Turn<Last>>;

/// All tokens of the process.
pub(super) struct Tokens {
    entries: Mutex<HashMap<Key, Entry>>,
    hash: Option<hmac::Key>,
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self { entries: Mutex::default(), hash: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok() }
    }

    /// The keyed hash of a proof's parts.
    pub(super) fn hash(&self, parts: &[&str]) -> Result<[u8; 32]> {
        let key = self
            .hash
            .as_ref()
            .ok_or_else(|| Error::new("cloud.no_randomness", "this machine gives no random numbers"))?;
        let mut context = hmac::Context::with_key(key);
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        Ok(hash)
    }

    /// The place of a token. Who locks it has the turn to fetch one.
    pub(super) fn entry(&self, key: &Key) -> Entry {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(key) {
            return Arc::clone(entry);
        }
        if entries.len() >= KEPT {
            thin(&mut entries);
        }
        let entry = Entry::default();
        entries.insert(key.clone(), Arc::clone(&entry));
        entry
    }

    pub(super) fn forget(&self) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Makes room: what is stale goes, then the quarter that expires first. What somebody waits for stays.
fn thin(entries: &mut HashMap<Key, Entry>) {
    let stale = |entry: &Entry| {
        entry.try_lock().ok().map(|last| match last.as_ref() {
            Some((_, Ok(token))) => Some(token.stale),
            _ => None,
        })
    };
    entries.retain(|_, entry| match stale(entry) {
        None => true,
        Some(None) => Arc::strong_count(entry) > 1,
        Some(Some(at)) => at > Instant::now(),
    });
    if entries.len() < KEPT {
        return;
    }
    let mut ends: Vec<Instant> = entries.values().filter_map(|entry| stale(entry).flatten()).collect();
    ends.sort_unstable();
    if let Some(limit) = ends.get(KEPT / 4).copied() {
        entries.retain(|_, entry| stale(entry).flatten().is_none_or(|at| at > limit));
    }
}
