//! What was refused, and whether it may be tried again.

use std::sync::PoisonError;

use time::OffsetDateTime;

use super::Judge;
use crate::{
    rotation::recover::case::{Case, id, moment},
    store::rows::CredentialId,
};

/// A refusal on the pinned target, or on the server that was asked instead.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) credential: CredentialId,
    pub(super) at: OffsetDateTime,
    /// `pwdLastSet` there, where it was known.
    pub(super) mark: Option<i64>,
    /// The server that was asked, where that was not the pinned one.
    pub(super) server: Option<String>,
    /// Whether an earlier recovery met it.
    pub(super) is_of_before: bool,
}

/// Those that earlier recoveries met.
pub(super) fn journalled(case: &Case) -> Vec<Refusal> {
    let tried = case.events.iter().filter(|event| {
        event.what == "tried"
            && event.data["answer"] == "refused"
            && (event.target.as_deref() == Some(case.pinned.as_str()) || event.data["server"].is_string())
    });
    let refusals = tried.filter_map(|event| {
        let (credential, at) = (id(&event.data["credential"])?, moment(&event.at)?);
        let (mark, server) = (event.data["pwd_last_set"].as_i64(), event.data["server"].as_str().map(str::to_owned));
        Some(Refusal { credential, at, mark, server, is_of_before: true })
    });
    refusals.collect()
}

impl Judge<'_> {
    /// Whether a secret may be tried: never again after a refusal, unless the password was set anew since then, or somebody
    /// insists that an earlier recovery was mistaken. Where nobody can tell, the candidate gets one more bind when its write
    /// can land no more.
    pub(super) fn may_try(&self, credential: CredentialId, mark: Option<i64>) -> bool {
        let Some(Refusal { at, mark: then, is_of_before, .. }) = self.last_refusal(credential) else { return true };
        if self.request.insist && is_of_before {
            return true;
        }
        let was_early = credential == self.case.candidate.id && self.could_land(at);
        match (mark, then) {
            (Some(now), Some(then)) => now != then,
            (Some(_), None) => was_early && !self.is_as_before(mark),
            (None, _) => was_early && !self.could_land(OffsetDateTime::now_utc()),
        }
    }

    /// Whether the candidate was refused while its write could still land, and gets one more bind for that.
    pub(super) fn was_refused_early(&self) -> bool {
        let candidate = self.case.candidate.id;
        !self.case.acknowledged && self.last_refusal(candidate).is_some_and(|refusal| self.could_land(refusal.at))
    }

    /// Whether the candidate, though it was refused, may be valid yet: its write could still land then, and may still, or
    /// nothing shows that it has not.
    pub(super) fn may_yet_be_valid(&self, mark: Option<i64>) -> bool {
        let refused = self.last_refusal(self.case.candidate.id);
        !self.case.acknowledged
            && refused.is_some_and(|refusal| self.could_land(refusal.at))
            && (mark.is_none() || self.could_land(OffsetDateTime::now_utc()))
    }

    /// Whether this recovery was refused a password.
    pub(super) fn has_met_a_refusal(&self) -> bool {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.iter().any(|refusal| !refusal.is_of_before)
    }

    pub(super) fn refused(&self, refusal: Refusal) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(refusal);
    }

    /// A refusal of the given secret is one of every version that holds the same.
    fn last_refusal(&self, credential: CredentialId) -> Option<Refusal> {
        let given = self.case.given.as_ref().filter(|_| self.given_like.contains(&credential)).map(|given| given.id);
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let server = self.server();
        let of_it = |refusal: &&Refusal| {
            refusal.server == server && (refusal.credential == credential || Some(refusal.credential) == given)
        };
        refusals.iter().rfind(of_it).cloned()
    }

    /// Whether the write could still land at that moment.
    fn could_land(&self, at: OffsetDateTime) -> bool {
        self.case.limit(self.request.late).is_some_and(|limit| at < limit)
    }
}
