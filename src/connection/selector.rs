//! Selectors: which connections a command or a script means.

use std::collections::{HashMap, HashSet};

use globset::{GlobBuilder, GlobMatcher};

use super::Kind;
use crate::{
    error::{Error, Result},
    store::rows::connections::RowRef,
};

/// Which connections: names, globs, `kind:ad`, `tag:gold`, `customer:contoso`, `failed-in:RUN`; `,` is "or", `&` is "and" and
/// binds tighter. Case of ASCII letters does not count.
#[derive(Debug, Clone)]
pub struct Selector {
    /// One of these, and of it all.
    any: Vec<Vec<Term>>,
}

#[derive(Debug, Clone)]
enum Term {
    Name(Pattern),
    Kind(Kind),
    Tag(Pattern),
    Customer(Pattern),
    FailedIn(String),
}

#[derive(Debug, Clone)]
enum Pattern {
    Exact(String),
    Glob(GlobMatcher),
}

impl Selector {
    /// All connections.
    #[must_use]
    pub fn all() -> Self {
        Self { any: vec![Vec::new()] }
    }

    /// Reads a selector, e.g. `kind:ad & tag:gold, corp*`.
    ///
    /// # Errors
    /// `connection.bad_selector`.
    pub fn parse(text: &str) -> Result<Self> {
        let any = text
            .split(',')
            .map(|all| all.split('&').map(|term| Term::parse(term.trim(), text)).collect::<Result<_>>())
            .collect::<Result<_>>()?;
        Ok(Self { any })
    }

    /// The names that are spelled out.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.any.iter().flatten().filter_map(|term| match term {
            Term::Name(Pattern::Exact(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The runs of `failed-in:`.
    pub(super) fn runs(&self) -> impl Iterator<Item = &str> {
        self.any.iter().flatten().filter_map(|term| match term {
            Term::FailedIn(run) => Some(run.as_str()),
            _ => None,
        })
    }

    /// Whether the row is meant. `failed` has the failed keys of each run, in lower case.
    pub(super) fn matches(&self, row: &RowRef<'_>, failed: &HashMap<String, HashSet<String>>) -> bool {
        let holds = |term: &Term| match term {
            Term::Name(pattern) => pattern.matches(row.name),
            Term::Kind(kind) => kind.as_str() == row.kind,
            Term::Tag(pattern) => row.tags.split_ascii_whitespace().any(|tag| pattern.matches(tag)),
            Term::Customer(pattern) => row.customer.is_some_and(|customer| pattern.matches(customer)),
            Term::FailedIn(run) => failed.get(run).is_some_and(|keys| keys.contains(&row.name.to_ascii_lowercase())),
        };
        self.any.iter().any(|all| all.iter().all(holds))
    }
}

impl Term {
    fn parse(term: &str, whole: &str) -> Result<Self> {
        let bad = |said: &str| {
            Error::new("connection.bad_selector", format!("the selector \"{whole}\" is not understood: {said}"))
                .hint("a name, a glob, kind:ad, tag:T, customer:C or failed-in:RUN; comma is \"or\", & is \"and\"")
        };
        match term.split_once(':') {
            None if term.is_empty() => Err(bad("something is missing between its commas")),
            Some((word, "")) => Err(bad(&format!("nothing follows {word}:"))),
            None => Pattern::parse(term).map(Self::Name).map_err(|said| bad(&said)),
            Some(("kind", kind)) => {
                Kind::parse(kind).map(Self::Kind).ok_or_else(|| bad(&format!("there is no kind {kind}")))
            }
            Some(("tag", tag)) => Pattern::parse(tag).map(Self::Tag).map_err(|said| bad(&said)),
            Some(("customer", customer)) => Pattern::parse(customer).map(Self::Customer).map_err(|said| bad(&said)),
            Some(("failed-in", run)) => Ok(Self::FailedIn(run.to_owned())),
            Some((word, _)) => Err(bad(&format!("nothing is selected by {word}:"))),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        if !text.contains(['*', '?', '[', '{']) {
            return Ok(Self::Exact(text.to_owned()));
        }
        let glob = GlobBuilder::new(text).case_insensitive(true).build().map_err(|e| e.kind().to_string())?;
        Ok(Self::Glob(glob.compile_matcher()))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact.eq_ignore_ascii_case(text),
            Self::Glob(glob) => glob.is_match(text),
        }
    }
}
