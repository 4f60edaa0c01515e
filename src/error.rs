//! What every room says when something did not work: a code, a message, a remedy.
//!
//! An [`Error`] is built where the thing happens and rendered in one place (`report`). It never holds a secret: the
//! rooms put names, addresses and server diagnostics into it, and every sink redacts what it writes all the same.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::verdict::Verdict;

/// The result of everything in Libretto that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One failure, in words for a person and in a code for a script.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: &'static str,
    message: String,
    hint: Option<String>,
    verdict: Verdict,
    retryable: bool,
    details: Vec<(&'static str, String)>,
}

impl Error {
    /// A definite failure. `code` is `room.what_happened`, e.g. `ad.wrong_password`; it is a promise to scripts.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            hint: None,
            verdict: Verdict::Failed,
            retryable: false,
            details: Vec::new(),
        }))
    }

    /// A failure that tells nothing about the thing asked for, e.g. a time-out of a read. May be tried again.
    pub fn inconclusive(code: &'static str, message: impl Into<String>) -> Self {
        let mut error = Self::new(code, message);
        error.0.verdict = Verdict::Inconclusive;
        error.0.retryable = true;
        error
    }

    /// A write was sent and nobody knows whether it was applied.
    pub fn in_doubt(code: &'static str, message: impl Into<String>) -> Self {
        let mut error = Self::new(code, message);
        error.0.verdict = Verdict::InDoubt;
        error
    }

    /// Something that was not begun, because of what happened before it.
    pub fn not_started(code: &'static str, message: impl Into<String>) -> Self {
        let mut error = Self::new(code, message);
        error.0.verdict = Verdict::NotStarted;
        error
    }

    /// Something that was left out on purpose, with the reason as its message.
    pub fn skipped(code: &'static str, message: impl Into<String>) -> Self {
        let mut error = Self::new(code, message);
        error.0.verdict = Verdict::Skipped;
        error
    }

    /// The remedy: what the reader can do about it, as a sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Marks the failure as one that may pass when the same is done again.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Adds a fact for machines and for the second line of a report, e.g. `("target", "dc1.lab.test:636")`.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.details.push((key, value.into()));
        self
    }

    /// Puts words in front of the message: `while reading tenants.csv: ...`.
    #[must_use]
    pub fn context(mut self, before: impl fmt::Display) -> Self {
        self.0.message = format!("{before}: {}", self.0.message);
        self
    }

    /// The stable code, `room.what_happened`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What happened, one sentence without a full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// What the failure makes of the thing that was attempted.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.0.verdict
    }

    /// Whether doing the same again may work.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// The facts as a map; one that was added several times is a list.
    #[must_use]
    pub fn facts(&self) -> serde_json::Map<String, Value> {
        let mut facts = serde_json::Map::new();
        for (key, value) in self.details() {
            match facts.get_mut(*key) {
                None => drop(facts.insert((*key).to_owned(), value.as_str().into())),
                Some(Value::Array(all)) => all.push(value.as_str().into()),
                Some(first) => *first = Value::from([first.take(), value.as_str().into()].to_vec()),
            }
        }
        facts
    }

    /// Facts by name, in the order they were added.
    #[must_use]
    pub fn details(&self) -> &[(&'static str, String)] {
        &self.0.details
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.0.code, self.0.message)
    }
}

impl std::error::Error for Error {}

/// An error inside a report: a record of `code`, `message`, `hint`, `retryable`, `verdict` (unless `failed`) and `details`.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", self.code())?;
        map.serialize_entry("message", self.message())?;
        if let Some(hint) = self.remedy() {
            map.serialize_entry("hint", hint)?;
        }
        map.serialize_entry("retryable", &self.is_retryable())?;
        // So that a script that throws the record on does not make a failure of what could not be told.
        if self.verdict() != Verdict::Failed {
            map.serialize_entry("verdict", &self.verdict())?;
        }
        if !self.details().is_empty() {
            map.serialize_entry("details", &self.facts())?;
        }
        map.end()
    }
}
