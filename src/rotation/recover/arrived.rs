//! Targets that turn out to have a password that they were not known to have: somebody insisted on signing in there, and was
//! right.

use serde_json::json;

use super::case::{Case, Standing};
use crate::{
    connection::credentials,
    error::Result,
    store::{Store, journal, rows::CredentialId},
    verdict::Verdict,
};

/// Lets the journal know that a target has accepted a version, where it knows a rotation that has ended and had not proven that
/// one there. When nothing else is left of that rotation, it is settled. Blocks.
///
/// # Errors
/// The store's.
pub fn arrived(store: &Store, version: CredentialId, target: &str, by: &str) -> Result<()> {
    let principal = credentials::by_id(store, version)?.principal;
    for rotation in journal::history(store, principal)? {
        if rotation.candidate != Some(version) || rotation.finished_at.is_none() {
            continue;
        }
        let pending = Case::load(store, rotation.clone())?.pending();
        let Some(name) = pending.iter().find(|name| name.eq_ignore_ascii_case(target)) else { continue };
        let data = json!({"by": by, "note": "it accepted the password when somebody insisted"});
        journal::event(store, &rotation.id, "converged", Some(name), &data)?;
        let case = Case::load(store, rotation)?;
        if case.standing == Standing::Lagging && !case.lacks() {
            journal::settle(store, &case.rotation.id, Verdict::Ok, &json!({"by": by, "proven": [name]}))?;
        }
    }
    Ok(())
}
