//! Recorded first, then added: whatever ends here, the transaction's id is in the registration beside what was added.

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    Request,
    facts::{Facts, display_name},
    preflight::Plan,
};
use crate::{
    cloud::AppCredential,
    connection::{
        self,
        credentials::{self, Credential},
    },
    error::{Error, Result},
    rotation::{
        books::Books,
        report::{Announcement, Observer, Stage, Staged},
    },
    secret::{Secret, redact::redact},
    store::{
        journal::{self, NewRotation, Progress},
        rows::CredentialId,
    },
    verdict::Verdict,
};

/// A transaction that is in the journal.
pub(super) struct Begun {
    pub(super) rotation: String,
    /// A certificate is a candidate before it is sent; a secret is made by the cloud.
    pub(super) candidate: Option<Credential>,
}

/// What is in the registration and in the store.
pub(super) struct Added {
    pub(super) candidate: Credential,
    pub(super) secret: Secret,
    pub(super) key_id: String,
    pub(super) ends: Option<String>,
}

/// The journal begins; a certificate is on the disk, encrypted, and was read back.
pub(super) async fn record(request: &Request, plan: &Plan, books: &Books) -> Staged<Begun> {
    let new = NewRotation {
        principal: plan.principal,
        connection: request.connection.name.clone(),
        run: request.run.clone(),
        stage: Stage::Record.as_str().to_owned(),
        pinned_target: Some(plan.facts.on.clone()),
        candidate: None,
        before: serde_json::to_value(&plan.facts).unwrap_or_default(),
        options: request.options(),
    };
    let (given, current, run) = (request.certificate.clone(), plan.current.clone(), request.run.clone());
    let begun = books.with(move |books| {
        let store = &books.store;
        if credentials::current_of(store, current.principal)?.is_none_or(|now| now.id != current.id) {
            return Err(connection::changed_meanwhile(&new.connection));
        }
        let candidate = match given {
            Some(pem) => Some(credentials::record_further(store, &books.identity, &current, &pem, run.as_deref())?),
            None => None,
        };
        let id = candidate.as_ref().map(|one| one.id);
        match journal::begin(store, &NewRotation { candidate: id, ..new }) {
            Ok(rotation) => Ok(Begun { rotation, candidate }),
            Err(error) => {
                if let Some(id) = id {
                    let _ = credentials::retire(store, id, "never sent");
                }
                Err(error)
            }
        }
    });
    let begun = begun.await?;
    let note = match &begun.candidate {
        Some(candidate) => format!("version {} is on the disk, encrypted; ", candidate.version),
        None => String::new(),
    };
    let note = format!("{note}what is added will be called {}", display_name(&begun.rotation));
    Ok((begun, Verdict::Ok, note))
}

/// The one write. What comes back is stored before anything else is done.
pub(super) async fn add(
    request: &Request,
    plan: &Plan,
    books: &Books,
    begun: Begun,
    observer: &dyn Observer,
) -> Staged<(String, Added)> {
    let Begun { rotation, candidate } = begun;
    let marked = mark(plan, books, &rotation, candidate.as_ref(), observer).await;
    if let Err(error) = marked {
        return Err(
            give_up(books, &rotation, candidate.as_ref().map(|one| one.id), error.context("nothing was sent")).await
        );
    }
    let (name, facts) = (display_name(&rotation), &plan.facts);
    let sent = match &request.certificate {
        Some(pem) => {
            let added = plan.home.add_certificate(&facts.object, &name, pem.expose(), &plan.present).await;
            added.map(|made| (made, pem.clone()))
        }
        None => plan.home.add_secret(&facts.object, &name, plan.ends).await,
    };
    let (made, secret) = match sent {
        Ok(made) => made,
        Err(error) if error.verdict() == Verdict::InDoubt => return Err(lost(books, &rotation, facts, &error).await),
        Err(error) => return Err(give_up(books, &rotation, candidate.map(|one| one.id), error).await),
    };
    let added = keep(plan, books, &rotation, candidate, made, secret, request.run.clone()).await;
    let added = added
        .map_err(|error| unsettled(&format!("a {} was added, and it could not be stored", facts.kind()), &error))?;
    let note = format!("version {} is in the registration as {}, and stored", added.candidate.version, added.key_id);
    Ok(((rotation, added), Verdict::Ok, note))
}

