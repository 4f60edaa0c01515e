//! What a run's end is computed from, counted by SQLite: a run of ten thousand items is not read back to be summed up.

use rusqlite::{Connection, OptionalExtension};

use super::{
    Store, failed, query_one,
    runs::{WriteRecord, writes},
};
use crate::{error::Result, store::events::Counts, verdict::Verdict};

/// A run in numbers, and its writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// Items, and steps that hold no steps, batches or items of their own. A part that was begun and never ended is inconclusive.
    pub counts: Counts,
    /// The heaviest verdict of all items and steps, those that hold others included; `ok` when there are none.
    pub heaviest: Verdict,
    /// By number.
    pub writes: Vec<WriteRecord>,
}

impl Store {
    /// Sums up a run, by its full id.
    pub fn totals(&self, run: &str) -> Result<Totals> {
        self.read(|c| {
            let counts = counts(c, run)?;
            let lightest = counts.keys().next_back().copied().unwrap_or(Verdict::Ok);
            Ok(Totals { heaviest: heaviest(c, run)?.max(lightest), counts, writes: writes(c, run)? })
        })
    }

    /// Whether a part of that path was begun in a run.
    pub fn has_part(&self, run: &str, path: &str) -> Result<bool> {
        self.read(|c| {
            query_one(c, "SELECT 1 FROM part WHERE run = ?1 AND path = ?2 LIMIT 1", [run, path], |_| Ok(()))
                .optional()
                .map(|found| found.is_some())
                .map_err(failed)
        })
    }
}

fn counts(c: &Connection, run: &str) -> Result<Counts> {
    // `0` follows `/`: what lies between is below the step.
    let mut query = c
        .prepare_cached(
            "SELECT verdict, count(*) FROM part AS whole
             WHERE run = ?1 AND (kind = 'item' OR (kind = 'step' AND NOT EXISTS (
                 SELECT 1 FROM part WHERE run = ?1 AND path > whole.path || '/' AND path < whole.path || '0'
                     AND kind <> 'check')))
             GROUP BY verdict",
        )
        .map_err(failed)?;
    let rows = query.query_map([run], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, i64>(1)?)));
    let mut counts = Counts::new();
    for row in rows.map_err(failed)? {
        let (word, count) = row.map_err(failed)?;
        let verdict = word.as_deref().and_then(Verdict::parse).unwrap_or(Verdict::Inconclusive);
        *counts.entry(verdict).or_insert(0) += count as u64;
    }
    Ok(counts)
}

/// A step that holds others has a verdict of its own, e.g. by what it returned or threw.
fn heaviest(c: &Connection, run: &str) -> Result<Verdict> {
    let mut query = c
        .prepare_cached("SELECT DISTINCT verdict FROM part WHERE run = ?1 AND kind = 'step' AND verdict IS NOT NULL")
        .map_err(failed)?;
    let words = query.query_map([run], |row| row.get::<_, String>(0)).map_err(failed)?;
    let mut heaviest = Verdict::Skipped;
    for word in words {
        heaviest = heaviest.max(Verdict::parse(&word.map_err(failed)?).unwrap_or(Verdict::Inconclusive));
    }
    Ok(heaviest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        ledger::{EndPart, Ledger, NewPart, NewRun},
        runs::PartKind::{self, Batch, Check, Item, Step},
    };

    #[test]
    fn counts_items_and_steps_that_hold_nothing() {
        let store = Store::temporary().unwrap();
        let ledger = Ledger::start(&store).unwrap();
        for id in ["other", "this"] {
            let new = NewRun {
                insist: false,
                id: id.to_owned(),
                script: "s".to_owned(),
                lab: false,
                params: serde_json::Value::Null,
                operator: "o".to_owned(),
                sources: Vec::new(),
            };
            ledger.begin_run(new).wait().unwrap();
            let part = |path: &str, kind: PartKind, verdict: Option<Verdict>| {
                let path = path.to_owned();
                ledger.begin_part(NewPart { path: path.clone(), occurrence: 0, kind, key: None });
                if let Some(verdict) = verdict {
                    ledger.end_part(EndPart { path, occurrence: 0, verdict, ms: 1, value: None, error: None });
                }
            };
            part("alone", Step, Some(Verdict::Ok));
            part("alone, nearly", Step, Some(Verdict::Failed));
            part("alone/check dc1", Check, Some(Verdict::Failed));
            part("open", Step, None);
            part("holder", Step, Some(Verdict::Failed));
            part("holder/batch::each", Batch, Some(Verdict::Failed));
            part("holder/batch::each/a/b", Item, Some(Verdict::Ok));
            part("holder/batch::each/c", Item, Some(Verdict::Failed));
            part("holder/batch::each/c/dc1", Check, Some(Verdict::Failed));
        }
        ledger.flush().wait().unwrap();
        let totals = store.totals("this").unwrap();
        assert_eq!(totals.counts, Counts::from([(Verdict::Ok, 2), (Verdict::Inconclusive, 1), (Verdict::Failed, 2)]));
        assert_eq!((totals.heaviest, totals.writes), (Verdict::Failed, vec![]));
        assert!(store.has_part("this", "holder").unwrap());
        assert!(!store.has_part("this", "hold").unwrap());
    }
}
