//! A revocation of which only the first change was made: whoever ended it in between left the password that was known
//! valid for an hour, and the books must not say that all is well.

use std::sync::Arc;

use serde_json::json;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    connection::credentials::GRACE,
    directory::ticks,
    error::{Error, Result},
    rotation::{
        dependents::{self, Dependent, NewSecret},
        lockout::LockoutOptions,
        recover::LATE,
        report::{DependentReport, Observer},
    },
    secret::seal,
    store::{
        Store,
        journal::{self, Rotation, RotationEvent},
    },
    verdict::Verdict,
};

/// Until when the password that was known binds, where this is the first of two changes and nobody has settled it. Whether
/// the second was made is for the caller to see: the candidate is not the current version then.
pub(in crate::rotation) fn binds_until(rotation: &Rotation, events: &[RotationEvent]) -> Option<OffsetDateTime> {
    let over = events.iter().any(|event| matches!(event.what.as_str(), "settled" | "revoked"));
    if rotation.options["revoke"] != true || over {
        return None;
    }
    let at = |what: &str| {
        let event = events.iter().rev().find(|event| event.what == what)?;
        OffsetDateTime::parse(&event.at, &Rfc3339).ok()
    };
    // A write that nobody answered may have landed as late as one can.
    let late = Duration::try_from(LATE).unwrap_or(Duration::ZERO);
    let changed = at("change-acknowledged").or_else(|| at("change-sent").map(|sent| sent + late))?;
    Some(changed + GRACE)
}

/// What a recovery says of it.
pub(in crate::rotation) fn not_revoked(connection: &str, until: OffsetDateTime) -> Error {
    let until = ticks::text(until.replace_nanosecond(0).unwrap_or(until));
    let said = "only the first of two changes was made, and the password that was known binds for an hour after it";
    Error::new("rotation.not_revoked", format!("{said}, until {until}")).hint(again(connection))
}

/// The remedy.
pub(in crate::rotation) fn again(connection: &str) -> String {
    format!("revoke again within the hour: libretto run revoke_access connections={connection}")
}

/// Hands the secret of a rotation that has ended to those of `dependents` that have not taken it, and lets the journal know;
/// its verdict becomes `ok` when none is left open and nothing else was. The principal's lock is taken.
///
/// Of half a revocation it becomes `partial`, and one report more says so.
///
/// # Errors
/// `rotation.busy`, `rotation.unfinished`, the store's. What becomes of a dependent is in its report.
pub async fn retry_dependents(
    store: &Store,
    identity: &seal::Identity,
    who: &str,
    lockout: LockoutOptions,
    rotation: &str,
    (secret, dependents): (&NewSecret, &[Arc<dyn Dependent>]),
    observer: &dyn Observer,
) -> Result<Vec<DependentReport>> {
    let given = (secret, dependents);
    let mut reports = dependents::retry_dependents(store, identity, who, lockout, rotation, given, observer).await?;
    let (store, id) = (store.clone(), rotation.to_owned());
    let kept = tokio::task::spawn_blocking(move || keep_partial(&store, &id));
    let kept =
        kept.await.unwrap_or_else(|_| Err(Error::new("rotation.internal", "the store met a fault of Libretto's own")));
    if let Some(why) = kept? {
        reports.push(DependentReport {
            kind: "revocation",
            name: "the second change".to_owned(),
            verdict: Verdict::Partial,
            ms: 0,
            note: why,
        });
    }
    Ok(reports)
}

/// The verdict of a transaction that is half a revocation is at least `partial`, whatever its dependents say.
fn keep_partial(store: &Store, rotation: &str) -> Result<Option<String>> {
    let Some(of) = journal::get(store, rotation)? else { return Ok(None) };
    let until = binds_until(&of, &journal::events(store, rotation)?);
    let Some(until) = until.filter(|until| OffsetDateTime::now_utc() < *until) else { return Ok(None) };
    let why = not_revoked(&of.connection, until);
    if of.verdict.is_some_and(|verdict| verdict < Verdict::Partial) {
        let data = json!({"code": why.code(), "message": why.message()});
        journal::finish(store, rotation, Verdict::Partial, "not-revoked", &data)?;
    }
    Ok(Some(why.message().to_owned()))
}
