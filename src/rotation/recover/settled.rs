//! What recoveries have made of the transactions of a run: its ledger tells only how far it came itself.

use serde::Serialize;

use crate::{
    connection::credentials,
    error::Result,
    store::{
        Store,
        journal::{self, RotationEvent},
    },
};

/// A transaction that another run has recovered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// The journal's id of it.
    pub transaction: String,
    /// The account's name.
    pub account: String,
    /// What became of it, in a few words.
    pub what: String,
    /// When, RFC 3339.
    pub at: String,
    /// Who did it, with the run.
    pub by: String,
}

/// Those of a run, oldest first.
///
/// # Errors
/// The store's.
pub fn settled(store: &Store, run: &str) -> Result<Vec<Settled>> {
    let mut found = Vec::new();
    for rotation in journal::of_run(store, run)? {
        let events = journal::events(store, &rotation.id)?;
        let ended = events.iter().rev().find_map(|event| Some((event, words(event)?, event.data["by"].as_str()?)));
        let (Some((event, what, by)), Some(candidate)) = (ended, rotation.candidate) else { continue };
        let candidate = credentials::by_id(store, candidate)?;
        found.push(Settled {
            transaction: rotation.id,
            account: candidate.username,
            what: format!("version {} {what}", candidate.version),
            at: event.at.clone(),
            by: by.to_owned(),
        });
    }
    Ok(found)
}

/// What an event says that a recovery has ended with; those of the transaction itself do not say by whom.
fn words(event: &RotationEvent) -> Option<&'static str> {
    match event.what.as_str() {
        "promoted" => Some("became the current one"),
        "settled" => Some("is proven everywhere"),
        "not-sent" => Some("was never sent, and is retired"),
        "not-applied" => Some("was not set, and is retired"),
        "superseded" => Some("is retired, for another password was set"),
        _ => None,
    }
}
