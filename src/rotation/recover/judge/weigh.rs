//! What it proves that a secret signed in. For an hour after a change the one before signs in as well, so a sign-in counts
//! only where it is not that one's: by its place in the order of what was sent, and by when the password was set.

use super::{Judge, Judgement, times::Times};
use crate::{connection::credentials::Credential, directory::Session, error::Result, store::rows::CredentialId};

impl Judge<'_> {
    /// The candidate signed in. One that brings back a former password may do so for an hour whatever became of its write:
    /// there only `pwdLastSet` tells.
    pub(super) async fn weigh_candidate(&self, session: Session) -> Result<Judgement> {
        if self.case.acknowledged || !self.brings_back {
            return Ok(Judgement::Candidate(Box::new(session)));
        }
        let dn = self.dn(&session).await?;
        let seen = self.mark(&session, &dn).await?;
        let mark = if self.is_as_before(seen) { self.after_limit(&session, &dn, seen).await? } else { seen };
        match self.times(mark) {
            Times::AsBefore => Ok(self.not_applied()),
            Times::Old => Ok(Judgement::Candidate(Box::new(session))),
            Times::Lately | Times::Overtaken if self.case.before.is_some() => {
                Ok(Judgement::Candidate(Box::new(session)))
            }
            _ => Err(self.in_doubt(
                "a former password that was to come back signs in, and when the password was set may not be read: for an hour \
                 after a change that proves nothing",
            )),
        }
    }

    /// A secret from before the write signed in.
    pub(super) async fn weigh_older(&self, accepted: &Credential, session: Session) -> Result<Judgement> {
        let dn = self.dn(&session).await?;
        let first = self.mark(&session, &dn).await?;
        let mark = self.after_limit(&session, &dn, first).await?;
        let (version, signed_in) = (accepted.version, self.signed_in(accepted));
        match self.times(mark) {
            Times::AsBefore => return Ok(Judgement::Other(Some(accepted.id), self.unapplied())),
            Times::Old => {
                let since = if mark.is_some() { "a password was set there" } else { "the write could land" };
                return Ok(Judgement::Other(
                    Some(accepted.id),
                    format!("{signed_in}, more than an hour after {since}"),
                ));
            }
            Times::Overtaken | Times::Lately | Times::Unknown => {}
        }
        if let Some(session) = self.candidate(mark).await? {
            return Ok(Judgement::Candidate(Box::new(session)));
        }
        if self.times(mark) == Times::Unknown {
            let untold = self.untold(mark);
            return Err(
                self.in_doubt(&format!("{signed_in}, and {untold}: for an hour after a change that proves nothing"))
            );
        }
        Err(self.none_valid(&format!(
            "somebody has set another password; that version {version} still signs in is the hour of grace after that"
        )))
    }

    /// The secret that somebody says to have set signed in. It was set last, where no other may have been set after it: not
    /// another one by somebody else, and not the candidate by a write that landed late. A former one may sign in although
    /// nobody has set it again.
    pub(super) async fn weigh_given(&self, given: &Credential, session: Session) -> Result<Judgement> {
        let dn = self.dn(&session).await?;
        let first = self.mark(&session, &dn).await?;
        let mark = self.after_limit(&session, &dn, first).await?;
        if mark != first {
            // What was set after it may be the write, landing late.
            return match self.candidate(mark).await? {
                Some(session) => Ok(Judgement::Candidate(Box::new(session))),
                None => Err(self.in_doubt("another password was set while this one was tried")),
            };
        }
        if self.is_given_overtaken(mark) {
            return Err(self.ambiguous(&format!(
                "{}, where a password was set after it was given: for an hour after a change the one before signs in too",
                self.signed_in(given)
            )));
        }
        if self.given_like.is_empty() {
            self.weigh_new(given, mark).await
        } else {
            self.weigh_former(given, mark).await
        }
    }

    /// A secret that the account never had, as far as the store knows.
    async fn weigh_new(&self, given: &Credential, mark: Option<i64>) -> Result<Judgement> {
        let may_be_before = matches!(self.times(mark), Times::Lately | Times::Unknown);
        if may_be_before && self.both_sign_in(mark).await? {
            return Err(self.ambiguous(&format!(
                "versions {} and {} both sign in on {}, as the last two do for an hour after a change, and nothing tells which \
                 was set last",
                given.version,
                self.case.candidate.version,
                self.place()
            )));
        }
        Ok(self.given_is_valid(given))
    }

    /// One that it had.
    async fn weigh_former(&self, given: &Credential, mark: Option<i64>) -> Result<Judgement> {
        let is_older = |id: &CredentialId| self.case.older.iter().any(|older| older.id == *id);
        let is_last = match self.times(mark) {
            Times::Old => true,
            Times::AsBefore if self.given_like.iter().any(is_older) => return Ok(self.not_applied()),
            Times::AsBefore if self.was_graced() && !self.case.older.is_empty() => return Ok(self.not_applied()),
            // Where nothing graces it, it was set on another target, or was valid all the time.
            Times::AsBefore => !self.was_graced(),
            // Somebody set it or the candidate after the write: nobody else has the candidate.
            Times::Overtaken => self.both_sign_in(mark).await?,
            Times::Lately | Times::Unknown => false,
        };
        if is_last {
            return Ok(self.given_is_valid(given));
        }
        Err(self.ambiguous(&format!(
            "{}, and is a former password: for an hour after a change that proves nothing",
            self.signed_in(given)
        )))
    }

    pub(super) fn given_is_valid(&self, given: &Credential) -> Judgement {
        Judgement::Other(Some(given.id), self.signed_in(given))
    }

    /// Whether the candidate signs in as well, with the password set when it was.
    async fn both_sign_in(&self, mark: Option<i64>) -> Result<bool> {
        let Some(session) = self.attempt(&self.case.candidate, mark).await? else { return Ok(false) };
        let dn = self.dn(&session).await?;
        if self.mark(&session, &dn).await? == mark {
            return Ok(true);
        }
        Err(self.in_doubt("another password was set while the given one was tried"))
    }

    /// The write was not applied: what was valid before it is.
    pub(super) fn not_applied(&self) -> Judgement {
        Judgement::Other(self.case.older.first().map(|older| older.id), self.unapplied())
    }
}
