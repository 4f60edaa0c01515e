//! What the store alone says of a transaction: which secrets the account may have, and how far it is known.

use std::net::IpAddr;

use serde_json::Value;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::gone;
use crate::{
    connection::credentials::{self, Credential, State},
    directory::is_same_target,
    error::{Error, Result},
    rotation::{open_dependents, sequel},
    store::{
        Store,
        journal::{self, Lagging, Rotation, RotationEvent, TargetStanding},
        rows::CredentialId,
    },
    verdict::Verdict,
};

/// How far a transaction is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing was ever sent.
    NotSent,
    /// A write was sent; nothing shows what became of it.
    Sent,
    /// The candidate signed in on the pinned target, and no other secret was given since.
    Proven,
    /// The candidate is current already.
    Current,
    /// A recovery has found out that the candidate is not the valid one; which is, where the store has it.
    Judged(Option<CredentialId>),
    /// It has ended with targets that are not proven, or with dependents that have not taken the new secret; or all have, and
    /// the journal does not say so.
    Lagging,
    /// Nothing is left to do.
    Ended,
}

/// A transaction with everything that the store has of it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) rotation: Rotation,
    pub(super) events: Vec<RotationEvent>,
    /// The secret of the last write.
    pub(super) candidate: Credential,
    /// The secrets before it, the latest first.
    pub(super) older: Vec<Credential>,
    /// A secret that somebody said to have set meanwhile, the last one.
    pub(super) given: Option<Credential>,
    /// When that was said.
    pub(super) given_at: Option<OffsetDateTime>,
    /// Those that were given before it. They are kept until it is known which one is valid, and not tried.
    pub(super) given_before: Vec<Credential>,
    /// Where the write went.
    pub(super) pinned: String,
    /// The server that this led to, by its own name, where the journal has it.
    pub(super) server: Option<String>,
    /// `pwdLastSet` there before the write.
    pub(super) before: Option<i64>,
    /// How many times it had been set there by then, by replication metadata.
    pub(super) password_version: Option<u32>,
    /// Where the password before the candidate may not have arrived, by the journal of an earlier rotation.
    lagging: Option<Lagging>,
    /// Whether the write was acknowledged.
    pub(super) acknowledged: bool,
    /// When it was: it had landed by then.
    landed_by: Option<OffsetDateTime>,
    /// Whether the candidate is a former password that comes back: by an undo, or as an earlier version.
    pub(super) brings_back: bool,
    pub(super) sent_at: Option<OffsetDateTime>,
    /// The targets that no connection of the account has any more.
    pub(super) gone: Vec<String>,
    /// The dependents that have not taken the candidate.
    pub(super) open: Vec<String>,
    pub(super) standing: Standing,
}

