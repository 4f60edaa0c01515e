//! Targets that nobody waits for any more, because no connection of the account has them.
//!
//! Such a target may be one again: it was put back into a connection, or DNS names it again. It is known then as one that was
//! never proven, by [`take_back`], from the moment that a recovery sees it named or that somebody is about to sign in on it.

use rusqlite::OptionalExtension;
use serde_json::json;

use super::{RotationEvent, insert_event, note, unknown};
use crate::{
    error::Result,
    store::{Store, failed, query_one},
};

/// The journal's word for one.
pub const GONE: &str = "target-gone";

/// And for one that is a target again.
const AGAIN: &str = "target-again";

/// How a target besides the pinned one stands, by the events of its rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetStanding {
    /// The new password has signed in there.
    Proven,
    /// No connection had it any more, and nobody has seen it since.
    Gone,
    /// It may lack the new password.
    Open,
}

/// How it stands.
#[must_use]
pub fn target_standing(events: &[RotationEvent], target: &str) -> TargetStanding {
    let is_it = |event: &&RotationEvent| event.target.as_deref() == Some(target);
    let settles = |event: &RotationEvent| {
        let proven = event.data["proven"].as_array().filter(|_| event.what == "settled");
        proven.is_some_and(|proven| proven.iter().any(|one| one == target))
    };
    if events.iter().any(|event| settles(event) || (event.what == "converged" && is_it(&event))) {
        return TargetStanding::Proven;
    }
    match events.iter().rev().filter(is_it).find(|event| matches!(event.what.as_str(), GONE | AGAIN)) {
        Some(event) if event.what == GONE => TargetStanding::Gone,
        _ => TargetStanding::Open,
    }
}

/// A target that was noted as gone is one again: it counts as not proven, and a transaction that had ended well waits for a
/// recovery. Nothing where it is not noted so, or not any more.
///
/// # Errors
/// The store's.
pub fn take_back(store: &Store, rotation: &str, target: &str) -> Result<()> {
    store.write(|t| {
        let sql =
            "SELECT what FROM rotation_event WHERE rotation = ?1 AND target = ?2 AND what IN (?3, ?4, 'converged')
            ORDER BY number DESC LIMIT 1";
        let last: Option<String> =
            query_one(t, sql, (rotation, target, GONE, AGAIN), |row| row.get(0)).optional().map_err(failed)?;
        if last.as_deref() != Some(GONE) {
            return Ok(());
        }
        let sql = "UPDATE rotation SET verdict = iif(verdict = 'ok', 'inconclusive', verdict) WHERE id = ?1";
        if t.execute(sql, [rotation]).map_err(failed)? == 0 {
            return Err(unknown(rotation));
        }
        let data = json!({"note": "it is a target of the account's connections again"});
        insert_event(t, rotation, AGAIN, Some(target), &data)?;
        note(t, store, rotation, AGAIN, Some(target), &data)
    })
}
