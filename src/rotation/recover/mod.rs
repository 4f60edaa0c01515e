//! Recovery: what a rotation left that ended at any instruction is found out and settled.
//!
//! [`unfinished`] tells what there is from the store alone; [`recover`] takes the principal's lock, finds out which secret is
//! valid (`judge`) and finishes or undoes (`settle`), then looks at the targets that may lag (`targets`). The table at the
//! head of `rotation` is what it goes by. It may itself end at any instruction and be begun again: what was found out is
//! journalled before it is acted on, and every act may be done twice.
//!
//! A candidate without a journal is left alone: it was never sent, and it cannot be told from one that
//! `conn::set_credentials` keeps until a target can be asked.

mod administrator;
mod case;
mod gone;
mod judge;
mod settle;
mod settled;
mod targets;
mod unfinished;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    books::Books,
    dependents,
    lockout::LockoutOptions,
    report::{DependentReport, TargetReport},
    request::Via,
};
use crate::{
    connection::credentials::{self, Credential},
    directory::{Endpoint, Target},
    error::{Error, Result},
    secret::{Secret, seal},
    store::{Store, events::Failure, journal},
    verdict::Verdict,
};
use administrator::Administrator;
use case::{Case, Standing};
use judge::Judge;
use settle::Settling;
pub use settled::{Settled, settled};
pub(super) use unfinished::connections as connections_for;
pub use unfinished::{Unfinished, Version, find, unfinished};

/// After so long no write that was sent can land any more: a sender gives up after 10 s (`Limits::operation`), and what a
/// controller has taken by then it works at for at most `MaxQueryDuration`, 120 s unless an administrator has set another
/// (MS-ADTS 3.1.1.3.4.6). That one is written for searches; it is the only bound that a controller publishes.
pub const LATE: Duration = Duration::from_secs(10 + 120);

/// One recovery.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where credentials and journal are.
    pub store: Store,
    /// What opens the secrets.
    pub identity: seal::Identity,
    /// The journal's id.
    pub transaction: String,
    /// The connection that the account is reached over.
    pub connection: String,
    /// Every connection of the account, for words.
    pub connections: Vec<String>,
    /// How a target is reached and trusted: an endpoint of the connection's.
    pub like: Endpoint,
    /// The targets of the account's connections as they are now, each reached and trusted as its own connection says.
    pub targets: Vec<Endpoint>,
    /// An administrative account, where there is one.
    pub via: Option<Via>,
    /// Who does it, for the lock and the journal.
    pub who: String,
    /// The run's id.
    pub run: Option<String>,
    /// A password that somebody has set meanwhile, to be tried as well.
    pub password: Option<Secret>,
    /// Try again what was refused before.
    pub insist: bool,
    /// What is done about lockout.
    pub lockout: LockoutOptions,
    /// How long a change may still take to reach the other targets.
    pub wait: Duration,
    /// How long after it was sent a write may still land: [`LATE`].
    pub late: Duration,
    /// Cancelled: stop waiting.
    pub hurry: CancellationToken,
}

impl Request {
    fn endpoint(&self, target: &str) -> Result<Endpoint> {
        match self.targets.iter().find(|known| known.target.to_string() == target) {
            Some(known) => Ok(known.clone()),
            None => Ok(self.like.at(Target::parse(target)?)),
        }
    }
}

/// A transaction that is settled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recovered {
    /// `ok`, or that of the target that is worst off.
    pub verdict: Verdict,
    /// The journal's id.
    pub transaction: String,
    /// The account's name.
    pub account: String,
    /// Every connection that uses it.
    pub connections: Vec<String>,
    /// What was found, in one sentence.
    pub found: String,
    /// The version that is valid; `None` where the store has none.
    pub valid: Option<u32>,
    /// What was done, in one sentence.
    pub done: String,
    /// The targets that were looked at after that.
    pub targets: Vec<TargetReport>,
    /// The dependents that were handed the secret again; [`Recovered::handed`].
    pub dependents: Vec<DependentReport>,
    /// Why it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

impl Recovered {
    /// With what came of the dependents that were tried again.
    #[must_use]
    pub fn handed(mut self, dependents: Vec<DependentReport>) -> Self {
        self.verdict = self.verdict.max(dependents::worst(&dependents));
        self.error = self.error.or_else(|| dependents::shortfall(&dependents).as_ref().map(Failure::from));
        self.dependents = dependents;
        self
    }
}

/// Who is told how a recovery goes on.
pub trait Onlooker: Send + Sync {
    /// Something was found out, or is waited for.
    fn told(&self, what: &str, note: &str);

