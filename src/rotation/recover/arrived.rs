//! Targets that turn out to have a password that they were not known to have: somebody insisted on signing in there, and was
//! right.

use serde_json::json;

use super::{
    case::{Case, Standing, targets},
    gone,
};
use crate::{
    directory::is_same_target,
    error::Result,
    store::{
        Store,
        journal::{self, TargetStanding, target_standing},
        rows::CredentialId,
    },
    verdict::Verdict,
};

/// Lets the journal know that a target has accepted a version, where it knows a rotation that has ended and had not proven that
/// one there. When nothing else is left of that rotation, it is settled. Blocks.
///
/// # Errors
/// The store's.
pub fn arrived(store: &Store, version: CredentialId, target: &str, by: &str) -> Result<()> {
    for rotation in journal::that_brought(store, version)? {
        let events = journal::events(store, &rotation.id)?;
        let is_new =
            |name: &&str| is_same_target(name, target) && target_standing(&events, name) != TargetStanding::Proven;
        let names = targets(&rotation).iter().filter_map(|target| target["target"].as_str());
        let Some(name) = names.filter(|name| Some(*name) != rotation.pinned_target.as_deref()).find(is_new) else {
            continue;
        };
        let data = json!({"by": by, "note": "it accepted the password when somebody insisted", "insisted": true});
        journal::event(store, &rotation.id, "converged", Some(name), &data)?;
        let name = name.to_owned();
        let case = Case::load(store, rotation)?;
        if case.standing == Standing::Lagging && !case.lacks() {
            gone::note_in(store, &case)?;
            journal::settle(store, &case.rotation.id, Verdict::Ok, &json!({"by": by, "proven": [name]}))?;
        }
    }
    Ok(())
}
