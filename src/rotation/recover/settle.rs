//! What is done once it is known which secret is valid. Each step is on the disk before the next, and each may be done again.

use serde_json::json;

use super::{
    Onlooker, Recovered, Request,
    administrator::Administrator,
    case::{Case, Standing},
    gone,
    judge::Judgement,
    targets,
};
use crate::{
    connection::credentials::{self, State},
    directory::Session,
    error::Result,
    rotation::{
        books::Books,
        converge::settled_as,
        outcome::{shortfall, worst},
        report::{Stage, TargetReport},
        sequel,
    },
    secret::redact::redact,
    store::{events::Failure, journal, rows::CredentialId},
    verdict::Verdict,
};

/// A case that is being settled.
pub(super) struct Settling<'a> {
    pub(super) request: &'a Request,
    pub(super) books: &'a Books,
    pub(super) case: &'a Case,
    pub(super) administrator: &'a Administrator<'a>,
    pub(super) onlooker: &'a dyn Onlooker,
}

impl Settling<'_> {
    /// Nothing was sent: the candidate retires.
    pub(super) async fn not_sent(&self) -> Result<Recovered> {
        let candidate = &self.case.candidate;
        let done = format!("version {} is retired, and the transaction has ended", candidate.version);
        self.announce(&done).await?;
        let (id, rotation, by) = (candidate.id, self.case.rotation.id.clone(), self.by());
        self.books
            .with(move |books| {
                credentials::retire(&books.store, id, "never sent")?;
                journal::finish(&books.store, &rotation, Verdict::Failed, "not-sent", &by)
            })
            .await?;
        let version = self.case.older.first().map(|one| one.version);
        Ok(self.not_revoked(self.recovered("the new password was never sent".to_owned(), version, done)))
    }

    /// The password is the one from before: where it was to be revoked, that is not all well.
    fn not_revoked(&self, recovered: Recovered) -> Recovered {
        if self.case.rotation.options["revoke"] != true {
            return recovered;
        }
        let error = Some(Failure::from(&sequel::not_begun(&self.request.connection)));
        Recovered { verdict: Verdict::Partial, error, ..recovered }
    }

    /// Settles what was judged, on this target. The judgement is journalled first: it is not found out twice.
    pub(super) async fn judged(&self, judgement: Judgement, place: String) -> Result<Recovered> {
        let id = self.case.candidate.id;
        let rotation = self.case.rotation.id.as_str();
        match judgement {
            Judgement::Candidate(session) => {
                let on = place.clone();
                self.books.with(move |books| credentials::mark_proven(&books.store, id, &on)).await?;
                self.books.event(rotation, Some(Stage::Converge), "proven", Some(&place), self.by()).await?;
                let found = format!("version {} signed in on {place}", self.case.candidate.version);
                Box::pin(self.promote(found, Some(*session))).await
            }
            Judgement::Other(valid, why) => {
                let data = json!({"valid": valid, "why": why});
                self.books.event(rotation, None, "judged", Some(&place), data).await?;
                self.undo(valid, why, place).await
            }
        }
    }

    /// The candidate is not the valid one, as this target showed: it retires, and what is valid is current.
    pub(super) async fn undo(&self, valid: Option<CredentialId>, why: String, on: String) -> Result<Recovered> {
        let case = self.case;
        let known = || case.older.iter().chain(&case.given);
        let version = known().find(|one| Some(one.id) == valid).map(|one| one.version);
        let superseded = case.given.as_ref().is_some_and(|given| Some(given.id) == valid);
        let mut done = match version {
            Some(version) => format!("version {} is retired, version {version} is current", case.candidate.version),
            None => format!("version {} is retired; the store has no other", case.candidate.version),
        };
        if superseded && !case.open.is_empty() {
            // Whoever set the password may have seen to them.
            done = format!("{done}; see to what depends on it and was not handed this one: {}", case.open.join(", "));
        }
        self.announce(&done).await?;
        let word = if superseded { "superseded" } else { "not-applied" };
        let losers: Vec<CredentialId> = std::iter::once(&case.candidate)
            .chain(&case.given)
            .chain(&case.given_before)
            .map(|one| one.id)
            .filter(|id| Some(*id) != valid)
            .collect();
        let (rotation, by) = (case.rotation.id.clone(), self.by());
        self.books
            .with(move |books| {
                let store = &books.store;
                if let Some(valid) = valid
                    && credentials::by_id(store, valid)?.state != State::Current
                {
                    credentials::promote(store, valid, &on)?;
                }
                for loser in losers {
                    credentials::retire(store, loser, word)?;
                }
                journal::finish(store, &rotation, Verdict::Failed, word, &by)
            })
            .await?;
        let recovered = self.recovered(why, version, done);
        Ok(if superseded { recovered } else { self.not_revoked(recovered) })
    }

    /// The candidate is proven: it becomes current for every connection, the journal ends, and then the other targets are
    /// looked at. What they lack is left to the next recovery.
    pub(super) async fn promote(&self, found: String, session: Option<Session>) -> Result<Recovered> {
        let (case, names) = (self.case, self.request.connections.join(", "));
        let done = format!("version {} is current in {names}", case.candidate.version);
        gone::note(self).await?;
        if case.standing != Standing::Lagging {
            self.switch(&done).await?;
        }
        let targets = Box::pin(targets::look(self, session)).await?;
        self.settle(&targets).await?;
        let recovered = self.recovered(found, Some(case.candidate.version), done);
        let error = shortfall(&targets).map(|error| {
            let again = format!("once they have the change: {}", journal::recovery(&self.request.connection));
            Failure::from(&error.hint(again))
        });
        let mut verdict = worst(&targets);
        let Some(until) = case.binds_until() else { return Ok(Recovered { verdict, targets, error, ..recovered }) };
        // Dependents are handed the password after what is `ok`; what comes of that is at least `partial` then.
        if case.open.is_empty() || verdict != Verdict::Ok {
            verdict = verdict.max(Verdict::Partial);
        }
        let half = Failure::from(&sequel::not_revoked(&self.request.connection, until));
        let error = error.filter(|_| worst(&targets) > Verdict::Partial).unwrap_or(half);
        Ok(Recovered { verdict, targets, error: Some(error), ..recovered })
    }

    /// Makes the candidate current for every connection and ends the journal.
    async fn switch(&self, done: &str) -> Result<()> {
        self.announce(done).await?;
        let case = self.case;
        let verdict = match (case.open.is_empty(), case.pending().is_empty()) {
            _ if case.binds_until().is_some() => Verdict::Partial,
            (false, _) => Verdict::Partial,
            (true, false) => Verdict::Inconclusive,
            (true, true) => Verdict::Ok,
        };
        let (id, rotation, pinned) = (case.candidate.id, case.rotation.id.clone(), case.pinned.clone());
        let data = self.by();
        let given: Vec<CredentialId> = case.given.iter().chain(&case.given_before).map(|given| given.id).collect();
        let progress = journal::Progress { stage: Some(Stage::Promote.as_str().to_owned()), ..Default::default() };
        self.books
            .with(move |books| {
                let store = &books.store;
                let candidate = credentials::by_id(store, id)?;
                if candidate.state != State::Current {
                    credentials::promote(store, id, candidate.proven_on.as_ref().unwrap_or(&pinned))?;
                }
                for given in given {
                    credentials::retire(store, given, "not valid")?;
                }
                journal::step(store, &rotation, &progress, "recovering", None, &data)?;
                journal::finish(store, &rotation, verdict, "promoted", &data)
            })
            .await
    }

    /// Journals what came of the targets. Where all are proven now, the transaction is as good as one that never met a fault,
    /// at one stroke: or a recovery that ends between two entries would leave one that nobody settles.
    async fn settle(&self, targets: &[TargetReport]) -> Result<()> {
        let rotation = self.case.rotation.id.clone();
        let (binds, half) = (self.case.binds_until().is_some(), self.case.half_revoked().is_some());
        if targets.is_empty() && (binds || !(half || self.case.ended_short())) {
            return Ok(());
        }
        if !binds && self.case.open.is_empty() && worst(targets) == Verdict::Ok {
            let proven: Vec<&str> = targets.iter().map(|target| target.target.as_str()).collect();
            let data = json!({"by": self.request.who, "proven": proven});
            return self.books.with(move |books| journal::settle(&books.store, &rotation, Verdict::Ok, &data)).await;
        }
        for target in targets {
            let data = json!({"ms": target.ms, "note": redact(&target.note)});
            self.books.event(&rotation, None, settled_as(target.verdict), Some(&target.target), data).await?;
        }
        Ok(())
    }

    /// Somebody else has settled it meanwhile.
    pub(super) fn ended(&self) -> Recovered {
        self.recovered("it had ended".to_owned(), None, "nothing".to_owned())
    }

    async fn announce(&self, done: &str) -> Result<()> {
        let account = &self.case.candidate.username;
        self.onlooker.settling(&format!("credential of {account}: {done}")).await
    }

    fn by(&self) -> serde_json::Value {
        json!({"by": self.request.who, "version": self.case.candidate.version})
    }

    fn recovered(&self, found: String, valid: Option<u32>, done: String) -> Recovered {
        Recovered {
            verdict: Verdict::Ok,
            transaction: self.case.rotation.id.clone(),
            account: self.case.candidate.username.clone(),
            connections: self.request.connections.clone(),
            found,
            valid,
            done,
            targets: Vec::new(),
            dependents: Vec::new(),
            error: None,
        }
    }
}
