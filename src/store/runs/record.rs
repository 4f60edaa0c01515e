//! What the ledger has of a run: its summary, its parts, its writes.

use serde::Serialize;
use serde_json::Value;

use crate::verdict::Verdict;

/// What a part of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the words of DESIGN.md
pub enum PartKind {
    Step,
    Batch,
    Item,
    Check,
}

/// What is known of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteState {
    /// Sent, and nothing more is known: after a crash the same as in doubt.
    Sent,
    /// Acknowledged.
    Done,
    /// Surely not applied.
    Failed,
    /// Nobody knows.
    InDoubt,
}

/// One run as the ledger has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// The run's id.
    pub run: String,
    /// The script's name.
    pub script: String,
    /// Whether it ran against the lab.
    pub lab: bool,
    /// Parameters by name; secrets as references.
    pub params: Value,
    /// Who started it.
    pub operator: String,
    /// The process that it ran in.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; `None`: running, or killed.
    pub ended_at: Option<String>,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// The exit code.
    pub exit: Option<i32>,
    /// Verdicts to numbers.
    pub counts: Value,
    /// Sentences: what changed.
    pub changed: Value,
    /// Sentences: what did not.
    pub unchanged: Value,
}

/// A run with everything in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRecord {
    /// The run's own line.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// In the order in which they began.
    pub parts: Vec<PartRecord>,
    /// By number.
    pub writes: Vec<WriteRecord>,
    /// Script and modules: name and hash (SHA-256, hex) of the text, which [`Store::source`](crate::store::Store::source) gives.
    pub sources: Vec<(String, String)>,
}

/// A step, batch, item or check of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartRecord {
    /// Names from the outermost part on, e.g. `Test the targets/dc1`.
    pub path: String,
    /// Which of several with the same path, from 0.
    pub occurrence: u32,
    /// What it is.
    pub kind: PartKind,
    /// An item's or a check's key, e.g. a connection's name.
    pub key: Option<String>,
    /// `None`: begun and not ended.
    pub verdict: Option<Verdict>,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Milliseconds that it took.
    pub ms: Option<u64>,
    /// What it answered.
    pub value: Option<Value>,
    /// Why it did not work.
    pub error: Option<Value>,
}

/// A write, recorded before it was sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WriteRecord {
    /// From 1, without gaps, through all attempts of a run.
    pub number: u32,
    /// The part that sent it.
    pub path: String,
    /// E.g. `directory.set_password`.
    pub kind: String,
    /// Where it was sent.
    pub target: String,
    /// The sentence for people, where it was done; empty where there was nothing to do, or nothing to say.
    pub did: String,
    /// The sentence for people, where it was not.
    pub did_not: String,
    /// What is known of it.
    pub state: WriteState,
    /// RFC 3339, UTC.
    pub sent_at: String,
    /// RFC 3339, UTC.
    pub settled_at: Option<String>,
}

impl WriteRecord {
    /// Whether it was refused and the same was tried again in the same part of the run: only the last try tells how it ended.
    #[must_use]
    pub fn is_repeated(&self, all: &[Self]) -> bool {
        let same = |other: &Self| {
            (&other.path, &other.kind, &other.did_not) == (&self.path, &self.kind, &self.did_not)
                && other.number > self.number
        };
        self.state == WriteState::Failed && !self.did_not.is_empty() && all.iter().any(same)
    }
}

impl PartKind {
    pub(in crate::store) fn as_str(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Batch => "batch",
            Self::Item => "item",
            Self::Check => "check",
        }
    }

    pub(super) fn parse(word: &str) -> Self {
        [Self::Step, Self::Batch, Self::Check].into_iter().find(|kind| kind.as_str() == word).unwrap_or(Self::Item)
    }
}

impl WriteState {
    pub(in crate::store) fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::InDoubt => "in-doubt",
        }
    }

    pub(super) fn parse(word: &str) -> Self {
        [Self::Sent, Self::Done, Self::Failed].into_iter().find(|state| state.as_str() == word).unwrap_or(Self::InDoubt)
    }
}
