//! Settles what a rotation of an app's credential has left. What the app signed in with before is valid all the while.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;

use super::{
    Request,
    case::{Case, Standing},
    course::Course,
    facts::display_name,
    shortfall,
};
use crate::{
    cloud::{AppCredential, Freshness},
    connection::{
        self, Scope,
        credentials::{self, Credential, State},
    },
    error::{Error, Result},
    rotation::{
        books::Books,
        dependents::{self, Dependent, Planned},
        lockout::LockoutOptions,
        recover::{Onlooker, Recovered},
        report::{DependentReport, Observer, Stage},
    },
    store::{Store, events::Failure, journal, rows::PrincipalId},
    verdict::Verdict,
};

/// Between two looks at the registration.
const PAUSE: Duration = Duration::from_secs(1);

/// Who is told how it goes on.
pub trait Watch: Observer + Onlooker {}

impl<T: Observer + Onlooker> Watch for T {}

/// Finds out what became of a transaction and settles it.
///
/// Dropping the future at any point leaves what another recovery settles.
///
/// # Errors
/// The transaction stays open then, and every version is kept: `rotation.busy`, `rotation.unfinished`, `rotation.not_yet`
/// (inconclusive), `rotation.unsettled` (in doubt), and those of signing in and of the registration.
pub async fn recover<W: Watch>(request: &Request, transaction: &str, watch: &W) -> Result<Recovered> {
    let books = Books::new(&request.store, &request.identity, &request.who, LockoutOptions::default());
    let case = load(transaction, &books).await?;
    let recovery = Recovery { request, books: &books, watch };
    match case.standing {
        Standing::NotSent => recovery.not_sent(&case).await,
        Standing::Sent => Box::pin(recovery.sent(case)).await,
        _ => Box::pin(recovery.forward(case)).await,
    }
}

async fn load(transaction: &str, books: &Books) -> Result<Case> {
    let id = transaction.to_owned();
    books
        .with(move |books| {
            let unknown = || Error::new("rotation.unknown", format!("the journal has no transaction {id}"));
            let rotation = || journal::get(&books.store, &id)?.ok_or_else(unknown);
            let principal = books.hold(rotation()?.principal)?;
            let rotation = rotation()?;
            if rotation.finished_at.is_some() {
                books.lock(principal)?;
            }
            Case::load(&books.store, rotation)
        })
        .await
}

struct Recovery<'a, W> {
    request: &'a Request,
    books: &'a Books,
    watch: &'a W,
}

