//! From what was added to what is current: a rotation's own way, and a recovery's from wherever it was cut short.
//!
//! Every step is in the journal before the next and may be done twice.

use serde_json::json;

use super::{
    Request,
    add::{give_up, moment, unsettled},
    case::{Ending, endings},
    facts::{Facts, display_name, transaction_in},
    preflight::proof,
    request::Retiring,
};
use crate::{
    cloud::{AppCredential, CredentialKind, Freshness, Graph, SignIn},
    connection::credentials::{self, Credential, Form, State},
    directory::Identity,
    error::{Error, Result},
    rotation::{
        books::Books,
        dependents::{Handing, NewSecret, Planned},
        report::{DependentReport, Observer, Stage, Staged},
    },
    secret::{Secret, redact::redact},
    store::{
        Store,
        journal::{self, Progress},
        rows::{CredentialId, PrincipalId, principals},
    },
    verdict::Verdict,
};

/// Access tokens that were had before live on for so long, at most (learn.microsoft.com, "Access token lifetime").
pub(super) const TOKEN_LIFETIME: time::Duration = time::Duration::minutes(90);

/// A transaction whose credential is in the registration and in the store.
pub(super) struct Course<'a> {
    pub(super) request: &'a Request,
    pub(super) books: &'a Books,
    pub(super) observer: &'a dyn Observer,
    pub(super) rotation: String,
    pub(super) facts: Facts,
    /// As it was begun, not as a recovery was asked.
    pub(super) revoke: bool,
    pub(super) overlap: time::Duration,
    pub(super) candidate: Credential,
    pub(super) secret: Secret,
    pub(super) key_id: String,
}

/// What became of the credential before.
pub(super) struct Before {
    pub(super) retiring: Option<Retiring>,
    pub(super) access_ends: Option<String>,
    pub(super) error: Option<Error>,
}

