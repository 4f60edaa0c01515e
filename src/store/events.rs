//! What happens in a run, as a stream: reports read it, the ledger holds the durable part of it.
//!
//! Rooms emit; nobody but `report` looks. Losing a receiver loses a view, never a fact.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    watch,
};

use crate::{error::Error, verdict::Verdict};

/// Where in a script something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The script's or module's name as the user knows it, e.g. `reset_ad_creds` or `checks`.
    pub script: String,
    /// From 1.
    pub line: usize,
    /// From 1; 0 when only the line is known.
    pub column: usize,
}

/// One level of the call chain, innermost first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// The function's name, or `closure`.
    pub function: String,
    /// Where it was called from.
    pub place: Place,
}

/// A failure as events, the ledger and scripts carry it: an [`Error`] and where in the script it came up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// `room.what_happened`, or the code that a script threw.
    pub code: String,
    /// What happened, one sentence.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What it makes of the part that it ended.
    pub verdict: Verdict,
    /// Whether the same may work later.
    pub retryable: bool,
    /// Facts by name.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, Value>,
    /// The operation that failed, e.g. `ad::test_targets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Where in the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The calls that led there, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Frame>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.message().to_owned(),
            hint: error.remedy().map(str::to_owned),
            verdict: error.verdict(),
            retryable: error.is_retryable(),
            details: error.facts(),
            operation: None,
            place: None,
            chain: Vec::new(),
        }
    }
}

/// How many parts of a run ended how; words to numbers, only those that occurred.
pub type Counts = std::collections::BTreeMap<Verdict, u64>;

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run's first event.
    RunStarted {
        /// The script's name.
        script: String,
        /// Whether it runs against the embedded world.
        lab: bool,
        /// The names of the steps that the script's text holds, in order.
        steps: Vec<String>,
    },
    /// A step begins.
    StepStarted {
        /// Its path: its name, with those of the steps around it.
        step: String,
    },
    /// A step ended.
    StepFinished {
        /// As in `StepStarted`.
        step: String,
        /// How.
        verdict: Verdict,
        /// How long it took.
        ms: u64,
        /// Why, unless it is `ok`.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
    /// Something inside a step was looked at or done, e.g. one target was tested or one stage of a rotation passed.
    CheckFinished {
        /// The step around it; empty outside of steps.
        step: String,
        /// What: `dc1.lab.test`, `//fs1/homes$`, `prove`.
        key: String,
        /// How it ended.
        verdict: Verdict,
        /// How long it took.
        ms: u64,
        /// A few words for a person, e.g. `TLS 1.3, signed in`.
        #[serde(skip_serializing_if = "String::is_empty")]
        note: String,
        /// Why, unless it is `ok`.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
    /// A batch begins.
    BatchStarted {
        /// Its path.
        batch: String,
        /// How many items it has.
        total: u64,
    },
    /// An item of a batch ended.
    ItemFinished {
        /// The path of its batch.
        batch: String,
        /// The item's identity.
        key: String,
        /// How it ended.
        verdict: Verdict,
        /// How long it took.
        ms: u64,
        /// Why, unless it is `ok`.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
    /// A batch ended.
    BatchFinished {
        /// Its path.
        batch: String,
        /// How its items ended.
        counts: Counts,
        /// How long it took.
        ms: u64,
    },
    /// The script said something (`print`).
    Said {
        /// The text.
        text: String,
        /// Where it was said: the step or item; empty outside of both.
        part: String,
    },
    /// The run's last event.
    RunFinished {
        /// Computed from the ledger.
        verdict: Verdict,
        /// Steps and items.
        counts: Counts,
        /// Sentences: what is different in the world now.
        changed: Vec<String>,
        /// Sentences: what was meant to change and did not.
        unchanged: Vec<String>,
        /// Sentences: what may have changed, for a write was sent and not answered.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        in_doubt: Vec<String>,
        /// The program's exit code.
        exit: u8,
        /// How long it all took.
        ms: u64,
        /// What ended the script, if anything did.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
}

/// An event with its time and the run that it belongs to.
#[derive(Debug, Clone, Serialize)]
pub struct Stamped {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// When, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// The run's id.
    pub run: String,
}

/// Where the rooms emit their events to.
#[derive(Debug, Clone)]
pub struct Events {
    run: String,
    /// `None` when the run has told its end.
    sender: Arc<Mutex<Option<Sender>>>,
    shown: watch::Receiver<u64>,
}

#[derive(Debug)]
struct Sender {
    to: UnboundedSender<Stamped>,
    emitted: u64,
}

/// The end at which events are read.
#[derive(Debug)]
pub struct EventStream {
    from: UnboundedReceiver<Stamped>,
    received: u64,
    shown: watch::Sender<u64>,
}

impl EventStream {
    /// The next event; `None` after the run's last. Who asks for it has shown the ones before. May be dropped at any time.
    pub async fn recv(&mut self) -> Option<Stamped> {
        self.shown.send_replace(self.received);
        let event = self.from.recv().await;
        self.received += u64::from(event.is_some());
        event
    }
}

impl Events {
    /// A stream for a run, and the end at which it is read.
    #[must_use]
    pub fn new(run: &str) -> (Self, EventStream) {
        let ((to, from), (showing, shown)) = (unbounded_channel(), watch::channel(0));
        let sender = Arc::new(Mutex::new(Some(Sender { to, emitted: 0 })));
        (Self { run: run.to_owned(), sender, shown }, EventStream { from, received: 0, shown: showing })
    }

    /// Tells that something happened. Never blocks. The stream ends with the run's end: whoever looks need not wait for what
    /// still holds on to the run.
    pub fn emit(&self, event: Event) {
        let is_last = matches!(event, Event::RunFinished { .. });
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_mut() {
            // A closed channel means that nobody looks any more; the ledger has the facts.
            let _ = sender.to.send(Stamped { event, time: OffsetDateTime::now_utc(), run: self.run.clone() });
            sender.emitted += 1;
        }
        if is_last {
            *sender = None;
        }
    }

    /// Waits until everything that was emitted so far has been shown, or nobody looks any more: a question comes behind it.
    pub async fn are_shown(&self) {
        let emitted = self.sender.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|sender| sender.emitted);
        let mut shown = self.shown.clone();
        let _ = shown.wait_for(|shown| emitted.is_none_or(|emitted| *shown >= emitted)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_question_waits_until_everything_before_it_is_shown() {
        let said = || Event::Said { text: "x".into(), part: String::new() };
        let (events, mut stream) = Events::new("one");
        assert!(events.are_shown().now_or_never().is_some());
        events.emit(said());
        events.emit(said());
        assert!(events.are_shown().now_or_never().is_none());
        stream.recv().await.unwrap();
        stream.recv().await.unwrap();
        // The second is in the hands of whoever shows it.
        assert!(events.are_shown().now_or_never().is_none());
        assert!(stream.recv().now_or_never().is_none());
        assert!(events.are_shown().now_or_never().is_some());
        events.emit(said());
        drop(stream);
        assert!(events.are_shown().now_or_never().is_some());
    }
}
