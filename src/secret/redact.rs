//! The redactor: knows every secret of this process in every form it could leave in.
//!
//! It keeps no secret. Of each form it has three keyed hashes: of the first 4 bytes, of the first 8, of the whole. A text is
//! looked at byte by byte; where the first bytes are known, the whole is hashed for each length that occurs. Then its escapes
//! are read, each kind on its own and in what comes out once more, and the result is looked at in the same way. So a secret
//! is registered in microseconds however many there are (nothing is rebuilt, as an automaton would be), 10,000 of them
//! take some 20 MB, and nothing here has to be wiped. How long they are remembered stands in `memory`.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap, HashSet},
    hash::{BuildHasher, Hasher, RandomState},
    ops::Range,
    sync::{Arc, LazyLock, PoisonError, RwLock},
    time::Duration,
};

use serde_json::Value;
use zeroize::Zeroizing;

use super::{escapes::Kind, forms, memory::Memory};

/// What stands where a secret stood.
const MARK: &[u8] = b"[secret]";

/// Forms shorter than this are not looked for; no secret is shorter.
const SHORT: usize = super::SHORTEST;
/// How many bytes tell whether a longer form may begin here.
const HEAD: usize = 8;
/// Bits of the table that says at once, for most places of a text, that nothing begins there. Untouched pages cost nothing.
const TABLE_BITS: u32 = 22;

/// How often escapes are read: a URL in JSON, JSON in JSON.
const LAYERS: u32 = 2;

static KNOWN: LazyLock<RwLock<Memory>> = LazyLock::new(|| RwLock::new(Memory::new()));

/// Secrets, in all their forms.
pub(super) struct Known {
    key: RandomState,
    /// Secrets that were registered, so that one that is opened again costs nothing.
    secrets: HashSet<u64>,
    /// Of the first [`SHORT`] bytes and of the first [`HEAD`]: how long the longest form is that begins so.
    starts: HashMap<u64, usize>,
    heads: HashMap<u64, usize>,
    whole: HashSet<u64>,
    /// Lengths that occur.
    lengths: BTreeSet<usize>,
    /// Empty until there is a secret: half a megabyte that most commands never need.
    table: Vec<u64>,
}

/// Makes a secret known. Called by `Secret::new` alone.
pub(super) fn register(secret: &Arc<Zeroizing<String>>) {
    if !KNOWN.read().unwrap_or_else(PoisonError::into_inner).has(secret) {
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).learn(secret);
    }
}

/// For a process that serves others for months: a secret that is made from now on is forgotten some time after the last copy of it
/// is gone, `period` at the earliest.
pub(crate) fn forget_after(period: Duration) {
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).forget_after(period);
}

/// Replaces every known secret in `text`, in whatever form, by `[secret]`. Where several overlap, all of them go.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    match redact_bytes(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        // A form that is no UTF-8 (UTF-16 bytes) could match in the midst of a character.
        Cow::Owned(bytes) => {
            Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
        }
    }
}

