//! Until when the work of a request may wait for others, known to all that it calls: a room further down knows its own patience,
//! not how much of the time is gone.

use tokio::time::Instant;

tokio::task_local! {
    static UNTIL: Instant;
}

/// Does the work with this as the time until when it may wait.
pub(crate) async fn until<T>(time: Instant, work: impl Future<Output = T>) -> T {
    UNTIL.scope(time, work).await
}

/// Until when what runs now may wait; `None` where nobody has said.
pub(crate) fn told() -> Option<Instant> {
    UNTIL.try_with(|until| *until).ok()
}
