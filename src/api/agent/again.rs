//! A write whose answer was lost, sent again: an agent that is given the same copy once more holds the same as before.

use std::time::Duration;

use super::{copies::is_unknown, way::Way};
use crate::{
    agent::client::{
        Answer, Which,
        fill::Values,
        find::{ADD, UPDATE},
    },
    error::Result,
    script::context::Context,
    verdict::Verdict,
};

/// Before each further attempt, in milliseconds: an agent that has crashed is started again by its system.
const PAUSES: [u64; 4] = [200, 500, 1_000, 2_000];

/// Gives the agent its copy, and tells whether it had none; once more where the answer is lost. An agent that can only add
/// connections is asked once: it might add a second one.
pub(super) async fn give(context: &Context, way: &Way, values: &Values) -> Result<(Answer, bool)> {
    let mut is_new = false;
    let lost = match once(way, values, &mut is_new).await {
        Err(lost) if lost.verdict() == Verdict::InDoubt => lost,
        answered => return answered.map(|answer| (answer, is_new)),
    };
    let found = way.agent.found(way.token.as_ref()).await;
    if found.map_or(true, |found| Which::Wanted(&UPDATE).find(&found.document).is_err()) {
        return Err(lost);
    }
    for pause in PAUSES {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            () = context.hurry.cancelled() => return Err(lost),
        }
        if let Ok(answer) = once(way, values, &mut is_new).await {
            return Ok((answer, is_new));
        }
    }
    Err(lost)
}

/// Changes the copy; adds it where the agent has none, or has no operation to change one.
async fn once(way: &Way, values: &Values, is_new: &mut bool) -> Result<Answer> {
    match way.ask_by_id(Which::Wanted(&UPDATE), values).await {
        Err(error) if is_unknown(&error) || error.code() == "agent.no_operation" => {
            *is_new = true;
            way.ask(Which::Wanted(&ADD), values).await
        }
        answered => answered,
    }
}
