//! What a run has made and takes away again: in the end nothing has changed, and the run says so.

use std::sync::PoisonError;

use crate::{
    error::Result,
    script::context::{Context, Made, Write},
    store::rows::ConnectionId,
    verdict::Verdict,
};

/// Notes that a write of this run has made something that was not there.
pub(super) fn note(context: &Context, what: Made, connection: ConnectionId, write: u32) {
    let mut made = context.world.made.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry((connection, what)).or_insert(write);
}

/// The write by which this run has made it, if it has; forgotten from here on.
pub(super) fn take(context: &Context, what: Made, connection: ConnectionId) -> Option<u32> {
    context.world.made.lock().unwrap_or_else(PoisonError::into_inner).remove(&(connection, what))
}

/// What a connection that this run has made is given at a service is new there, if `is_new` says so or nobody knows.
pub(super) fn note_with_connection(
    context: &Context,
    what: Made,
    connection: ConnectionId,
    (write, given): (u32, &Result<bool>),
) {
    let is_made = {
        let made = context.world.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.contains_key(&(connection, Made::Connection))
    };
    let may_be_new = match given {
        Ok(is_new) => *is_new,
        Err(error) => error.verdict() == Verdict::InDoubt,
    };
    if is_made && may_be_new {
        note(context, what, connection, write);
    }
}

/// Settles a removal. Of what this run had made neither that nor the removal is told: both came to nothing.
pub(super) async fn settle_removal(
    context: &Context,
    what: Made,
    connection: ConnectionId,
    (removal, removed): (Write, Result<bool>),
) -> Result<bool> {
    let removed = match removed {
        Ok(removed) => removed,
        failed => return removal.settle_by(failed).await,
    };
    match take(context, what, connection) {
        None => removal.settle_if_needed(Ok(removed)).await,
        Some(made) => {
            removal.settle_done(String::new()).await?;
            context.world.ledger.write_done(made, String::new()).await?;
            Ok(removed)
        }
    }
}