/// Told, and marked as sent: on the disk before it is.
async fn mark(
    plan: &Plan,
    books: &Books,
    rotation: &str,
    candidate: Option<&Credential>,
    observer: &dyn Observer,
) -> Result<()> {
    let principal = plan.principal;
    let version = match candidate {
        Some(candidate) => candidate.version,
        None => books.with(move |b| next_version(b, principal)).await?,
    };
    let announcement = Announcement {
        account: plan.facts.name.clone(),
        pinned: plan.facts.on.clone(),
        version,
        restores: None,
        of: "",
    };
    observer.change_announced(&announcement).await?;
    if let Some(id) = candidate.map(|one| one.id) {
        books.with(move |books| credentials::mark_sent(&books.store, id)).await?;
    }
    let sent = json!({"name": display_name(rotation)});
    books.event(rotation, Some(Stage::Change), "add-sent", Some(&plan.facts.on), sent).await
}

fn next_version(books: &Books, principal: crate::store::rows::PrincipalId) -> Result<u32> {
    let versions = credentials::versions_of(&books.store, principal)?;
    Ok(versions.iter().map(|one| one.version).max().unwrap_or(0) + 1)
}

/// A secret becomes a candidate, read back; then the journal has it. What is between the two a recovery finds by the name.
async fn keep(
    plan: &Plan,
    books: &Books,
    rotation: &str,
    candidate: Option<Credential>,
    made: AppCredential,
    secret: Secret,
    run: Option<String>,
) -> Result<Added> {
    let (current, rotation) = (plan.current.clone(), rotation.to_owned());
    books
        .with(move |books| {
            let candidate = if let Some(candidate) = candidate {
                candidate
            } else {
                let (store, identity) = (&books.store, &books.identity);
                let one = credentials::record_further(store, identity, &current, &secret, run.as_deref())?;
                credentials::mark_sent(store, one.id)?;
                one
            };
            let progress = Progress {
                stage: Some(Stage::Prove.as_str().to_owned()),
                candidate: Some(candidate.id),
                ..Progress::default()
            };
            let data = json!({"key_id": made.key_id, "ends": made.ends});
            journal::step(&books.store, &rotation, &progress, "added", None, &data)?;
            Ok(Added { candidate, secret, key_id: made.key_id, ends: made.ends })
        })
        .await
}

/// Nothing was added: the candidate is retired, the journal ended, the present one stays.
pub(super) async fn give_up(books: &Books, rotation: &str, candidate: Option<CredentialId>, error: Error) -> Error {
    let (rotation, code, said) = (rotation.to_owned(), error.code(), redact(error.message()).into_owned());
    let ended = books.with(move |books| {
        if let Some(id) = candidate {
            credentials::retire(&books.store, id, &said)?;
        }
        journal::finish(&books.store, &rotation, Verdict::Failed, "not-added", &json!({"code": code, "message": said}))
    });
    match ended.await {
        Ok(()) => error,
        Err(store) => error.with("journal", format!("could not be ended: {}", store.message())),
    }
}

/// Nobody knows whether it was added. A secret whose answer was lost is known to nobody; what signs in now goes on to.
async fn lost(books: &Books, rotation: &str, facts: &Facts, error: &Error) -> Error {
    let said = json!({"code": error.code(), "message": redact(error.message())});
    let _ = books.event(rotation, None, "add-unanswered", None, said).await;
    unsettled(&format!("whether a {} was added to the app {} is not known", facts.kind(), facts.name), error)
}

/// Something went wrong once the write was sent: what was there before is kept, valid and in use, and the journal stays open.
pub(super) fn unsettled(what: &str, cause: &Error) -> Error {
    let error = Error::in_doubt("rotation.unsettled", format!("{what}: {}", cause.message()))
        .hint("what the app signed in with before is kept, valid and in use; `libretto recover` settles the rest")
        .with("cause", cause.code());
    cause.details().iter().fold(error, |error, (key, value)| error.with(key, value.clone()))
}

/// A moment as the journal has it.
pub(super) fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}
