//! Record, change and prove: from the candidate on the disk to the one bind that shows that it works.

use serde_json::json;

use super::{
    books::Books,
    lockout,
    pinned::{self, Was},
    preflight::Plan,
    report::{Announcement, Observer, Stage, Staged},
    request::{Mode, Request},
    stored, unsettled,
};
use crate::{
    connection::credentials::{self, Credential},
    directory::{self, Identity, Session},
    error::{Error, Result},
    secret::redact::redact,
    store::journal::{self, NewRotation},
    verdict::Verdict,
};

/// A rotation that the journal has.
pub(super) struct Recorded {
    /// The journal's id.
    pub(super) rotation: String,
    /// The new password's row.
    pub(super) candidate: Credential,
}

/// Puts the candidate on the disk, announces the write, and begins the journal, in this order: a candidate without a
/// journal was never sent, and what the observer has to have on its own disk is there before anything can be in doubt.
pub(super) async fn record(request: &Request, plan: &Plan, books: &Books, observer: &dyn Observer) -> Staged<Recorded> {
    let candidate = candidate(request, plan, books).await?;
    let announcement = Announcement {
        account: plan.username.clone(),
        pinned: plan.pinned.name.clone(),
        version: candidate.version,
        restores: plan.restores,
        of: plan.of,
    };
    let begun = match observer.change_announced(&announcement).await {
        Ok(()) => begin(request, plan, books, &candidate).await,
        Err(error) => Err(error),
    };
    match begun {
        Ok(rotation) => {
            let from = plan.restores.map(|version| format!(", with the password of version {version}"));
            let note = format!("version {} is on the disk, encrypted{}", candidate.version, from.unwrap_or_default());
            Ok((Recorded { rotation, candidate }, Verdict::Ok, note))
        }
        Err(error) => {
            let id = candidate.id;
            // Should this fail as well: a candidate that was never marked as sent misleads nobody.
            let _ = books.with(move |books| credentials::retire(&books.store, id, "never sent")).await;
            Err(error)
        }
    }
}

async fn candidate(request: &Request, plan: &Plan, books: &Books) -> Result<Credential> {
    let (connection, username, secret, run, guid) = (
        request.connection.clone(),
        plan.username.clone(),
        plan.candidate.clone(),
        request.run.clone(),
        plan.account.guid.clone(),
    );
    let (policy, known) = (plan.policy.clone(), plan.stored.principal);
    books
        .with(move |books| {
            let store = &books.store;
            let recorded =
                credentials::record_candidate(store, &books.identity, &connection, &username, &secret, run.as_deref())?;
            // Another name: the same account, or another one, whose lock is then the one to hold as well.
            let settled = credentials::bind_credential(store, recorded.id, &guid)
                .and_then(|principal| books.lock(principal))
                .and_then(|principal| match policy.filter(|_| principal != known) {
                    // Preflight could not tell the store what locks an account that this did not know.
                    Some(policy) => lockout::learn(store, Some(principal), principal, &policy),
                    None => Ok(()),
                });
            match settled {
                Ok(()) => credentials::by_id(store, recorded.id),
                Err(error) => {
                    let _ = credentials::retire(store, recorded.id, "never sent");
                    Err(error)
                }
            }
        })
        .await
}

async fn begin(request: &Request, plan: &Plan, books: &Books, candidate: &Credential) -> Result<String> {
    let new = NewRotation {
        principal: candidate.principal,
        connection: request.connection.name.clone(),
        run: request.run.clone(),
        stage: Stage::Record.as_str().to_owned(),
        pinned_target: Some(plan.pinned.name.clone()),
        candidate: Some(candidate.id),
        before: plan.before.clone(),
        options: plan.options(request),
    };
    let (connection, seen) = (request.connection.clone(), plan.stored.current.as_ref().map(|current| current.id));
    books
        .with(move |books| {
            stored::refuse_changed(books, &connection, seen)?;
            journal::begin(&books.store, &new)
        })
        .await
}

/// The one write.
pub(super) async fn change(plan: &Plan, books: &Books, recorded: &Recorded) -> Staged<()> {
    mark_sent(plan, books, recorded).await?;
    let (session, dn) = (&plan.pinned.session, &plan.account.dn);
    let answer = match (plan.mode, &plan.stored.old) {
        (Mode::SelfChange, Some(old)) => directory::change_password(session, dn, &old.password, &plan.candidate).await,
        _ => directory::set_password(session, dn, &plan.candidate).await,
    };
    let pinned = Some(plan.pinned.name.as_str());
    match answer {
        Ok(()) => {
            books
                .event(&recorded.rotation, Some(Stage::Prove), "change-acknowledged", pinned, json!({}))
                .await
                .map_err(|error| unsettled("the password was changed, and the journal could not be written", &error))?;
            Ok(((), Verdict::Ok, format!("{} on {}", plan.mode.as_str(), plan.pinned.name)))
        }
        Err(error) if error.verdict() == Verdict::InDoubt || !untouched(plan, &error).await => {
            let said = json!({"code": error.code(), "message": redact(error.message())});
            let _ = books.event(&recorded.rotation, None, "change-unanswered", pinned, said).await;
            Err(unsettled(&format!("nobody knows whether the password was changed on {}", plan.pinned.name), &error))
        }
        Err(error) => {
            count_wrong(plan, books, &error).await;
            Err(give_up(books, recorded, error).await)
        }
    }
}