impl Course<'_> {
    /// The new credential in the connection's tenant.
    fn sign_in(&self) -> SignIn {
        SignIn {
            tenant: self.request.tenant.clone(),
            app: self.facts.app.clone(),
            proof: proof(self.facts.form(), &self.secret),
            version: Some(i64::from(self.candidate.version)),
        }
    }

    /// The home tenant; an app that is its own home signs in with what is proven by now.
    async fn home(&self) -> Result<Graph> {
        let mut sign_in = self.request.home.sign_in.clone();
        if sign_in.app.eq_ignore_ascii_case(&self.facts.app) {
            sign_in.proof = proof(self.facts.form(), &self.secret);
            sign_in.version = Some(i64::from(self.candidate.version));
        }
        self.request.cloud.sign_in(&sign_in, Freshness::Cached).await
    }

    /// Signs in with the new one until that works everywhere, as far as can be told.
    pub(super) async fn prove(&self) -> Staged<()> {
        let sign_in = self.sign_in();
        let proven = tokio::select! {
            proven = self.request.cloud.prove(&sign_in, &self.request.waiting) => proven,
            () = self.request.hurry.cancelled() => Err(Error::inconclusive("cloud.not_yet", "the run was told to stop before it was proven")),
        };
        let proven = match proven {
            Ok(proven) => proven,
            Err(error) if error.verdict() == Verdict::Failed => return Err(self.withdraw(error).await),
            Err(error) => {
                let said = json!({"code": error.code(), "message": redact(error.message())});
                let _ = self.books.event(&self.rotation, None, "not-proven", None, said).await;
                return Err(not_proven(self, &error));
            }
        };
        let (id, on) = (self.candidate.id, self.facts.on.clone());
        let noted = self.books.with(move |books| credentials::mark_proven(&books.store, id, &on)).await;
        noted.map_err(|error| unsettled("the new credential works, and the store could not note it", &error))?;
        let event = self.books.event(&self.rotation, Some(Stage::Promote), "proven", Some(&self.facts.on), json!({}));
        event
            .await
            .map_err(|error| unsettled("the new credential works, and the journal could not be written", &error))?;
        let waited = match proven.not_yet {
            0 => String::new(),
            times => format!(", after {times} times \"not yet\" in {} s", proven.seconds),
        };
        Ok(((), Verdict::Ok, format!("signed in {} times in a row{waited}", self.request.waiting.successes)))
    }

    /// The new one is refused for good: it is taken away again, and what was there before stays.
    async fn withdraw(&self, error: Error) -> Error {
        match self.remove_added().await {
            Ok(()) => {
                give_up(
                    self.books,
                    &self.rotation,
                    Some(self.candidate.id),
                    error.context("the new credential was removed again"),
                )
                .await
            }
            Err(kept) => {
                unsettled(&format!("the new credential is refused ({error}), and it could not be removed again"), &kept)
            }
        }
    }

    /// By whom it was added, proving possession of what was there before.
    async fn remove_added(&self) -> Result<()> {
        let home = self.request.cloud.sign_in(&self.request.home.sign_in, Freshness::Cached).await?;
        let object = &self.facts.object;
        if !self.facts.certificate {
            return home.remove_secret(object, &self.key_id).await;
        }
        let old = self.facts.old.row();
        let present = self.books.with(move |books| {
            let before = credentials::by_id(&books.store, old)?;
            credentials::open(&books.store, &books.identity, &before)
        });
        home.remove_certificate(object, &self.key_id, &present.await?).await
    }

    /// The new one is current for every connection of the app; the one before retires for as long as the overlap says.
    pub(super) async fn switch(&self) -> Staged<Vec<String>> {
        let (id, principal, on, old) =
            (self.candidate.id, self.candidate.principal, self.facts.on.clone(), self.facts.old.clone());
        let until = if self.revoke { self.request.now } else { self.request.now + self.overlap };
        let (rotation, until) = (self.rotation.clone(), moment(until));
        let connections = self.books.with(move |books| {
            let store = &books.store;
            if credentials::by_id(store, id)?.state != State::Current {
                credentials::promote(store, id, &on)?;
            }
            if old.key_id.is_some() {
                credentials::begin_retiring(store, old.row())?;
            }
            let progress = Progress { stage: Some(Stage::Dependents.as_str().to_owned()), ..Progress::default() };
            let data = json!({"version": old.version, "key_id": old.key_id, "until": until});
            journal::step(store, &rotation, &progress, "switched", None, &data)?;
            Ok(credentials::connections_of(store, principal).unwrap_or_default())
        });
        let connections = connections
            .await
            .map_err(|error| unsettled("the new credential works, and could not be made the current one", &error))?;
        let note = format!("version {} is current in {}", self.candidate.version, connections.join(", "));
        Ok((connections, Verdict::Ok, note))
    }

    /// Hands the new one to what depends on it. What becomes of that changes nothing of the switch: both work.
    pub(super) async fn hand(&self, planned: &[Planned]) -> Staged<Vec<DependentReport>> {
        let secret = NewSecret {
            identity: Identity { name: self.facts.app.clone(), password: self.secret.clone() },
            principal: self.candidate.principal,
            credential: self.candidate.id,
            version: self.candidate.version,
            unproven: Vec::new(),
        };
        let handing = Handing {
            books: self.books,
            rotation: &self.rotation,
            observer: self.observer,
            hurry: &self.request.hurry,
        };
        let reports = handing.all(planned, &secret, None).await;
        let reports = reports.map_err(|error| {
            unsettled("the new credential is current, and the journal could not be written", &error)
        })?;
        let event = self.books.event(&self.rotation, Some(Stage::Retire), "dependents-ended", None, json!({}));
        event.await.map_err(|error| {
            unsettled("the new credential is current, and the journal could not be written", &error)
        })?;
        let taken = reports.iter().filter(|one| one.verdict == Verdict::Ok).count();
        let verdict = reports.iter().map(|one| one.verdict).max().unwrap_or(Verdict::Ok);
        Ok((reports.clone(), verdict, format!("{taken} of {} have taken it", reports.len())))
    }

    /// The one before: it works on for the overlap, or is removed at once. What earlier transactions have left is removed.
    pub(super) async fn retire(&self) -> Staged<Before> {
        let old = &self.facts.old;
        let mut notes = Vec::new();
        let mut before = Before { retiring: None, access_ends: None, error: None };
        match &old.key_id {
            None => notes.push(format!(
                "which credential of the registration version {} was cannot be told: remove it by hand",
                old.version
            )),
            Some(key_id) if !self.revoke => {
                let until = moment(self.request.now + self.overlap);
                notes.push(format!(
                    "version {} works on until {until}; the next rotation or `libretto recover` removes it then",
                    old.version
                ));
                before.retiring = Some(Retiring { version: old.version, key_id: key_id.clone(), until });
            }
            Some(key_id) => match self.remove(old.row(), key_id, "revoked").await {
                Ok(()) => {
                    let ends = moment(self.request.now + TOKEN_LIFETIME);
                    notes.push(format!(
                        "version {} is removed; tokens that were had with it end at {ends} at the latest",
                        old.version
                    ));
                    before.access_ends = Some(ends);
                }
                Err(error) => {
                    let until = moment(self.request.now);
                    notes.push(format!("version {} could not be removed: {error}", old.version));
                    before.retiring = Some(Retiring { version: old.version, key_id: key_id.clone(), until });
                    before.error = Some(not_revoked(old.version, &error));
                }
            },
        }
        for ending in self.due(old.row()).await? {
            match self.remove(ending.row, &ending.key_id, "its overlap is over").await {
                Ok(()) => notes.push(format!("version {}, whose overlap is over, is removed", ending.version)),
                Err(error) => notes.push(format!("version {} could not be removed: {error}", ending.version)),
            }
        }
        match self.sweep().await {
            Ok(0) => {}
            Ok(swept) => {
                notes.push(format!("{swept} that earlier transactions had left removed from the registration"));
            }
            Err(error) => notes.push(format!("what earlier transactions may have left was not looked at: {error}")),
        }
        let verdict = if before.error.is_some() { Verdict::Partial } else { Verdict::Ok };
        Ok((before, verdict, notes.join("; ")))
    }

    /// What earlier transactions have left retiring, and nobody needs any more.
    async fn due(&self, but: CredentialId) -> Result<Vec<Ending>> {
        let (principal, now) = (self.candidate.principal, self.request.now);
        let mut all = self.books.with(move |books| endings(&books.store, principal)).await?;
        all.retain(|one| one.row != but && one.is_due(now) && one.held_by.is_empty());
        Ok(all)
    }

    /// Removes a credential of the app from the registration, and takes its version out of use.
    pub(super) async fn remove(&self, row: CredentialId, key_id: &str, why: &'static str) -> Result<()> {
        self.books.event(&self.rotation, None, "remove-sent", None, json!({"key_id": key_id})).await?;
        let form = self.books.with(move |books| Ok(credentials::by_id(&books.store, row)?.form)).await?;
        let (home, object) = (self.home().await?, &self.facts.object);
        match form {
            Form::Certificate => home.remove_certificate(object, key_id, &self.secret).await?,
            Form::ClientSecret | Form::Password => home.remove_secret(object, key_id).await?,
        }
        let (rotation, key_id) = (self.rotation.clone(), key_id.to_owned());
        self.books
            .with(move |books| {
                credentials::retire(&books.store, row, why)?;
                journal::event(&books.store, &rotation, "removed", None, &json!({"key_id": key_id, "why": why}))
                    .map(drop)
            })
            .await
    }

    /// Removes what transactions of this app have added and nobody has: those whose answer was lost, and those that were given up.
    async fn sweep(&self) -> Result<usize> {
        let home = self.home().await?;
        let listed = home.application(&self.facts.app).await?.credentials;
        let principal = self.candidate.principal;
        let left = self.books.with(move |books| orphans(&books.store, principal, listed)).await?;
        for one in &left {
            match one.kind {
                CredentialKind::Secret => home.remove_secret(&self.facts.object, &one.key_id).await?,
                CredentialKind::Certificate => {
                    home.remove_certificate(&self.facts.object, &one.key_id, &self.secret).await?;
                }
            }
        }
        Ok(left.len())
    }

    /// Ends the journal.
    pub(super) async fn finish(&self, verdict: Verdict) -> Result<()> {
        let (rotation, version, by) = (self.rotation.clone(), self.candidate.version, self.request.who.clone());
        self.books
            .with(move |books| {
                journal::finish(&books.store, &rotation, verdict, "promoted", &json!({"version": version, "by": by}))
            })
            .await
            .map_err(|error| unsettled("the new credential is current, and the journal could not be ended", &error))
    }
}