    /// It is known what became of a target.
    fn target_ended(&self, report: &TargetReport);

    /// It is known which secret is valid, and the store is about to be changed, as `done` says. An error means that nothing
    /// is changed.
    fn settling<'a>(&'a self, done: &'a str) -> BoxFuture<'a, Result<()>>;
}

/// Finds out what became of a transaction and settles it.
///
/// Dropping the future at any point leaves what another recovery settles.
///
/// # Errors
/// The transaction stays open then, and every secret is kept: `rotation.busy` when somebody works at it,
/// `rotation.unfinished` (in doubt) when this one has ended and a later one of the account has not,
/// `rotation.no_valid_secret` (failed), `rotation.still_in_doubt` (in doubt), and, inconclusive, `rotation.target_down` and
/// what bars the account from signing in, e.g. `ad.account_locked`.
pub async fn recover(request: &Request, onlooker: &dyn Onlooker) -> Result<Recovered> {
    let books = Books::new(&request.store, &request.identity, &request.who, request.lockout);
    let case = load(request, &books).await?;
    let case = given(request, &books, case, onlooker).await?;
    let administrator = Administrator::of(request);
    let settling = Settling { request, books: &books, case: &case, administrator: &administrator, onlooker };
    match &case.standing {
        Standing::NotSent => settling.not_sent().await,
        Standing::Sent => {
            let judge = Judge::new(request, &books, &case, &administrator, onlooker).await?;
            let judgement = Box::pin(judge.judge()).await?;
            Box::pin(settling.judged(judgement, judge.place())).await
        }
        Standing::Judged(valid) => {
            let judged = case::last(&case.events, "judged");
            let why = judged.and_then(|event| event.data["why"].as_str()).unwrap_or_default();
            let on = judged.and_then(|event| event.target.as_ref()).unwrap_or(&case.pinned);
            settling.undo(*valid, why.to_owned(), on.clone()).await
        }
        Standing::Proven => {
            let found = format!("version {} had signed in on {}", case.candidate.version, case.pinned);
            Box::pin(settling.promote(found, None)).await
        }
        Standing::Current | Standing::Lagging => {
            Box::pin(settling.promote(format!("version {} was current", case.candidate.version), None)).await
        }
        Standing::Ended => Ok(settling.ended()),
    }
}

/// Locks the account, then reads the transaction as it stands. What one that has ended left waits while a later one of the
/// account is in doubt: nobody knows then whether its password is still the valid one.
async fn load(request: &Request, books: &Books) -> Result<Case> {
    let id = request.transaction.clone();
    books
        .with(move |books| {
            let rotation = || {
                journal::get(&books.store, &id)?
                    .ok_or_else(|| Error::new("rotation.unknown", format!("the journal has no transaction {id}")))
            };
            let principal = books.hold(rotation()?.principal)?;
            let rotation = rotation()?;
            if rotation.finished_at.is_some() {
                books.lock(principal)?;
            }
            Case::load(&books.store, rotation)
        })
        .await
}

/// Records a given password as one more candidate before it is tried. The candidate's own is none; one that was given before
/// is given once more. A former one gets a row of its own, for somebody says that it was set again.
async fn given(request: &Request, books: &Books, case: Case, onlooker: &dyn Onlooker) -> Result<Case> {
    let Some(secret) = request.password.clone() else { return Ok(case) };
    if !matches!(case.standing, Standing::Sent | Standing::Proven) {
        onlooker.told(
            "the given password",
            "it is known already which one is valid: the given one is neither tried nor kept",
        );
        return Ok(case);
    }
    let run = request.run.clone();
    books
        .with(move |books| {
            let (store, identity) = (&books.store, &books.identity);
            let is_it = |known: &Credential| Ok(credentials::open(store, identity, known)?.expose() == secret.expose());
            if is_it(&case.candidate)? {
                // Whoever says that the candidate is it takes back what was said before.
                if case.given.is_some() {
                    let data = json!({"credential": case.candidate.id, "version": case.candidate.version});
                    journal::event(store, &case.rotation.id, "given", None, &data)?;
                    return Case::load(store, case.rotation);
                }
                return Ok(case);
            }
            let mut known = None;
            for given in case.given.iter().chain(&case.given_before) {
                if is_it(given)? {
                    known = Some(given.clone());
                }
            }
            let given = match known {
                Some(given) => given,
                None => credentials::record_further(store, identity, &case.candidate, &secret, run.as_deref())?,
            };
            let data = json!({"credential": given.id, "version": given.version});
            journal::event(store, &case.rotation.id, "given", None, &data)?;
            Case::load(store, case.rotation)
        })
        .await
}