impl Case {
    /// Reads it. Blocks.
    pub(super) fn load(store: &Store, rotation: Rotation) -> Result<Self> {
        let events = journal::events(store, &rotation.id)?;
        let open = open_dependents(store, &rotation.id)?.into_iter().map(|open| open.name).collect();
        let gone = gone::of(store, &rotation, &events)?;
        let writes: Vec<&RotationEvent> = events.iter().filter(|event| event.what == "change-sent").collect();
        let mut ids: Vec<CredentialId> = writes.iter().rev().filter_map(|sent| id(&sent.data["candidate"])).collect();
        ids.extend(rotation.candidate);
        ids.extend(writes.first().and_then(|sent| id(&sent.data["previous"])));
        ids.extend(id(&rotation.before["previous"]));
        let candidate = ids.first().copied().ok_or_else(|| unreadable(&rotation))?;
        let candidate = credentials::by_id(store, candidate)?;
        let mut older: Vec<Credential> = Vec::new();
        for id in ids.into_iter().skip(1).filter(|id| *id != candidate.id) {
            let one = credentials::by_id(store, id)?;
            // Of another account, where the rotation was to give the connection another one; or kept elsewhere.
            let useless = one.principal != candidate.principal || one.reference.is_some();
            if !useless && older.iter().all(|known| known.id != one.id) {
                older.push(one);
            }
        }
        let mut given_before = given(store, &events)?;
        let given = if given_before.is_empty() { None } else { Some(given_before.remove(0)) };
        // Whoever gave the candidate's own secret last has taken back the others.
        let given = given.filter(|given| given.id != candidate.id);
        given_before.retain(|given| given.id != candidate.id);
        let given_at = given.as_ref().and(last(&events, "given")).and_then(|event| moment(&event.at));
        let pinned = rotation.pinned_target.clone().ok_or_else(|| unreadable(&rotation))?;
        let server = rotation.before["server"].as_str().map(str::to_owned);
        let sent = writes.last().copied();
        let before = match sent {
            Some(sent) => sent.data["pwd_last_set"].as_i64(),
            None => target(&rotation, &pinned).and_then(|target| target["pwd_last_set"].as_i64()),
        };
        let password_version = sent.and_then(|sent| u32::try_from(sent.data["password_version"].as_u64()?).ok());
        let lagging = older.first().map(|older| journal::lagging(store, older.id)).transpose()?.flatten();
        let number = sent.map_or(0, |sent| sent.number);
        let acknowledgement = last(&events, "change-acknowledged").filter(|event| event.number > number);
        let (acknowledged, landed_by) =
            (acknowledgement.is_some(), acknowledgement.and_then(|event| moment(&event.at)));
        let noted = candidate.sent_at.as_deref().and_then(moment);
        let sent_at = sent.and_then(|sent| moment(&sent.at)).max(noted);
        let standing = Standing::NotSent;
        let brings_back = ["undo_of", "candidate_of"].iter().any(|key| !rotation.options[key].is_null());
        let mut case = Self {
            rotation,
            events,
            candidate,
            older,
            given,
            given_at,
            given_before,
            pinned,
            server,
            before,
            password_version,
            lagging,
            acknowledged,
            landed_by,
            brings_back,
            sent_at,
            gone,
            open,
            standing,
        };
        case.standing = case.stand();
        Ok(case)
    }

    /// The same with what is known of its targets now.
    pub(super) fn with_gone(mut self, gone: Vec<String>) -> Self {
        self.gone = gone;
        self.standing = self.stand();
        self
    }

    /// Whether anything of it is left to do once it has ended.
    pub(super) fn lacks(&self) -> bool {
        !self.pending().is_empty() || !self.open.is_empty() || self.half_revoked().is_some()
    }

    fn stand(&self) -> Standing {
        if self.rotation.finished_at.is_some() {
            let lagging = self.candidate.state == State::Current && (self.lacks() || self.ended_short());
            return if lagging { Standing::Lagging } else { Standing::Ended };
        }
        match last(&self.events, "judged") {
            _ if self.candidate.state == State::Current => Standing::Current,
            Some(judged) => Standing::Judged(id(&judged.data["valid"])),
            None if self.is_proven() => Standing::Proven,
            None if self.sent_at.is_none() => Standing::NotSent,
            None => Standing::Sent,
        }
    }

    /// Whether the candidate has signed in, and nobody has said since then that another one was set.
    fn is_proven(&self) -> bool {
        let proven = self.candidate.proven_at.as_deref().and_then(moment);
        proven.is_some_and(|proven| self.given_at.is_none_or(|given| given <= proven))
    }

    /// The targets beside the pinned one that nobody has proven, and that are some still.
    pub(super) fn pending(&self) -> Vec<String> {
        self.others().filter(|name| !self.has_signed_in(name)).map(str::to_owned).collect()
    }

    /// The targets besides the pinned one where the change was seen and the candidate has signed in. Where somebody insisted
    /// another controller may have answered.
    pub(super) fn proven(&self) -> Vec<String> {
        let converged = self.events.iter().filter(|event| event.what == "converged" && event.data["insisted"] != true);
        let seen: Vec<_> = converged.filter_map(|event| event.target.as_deref()).collect();
        self.others().filter(|name| seen.contains(name)).map(str::to_owned).collect()
    }

    fn has_signed_in(&self, name: &str) -> bool {
        journal::target_standing(&self.events, name) == TargetStanding::Proven
    }