/// The old password was wrong, as one that binds for an hour after somebody has changed it: the directory has counted that.
async fn count_wrong(plan: &Plan, books: &Books, refusal: &Error) {
    let (principal, session) = (plan.stored.principal, &plan.pinned.session);
    if let ("ad.wrong_old_password", Some(old), Some(current)) =
        (refusal.code(), &plan.stored.old, &plan.stored.current)
    {
        // The refusal is what matters.
        let _ = books.count_wrong(session, old, principal, current.id).await;
    }
}

/// Notes that the write goes out: in the candidate's row and in the journal. If that fails, nothing is sent.
async fn mark_sent(plan: &Plan, books: &Books, recorded: &Recorded) -> Result<()> {
    let (id, principal) = (recorded.candidate.id, recorded.candidate.principal);
    let marked = books.with(move |books| {
        // The account's, which is not the connection's where that one is to get another account.
        let previous = credentials::current_of(&books.store, principal)?.map(|current| current.id);
        credentials::mark_sent(&books.store, id).map(|()| previous)
    });
    let noted = match marked.await {
        Ok(previous) => {
            let sent = json!({
                "candidate": id,
                "previous": previous,
                "mode": plan.mode.as_str(),
                "pwd_last_set": plan.pinned.before,
                "password_version": plan.pinned.version,
            });
            let pinned = Some(plan.pinned.name.as_str());
            books.event(&recorded.rotation, Some(Stage::Change), "change-sent", pinned, sent).await
        }
        Err(error) => Err(error),
    };
    match noted {
        Ok(()) => Ok(()),
        Err(error) => Err(give_up(books, recorded, error.context("nothing was sent")).await),
    }
}

/// After a refusal: whether the pinned target still has the old mark. One that cannot be read leaves the refusal as it is,
/// which is of those that mean "surely not applied".
async fn untouched(plan: &Plan, refusal: &Error) -> bool {
    let Some(before) = plan.pinned.before.filter(|_| refusal.code() != "ad.closed") else { return true };
    directory::pwd_last_set(&plan.pinned.session, &plan.account.dn).await.map_or(true, |now| now == before)
}

/// The password was surely not changed: the candidate is retired, the journal ended, the old one stays.
async fn give_up(books: &Books, recorded: &Recorded, error: Error) -> Error {
    let (id, rotation) = (recorded.candidate.id, recorded.rotation.clone());
    let (code, said) = (error.code(), redact(error.message()).into_owned());
    let ended = books
        .with(move |books| {
            credentials::retire(&books.store, id, &said)?;
            let data = json!({"code": code, "message": said});
            journal::finish(&books.store, &rotation, Verdict::Failed, "change-refused", &data)
        })
        .await;
    match ended {
        Ok(()) => error,
        Err(store) => error.with("journal", format!("could not be ended: {}", store.message())),
    }
}

/// One bind with the candidate on the pinned target; the session stays open.
pub(super) async fn prove(plan: &Plan, books: &Books, recorded: &Recorded) -> Staged<Session> {
    let pinned = plan.pinned.name.clone();
    let identity = Identity { name: plan.username.clone(), password: plan.candidate.clone() };
    let proof = match pinned::again(&plan.pinned, Was::Changed).await {
        Ok(session) => prove_on(&session, books, &identity, recorded).await.map(|()| session),
        Err(error) => Err(error),
    };
    let session = match proof {
        Ok(session) => session,
        Err(error) => {
            let said = json!({"code": error.code(), "message": redact(error.message())});
            let _ = books.event(&recorded.rotation, None, "not-proven", Some(&pinned), said).await;
            return Err(unsettled(
                &format!("{pinned} took the new password, and it could not be proven there"),
                &error,
            ));
        }
    };
    let id = recorded.candidate.id;
    let on = pinned.clone();
    books
        .with(move |books| credentials::mark_proven(&books.store, id, &on))
        .await
        .map_err(|error| unsettled("the new password works, and the store could not note it", &error))?;
    let note = format!("signed in once on {pinned}");
    books
        .event(&recorded.rotation, Some(Stage::Converge), "proven", Some(&pinned), json!({}))
        .await
        .map_err(|error| unsettled("the new password works, and the journal could not be written", &error))?;
    Ok((session, Verdict::Ok, note))
}

/// The one bind that no budget keeps from being sent: without it nobody knows which password the account has.
async fn prove_on(session: &Session, books: &Books, identity: &Identity, recorded: &Recorded) -> Result<()> {
    let candidate = &recorded.candidate;
    books.prove(session, identity, candidate.principal, candidate.id).await
}
