//! What one search may bring: a server that never stops answering must not fill the memory.

use super::{entry::Entry, target::Target, wire::Scope};
use crate::error::Error;

/// Memory that the entries of one search may take, about; an account with every attribute that it has takes some
/// kilobytes.
const MOST_BYTES: usize = 64 << 20;
/// Pages without an entry that are taken one after the other. A server whose filter finds little sends a few.
const EMPTY_PAGES: usize = 64;

/// Counts what a search brings.
#[derive(Debug)]
pub(super) struct Bounds {
    one: bool,
    most: usize,
    bytes: usize,
    empty_pages: usize,
}

/// More than this is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enough {
    /// As many entries as were asked for, and one to show that there are more.
    Entries,
    /// What no honest server sends, in these words.
    TooMuch(&'static str),
}

impl Bounds {
    /// Of a search for at most `limit` entries; one object is asked for by its name.
    pub(super) fn new(scope: Scope, limit: usize) -> Self {
        Self { one: scope == Scope::Base, most: limit.saturating_add(1), bytes: 0, empty_pages: 0 }
    }

    /// Takes an entry that has come; `before` it there were so many.
    pub(super) fn take(&mut self, entry: &Entry, before: usize) -> Result<(), Enough> {
        if self.one && before > 0 {
            return Err(Enough::TooMuch("several entries where one object was asked for"));
        }
        // An honest server stops here by itself, for no page asks for more.
        if before >= self.most {
            return Err(Enough::Entries);
        }
        self.bytes = self.bytes.saturating_add(entry.weight());
        if self.bytes > MOST_BYTES { Err(Enough::TooMuch("more than 64 MiB for one search")) } else { Ok(()) }
    }

    /// A page has ended, with so many entries.
    pub(super) fn page(&mut self, entries: usize) -> Result<(), Enough> {
        self.empty_pages = if entries == 0 { self.empty_pages + 1 } else { 0 };
        if self.empty_pages > EMPTY_PAGES { Err(Enough::TooMuch("one empty page after the other")) } else { Ok(()) }
    }
}

/// The error of a server that sends `what`.
pub(super) fn too_much(target: &Target, what: &str) -> Error {
    Error::new("ad.too_much", format!("{target} sends {what}; the rest was not read"))
        .hint("ask for fewer attributes, by a narrower filter or with a smaller `limit`; where little was asked for, see what listens there")
        .with("target", target.to_string())
}
