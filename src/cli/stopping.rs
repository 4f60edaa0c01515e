//! Commands that ask for secrets, and what stops them: a signal must not leave the terminal as the question has it.

use std::sync::Arc;

use super::Session;
use crate::{
    error::{Error, Result},
    host::{INTERRUPTED, StopSignals},
    secret::reference::end_waiting,
};

/// Does `work` until it is done or a signal asks to stop. What a secret was awaited from answers for itself then; what else
/// went on is left where it is, as if the process had ended.
pub(super) fn stoppable(
    session: &Arc<Session>,
    work: impl FnOnce(&Session) -> Result<u8> + Send + 'static,
) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new("run.no_thread", format!("the system gives no threads: {e}")))?;
    let session = Arc::clone(session);
    let answer = runtime.block_on(async {
        let mut signals = StopSignals::listen();
        let mut working = tokio::task::spawn_blocking(move || work(&session));
        let mut awaited = true;
        while awaited {
            tokio::select! { biased;
                done = &mut working => {
                    return done.unwrap_or_else(|_| Err(Error::new("run.internal", "the command met a fault of Libretto's own")));
                }
                () = signals.next() => awaited = end_waiting(),
            }
        }
        Err(Error::new(INTERRUPTED, "the command was interrupted")
            .hint("`libretto connections list` shows whether it was done already"))
    });
    runtime.shutdown_background();
    answer
}
