//! The name of the pinned target leads to another server now; or nobody answers there, and the account's other targets are
//! asked because somebody says to have set a password since, or insists. What such a server has not got says nothing: the
//! write may have landed and not have been passed on. So nothing is "not applied" here; only what the server has got counts,
//! and was set later than what preflight saw:
//!
//! - the candidate signs in: the write landed, and was passed on;
//! - a password was set when the write could land no more, and an earlier or a given secret is that password: it replaces the
//!   write wherever that one has landed. Of two changes that meet the one stays that comes after more of them, and only of
//!   as many the later one (MS-ADTS 3.1.1.3.1.5.2: version, then time). So preflight must have seen on that very server the
//!   password that the pinned one had; or its replication metadata must tell that the password was set as often as with the write.
//!
//! That is also how a transaction is settled whose server is gone for good: an administrator sets a password on one that is
//! left.
//!
//! What is tried there may be wrong, so the first server that refuses a password is the last one to be asked.

use std::{net::IpAddr, sync::PoisonError};

use serde_json::Value;
use time::OffsetDateTime;

use super::{Judge, Judgement};
use crate::{
    connection::credentials::{Credential, SKEW},
    directory::{self, Endpoint, Session, ticks},
    error::{Error, Result},
    rotation::{
        controllers::{self, Controller},
        recover::case,
    },
};

/// A server that is asked instead of the pinned one.
#[derive(Debug, Clone)]
pub(super) struct Elsewhere {
    pub(super) endpoint: Endpoint,
    /// Where it answered, if it has.
    pub(super) address: Option<IpAddr>,
    /// By its own name, else by the target's.
    pub(super) server: String,
}

/// The code of the fault that leads here under the pinned target's own name.
const OTHER_SERVER: &str = "rotation.other_server";

/// The server that answered instead of the pinned one, where that is what went wrong.
pub(super) fn other_server(error: &Error) -> Option<String> {
    let detail = |name| error.details().iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    detail("server").filter(|_| detail("cause").as_deref() == Some(OTHER_SERVER))
}

