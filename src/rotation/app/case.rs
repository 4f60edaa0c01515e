//! A transaction of an app as the store has it: how far it came, and what is left of it.

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{facts::Facts, preflight::key_of};
use crate::{
    connection::{
        self, Scope,
        credentials::{self, Credential, State},
        handed,
    },
    error::Result,
    rotation::dependents::{Open, open_dependents},
    store::{
        Store,
        journal::{self, Rotation, RotationEvent},
        rows::{CredentialId, PrincipalId},
    },
};

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing was sent.
    NotSent,
    /// Sent; whether it was added nobody knows, or its text was never stored.
    Sent,
    /// In the registration and in the store, not proven.
    Added,
    /// Proven, not current.
    Proven,
    /// Current; what comes after is not done.
    Switched,
    /// It has ended; there may be something left.
    Ended,
}

/// A transaction.
pub(super) struct Case {
    pub(super) rotation: Rotation,
    pub(super) facts: Facts,
    pub(super) standing: Standing,
    pub(super) sent_at: Option<OffsetDateTime>,
    pub(super) candidate: Option<Credential>,
    pub(super) key_id: Option<String>,
    pub(super) revoke: bool,
    pub(super) overlap: Duration,
    /// Dependents that have not taken the new one.
    pub(super) open: Vec<Open>,
    /// The one before, where it still works.
    pub(super) retiring: Option<Ending>,
}

/// A credential whose overlap somebody must end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    /// The transaction that has put another one in its place.
    pub(super) transaction: String,
    pub(super) row: CredentialId,
    pub(super) version: u32,
    pub(super) key_id: String,
    pub(super) until: String,
    /// Connections whose agents have it still, as far as is known.
    pub(super) held_by: Vec<String>,
}

impl Ending {
    pub(super) fn is_due(&self, now: OffsetDateTime) -> bool {
        OffsetDateTime::parse(&self.until, &Rfc3339).is_ok_and(|until| until <= now)
    }
}

impl Case {
    pub(super) fn load(store: &Store, rotation: Rotation) -> Result<Self> {
        let events = journal::events(store, &rotation.id)?;
        let facts = Facts::read(&rotation)?;
        let has = |what: &str| events.iter().any(|event| event.what == what);
        let standing = match () {
            () if rotation.finished_at.is_some() => Standing::Ended,
            () if has("switched") => Standing::Switched,
            () if has("proven") => Standing::Proven,
            () if has("added") => Standing::Added,
            () if has("add-sent") => Standing::Sent,
            () => Standing::NotSent,
        };
        let candidate = rotation.candidate.map(|id| credentials::by_id(store, id)).transpose()?;
        let open = if matches!(standing, Standing::Switched | Standing::Ended) {
            open_dependents(store, &rotation.id)?
        } else {
            Vec::new()
        };
        let sent = events.iter().find(|event| event.what == "add-sent");
        Ok(Self {
            standing,
            sent_at: sent.and_then(|event| OffsetDateTime::parse(&event.at, &Rfc3339).ok()),
            candidate,
            key_id: key_of(store, &rotation.id)?,
            revoke: rotation.options["revoke"] == true,
            overlap: Duration::seconds(rotation.options["overlap_seconds"].as_i64().unwrap_or(0)),
            open,
            retiring: ending(store, &rotation, &facts, &events)?,
            facts,
            rotation,
        })
    }

    /// Whether something is left to do.
    pub(super) fn is_open(&self, now: OffsetDateTime) -> bool {
        self.standing != Standing::Ended || !self.open.is_empty() || self.is_due(now)
    }

    /// Whether the one before is to be removed.
    pub(super) fn is_due(&self, now: OffsetDateTime) -> bool {
        self.retiring.as_ref().is_some_and(|ending| self.revoke || (ending.is_due(now) && ending.held_by.is_empty()))
    }
}

/// What a transaction has left retiring, if it still is.
fn ending(store: &Store, rotation: &Rotation, facts: &Facts, events: &[RotationEvent]) -> Result<Option<Ending>> {
    let Some(switched) = events.iter().rev().find(|event| event.what == "switched") else { return Ok(None) };
    let (Some(key_id), Some(until)) = (facts.old.key_id.clone(), switched.data["until"].as_str()) else {
        return Ok(None);
    };
    let old = credentials::by_id(store, facts.old.row())?;
    if old.state != State::Retiring {
        return Ok(None);
    }
    Ok(Some(Ending {
        transaction: rotation.id.clone(),
        row: old.id,
        version: old.version,
        key_id,
        until: until.to_owned(),
        held_by: held_by(store, &old)?,
    }))
}

/// Connections whose agents may sign in with this version: they were given it last, or what they were given is not settled.
fn held_by(store: &Store, old: &Credential) -> Result<Vec<String>> {
    let mut held = Vec::new();
    for name in credentials::connections_of(store, old.principal)? {
        let connection = connection::get(store, &name, &Scope::all())?;
        if handed::may_hold(store, &connection, old.id)? {
            held.push(name);
        }
    }
    Ok(held)
}

/// What earlier transactions of an app have left retiring.
pub(super) fn endings(store: &Store, principal: PrincipalId) -> Result<Vec<Ending>> {
    let mut endings = Vec::new();
    for rotation in journal::history(store, principal)? {
        if super::facts::is_of_app(&rotation) {
            endings.extend(Case::load(store, rotation)?.retiring);
        }
    }
    Ok(endings)
}
