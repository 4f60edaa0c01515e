//! Verifying a trail: each entry has the hash that its text gives, and names the hash of the one before it.

use serde_json::Value;

use super::{BEGINNING, hash};
use crate::error::{Error, Result};

/// What stands between an entry's text and its hash, and after that.
const BEFORE_HASH: &str = r#","hash":""#;
const AFTER_HASH: &str = r#""}"#;

/// One entry, as it stands in a store or in an exported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// From 1, without gaps.
    pub number: i64,
    /// RFC 3339, UTC.
    pub at: &'a str,
    /// The hash of the entry before it.
    pub previous: &'a str,
    /// Its own.
    pub hash: &'a str,
    /// What that is taken over.
    pub body: &'a str,
}

impl Link<'_> {
    /// The entry as it is exported.
    #[must_use]
    pub fn line(&self) -> String {
        [self.body, BEFORE_HASH, self.hash, AFTER_HASH].concat()
    }
}

/// A chain that is walked from its beginning, or from the middle of it on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// How many entries were sound.
    pub entries: u64,
    /// Number and time of the first.
    pub first: Option<(i64, String)>,
    /// Number and time of the last.
    pub last: Option<(i64, String)>,
    /// The hash of the last.
    pub head: String,
    /// A hash that must be in it.
    wanted: Option<String>,
    found: bool,
}

impl Chain {
    /// `head` is a hash that was noted earlier: it must be that of an entry.
    #[must_use]
    pub fn new(head: Option<&str>) -> Self {
        Self { head: BEGINNING.to_owned(), wanted: head.map(str::to_ascii_lowercase), ..Self::default() }
    }

    /// Takes the next entry of a whole chain.
    ///
    /// # Errors
    /// `audit.broken`, with the first number that is wrong as detail `number`.
    pub fn take(&mut self, link: &Link<'_>) -> Result<()> {
        let expected = self.last.as_ref().map_or(1, |(number, _)| number + 1);
        if link.number != expected {
            return Err(broken(expected, format!("where entry {expected} belongs stands entry {}", link.number)));
        }
        self.continue_with(link)
    }

    /// Takes the next line of an exported file, which may begin in the middle of the chain.
    ///
    /// # Errors
    /// `audit.broken`.
    pub fn take_line(&mut self, line: &str) -> Result<()> {
        let expected = self.last.as_ref().map_or(1, |(number, _)| number + 1);
        let unreadable = || broken(expected, format!("where entry {expected} belongs stands a line that is none"));
        let (body, end) = line.rsplit_once(BEFORE_HASH).ok_or_else(unreadable)?;
        let hash = end.strip_suffix(AFTER_HASH).ok_or_else(unreadable)?;
        let entry: Value = serde_json::from_str(line).map_err(|_| unreadable())?;
        let text = |name: &str| entry[name].as_str().ok_or_else(unreadable);
        let number = entry["number"].as_i64().ok_or_else(unreadable)?;
        let next = Link { number, at: text("at")?, previous: text("previous")?, hash, body };
        if self.entries == 0 && number > 1 {
            next.previous.clone_into(&mut self.head);
            return self.continue_with(&next);
        }
        self.take(&next)
    }

    fn continue_with(&mut self, link: &Link<'_>) -> Result<()> {
        let number = link.number;
        if hash(link.body) != link.hash {
            return Err(broken(number, format!("entry {number} was changed: its text gives another hash than it has")));
        }
        if link.previous != self.head {
            let before = number - 1;
            return Err(broken(
                number,
                format!("entry {number} does not continue entry {before}: one of the two was put in or made anew"),
            ));
        }
        link.hash.clone_into(&mut self.head);
        self.found |= self.wanted.as_ref().is_some_and(|wanted| wanted == link.hash);
        self.first.get_or_insert_with(|| (number, link.at.to_owned()));
        self.last = Some((number, link.at.to_owned()));
        self.entries += 1;
        Ok(())
    }

    /// The end of the walk.
    ///
    /// # Errors
    /// `audit.head_missing` when no entry has the hash that was noted earlier.
    pub fn finish(self) -> Result<Self> {
        match &self.wanted {
            Some(wanted) if !self.found => Err(Error::new(
                "audit.head_missing",
                format!("no entry has the hash {wanted}: the trail's end was cut off, or the trail was made anew"),
            )
            .hint("compare it with an earlier export or a backup of the store")),
            _ => Ok(self),
        }
    }
}

fn broken(number: i64, message: String) -> Error {
    Error::new("audit.broken", message)
        .hint("entries before it are sound; compare the rest with an earlier export or a backup of the store")
        .with("number", number.to_string())
}
