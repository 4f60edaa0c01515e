//! Where a version may not have arrived: a later process would sign in with it there, and be counted as a wrong password.

use serde_json::Value;

use super::{Rotation, events, recovery, select};
use crate::{
    error::{Error, Result},
    store::{Store, rows::CredentialId},
};

/// The targets that may lack a version, by the journal of the rotation that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lagging {
    /// The connection that the rotation was begun for.
    pub connection: String,
    /// As they are written.
    pub targets: Vec<String>,
}

/// The targets of a rotation that has ended on which nobody has proven its candidate; `None` where there are none. One that
/// has not ended is refused elsewhere.
///
/// # Errors
/// The store's.
pub fn lagging(store: &Store, candidate: CredentialId) -> Result<Option<Lagging>> {
    let rest = "WHERE candidate = ?1 AND finished_at IS NOT NULL AND verdict IN ('inconclusive', 'partial', 'failed')";
    for rotation in store.read(|c| select(c, rest, &[&candidate]))? {
        let targets = unproven(store, &rotation)?;
        if !targets.is_empty() {
            return Ok(Some(Lagging { connection: rotation.connection, targets }));
        }
    }
    Ok(None)
}

/// The targets besides the pinned one that nobody has proven.
fn unproven(store: &Store, rotation: &Rotation) -> Result<Vec<String>> {
    let events = events(store, &rotation.id)?;
    let has_sent = events.iter().any(|event| event.what == "change-sent");
    let targets = rotation.before["targets"].as_array().filter(|_| has_sent).map(Vec::as_slice).unwrap_or_default();
    let names = targets.iter().filter_map(|target: &Value| target["target"].as_str());
    let proven = |name: &&str| {
        Some(*name) == rotation.pinned_target.as_deref()
            || events.iter().any(|event| event.what == "converged" && event.target.as_deref() == Some(*name))
    };
    Ok(names.filter(|name| !proven(name)).map(str::to_owned).collect())
}

impl Lagging {
    /// Whether this target is one of them.
    #[must_use]
    pub fn holds(&self, target: &str) -> bool {
        self.targets.iter().any(|one| one.eq_ignore_ascii_case(target))
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
