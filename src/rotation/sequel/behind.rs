//! The targets that have not got the first change. Nobody signs in there: even the first of the two new passwords counts as
//! a wrong one. They are reported and journalled as not proven, and keep dependents from the new password as any that lags.

use serde_json::{Value, json};

use super::Sequel;
use crate::{
    directory::Endpoint,
    error::{Error, Result},
    rotation::{
        Done,
        books::Books,
        change::Recorded,
        controllers::Down,
        report::{Observer, Staged, TargetReport},
        unsettled,
    },
    secret::redact::redact,
    verdict::Verdict,
};

/// What does not take part in the second change.
pub(in crate::rotation) struct Behind {
    /// Those that answer, and lag.
    lagging: Vec<TargetReport>,
    /// Those that were down.
    down: Vec<(String, Error, Option<String>)>,
    /// The account's other connections, each with all its targets.
    connections: Vec<(String, Vec<Endpoint>)>,
}

impl Behind {
    pub(super) fn after(first: &Done) -> Self {
        let down = &first.plan.down;
        let lags = |report: &&TargetReport| {
            report.verdict != Verdict::Ok && down.iter().all(|down| down.target != report.target)
        };
        let lagging = first.targets.iter().filter(lags).map(|report| TargetReport {
            ms: 0,
            note: format!("left out of the second change, for it had not got the first: {}", report.note),
            ..report.clone()
        });
        Self {
            lagging: lagging.collect(),
            down: down.iter().map(|one| (one.target.clone(), one.error.clone(), one.of.clone())).collect(),
            connections: first.plan.connections.clone(),
        }
    }

    /// Those that were down before the first change are so for the second, whatever they answer by now.
    pub(in crate::rotation) fn down(&self) -> Vec<Down> {
        let down = |(target, error, of): &(String, Error, Option<String>)| Down {
            target: target.clone(),
            error: error.clone(),
            of: of.clone(),
        };
        self.down.iter().map(down).collect()
    }

    /// The other connections as they are, also with targets that take no part.
    pub(in crate::rotation) fn connections(&self) -> Vec<(String, Vec<Endpoint>)> {
        self.connections.clone()
    }

    /// For the journal: a recovery is to look at these too, and may sign in there with neither former password.
    pub(in crate::rotation) fn note(&self, before: &mut Value) {
        let Some(targets) = before["targets"].as_array_mut() else { return };
        targets.extend(self.lagging.iter().map(|one| json!({"target": one.target, "down": redact(&one.note)})));
        for target in targets {
            let name = target["target"].as_str().unwrap_or_default();
            let is_behind = self.lagging.iter().any(|one| one.target == name)
                || self.down.iter().any(|(target, ..)| target == name);
            if is_behind {
                target["behind"] = true.into();
            }
        }
    }
}

/// Converge, and then those that take no part in it.
pub(in crate::rotation) async fn with_behind(
    sequel: Option<&Sequel>,
    converged: impl Future<Output = Result<(Vec<TargetReport>, Verdict, String)>>,
    books: &Books,
    recorded: &Recorded,
    observer: &dyn Observer,
) -> Staged<Vec<TargetReport>> {
    let (mut targets, mut verdict, mut note) = converged.await?;
    let lagging = sequel.map(|sequel| sequel.behind.lagging.as_slice()).unwrap_or_default();
    for report in lagging {
        observer.target_ended(report);
        let data = json!({"ms": 0, "note": redact(&report.note)});
        let noted = books.event(&recorded.rotation, None, "not-converged", Some(&report.target), data).await;
        noted.map_err(|error| unsettled("the new password works, and the journal could not be written", &error))?;
        verdict = verdict.max(report.verdict);
        targets.push(report.clone());
    }
    if !lagging.is_empty() {
        let proven = targets.iter().filter(|target| target.verdict == Verdict::Ok).count();
        note = format!("{proven} of {} targets have it", targets.len());
    }
    Ok((targets, verdict, note))
}