impl<W: Watch> Recovery<'_, W> {
    async fn not_sent(&self, case: &Case) -> Result<Recovered> {
        let done = "the transaction has ended".to_owned();
        self.watch.settling(&done).await?;
        self.end(case, "not-sent").await?;
        Ok(self.recovered(case, "nothing was sent".to_owned(), case.facts.old.version, done))
    }

    /// Retires what was recorded for it and ends the journal.
    async fn end(&self, case: &Case, word: &'static str) -> Result<()> {
        let (rotation, by) = (case.rotation.clone(), self.request.who.clone());
        self.books
            .with(move |books| {
                let store = &books.store;
                for stray in strays(store, &rotation)? {
                    credentials::retire(store, stray.id, word)?;
                }
                journal::finish(store, &rotation.id, Verdict::Failed, word, &serde_json::json!({"by": by}))
            })
            .await
    }

    /// Whether it was added, by the name that it would have. A secret that is found is known to nobody, and goes.
    async fn sent(&self, mut case: Case) -> Result<Recovered> {
        let found = self.look(&case).await?;
        let (old, kind, name) = (case.facts.old.version, case.facts.kind(), case.facts.name.clone());
        if case.facts.certificate
            && case.candidate.is_some()
            && let Some(one) = found.first()
        {
            let data = serde_json::json!({"key_id": one.key_id, "ends": one.ends});
            self.books.event(&case.rotation.id, Some(Stage::Prove), "added", None, data).await?;
            (case.key_id, case.standing) = (Some(one.key_id.clone()), Standing::Added);
            self.watch.told("registration", &format!("it has {}", display_name(&case.rotation.id)));
            return Box::pin(self.forward(case)).await;
        }
        if found.is_empty() {
            let done = format!("the transaction has ended; version {old} is current");
            self.watch.settling(&done).await?;
            self.end(&case, "not-applied").await?;
            return Ok(self.recovered(&case, format!("no {kind} was added to the registration of {name}"), old, done));
        }
        let done = format!("it is removed from the registration of {name}; version {old} is current");
        self.watch.settling(&done).await?;
        let home = self.request.cloud.sign_in(&self.request.home.sign_in, Freshness::Cached).await?;
        for one in &found {
            home.remove_secret(&case.facts.object, &one.key_id).await?;
        }
        self.end(&case, "withdrawn").await?;
        Ok(self.recovered(&case, format!("a {kind} was added, and its text was never kept"), old, done))
    }

    /// Looks at the registration until the write can land no more.
    async fn look(&self, case: &Case) -> Result<Vec<AppCredential>> {
        let home = self.request.cloud.sign_in(&self.request.home.sign_in, Freshness::Fresh).await?;
        let name = display_name(&case.rotation.id);
        let last = case.sent_at.map(|sent| sent + self.request.late);
        loop {
            let is_late = last.is_none_or(|last| OffsetDateTime::now_utc() >= last);
            let listed = home.application(&case.facts.app).await?.credentials;
            let found: Vec<_> = listed.into_iter().filter(|one| one.display_name.as_deref() == Some(&name)).collect();
            if is_late || !found.is_empty() {
                return Ok(found);
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.request.hurry.cancelled() => {
                    return Err(Error::inconclusive("rotation.still_in_doubt", "it may still be added, and was not waited for")
                        .hint("run `libretto recover` again in a minute"));
                }
            }
        }
    }

    /// From what is in the registration and in the store to the end.
    async fn forward(&self, case: Case) -> Result<Recovered> {
        let course = self.course(&case).await?;
        let version = course.candidate.version;
        let mut found = format!("version {version} was current");
        if case.standing == Standing::Added {
            if let Err(error) = course.prove().await {
                return self.refused(&case, error).await;
            }
            found = format!("version {version} signed in");
        }
        if matches!(case.standing, Standing::Added | Standing::Proven) {
            self.watch
                .settling(&format!("version {version} is current in {}", self.names(&case).await?.join(", ")))
                .await?;
            course.switch().await?;
        }
        let case = self.again(&case).await?;
        let dependents = self.hand(&case, &course).await?;
        self.conclude(&case, &course, found, dependents).await
    }

    /// It was refused for good, or is gone from the registration: then the transaction has ended; else it waits.
    async fn refused(&self, case: &Case, error: Error) -> Result<Recovered> {
        let old = case.facts.old.version;
        if self.again(case).await?.standing == Standing::Ended {
            let done = format!("version {old} is current");
            self.watch.settling(&done).await?;
            return Ok(self.recovered(case, error.message().to_owned(), old, done));
        }
        let home = self.request.cloud.sign_in(&self.request.home.sign_in, Freshness::Cached).await?;
        let listed = home.application(&case.facts.app).await?.credentials;
        if listed.iter().any(|one| Some(&one.key_id) == case.key_id.as_ref()) {
            return Err(error);
        }
        let done = format!("the transaction has ended; version {old} is current");
        self.watch.settling(&done).await?;
        self.end(case, "withdrawn").await?;
        Ok(self.recovered(case, "somebody has removed the new one from the registration".to_owned(), old, done))
    }

    async fn course(&self, case: &Case) -> Result<Course<'_>> {
        let (candidate, principal, has_ended) =
            (case.candidate.clone(), case.rotation.principal, case.standing == Standing::Ended);
        let opened = self.books.with(move |books| {
            let store = &books.store;
            // What has ended is seen to by what the app signs in with now.
            let one = if has_ended { credentials::current_of(store, principal)? } else { candidate };
            let one =
                one.ok_or_else(|| Error::new("connection.no_credential", "the app has no credential any more"))?;
            let secret = credentials::open(store, &books.identity, &one)?;
            Ok((one, secret))
        });
        let (candidate, secret) = opened.await?;
        Ok(Course {
            request: self.request,
            books: self.books,
            observer: self.watch,
            rotation: case.rotation.id.clone(),
            facts: case.facts.clone(),
            revoke: case.revoke,
            overlap: case.overlap,
            candidate,
            secret,
            key_id: case.key_id.clone().unwrap_or_default(),
        })
    }

    /// The transaction as it stands now.
    async fn again(&self, case: &Case) -> Result<Case> {
        let id = case.rotation.id.clone();
        self.books
            .with(move |books| {
                let gone = || Error::new("rotation.unknown", "the transaction is gone from the journal");
                Case::load(&books.store, journal::get(&books.store, &id)?.ok_or_else(gone)?)
            })
            .await
    }

    async fn names(&self, case: &Case) -> Result<Vec<String>> {
        let principal = case.rotation.principal;
        self.books.with(move |books| credentials::connections_of(&books.store, principal)).await
    }

    /// Hands the new one to those that have not taken it; the ones that are none any more are noted.
    async fn hand(&self, case: &Case, course: &Course<'_>) -> Result<Vec<DependentReport>> {
        if case.open.is_empty() {
            return Ok(Vec::new());
        }
        let principal = case.rotation.principal;
        let connections = self.books.with(move |books| all_of(&books.store, principal)).await?;
        let known = self.request.dependents.of(&connections).await?.others;
        let is = |open: &dependents::Open, one: &Arc<dyn Dependent>| open.id.as_ref() == Some(&one.id());
        let mut planned = Vec::new();
        for open in &case.open {
            match known.iter().find(|one| is(open, one)) {
                Some(one) => {
                    planned.push(Planned { dependent: Arc::clone(one), called: open.name.clone(), down: None });
                }
                None => {
                    self.books
                        .event(&course.rotation, None, dependents::GONE, Some(&open.name), serde_json::json!({}))
                        .await?;
                }
            }
        }
        Ok(course.hand(&planned).await?.0)
    }

    /// Removes the one before where its time is over, and ends the transaction.
    async fn conclude(
        &self,
        case: &Case,
        course: &Course<'_>,
        found: String,
        dependents: Vec<DependentReport>,
    ) -> Result<Recovered> {
        let mut done =
            vec![format!("version {} is current in {}", course.candidate.version, self.names(case).await?.join(", "))];
        let mut error = None;
        let case = self.again(case).await?;
        let ending = case.retiring.as_ref().filter(|_| case.is_due(OffsetDateTime::now_utc().max(self.request.now)));
        if let Some(ending) = ending {
            self.watch.settling(&format!("version {} is removed from the registration", ending.version)).await?;
            match course
                .remove(ending.row, &ending.key_id, if case.revoke { "revoked" } else { "its overlap is over" })
                .await
            {
                Ok(()) => done.push(format!("version {} is removed from the registration", ending.version)),
                Err(kept) => error = Some(kept.context(format!("version {} still signs in", ending.version))),
            }
        } else if let Some(ending) = &case.retiring {
            done.push(format!("version {} works on until {}", ending.version, ending.until));
        }
        let error = error.or_else(|| shortfall(&dependents));
        let worst = dependents::worst(&dependents).max(error.as_ref().map_or(Verdict::Ok, |_| Verdict::Partial));
        let is_done = worst == Verdict::Ok && self.again(&case).await?.open.is_empty();
        let verdict = if is_done { Verdict::Ok } else { worst.max(Verdict::Partial) };
        self.settle(&case, course, verdict).await?;
        let recovered = self.recovered(&case, found, course.candidate.version, done.join("; "));
        Ok(Recovered { verdict: worst, dependents, error: error.as_ref().map(Failure::from), ..recovered })
    }

    /// The transaction's verdict; one that had ended before has another one now.
    async fn settle(&self, case: &Case, course: &Course<'_>, verdict: Verdict) -> Result<()> {
        if case.standing != Standing::Ended {
            return course.finish(verdict).await;
        }
        let (id, by) = (case.rotation.id.clone(), self.request.who.clone());
        let data = serde_json::json!({"by": by});
        self.books.with(move |books| journal::settle(&books.store, &id, verdict, &data)).await
    }

    fn recovered(&self, case: &Case, found: String, valid: u32, done: String) -> Recovered {
        Recovered {
            verdict: Verdict::Ok,
            transaction: case.rotation.id.clone(),
            account: case.facts.app.clone(),
            connections: vec![self.request.connection.name.clone()],
            found,
            valid: Some(valid),
            done,
            targets: Vec::new(),
            dependents: Vec::new(),
            error: None,
        }
    }
}

/// What was recorded for a transaction and never proven: its candidate, and a secret that was stored before the journal knew.
fn strays(store: &Store, rotation: &journal::Rotation) -> Result<Vec<Credential>> {
    let mut all = credentials::versions_of(store, rotation.principal)?;
    all.retain(|one| {
        let of_run = one.run == rotation.run && one.created_at >= rotation.started_at;
        one.state == State::Candidate && one.proven_at.is_none() && (Some(one.id) == rotation.candidate || of_run)
    });
    Ok(all)
}

fn all_of(store: &Store, principal: PrincipalId) -> Result<Vec<connection::Connection>> {
    let names = credentials::connections_of(store, principal)?;
    names.iter().map(|name| connection::get(store, name, &Scope::all())).collect()
}