/// [`redact`] for every text in a value, names of fields among them.
pub fn redact_json(json: &mut Value) {
    match json {
        Value::String(text) => {
            if let Cow::Owned(redacted) = redact(text) {
                *text = redacted;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_json),
        Value::Object(fields) => {
            fields.values_mut().for_each(redact_json);
            if fields.keys().any(|name| matches!(redact(name), Cow::Owned(_))) {
                let named = std::mem::take(fields).into_iter();
                fields.extend(named.map(|(name, value)| (redact(&name).into_owned(), value)));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// [`redact`] for bytes.
#[must_use]
pub fn redact_bytes(text: &[u8]) -> Cow<'_, [u8]> {
    let found = KNOWN.read().unwrap_or_else(PoisonError::into_inner).find(text);
    if found.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(replace(text, &found)) }
}

/// Redacts the part of a stream that is complete; answers it and how many bytes it came from. What is left may be the
/// beginning of a secret. With `flush` fewer than four bytes are not held back: they could be anything's beginning.
pub(super) fn redact_stream(text: &[u8], flush: bool) -> (Vec<u8>, usize) {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut found = known.find(text);
    let mut end = known.open_end(text, LAYERS, flush);
    if let Some(cut) = found.iter().find(|range| range.start < end && end < range.end) {
        end = if flush { cut.end } else { cut.start };
    }
    found.retain(|range| range.end <= end);
    (replace(&text[..end], &found), end)
}

fn replace(text: &[u8], found: &[Range<usize>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut done = 0;
    for range in found {
        out.extend_from_slice(&text[done..range.start]);
        out.extend_from_slice(MARK);
        done = range.end;
    }
    out.extend_from_slice(&text[done..]);
    out
}

/// Ranges in order and without overlap.
pub(super) fn merged(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    if found.len() > 1 {
        found.sort_unstable_by_key(|range| range.start);
        found.dedup_by(|later, last| {
            let overlap = later.start < last.end;
            last.end = if overlap { last.end.max(later.end) } else { last.end };
            overlap
        });
    }
    found
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            key: RandomState::new(),
            secrets: HashSet::new(),
            starts: HashMap::new(),
            heads: HashMap::new(),
            whole: HashSet::new(),
            lengths: BTreeSet::new(),
            table: Vec::new(),
        }
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.key.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }

    /// Whether it is known already.
    pub(super) fn has(&self, secret: &str) -> bool {
        self.secrets.contains(&self.hash(secret.as_bytes()))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.secrets.len()
    }

    pub(super) fn learn(&mut self, secret: &str) {
        forms::each(secret, &mut |form| self.learn_form(form));
        self.secrets.insert(self.hash(secret.as_bytes()));
    }

    fn learn_form(&mut self, form: &[u8]) {
        if form.len() < SHORT || !self.whole.insert(self.hash(form)) {
            return;
        }
        self.lengths.insert(form.len());
        let start = &form[..SHORT];
        let head = if form.len() < HEAD { start } else { &form[..HEAD] };
        let (starting, heading) = (self.hash(start), self.hash(head));
        for reach in [self.starts.entry(starting).or_default(), self.heads.entry(heading).or_default()] {
            *reach = form.len().max(*reach);
        }
        let (word, bit) = place(head);
        if self.table.is_empty() {
            self.table = vec![0; 1 << (TABLE_BITS - 6)];
        }
        self.table[word] |= bit;
    }

    /// Where secrets stand, in order and without overlap.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if self.whole.is_empty() {
            return found;
        }
        self.seek(text, &Kind::ALL, LAYERS, &mut found);
        merged(found)
    }

    /// Adds where secrets stand in `text` and in what it says once its escapes are read.
    fn seek(&self, text: &[u8], kinds: &[Kind], layers: u32, found: &mut Vec<Range<usize>>) {
        for at in 0..(text.len() + 1).saturating_sub(SHORT) {
            if let Some(length) = self.longest(&text[at..]) {
                found.push(at..at + length);
            }
        }
        for kind in kinds.iter().filter(|_| layers > 0) {
            let Some(plain) = kind.read(text) else { continue };
            let mut inner = Vec::new();
            self.seek(&plain.text, kind.inner(), layers - 1, &mut inner);
            found.extend(inner.iter().map(|range| plain.source(range)));
        }
    }

    /// The length of the longest form that `text` begins with.
    fn longest(&self, text: &[u8]) -> Option<usize> {
        let long = text.len() >= HEAD && self.begins(&text[..HEAD]);
        let found = |length: &usize| self.whole.contains(&self.hash(&text[..*length]));
        if long && let Some(length) = self.lengths.range(HEAD..=text.len()).rev().copied().find(found) {
            return Some(length);
        }
        if self.lengths.first().is_none_or(|shortest| *shortest >= HEAD) || !self.begins(&text[..SHORT]) {
            return None;
        }
        self.lengths.range(..HEAD.min(text.len() + 1)).rev().copied().find(found)
    }

    fn begins(&self, head: &[u8]) -> bool {
        let (word, bit) = place(head);
        self.table[word] & bit != 0 && self.heads.contains_key(&self.hash(head))
    }

    /// From where on `text`, or what it says once its escapes are read, may be the beginning of a form that goes on in what
    /// follows.
    pub(super) fn open_end(&self, text: &[u8], kinds: &[Kind], layers: u32, flush: bool) -> usize {
        let mut end = self.form_open(text, flush);
        for kind in kinds.iter().filter(|_| layers > 0 && !self.whole.is_empty()) {
            let Some(plain) = kind.read(text) else { continue };
            let open = self.open_end(&plain.text[..plain.sure], kind.inner(), layers - 1, flush);
            // An escape that is cut off waits for its rest, but for a flush only as part of something.
            if open < plain.sure || (!flush && plain.sure < plain.text.len()) {
                end = end.min(plain.place(open, false));
            }
        }
        end
    }

    fn form_open(&self, text: &[u8], flush: bool) -> usize {
        let Some(longest) = self.lengths.last() else { return text.len() };
        let from = (text.len() + 1).saturating_sub(*longest);
        let reach = |known: &HashMap<u64, usize>, head: &[u8]| known.get(&self.hash(head)).copied().unwrap_or_default();
        let open = |at: &usize| {
            let rest = &text[*at..];
            match rest.len() {
                0..SHORT => !flush,
                SHORT..HEAD => reach(&self.starts, &rest[..SHORT]) > rest.len(),
                _ => reach(&self.heads, &rest[..HEAD]) > rest.len(),
            }
        };
        (from..text.len()).find(open).unwrap_or(text.len())
    }
}

/// The bit of the table for a form's first bytes.
fn place(head: &[u8]) -> (usize, u64) {
    let mut bytes = [0; HEAD];
    bytes[..head.len()].copy_from_slice(head);
    // Multiplying by 2^64 divided by the golden ratio spreads neighbours over the whole table.
    let place = u64::from_le_bytes(bytes).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - TABLE_BITS);
    ((place / 64) as usize, 1 << (place % 64))
}