impl Judge<'_> {
    /// What others can tell where the pinned server cannot be asked; `why` is what is said where it is nothing.
    pub(super) async fn on_others(&self, why: Error) -> Result<Judgement> {
        if let Some(server) = other_server(&why) {
            if self.has_met_a_refusal() {
                self.told_enough();
                return Err(why);
            }
            let endpoint = self.request.endpoint(&self.case.pinned)?;
            return Box::pin(self.elsewhere(Elsewhere { endpoint, address: None, server }, why)).await;
        }
        if why.code() != "rotation.target_down" || !(self.case.given.is_some() || self.request.insist) {
            return Err(why);
        }
        for other in self.others().await {
            if self.has_met_a_refusal() {
                self.told_enough();
                break;
            }
            let asked = format!("{} does not answer: {} is asked instead", self.case.pinned, other.endpoint.target);
            self.onlooker.told("elsewhere", &asked);
            match Box::pin(self.elsewhere(other, why.clone())).await {
                Err(error) if error.code() == why.code() => {}
                told => return told,
            }
        }
        Err(why)
    }

    fn told_enough(&self) {
        let told =
            format!("{} refused a password, and one server that does is enough: no other is asked", self.place());
        self.onlooker.told("elsewhere", &told);
    }

    /// The account's other targets that answer. A read-only one passes sign-ins on, to a server that may lag.
    async fn others(&self) -> Vec<Elsewhere> {
        let is_other = |one: &&Endpoint| one.target.to_string() != self.case.pinned;
        let endpoints: Vec<Endpoint> = self.request.targets.iter().filter(is_other).cloned().collect();
        let (open, _) = controllers::open_all(&endpoints).await;
        let others = open.into_iter().filter(|one| !one.read_only);
        let found = |one: Controller| Elsewhere {
            address: one.session.address(),
            server: one.own_name.unwrap_or(one.name),
            endpoint: one.endpoint,
        };
        others.map(found).collect()
    }

    pub(super) fn other(&self) -> Option<Elsewhere> {
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server that is asked instead of the pinned one, where one is.
    pub(super) fn server(&self) -> Option<String> {
        self.other().map(|other| other.server)
    }

    /// The target that is asked.
    pub(in crate::rotation::recover) fn place(&self) -> String {
        self.other().map_or_else(|| self.case.pinned.clone(), |other| other.endpoint.target.to_string())
    }

    /// Finds out what that server can tell.
    async fn elsewhere(&self, other: Elsewhere, why: Error) -> Result<Judgement> {
        *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner) = Some(other);
        let mut mark = None;
        let via = self.over_via().await?;
        if let Some((session, dn)) = &via {
            mark = self.mark(session, dn).await?;
            if !self.is_newer(mark) {
                return Err(why);
            }
            self.refuse_barred(session, dn).await?;
        }
        if let Some(given) = &self.case.given
            && let Some(session) = self.attempt(given, mark).await?
        {
            let is_former = !self.given_like.is_empty();
            return if self.was_set_last(&session, is_former).await? {
                Ok(self.given_is_valid(given))
            } else {
                Err(why)
            };
        }
        // With the candidate nobody signs in where it may not have arrived.
        if mark.is_none()
            && let Some(older) = self.with_the_one_before(&why).await?
        {
            return Ok(older);
        }
        if let Some(session) = self.candidate(mark).await? {
            return self.weigh_arrived(session, why).await;
        }
        if let Some((session, dn)) = &via
            && !self.is_graced(mark)
            && self.replaced_the_write(session, dn, mark).await?
        {
            for older in &self.case.older {
                if self.attempt(older, mark).await?.is_some() {
                    return Ok(self.older_is_valid(older));
                }
            }
        }
        Err(why)
    }

    /// Reads there as the account itself, with the password before the change, which what lags takes, and what does not for a
    /// while where a history is kept. `None`: a later one was set there.
    async fn with_the_one_before(&self, why: &Error) -> Result<Option<Judgement>> {
        let may_be_wrong = !self.case.has_history() || self.is_second() || self.is_behind();
        let Some(older) = self.case.older.first().filter(|_| !may_be_wrong) else { return Err(why.clone()) };
        let Some(session) = self.attempt(older, None).await? else { return Ok(None) };
        if self.was_set_last(&session, true).await? {
            return Ok(Some(self.older_is_valid(older)));
        }
        let dn = self.dn(&session).await?;
        if self.is_newer(self.mark(&session, &dn).await?) { Ok(None) } else { Err(why.clone()) }
    }

    /// The candidate signs in. A former password that was to come back may do so on what lags by more than one change.
    async fn weigh_arrived(&self, session: Session, why: Error) -> Result<Judgement> {
        if !self.case.acknowledged && self.brings_back {
            let dn = self.dn(&session).await?;
            if !self.is_newer(self.mark(&session, &dn).await?) {
                return Err(why);
            }
        }
        self.weigh_candidate(session).await
    }

    /// Whether the secret that has just signed in was set when the write could land no more, and no other one since. A former
    /// one may sign in for an hour after somebody has set another.
    async fn was_set_last(&self, session: &Session, is_former: bool) -> Result<bool> {
        let dn = self.dn(session).await?;
        let mark = self.mark(session, &dn).await?;
        let is_graced = if is_former { self.is_graced(mark) } else { self.is_given_overtaken(mark) };
        Ok(!is_graced && self.replaced_the_write(session, &dn, mark).await?)
    }

    fn older_is_valid(&self, older: &Credential) -> Judgement {
        let signed_in = self.signed_in(older);
        Judgement::Other(Some(older.id), format!("{signed_in}, where it was set when the write could land no more"))
    }

    /// Whether a password was set there since preflight.
    fn is_newer(&self, mark: Option<i64>) -> bool {
        mark.zip(self.case.before).is_some_and(|(now, before)| now > before)
    }

    /// The server as preflight saw it, by each name that it had. A name may have led to another one then.
    fn seen(&self) -> impl Iterator<Item = &Value> {
        let (place, server) = (self.place(), self.server().unwrap_or_default());
        case::targets(&self.case.rotation).iter().filter(move |target| match target["server"].as_str() {
            Some(seen) => seen.eq_ignore_ascii_case(&server),
            None => place != self.case.pinned && target["target"] == place.as_str(),
        })
    }

    /// Whether it may lack the change before the write as well: then the password before that may never have been valid there.
    fn is_behind(&self) -> bool {
        let mut names = self.seen().filter_map(|target| target["target"].as_str());
        self.case.is_behind(&self.place()) || names.any(|name| self.case.is_behind(name))
    }

    /// Whether the write was the second of two.
    fn is_second(&self) -> bool {
        ["undo_of", "revoke_of"].iter().any(|key| !self.case.rotation.options[key].is_null())
    }

    /// Whether the password that is set there stays wherever the write has landed.
    async fn replaced_the_write(&self, session: &Session, dn: &str, mark: Option<i64>) -> Result<bool> {
        let limit = self.case.limit(self.request.late).map(|limit| limit.saturating_add(SKEW));
        let set = mark.filter(|_| self.is_newer(mark)).and_then(ticks::moment);
        if set.zip(limit).is_none_or(|(set, limit): (OffsetDateTime, _)| set <= limit) {
            return Ok(false);
        }
        if self.seen().any(|target| self.case.was_level(target)) {
            return Ok(true);
        }
        self.has_as_many_changes(session, dn).await
    }

    /// Whether the password was set as often there as on the pinned server, the write included; says so where it was not.
    async fn has_as_many_changes(&self, session: &Session, dn: &str) -> Result<bool> {
        let heard = directory::password_version(session, dn).await.map_err(|error| self.unasked(&error))?;
        let server = self.server().unwrap_or_default();
        let note = match heard.zip(self.case.password_version) {
            None => format!(
                "{server} is one that nobody had looked at before the write, and how often the password was set may not be read \
                 (replication metadata): it may have lagged, so what was set there since proves nothing"
            ),
            Some((heard, before)) => match before.saturating_add(1).saturating_sub(heard) {
                0 => return Ok(true),
                lacks => format!(
                    "{server} lacks {lacks} of the changes of the password that the server of the write had, so what was set there \
                     would not last: have it set there once more for each, the one that is given last"
                ),
            },
        };
        self.onlooker.told("elsewhere", &note);
        Ok(false)
    }
}
