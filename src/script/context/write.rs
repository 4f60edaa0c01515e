//! Writes that an operation sends: in the ledger before they go out, and after their answer.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{Context, World};
use crate::{error::Result, secret::redact::redact, store::runs::WriteState, verdict::Verdict};

impl Context {
    /// Records that a write is about to be sent; durable when this returns. Until it is settled or dropped, an interrupt
    /// waits for the call. `did` and `did_not` are the sentences for the end of the run.
    ///
    /// # Errors
    /// The ledger's. Then nothing may be sent.
    pub async fn write(&self, kind: &str, target: &str, did: &str, did_not: &str) -> Result<Write> {
        let in_flight = InFlight::enter(&self.writes_in_flight);
        let text = |text: &str| redact(text).into_owned();
        let number = self.world.ledger.write_sent(&self.part, kind, &text(target), &text(did), &text(did_not)).await?;
        self.world.open_writes.fetch_add(1, Ordering::SeqCst);
        Ok(Write { number, world: Arc::clone(&self.world), _in_flight: in_flight })
    }
}

/// A write that was sent. Dropped without being settled it stays what it is: in doubt.
#[must_use = "a write that is not settled stays in doubt"]
pub struct Write {
    number: u32,
    world: Arc<World>,
    _in_flight: InFlight,
}

impl Write {
    /// Its number in the run.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Records how the write ended.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn settle(self, state: WriteState) -> Result<()> {
        self.world.ledger.write_settled(self.number, state).await?;
        if matches!(state, WriteState::Done | WriteState::Failed) {
            self.world.open_writes.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Records that the write was done, and what is true now in place of what was to be.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn settle_done(self, did: String) -> Result<()> {
        self.world.ledger.write_done(self.number, redact(&did).into_owned()).await?;
        self.world.open_writes.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    /// Records how the write ended, by the result of sending it, and passes that on.
    ///
    /// # Errors
    /// The result's own, or the ledger's.
    pub async fn settle_by<T>(self, result: Result<T>) -> Result<T> {
        self.settle(match &result {
            Ok(_) => WriteState::Done,
            Err(e) if e.verdict() == Verdict::InDoubt => WriteState::InDoubt,
            Err(_) => WriteState::Failed,
        })
        .await?;
        result
    }

    /// The same for a write that answers whether anything had to be changed. What was so already is done, and is told neither
    /// as changed nor as unchanged.
    ///
    /// # Errors
    /// As [`Write::settle_by`].
    pub async fn settle_if_needed(self, result: Result<bool>) -> Result<bool> {
        match result {
            Ok(false) => self.settle_done(String::new()).await.map(|()| false),
            result => self.settle_by(result).await,
        }
    }
}

/// Counts a write for as long as it lives.
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn enter(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
