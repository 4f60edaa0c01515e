//! Going back without a change: the directory still has the earlier password, for the version that is current was only given,
//! never sent, and no target has accepted it.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    books::Books,
    controllers::{self, Controller},
    former, preflight,
    report::{Announcement, Log, Outcome, Stage, Staged, TargetReport},
    request::Request,
    stored::{self, Stored},
};
use crate::{
    connection::{
        self,
        credentials::{self, Credential, SKEW},
        former::in_force,
    },
    directory::{self, Identity, ticks},
    error::{Error, Result},
    store::rows::CredentialId,
    verdict::Verdict,
};

/// What [`announce`](super::Observer::change_announced) is told such a going back is of.
pub(super) const RECALL: &str = "recall";

/// The version that is to come back, where that is what the directory has as far as is known. Over an administrative
/// connection the password is set all the same: that is sure.
async fn recalled(request: &Request, books: &Books) -> Result<Option<Credential>> {
    let Some(id) = request.candidate_of.filter(|_| request.via.is_none() && !request.revoke) else { return Ok(None) };
    let connection = request.connection.clone();
    books.with(move |books| is_in_force(books, &credentials::history(&books.store, &connection)?, id)).await
}

fn is_in_force(books: &Books, versions: &[Credential], id: CredentialId) -> Result<Option<Credential>> {
    let Some(latest) = in_force(versions).filter(|latest| latest.id == id) else { return Ok(None) };
    let unproven = versions.iter().find(|one| one.state == credentials::State::Current && !one.was_in_force());
    // One that holds the same secret is refused as ever.
    let Some(current) = unproven.filter(|_| latest.reference.is_none()) else { return Ok(None) };
    connection::former::open(&books.store, &books.identity, latest, Some(current))?;
    Ok(Some(latest.clone()))
}

/// Brings the version back where no write is needed; `None` where one is.
///
/// # Errors
/// Those of a preflight; `rotation.changed_elsewhere`, `rotation.still_in_doubt`, `connection.changed_meanwhile`.
pub(super) async fn recall(request: &Request, books: &Books, log: &mut Log<'_>) -> Result<Option<Outcome>> {
    if recalled(request, books).await?.is_none() {
        return Ok(None);
    }
    let found = log.stage(Stage::Preflight, Box::pin(look(request, books))).await?;
    let promoted = log.stage(Stage::Promote, Box::pin(promote(request, books, log.observer, &found))).await;
    let (current, connections) = promoted?;
    let target = TargetReport {
        target: found.target.clone(),
        verdict: Verdict::Ok,
        ms: 0,
        note: "signs in".to_owned(),
        connection: None,
    };
    Ok(Some(Outcome {
        verdict: Verdict::Ok,
        principal: current.username,
        guid: found.guid,
        version: current.version,
        restores: Some(found.version.version),
        pinned: found.target,
        connections,
        targets: vec![target],
        dependents: Vec::new(),
        access_ends: None,
        stages: std::mem::take(&mut log.stages),
        error: None,
    }))
}

struct Found {
    target: String,
    guid: String,
    identity: Identity,
    /// What comes back.
    version: Credential,
    /// What was current when it was chosen.
    seen: Option<CredentialId>,
}

/// Signs in with the version, on the target that a change would go to, and sees that nobody has changed the password since it
/// was proven. A target that lags takes one that is no longer valid.
async fn look(request: &Request, books: &Books) -> Staged<Found> {
    let Stored { principal, current, .. } = stored::read(request, books).await?;
    // Once more, for nobody else is at work on the account from here on.
    let Some(version) = recalled(request, books).await? else {
        return Err(connection::changed_meanwhile(&request.connection.name));
    };
    let of = version.clone();
    let password = books.with(move |books| credentials::open(&books.store, &books.identity, &of)).await?;
    let identity = Identity { name: request.connection.username.clone(), password };
    let (mut open, down) = controllers::open_all(&request.endpoints).await;
    // The one that is down may be the only one that does not lag.
    preflight::refuse_down(&down, request.allow_down)?;
    controllers::one_domain(&open)?;
    let sign_in = async |on: &Controller| {
        books.refuse_lagging(&on.name, version.id).await?;
        let signed_in = books.sign_in(&on.session, &identity, principal, Some(version.id)).await;
        if signed_in.is_ok() {
            books.note_arrival(&on.name, version.id).await;
        }
        signed_in.map_err(|error| error.context(format!("version {} does not sign in either", version.version)))
    };
    let canary = controllers::first_writable(&open)?;
    sign_in(&open[canary]).await?;
    let pinned = controllers::pin(&mut open, canary).await?;
    if pinned != canary {
        sign_in(&open[pinned]).await?;
    }
    let controller = &open[pinned];
    let guid = refuse_changed(controller, &identity.name, &version).await?;
    let note =
        format!("the password of version {} signs in on {}: no change is needed", version.version, controller.name);
    let (target, seen) = (controller.name.clone(), current.map(|current| current.id));
    Ok((Found { target, guid, identity, version, seen }, Verdict::Ok, note))
}