    /// The targets besides the pinned one that the connection still has.
    fn others(&self) -> impl Iterator<Item = &str> {
        let names = targets(&self.rotation).iter().filter_map(|target| target["target"].as_str());
        names.filter(|name| *name != self.pinned && !self.gone.iter().any(|gone| gone == name))
    }

    /// Whether it has ended with another verdict than `ok`. Where nothing is left to do, whoever did that was cut short before
    /// it could say so.
    pub(super) fn ended_short(&self) -> bool {
        self.rotation.verdict.is_some_and(|verdict| verdict != Verdict::Ok) && last(&self.events, "promoted").is_some()
    }

    /// Until when the password that somebody knew binds, where this is the first of two changes and the second was not made.
    pub(super) fn half_revoked(&self) -> Option<OffsetDateTime> {
        sequel::binds_until(&self.rotation, &self.events)
    }

    /// The same, while it does.
    pub(super) fn binds_until(&self) -> Option<OffsetDateTime> {
        self.half_revoked().filter(|until| OffsetDateTime::now_utc() < *until)
    }

    /// Where the server that the write went to answered, if the journal has it.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.rotation.before["address"].as_str()?.parse().ok()
    }

    /// The account's objectGUID, by which it is found whatever it is called now.
    pub(super) fn guid(&self) -> &str {
        self.rotation.before["account"]["guid"].as_str().unwrap_or(&self.candidate.username)
    }

    /// Whether former passwords are remembered, as preflight read it: then the one before still signs in for a while.
    pub(super) fn has_history(&self) -> bool {
        self.rotation.before["policy"]["history"].as_u64().is_some_and(|history| history > 1)
    }

    /// Whether a target may lack two changes: the password before this one may never have been valid there. What preflight saw
    /// tells; where it saw nothing, what an earlier rotation has left.
    pub(super) fn is_behind(&self, name: &str) -> bool {
        let lagged =
            |target: &Value| target["behind"] == true || (self.before.is_some() && target["pwd_last_set"].is_i64());
        match target(&self.rotation, name) {
            Some(target) if self.was_level(target) => false,
            Some(target) if lagged(target) => true,
            _ => self.lagging.as_ref().is_some_and(|lagging| lagging.holds(|one| is_same_target(one, name))),
        }
    }

    /// Whether a target of preflight's had the password that the pinned one had before the write. 0 is that it must be changed,
    /// whichever it is.
    pub(super) fn was_level(&self, target: &Value) -> bool {
        let set = target["pwd_last_set"].as_i64().filter(|set| *set != 0);
        set.is_some() && set == self.before && target["behind"] != true
    }

    /// When no write of it can land any more.
    pub(super) fn limit(&self, late: std::time::Duration) -> Option<OffsetDateTime> {
        let late = Duration::try_from(late).unwrap_or(Duration::MAX);
        self.landed_by.or_else(|| self.sent_at.map(|at| at.saturating_add(late)))
    }
}

/// The secrets that somebody said to have set, the one that was given last first.
fn given(store: &Store, events: &[RotationEvent]) -> Result<Vec<Credential>> {
    let mut ids: Vec<CredentialId> = Vec::new();
    for event in events.iter().rev().filter(|event| event.what == "given") {
        ids.extend(id(&event.data["credential"]).filter(|id| !ids.contains(id)));
    }
    ids.into_iter().map(|id| credentials::by_id(store, id)).collect()
}

/// The last event with this word.
pub(super) fn last<'a>(events: &'a [RotationEvent], what: &str) -> Option<&'a RotationEvent> {
    events.iter().rev().find(|event| event.what == what)
}

pub(super) fn id(value: &Value) -> Option<CredentialId> {
    value.as_i64().map(CredentialId)
}

pub(super) fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

fn target<'a>(rotation: &'a Rotation, name: &str) -> Option<&'a Value> {
    targets(rotation).iter().find(|target| target["target"] == name)
}

/// The targets as preflight saw them.
pub(super) fn targets(rotation: &Rotation) -> &[Value] {
    rotation.before["targets"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn unreadable(rotation: &Rotation) -> Error {
    Error::new("rotation.journal", format!("the journal of {} names no candidate or no target", rotation.connection))
        .hint("the journal was written by another program; its account's secrets are all kept")
}