/// Those of a registration that ended transactions of this store have added, and whose version is out of use or was never stored.
fn orphans(store: &Store, principal: PrincipalId, listed: Vec<AppCredential>) -> Result<Vec<AppCredential>> {
    let mut left = Vec::new();
    for one in listed {
        let Some(id) = one.display_name.as_deref().and_then(transaction_in).map(str::to_owned) else { continue };
        let Some(rotation) = journal::get(store, &id)? else { continue };
        let is_ours = store.read(|c| principals::surviving(c, rotation.principal))? == principal;
        let is_out_of_use = match rotation.candidate {
            None => true,
            Some(id) => credentials::by_id(store, id)?.state == State::Retired,
        };
        if is_ours && is_out_of_use && rotation.finished_at.is_some() {
            left.push(one);
        }
    }
    Ok(left)
}

fn not_proven(course: &Course<'_>, cause: &Error) -> Error {
    let facts = &course.facts;
    let text = format!(
        "version {} ({}) is in the registration of {} and does not sign in yet: {}; what was there before is valid and in use",
        course.candidate.version,
        display_name(&course.rotation),
        facts.name,
        cause.message()
    );
    let error = Error::inconclusive("rotation.not_yet", text).hint(format!(
        "a new {} may take minutes to be known everywhere: `{}` goes on with it",
        facts.kind(),
        journal::recovery(&course.request.connection.name)
    ));
    cause.details().iter().fold(error, |error, (key, value)| error.with(key, value.as_str()))
}

fn not_revoked(version: u32, cause: &Error) -> Error {
    Error::new(
        "rotation.not_revoked",
        format!(
            "access has not ended: version {version} could not be removed from the registration: {}",
            cause.message()
        ),
    )
    .hint("mend what keeps it from that, then `libretto recover` removes it")
}
