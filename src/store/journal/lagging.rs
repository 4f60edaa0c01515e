//! Where a version may not have arrived: a later process would sign in with it there, and be counted as a wrong password.

use serde_json::Value;

use super::{Rotation, TargetStanding, events, recovery, select, take_back, target_standing};
use crate::{
    error::{Error, Result},
    store::{Store, rows::CredentialId},
    verdict::Verdict,
};

/// The targets that may lack a version, by the journal of the rotation that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lagging {
    /// The journal's id of the rotation.
    pub rotation: String,
    /// The connection that it was begun for.
    pub connection: String,
    /// Those that are targets still, as they are written.
    pub targets: Vec<String>,
    /// Those that were none any more when somebody looked. Nobody waits for them, and nobody signs in there: whoever would has
    /// them as targets again.
    pub gone: Vec<String>,
}

/// Rotations that have ended and left targets, by their candidate.
const OF_CANDIDATE: &str =
    "WHERE candidate = ?1 AND finished_at IS NOT NULL AND (verdict IN ('inconclusive', 'partial', 'failed')
        OR EXISTS (SELECT 1 FROM rotation_event WHERE rotation = rotation.id AND what = 'target-gone'))";

/// The targets of a rotation that has ended on which nobody has proven its candidate; `None` where there are none. One that
/// has not ended is refused elsewhere.
///
/// # Errors
/// The store's.
pub fn lagging(store: &Store, candidate: CredentialId) -> Result<Option<Lagging>> {
    for rotation in store.read(|c| select(c, OF_CANDIDATE, &[&candidate]))? {
        let (targets, gone) = unproven(store, &rotation)?;
        if !targets.is_empty() || !gone.is_empty() {
            return Ok(Some(Lagging { rotation: rotation.id, connection: rotation.connection, targets, gone }));
        }
    }
    Ok(None)
}

/// The targets besides the pinned one that nobody has proven: those that are some still, and those that are gone. Of one that
/// ended well only these: the others were proven.
fn unproven(store: &Store, rotation: &Rotation) -> Result<(Vec<String>, Vec<String>)> {
    let events = events(store, &rotation.id)?;
    let has_sent = events.iter().any(|event| event.what == "change-sent");
    let targets = rotation.before["targets"].as_array().filter(|_| has_sent).map(Vec::as_slice).unwrap_or_default();
    let names = targets.iter().filter_map(|target: &Value| target["target"].as_str());
    let (mut open, mut gone) = (Vec::new(), Vec::new());
    for name in names.filter(|name| Some(*name) != rotation.pinned_target.as_deref()) {
        match target_standing(&events, name) {
            TargetStanding::Open if rotation.verdict != Some(Verdict::Ok) => open.push(name.to_owned()),
            TargetStanding::Gone => gone.push(name.to_owned()),
            TargetStanding::Open | TargetStanding::Proven => {}
        }
    }
    Ok((open, gone))
}

/// The rotations that have ended and brought this version.
///
/// # Errors
/// The store's.
pub fn that_brought(store: &Store, candidate: CredentialId) -> Result<Vec<Rotation>> {
    store.read(|c| select(c, "WHERE candidate = ?1 AND finished_at IS NOT NULL", &[&candidate]))
}

impl Lagging {
    /// Whether a target is one of them: the one that `is_it` says that it is written for.
    #[must_use]
    pub fn holds(&self, is_it: impl Fn(&str) -> bool) -> bool {
        self.targets.iter().chain(&self.gone).any(|one| is_it(one))
    }

    /// Somebody is about to sign in on this target, and is refused: where it was gone, it is one again.
    ///
    /// # Errors
    /// The store's.
    pub fn seen(&self, store: &Store, is_it: impl Fn(&str) -> bool) -> Result<()> {
        match self.gone.iter().find(|one| is_it(one)) {
            Some(gone) => take_back(store, &self.rotation, gone),
            None => Ok(()),
        }
    }

    /// What is said where nobody signs in on `server` because of `target`.
    #[must_use]
    pub fn refusal(&self, server: &str, target: &str) -> Error {
        Error::inconclusive(
            "rotation.not_converged",
            format!("not tried: {target} may not have the new password yet, and would count it as a wrong one"),
        )
        .hint(format!(
            "`{}` looks whether it has, over an administrative connection (via) at any time; or sign in all the same with --insist",
            recovery(&self.connection)
        ))
        .with("target", server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rotations_of_a_candidate_are_found_without_reading_all() {
        let store = Store::temporary().unwrap();
        let sql = format!("EXPLAIN QUERY PLAN SELECT id FROM rotation {OF_CANDIDATE}");
        let plan: Vec<String> = store
            .read(|c| {
                let mut query = c.prepare(&sql).map_err(crate::store::failed)?;
                let rows = query.query_map([1], |row| row.get(3)).map_err(crate::store::failed)?;
                rows.collect::<Result<_, _>>().map_err(crate::store::failed)
            })
            .unwrap();
        assert!(plan.iter().all(|step| !step.starts_with("SCAN")), "{plan:?}");
        assert!(plan[0].contains("rotation_candidate"), "{plan:?}");
    }
}