/// A password that was replaced signs in for an hour more, so a sign-in alone proves nothing.
async fn refuse_changed(controller: &Controller, name: &str, version: &Credential) -> Result<String> {
    let account = directory::resolve(&controller.session, name).await?;
    let set = preflight::mark(&controller.session, &account.dn).await?.and_then(ticks::moment);
    let proven = version.proven_at.as_deref().and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok());
    match set.zip(proven) {
        Some((set, proven)) if set <= proven.saturating_add(SKEW) => Ok(account.guid),
        Some((set, _)) => Err(changed_elsewhere(version, set)),
        None => Err(in_doubt(version, &controller.name)),
    }
}

fn changed_elsewhere(version: &Credential, set: OffsetDateTime) -> Error {
    Error::new(
        "rotation.changed_elsewhere",
        format!(
            "the password was changed in the directory at {}, after version {} was proven: that one signs in for an hour more \
             at most",
            ticks::text(set),
            version.version
        ),
    )
    .hint("give the present password, or name an administrative connection (via), which can set the earlier one again")
}

/// Not `in-doubt`: nothing was sent, and there is nothing to recover.
fn in_doubt(version: &Credential, target: &str) -> Error {
    Error::inconclusive(
        "rotation.still_in_doubt",
        format!(
            "version {} signs in on {target}, and when the password was set may not be read: for an hour after a change that \
             proves nothing",
            version.version
        ),
    )
    .hint("give the account the right to read pwdLastSet, or name an administrative connection (via), which can set the password again")
    .with("target", target.to_owned())
}

/// A new version with the earlier password is current; nothing is sent.
async fn promote(
    request: &Request,
    books: &Books,
    observer: &dyn super::Observer,
    found: &Found,
) -> Staged<(Credential, Vec<String>)> {
    let (connection, run, identity) = (request.connection.clone(), request.run.clone(), found.identity.clone());
    let seen = found.seen;
    let record = move |books: &Books| {
        stored::refuse_changed(books, &connection, seen)?;
        let Identity { name, password } = &identity;
        credentials::record_candidate(&books.store, &books.identity, &connection, name, password, run.as_deref())
    };
    let recorded = books.with(record).await?;
    let announcement = Announcement {
        account: recorded.username.clone(),
        pinned: found.target.clone(),
        version: recorded.version,
        restores: Some(found.version.version),
        of: RECALL,
    };
    let (id, on) = (recorded.id, found.target.clone());
    if let Err(error) = observer.change_announced(&announcement).await {
        let _ = books.with(move |books| credentials::retire(&books.store, id, "not begun")).await;
        return Err(error);
    }
    let connections = books
        .with(move |books| {
            credentials::promote(&books.store, id, &on)?;
            credentials::connections_of(&books.store, credentials::by_id(&books.store, id)?.principal)
        })
        .await?;
    let note = format!(
        "version {} is current in {}; nothing changed in the directory",
        recorded.version,
        connections.join(", ")
    );
    Ok(((recorded, connections), Verdict::Ok, note))
}

/// What to do where the current version does not sign in: the one before it may.
pub(super) async fn with_remedy(error: Error, request: &Request, books: &Books) -> Error {
    if !["ad.wrong_password", "rotation.budget_spent"].contains(&error.code()) {
        return error;
    }
    let connection = request.connection.clone();
    let version = books
        .with(move |books| {
            let versions = credentials::history(&books.store, &connection)?;
            let Some(latest) = in_force(&versions) else { return Ok(None) };
            Ok(is_in_force(books, &versions, latest.id)?.map(|one| one.version))
        })
        .await;
    match version {
        Ok(Some(version)) => {
            let remedy = former::remedy(&request.connection.name, version);
            let hint = match error.remedy().filter(|_| error.code() == "rotation.budget_spent") {
                Some(wait) => format!("{remedy}; {wait}"),
                None => remedy,
            };
            error.hint(hint)
        }
        _ => error,
    }
}
