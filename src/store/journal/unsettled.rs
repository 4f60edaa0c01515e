//! What a recovery looks for: transactions that have not ended, and those that ended with something left to prove.

use serde_json::Value;

use super::{Rotation, insert_event, note, select, unknown};
use crate::{
    error::Result,
    store::{Store, failed, locks, query_one},
    verdict::Verdict,
};

/// How many transactions have not ended. Cheap: their index holds nothing else.
pub fn count_unfinished(store: &Store) -> Result<u32> {
    store.read(|c| {
        query_one(c, "SELECT count(*) FROM rotation WHERE finished_at IS NULL", [], |row| row.get(0)).map_err(failed)
    })
}

/// Whether somebody works at a transaction right now.
#[must_use]
pub fn is_alive(store: &Store, rotation: &Rotation) -> bool {
    locks::holder(store, rotation.principal).is_ok_and(|holder| holder.is_some())
}

/// Transactions that ended without being `ok` and whose new credential is still the current one, oldest first. What a later
/// change of the same account leaves of an earlier one is moot.
pub fn unsettled(store: &Store) -> Result<Vec<Rotation>> {
    let rest = "WHERE finished_at IS NOT NULL AND verdict IN ('inconclusive', 'partial', 'failed')
            AND EXISTS (SELECT 1 FROM credential WHERE credential.id = rotation.candidate AND state = 'current')
        ORDER BY started_at";
    store.read(|c| select(c, rest, &[]))
}

/// The transactions that a run began, oldest first.
pub fn of_run(store: &Store, run: &str) -> Result<Vec<Rotation>> {
    store.read(|c| select(c, "WHERE run = ?1 ORDER BY started_at", &[&run]))
}

/// What was left of a transaction that had ended is settled: its verdict is another one now.
pub fn settle(store: &Store, rotation: &str, verdict: Verdict, data: &Value) -> Result<()> {
    store.write(|t| {
        let sql = "UPDATE rotation SET verdict = ?2 WHERE id = ?1 AND finished_at IS NOT NULL";
        if t.execute(sql, (rotation, verdict.as_str())).map_err(failed)? == 0 {
            return Err(unknown(rotation));
        }
        insert_event(t, rotation, "settled", None, data)?;
        note(t, store, rotation, "settled", None, data)
    })
}
