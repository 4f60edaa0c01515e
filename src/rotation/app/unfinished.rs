//! What there is to recover of apps' credentials, from the store alone.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::{
    case::{Case, Standing},
    facts::{display_name, is_of_app},
};
use crate::{
    connection::{self, Scope, credentials},
    error::{Error, Result},
    rotation::recover::{Unfinished, Version, connections_for},
    store::{
        Store,
        journal::{self, Rotation},
        locks,
        rows::principals,
    },
};

/// Everything of apps that waits for a recovery, oldest first: transactions that were cut short, those that left dependents open,
/// and credentials whose overlap is over. All of it, or that of one connection's app.
///
/// # Errors
/// `connection.unknown`, and the store's.
pub fn unfinished(
    store: &Store,
    connection: Option<&str>,
    scope: &Scope,
    now: OffsetDateTime,
) -> Result<Vec<Unfinished>> {
    let wanted = match connection {
        Some(name) => {
            let principal = connection::get(store, name, scope)?.principal;
            Some(store.read(|c| principals::surviving(c, principal))?)
        }
        None => None,
    };
    let mut found = Vec::new();
    for rotation in candidates(store)? {
        if wanted.is_some_and(|principal| principal != rotation.principal) {
            continue;
        }
        let Some((connection, connections)) = connections_for(store, &rotation, scope)? else { continue };
        let case = Case::load(store, rotation)?;
        if case.is_open(now) {
            found.push(describe(store, &case, connection, connections, now)?);
        }
    }
    Ok(found)
}

/// Those that may have something left.
fn candidates(store: &Store) -> Result<Vec<Rotation>> {
    let mut all: Vec<Rotation> = journal::unfinished(store)?.into_iter().chain(journal::unsettled(store)?).collect();
    let retiring: BTreeSet<_> = credentials::all_retiring(store)?.iter().map(|one| one.principal.0).collect();
    for principal in retiring {
        all.extend(journal::history(store, crate::store::rows::PrincipalId(principal))?);
    }
    let mut seen = BTreeSet::new();
    all.retain(|rotation| is_of_app(rotation) && seen.insert(rotation.id.clone()));
    all.sort_by(|one, other| one.started_at.cmp(&other.started_at));
    Ok(all)
}

/// One transaction by its id.
///
/// # Errors
/// `rotation.unknown` when there is none, it has nothing left to do, or the scope does not show it.
pub fn find(store: &Store, transaction: &str, scope: &Scope, now: OffsetDateTime) -> Result<Unfinished> {
    let all = unfinished(store, None, scope, now)?;
    all.into_iter().find(|one| one.transaction == transaction).ok_or_else(|| {
        Error::new("rotation.unknown", format!("nothing of the transaction {transaction} is left to recover"))
            .hint("`cloud::unfinished()` lists what there is")
    })
}

fn describe(
    store: &Store,
    case: &Case,
    connection: String,
    connections: Vec<String>,
    now: OffsetDateTime,
) -> Result<Unfinished> {
    let (rotation, facts) = (&case.rotation, &case.facts);
    let old = credentials::by_id(store, facts.old.row())?;
    let version = |one: &credentials::Credential| Version {
        version: one.version,
        state: one.state.as_str(),
        sent_at: one.sent_at.clone(),
        proven_at: one.proven_at.clone(),
    };
    Ok(Unfinished {
        transaction: rotation.id.clone(),
        account: facts.app.clone(),
        begun: rotation.started_at.clone(),
        by: Some(facts.by.clone()).filter(|by| !by.is_empty()),
        stage: rotation.stage.clone(),
        pinned: facts.on.clone(),
        targets: Vec::new(),
        known: known(case, now),
        plan: plan(case, now),
        versions: case.candidate.iter().chain([&old]).map(version).collect(),
        alive: locks::holder(store, rotation.principal)?,
        connection,
        connections,
        via: None,
    })
}

fn new_version(case: &Case) -> String {
    case.candidate.as_ref().map_or_else(|| "the new one".to_owned(), |one| format!("version {}", one.version))
}

fn known(case: &Case, now: OffsetDateTime) -> String {
    let (facts, new) = (&case.facts, new_version(case));
    match case.standing {
        Standing::NotSent => format!("nothing was sent: the registration of {} is as it was", facts.name),
        Standing::Sent => format!(
            "a {} was to be added to the registration of {} as '{}', and what came of it is not known; version {} is valid and in use",
            facts.kind(),
            facts.name,
            display_name(&case.rotation.id),
            facts.old.version
        ),
        Standing::Added => format!(
            "{new} is in the registration of {} and has not signed in yet; version {} is valid and in use",
            facts.name, facts.old.version
        ),
        Standing::Proven => format!("{new} has signed in and is not the current one yet"),
        Standing::Switched => format!("{new} is current, and what depends on it may not have it"),
        Standing::Ended => left(case, now),
    }
}

fn left(case: &Case, now: OffsetDateTime) -> String {
    let mut left = Vec::new();
    if !case.open.is_empty() {
        let names: Vec<&str> = case.open.iter().map(|one| one.name.as_str()).collect();
        left.push(format!("{} is current and not taken by {}", new_version(case), names.join(", ")));
    }
    if let Some(ending) = case.retiring.as_ref().filter(|_| case.is_due(now)) {
        left.push(if case.revoke {
            format!("version {} was to be removed at once, and still signs in", ending.version)
        } else {
            format!("version {} still signs in, and its overlap ended {}", ending.version, ending.until)
        });
    }
    if left.is_empty() { "it has ended".to_owned() } else { left.join("; ") }
}

fn plan(case: &Case, now: OffsetDateTime) -> String {
    let (kind, name, new) = (case.facts.kind(), &case.facts.name, new_version(case));
    match case.standing {
        Standing::NotSent => "ends the transaction".to_owned(),
        Standing::Sent if case.facts.certificate => {
            format!(
                "looks for it in the registration of {name}; goes on with it where it is there, else ends the transaction"
            )
        }
        Standing::Sent => format!(
            "looks for the {kind} in the registration of {name}, removes it (its text is known to nobody) and ends the transaction"
        ),
        Standing::Added => format!("signs in with {new}, then makes it current and hands it to what depends on it"),
        Standing::Proven => format!("makes {new} current and hands it to what depends on it"),
        Standing::Switched => format!("hands {new} to what depends on it"),
        Standing::Ended => {
            let hands = (!case.open.is_empty()).then(|| format!("hands {new} to them again"));
            let ending = case.retiring.as_ref().filter(|_| case.is_due(now));
            let removes =
                ending.map(|ending| format!("removes version {} from the registration of {name}", ending.version));
            hands.into_iter().chain(removes).collect::<Vec<_>>().join("; then ")
        }
    }
}
