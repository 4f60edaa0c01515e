//! A route whose write has no answer: looked at, and where it is not there, written again. It is written whole, so twice is as once.

use std::time::Duration;

use crate::{
    error::Result,
    script::context::Context,
    verdict::Verdict,
    workflow::{
        client::{Engine, Route},
        records::Compared,
    },
};

/// Before each look, in milliseconds: an engine that has crashed is started again by its system.
const PAUSES: [u64; 5] = [0, 200, 500, 1_000, 2_000];

/// Writes a route.
///
/// # Errors
/// As [`Engine::put`]; in doubt when nothing tells what became of it.
pub(super) async fn put(context: &Context, engine: &Engine, route: &Route) -> Result<()> {
    let lost = match engine.put(route).await {
        Err(lost) if lost.verdict() == Verdict::InDoubt => lost,
        answered => return answered.map(drop),
    };
    for pause in PAUSES {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            () = context.hurry.cancelled() => break,
        }
        match engine.compare(route).await {
            Ok(found) if is_same(&found) => return Ok(()),
            Ok(_) if engine.put(route).await.is_ok() => return Ok(()),
            _ => {}
        }
    }
    Err(lost)
}

/// Whether the engine holds just this route.
fn is_same(found: &Compared) -> bool {
    found.route.is_some() && found.differs.is_empty()
}
