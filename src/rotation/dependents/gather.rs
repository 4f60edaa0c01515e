//! Preflight's part: which dependents there are, and whether they answer.

use std::{collections::HashSet, sync::Arc};

use super::{Dependent, Found, OtherConnection};
use crate::{
    connection::{self, Connection, Scope, credentials},
    directory::Endpoint,
    error::{Error, Result},
    rotation::{
        account::Known,
        books::Books,
        controllers::{self, Controller, Down},
        preflight,
        request::Request,
        stored::Stored,
    },
};

/// What preflight says of what nobody can see from here.
const UNKNOWN: &str =
    "services, tasks and pools elsewhere that use the account are not known to Libretto, unless declared";

/// A dependent that preflight has asked.
#[derive(Debug, Clone)]
pub(in crate::rotation) struct Planned {
    pub(in crate::rotation) dependent: Arc<dyn Dependent>,
    /// What the journal calls it: its name when the rotation was planned.
    pub(in crate::rotation) called: String,
    /// It did not answer, and the run goes on without it.
    pub(in crate::rotation) down: Option<Error>,
}

/// Asks every dependent whether it answers. One that is down ends it, unless the run goes on without. None ends a second
/// change: the first was made.
pub(in crate::rotation) async fn ask(
    dependents: Vec<Arc<dyn Dependent>>,
    allow_down: bool,
    second: bool,
) -> Result<Vec<Planned>> {
    let mut planned = Vec::new();
    for dependent in dependents {
        let down = match dependent.ready().await {
            Ok(()) => None,
            Err(error) if second || (allow_down && error.is_retryable()) => Some(error),
            Err(error) => return Err(unready(dependent.as_ref(), &error)),
        };
        planned.push(Planned { called: dependent.name().to_owned(), dependent, down });
    }
    Ok(planned)
}

fn unready(dependent: &dyn Dependent, why: &Error) -> Error {
    let what = if matches!(dependent.kind(), "agent" | "route") { "credential" } else { "password" };
    let said = format!("{} cannot take a new {what}, and nothing was changed: {}", dependent.name(), why.message());
    let error = Error::new("rotation.dependent_down", said)
        .with("dependent", dependent.name().to_owned())
        .with("cause", why.code());
    let remedy = why.remedy().unwrap_or("mend it");
    if why.is_retryable() {
        error.hint(format!("{remedy}; or rotate without it (`allow_down`)")).retryable()
    } else {
        error.hint(remedy.to_owned())
    }
}

/// What has to take the new password besides the targets.
pub(in crate::rotation) async fn find(
    request: &Request,
    stored: &Stored,
    known: &Known,
    books: &Books,
) -> Result<Found> {
    let (own, principal, other_account, guid) =
        (request.connection.clone(), stored.principal, known.other_account, known.account.principal.guid.clone());
    let connections = books
        .with(move |books| {
            let store = &books.store;
            let principal = if other_account { credentials::principal_of(store, &guid)? } else { Some(principal) };
            let names = principal.map_or_else(|| Ok(Vec::new()), |one| credentials::connections_of(store, one))?;
            let others = names.iter().filter(|name| !name.eq_ignore_ascii_case(&own.name));
            let others = others.map(|name| connection::get(store, name, &Scope::all()));
            std::iter::once(Ok(own.clone())).chain(others).collect::<Result<Vec<Connection>>>()
        })
        .await?;
    request.dependents.of(&connections).await
}

/// Opens the targets that other connections of the account bring along. Nobody signs in yet.
pub(in crate::rotation) async fn join(
    request: &Request,
    connections: Vec<OtherConnection>,
    open: &mut Vec<Controller>,
    down: &mut Vec<Down>,
) -> Result<Vec<(String, Vec<Endpoint>)>> {
    let mut known: HashSet<String> = open.iter().map(|one| one.name.clone()).collect();
    known.extend(down.iter().map(|one| one.target.clone()));
    for other in &connections {
        let mut more = other.endpoints.clone();
        more.retain(|endpoint| known.insert(endpoint.target.to_string()));
        let (mut opened, mut failed) = controllers::open_all(&more).await;
        for one in &mut opened {
            one.of = Some(other.name.clone());
        }
        for one in &mut failed {
            one.of = Some(other.name.clone());
        }
        open.append(&mut opened);
        down.append(&mut failed);
    }
    preflight::refuse_down(down, request.allow_down)?;
    controllers::one_domain(open)?;
    Ok(connections.into_iter().map(|other| (other.name, other.endpoints)).collect())
}

pub(in crate::rotation) fn words(connections: &[(String, Vec<Endpoint>)], dependents: &[Planned]) -> String {
    let count = |kind: &str| dependents.iter().filter(|one| one.dependent.kind() == kind).count();
    let counted = [
        (connections.len(), "other connection", "other connections"),
        (count("home-server"), "home server", "home servers"),
        (count("procedure"), "declared procedure", "declared procedures"),
    ];
    let counted = counted.into_iter().filter(|(number, ..)| *number > 0);
    let words: Vec<String> =
        counted.map(|(number, one, many)| format!("{number} {}", if number == 1 { one } else { many })).collect();
    let known =
        if words.is_empty() { "no dependents".to_owned() } else { format!("depending on it: {}", words.join(", ")) };
    format!("{known}; {UNKNOWN}")
}
