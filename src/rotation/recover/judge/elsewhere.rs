//! The name of the pinned target leads to another server now. What that one has not got says nothing: the write may have
//! landed and not have been passed on. So nothing is "not applied" here; only what the server has got counts, and was set
//! later than what preflight saw:
//!
//! - the candidate signs in: the write landed, and was passed on;
//! - a password was set when the write could land no more, and an earlier or a given secret is that password: it replaces the
//!   write wherever that one has landed, for of two changes that meet the
//!   later one stays.
//!
//! That is also how a transaction is settled whose server is gone for good: an administrator sets a password on one that is
//! left.

use time::OffsetDateTime;

use super::{Judge, Judgement};
use crate::{
    connection::credentials::{Credential, SKEW},
    directory::{Session, ticks},
    error::{Error, Result},
};

/// The code of the fault that leads here.
const OTHER_SERVER: &str = "rotation.other_server";

/// The server that answered instead of the pinned one, where that is what went wrong.
pub(super) fn other_server(error: &Error) -> Option<String> {
    let detail = |name| error.details().iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    detail("server").filter(|_| detail("cause").as_deref() == Some(OTHER_SERVER))
}

impl Judge<'_> {
    /// Finds out what that server can tell; `why` is what is said where it is nothing.
    pub(super) async fn elsewhere(&self, server: String, why: Error) -> Result<Judgement> {
        if self.elsewhere.set(server).is_err() {
            return Err(why);
        }
        let mut mark = None;
        if let Some((session, dn)) = self.over_via().await? {
            mark = self.mark(&session, &dn).await?;
            if !self.is_newer(mark) {
                return Err(why);
            }
            self.refuse_barred(&session, &dn).await?;
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
        for older in self.case.older.iter().filter(|_| self.replaced_the_write(mark) && !self.is_graced(mark)) {
            if self.attempt(older, mark).await?.is_some() {
                return Ok(self.older_is_valid(older));
            }
        }
        Err(why)
    }

    /// Reads there as the account itself, with the password before the change, which what lags takes, and what does not for a
    /// while where a history is kept. `None`: a later one was set there.
    async fn with_the_one_before(&self, why: &Error) -> Result<Option<Judgement>> {
        let is_second = ["undo_of", "revoke_of"].iter().any(|key| !self.case.rotation.options[key].is_null());
        let Some(older) = self.case.older.first().filter(|_| self.case.has_history() && !is_second) else {
            return Err(why.clone());
        };
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
        Ok(self.replaced_the_write(mark) && !is_graced)
    }

    fn older_is_valid(&self, older: &Credential) -> Judgement {
        let signed_in = self.signed_in(older);
        Judgement::Other(Some(older.id), format!("{signed_in}, where it was set when the write could land no more"))
    }

    /// Whether a password was set there since preflight.
    fn is_newer(&self, mark: Option<i64>) -> bool {
        mark.zip(self.case.before).is_some_and(|(now, before)| now > before)
    }

    fn replaced_the_write(&self, mark: Option<i64>) -> bool {
        let limit = self.case.limit(self.request.late).map(|limit| limit + SKEW);
        let set = mark.filter(|_| self.is_newer(mark)).and_then(ticks::moment);
        set.zip(limit).is_some_and(|(set, limit): (OffsetDateTime, _)| set > limit)
    }
}
