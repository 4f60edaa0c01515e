//! Targets that were taken from the account's connections since: nobody looks at them any more.

use serde_json::json;

use super::{case::Case, settle::Settling, unfinished::begun_for};
use crate::{
    connection::{self, Scope, credentials},
    directory::Target,
    error::Result,
    rotation::report::TargetReport,
    store::{
        Store,
        journal::{Rotation, RotationEvent},
    },
    verdict::Verdict,
};

/// The journal's word for one.
const GONE: &str = "target-gone";

/// Those of a rotation. None where a connection takes its targets from DNS, which may have them again tomorrow, or where
/// there is no connection left that could have any. Blocks.
pub(super) fn of(store: &Store, rotation: &Rotation) -> Result<Vec<String>> {
    let mut names = credentials::connections_of(store, rotation.principal)?;
    names.extend(begun_for(store, rotation)?.filter(|_| rotation.finished_at.is_none()));
    let mut known = Vec::new();
    for name in names {
        let Ok(connection) = connection::get(store, &name, &Scope::all()) else { continue };
        let Ok(settings) = connection.ad() else { continue };
        if settings.targets.is_empty() {
            return Ok(Vec::new());
        }
        known.extend(
            settings.targets.iter().map(|one| Target::parse(one).map_or_else(|_| one.clone(), |one| one.to_string())),
        );
    }
    let had = rotation.before["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let had = had.iter().filter_map(|target| target["target"].as_str());
    let is_gone = |name: &&str| !known.is_empty() && known.iter().all(|known| !known.eq_ignore_ascii_case(name));
    Ok(had.filter(is_gone).map(str::to_owned).collect())
}

/// Says so of each that was not proven, and has the journal know.
pub(super) async fn note(settling: &Settling<'_>) -> Result<()> {
    let Settling { case, books, onlooker, .. } = settling;
    for name in case.gone.iter().filter(|name| **name != case.pinned && !is_over(case, name)) {
        let note = "it is no target of the account's connections any more".to_owned();
        books.event(&case.rotation.id, None, GONE, Some(name), json!({"note": note})).await?;
        onlooker.target_ended(&TargetReport {
            target: name.clone(),
            verdict: Verdict::Skipped,
            ms: 0,
            note,
            connection: None,
        });
    }
    Ok(())
}

/// Whether it was proven, or it is noted already that it is gone.
fn is_over(case: &Case, name: &str) -> bool {
    let ends = |event: &RotationEvent| matches!(event.what.as_str(), "converged" | GONE);
    case.events.iter().any(|event| event.target.as_deref() == Some(name) && ends(event))
}
