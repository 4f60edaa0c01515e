//! Targets that are none of the account's connections any more, nor of those that go over these (via), whose targets an
//! administrative account signs in on as well: nobody waits for them.
//!
//! - A connection that names its targets says so itself, whenever it is looked.
//! - Of one that takes them from DNS, what the SRV records name no more is gone once a recovery has asked for these, got the
//!   whole answer, and noted it (`target-gone`). A lookup that fails makes nothing gone.
//! - The pinned target never is: the write went there.
//! - One that is named again is no longer gone, and was never proven: what a recovery sees so it notes (`target-again`), and
//!   until then nobody signs in there (`journal::lagging`), for whoever is about to has it as a target again.

use serde_json::json;

use super::{Request, case::Case, settle::Settling, unfinished::begun_for};
use crate::{
    connection::{self, Scope, credentials},
    directory::Target,
    error::Result,
    rotation::report::TargetReport,
    store::{
        Store,
        journal::{self, GONE, Rotation, RotationEvent, TargetStanding, target_standing},
    },
    verdict::Verdict,
};

/// What is said of one.
const NO_TARGET: &str = "it is no target of the account's connections any more";

/// Those of a rotation, by the store alone: DNS is not asked, so of its targets only those that are noted. None where there is
/// no connection left that could have any, or one names what cannot be read. Blocks.
pub(super) fn of(store: &Store, rotation: &Rotation, events: &[RotationEvent]) -> Result<Vec<String>> {
    let mut names = credentials::connections_of(store, rotation.principal)?;
    names.extend(begun_for(store, rotation)?.filter(|_| rotation.finished_at.is_none()));
    names.extend(connection::that_go_over(store, &names)?);
    let (mut known, mut any, mut from_dns) = (Vec::new(), false, false);
    for name in names {
        let Ok(connection) = connection::get(store, &name, &Scope::all()) else { continue };
        let Ok(settings) = connection.ad() else { continue };
        (any, from_dns) = (true, from_dns || settings.targets.is_empty());
        for target in &settings.targets {
            let Ok(target) = Target::parse(target) else { return Ok(Vec::new()) };
            known.push(target);
        }
    }
    if !any {
        return Ok(Vec::new());
    }
    let noted = |name: &String| !from_dns || target_standing(events, name) == TargetStanding::Gone;
    Ok(unnamed(rotation, &known).filter(noted).collect())
}

/// The targets of a rotation besides the pinned one that are none of these.
fn unnamed<'a>(rotation: &'a Rotation, known: &'a [Target]) -> impl Iterator<Item = String> + 'a {
    let had = rotation.before["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let had = had.iter().filter_map(|target| target["target"].as_str());
    let is_named = |name: &str| Target::parse(name).map_or(true, |name| known.iter().any(|known| known.is_same(&name)));
    let is_pinned = |name: &str| rotation.pinned_target.as_deref() == Some(name);
    had.filter(move |name| !is_pinned(name) && !is_named(name)).map(str::to_owned)
}

/// The case by what the account's connections name at this moment, where that is known in full.
pub(super) fn seen(request: &Request, case: Case) -> Case {
    let Some(named) = &request.named else { return case };
    let gone = unnamed(&case.rotation, named).collect();
    case.with_gone(gone)
}

/// Says so of each that was not proven, and has the journal know; of those that are named again too.
pub(super) async fn note(settling: &Settling<'_>) -> Result<()> {
    let Settling { case, books, onlooker, .. } = settling;
    let stands = |name: &str| target_standing(&case.events, name);
    for name in case.pending().into_iter().filter(|name| stands(name) == TargetStanding::Gone) {
        let rotation = case.rotation.id.clone();
        books.with(move |books| journal::take_back(&books.store, &rotation, &name)).await?;
    }
    for name in unnoted(case) {
        books.event(&case.rotation.id, None, GONE, Some(name), json!({"note": NO_TARGET})).await?;
        onlooker.target_ended(&TargetReport {
            target: name.clone(),
            verdict: Verdict::Skipped,
            ms: 0,
            note: NO_TARGET.to_owned(),
            connection: None,
        });
    }
    Ok(())
}

/// Has the journal know of each that is gone. A rotation must not end well before: nobody would remember that these were never
/// proven. Blocks.
pub(super) fn note_in(store: &Store, case: &Case) -> Result<()> {
    unnoted(case).try_for_each(|name| {
        journal::event(store, &case.rotation.id, GONE, Some(name), &json!({"note": NO_TARGET})).map(|_| ())
    })
}

fn unnoted(case: &Case) -> impl Iterator<Item = &String> {
    case.gone.iter().filter(|name| target_standing(&case.events, name) == TargetStanding::Open)
}
