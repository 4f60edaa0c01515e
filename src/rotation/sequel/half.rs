//! A revocation of which only the first change was made: whoever ended it in between left the password that was known
//! valid for an hour, and the books must not say that all is well.

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    connection::credentials::GRACE,
    directory::ticks,
    error::Error,
    rotation::recover::LATE,
    store::journal::{Rotation, RotationEvent},
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
    let changed = at("change-acknowledged").or_else(|| at("change-sent").map(|sent| sent.saturating_add(late)))?;
    Some(changed.saturating_add(GRACE))
}

/// What a recovery says of it.
pub(in crate::rotation) fn not_revoked(connection: &str, until: OffsetDateTime) -> Error {
    let until = ticks::text(until.replace_nanosecond(0).unwrap_or(until));
    let said = "only the first of two changes was made, and the password that was known binds for an hour after it";
    Error::new("rotation.not_revoked", format!("{said}, until {until}")).hint(again(connection))
}

/// What a recovery says where not even the first change was made.
pub(in crate::rotation) fn not_begun(connection: &str) -> Error {
    Error::new("rotation.not_revoked", "the password was not changed, so the one that was known is valid still")
        .hint(format!("revoke again: libretto run revoke_access connections={connection}"))
}

/// The remedy.
pub(in crate::rotation) fn again(connection: &str) -> String {
    format!("revoke again within the hour: libretto run revoke_access connections={connection}")
}

/// Says so of one whose password that was known binds still.
pub(in crate::rotation) fn half_revoked(rotation: &Rotation, events: &[RotationEvent]) -> Option<Error> {
    let until = binds_until(rotation, events).filter(|until| OffsetDateTime::now_utc() < *until)?;
    Some(not_revoked(&rotation.connection, until))
}
