//! The six words for how a step, an item or a check ended, and the seventh for a whole run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a part of a run ended. The order is the order of weight: the heaviest part gives its verdict to the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Left out on purpose; keeps a run `ok`.
    Skipped,
    /// It worked and was proven.
    Ok,
    /// The run ended before it began.
    NotStarted,
    /// It could not be told, e.g. a time-out of a read.
    Inconclusive,
    /// Of a whole run, or of a rotation: something changed and something did not.
    Partial,
    /// It did not work.
    Failed,
    /// A write was sent and its outcome is unknown.
    InDoubt,
}

impl Verdict {
    /// The word as users see it, in the ledger and in `--json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::NotStarted => "not-started",
            Self::Inconclusive => "inconclusive",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::InDoubt => "in-doubt",
        }
    }

    /// Reads the word back; `None` for any other.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Skipped, Self::Ok, Self::NotStarted, Self::Inconclusive, Self::Partial, Self::Failed, Self::InDoubt]
            .into_iter()
            .find(|verdict| verdict.as_str() == word)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
