//! What there is to recover, from the store alone.

use serde::Serialize;

use super::case::{Case, Standing, last};
use crate::{
    connection::{self, Scope, credentials},
    error::{Error, Result},
    rotation::{app, sequel},
    store::{
        Store,
        journal::{self, Rotation},
        locks::{self, Holder},
        rows::PrincipalId,
    },
};

/// A transaction that waits for a recovery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unfinished {
    /// The journal's id of it.
    pub transaction: String,
    /// The account's name.
    pub account: String,
    /// The connection that it was begun for, or another one of the account where that one is gone or is another account's.
    pub connection: String,
    /// Every connection of the account, and the one that an unfinished transaction gives to it.
    pub connections: Vec<String>,
    /// When it was begun, RFC 3339.
    pub begun: String,
    /// By whom.
    pub by: Option<String>,
    /// The stage that it had come to.
    pub stage: String,
    /// The target that the change went to.
    pub pinned: String,
    /// The targets that are not proven.
    pub targets: Vec<String>,
    /// The administrative connection that it went over.
    pub via: Option<String>,
    /// What is known, in one sentence.
    pub known: String,
    /// What a recovery will do, in one sentence.
    pub plan: String,
    /// The versions that are kept, the latest first.
    pub versions: Vec<Version>,
    /// Who works at it right now; nothing is to be recovered then.
    pub alive: Option<Holder>,
}

/// A version that the account may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its number.
    pub version: u32,
    /// Where it stands, e.g. `candidate`.
    pub state: &'static str,
    /// When a write with it was sent last.
    pub sent_at: Option<String>,
    /// When a target accepted it last.
    pub proven_at: Option<String>,
}

/// Everything that waits for a recovery, oldest first: all of it, or that of one connection's account. What no connection
/// that the scope shows has to do with is left out.
///
/// # Errors
/// `connection.unknown`, and the store's.
pub fn unfinished(store: &Store, connection: Option<&str>, scope: &Scope) -> Result<Vec<Unfinished>> {
    let wanted = match connection {
        Some(name) => {
            let connection = connection::get(store, name, scope)?;
            Some((surviving(store, connection.principal)?, connection.name))
        }
        None => None,
    };
    let mut found = Vec::new();
    for rotation in journal::unfinished(store)?.into_iter().chain(journal::unsettled(store)?) {
        if app::is_of_app(&rotation) {
            continue;
        }
        let Some((connection, connections)) = connections(store, &rotation, scope)? else { continue };
        // One that is to give the connection another account is that one's.
        let wanted = wanted.as_ref().is_none_or(|(principal, name)| {
            *principal == rotation.principal || (rotation.finished_at.is_none() && *name == connection)
        });
        if !wanted {
            continue;
        }
        let case = Case::load(store, rotation)?;
        if case.standing != Standing::Ended {
            found.push(describe(store, &case, connection, connections)?);
        }
    }
    Ok(found)
}

/// One transaction by its id.
///
/// # Errors
/// `rotation.unknown` when there is none, it has nothing left to do, or the scope does not show it.
pub fn find(store: &Store, transaction: &str, scope: &Scope) -> Result<Unfinished> {
    let all = unfinished(store, None, scope)?;
    all.into_iter().find(|one| one.transaction == transaction).ok_or_else(|| {
        Error::new("rotation.unknown", format!("nothing of the transaction {transaction} is left to recover"))
            .hint("`ad::unfinished()` lists what there is")
    })
}

fn surviving(store: &Store, principal: PrincipalId) -> Result<PrincipalId> {
    store.read(|c| crate::store::rows::principals::surviving(c, principal))
}

/// The connection to reach the account over, and all of it; `None` where the scope shows none. What has ended concerns the
/// connections that use the account now: the one that it was begun for may have been given another account since.
pub(in crate::rotation) fn connections(
    store: &Store,
    rotation: &Rotation,
    scope: &Scope,
) -> Result<Option<(String, Vec<String>)>> {
    let mut all = credentials::connections_of(store, rotation.principal)?;
    let begun_for = begun_for(store, rotation)?;
    if let Some(name) = begun_for.iter().find(|name| rotation.finished_at.is_none() && !all.contains(name)) {
        all.push(name.clone());
    }
    let own = |name: &&String| all.contains(name);
    let visible = |name: &&String| connection::get(store, name, scope).is_ok();
    let first = begun_for.iter().filter(own).chain(&all).find(visible).cloned();
    Ok(match first {
        Some(first) => Some((first, all)),
        // Nobody's any more: one that is cut short is still told, so that what is known of it can be seen.
        None if all.is_empty() && scope.customer.is_none() && rotation.finished_at.is_none() => {
            Some((rotation.connection.clone(), all))
        }
        None => None,
    })
}

/// The present name of the connection that it was begun for, while there is one. The candidate's row knows it by its id;
/// the journal has the name that it went by.
pub(super) fn begun_for(store: &Store, rotation: &Rotation) -> Result<Option<String>> {
    let Some(candidate) = rotation.candidate else { return Ok(Some(rotation.connection.clone())) };
    credentials::recorded_for(store, candidate)
}

fn describe(store: &Store, case: &Case, connection: String, connections: Vec<String>) -> Result<Unfinished> {
    let rotation = &case.rotation;
    let via = connection::get(store, &connection, &Scope::all())
        .ok()
        .and_then(|connection| connection.ad().ok().and_then(|settings| settings.via.clone()));
    let kept = std::iter::once(&case.candidate).chain(&case.given).chain(&case.older);
    Ok(Unfinished {
        transaction: rotation.id.clone(),
        account: case.candidate.username.clone(),
        begun: rotation.started_at.clone(),
        by: rotation.before["by"].as_str().map(str::to_owned),
        stage: rotation.stage.clone(),
        pinned: case.pinned.clone(),
        targets: case.pending(),
        known: known(case),
        plan: plan(case, via.as_deref(), &connections),
        versions: kept
            .map(|one| Version {
                version: one.version,
                state: one.state.as_str(),
                sent_at: one.sent_at.clone(),
                proven_at: one.proven_at.clone(),
            })
            .collect(),
        alive: locks::holder(store, rotation.principal)?,
        connection,
        connections,
        via,
    })
}

fn known(case: &Case) -> String {
    let (new, pinned) = (case.candidate.version, &case.pinned);
    match &case.standing {
        Standing::NotSent => format!("version {new} was recorded and never sent: the directory has the old password"),
        Standing::Sent if case.acknowledged => {
            format!("{pinned} acknowledged version {new}, which did not come to be proven there")
        }
        Standing::Sent => {
            let at = case.sent_at.map(|at| at.replace_nanosecond(0).unwrap_or(at));
            let at = at.map(crate::directory::ticks::text).unwrap_or_default();
            format!("version {new} was sent to {pinned} at {at}, and nobody knows whether it was set")
        }
        Standing::Proven => format!("version {new} signed in on {pinned} and is not the current one yet"),
        Standing::Current => format!("version {new} is current, and only the journal was not ended"),
        Standing::Judged(_) => {
            let why = last(&case.events, "judged").and_then(|event| event.data["why"].as_str().map(str::to_owned));
            format!("version {new} is not the valid one: {}", why.unwrap_or_default())
        }
        Standing::Lagging => format!("version {new} is current, and {}", lacks(case)),
        Standing::Ended => "it has ended".to_owned(),
    }
}

/// What is left of a transaction that has ended.
fn lacks(case: &Case) -> String {
    let targets = case.pending();
    let mut lacks = Vec::new();
    if !targets.is_empty() {
        lacks.push(format!("{} not proven yet: {}", count(targets.len()), targets.join(", ")));
    }
    if case.binds_until().is_some() {
        let said = "only the first of two changes was made: the password that was known binds for an hour after it";
        lacks.push(said.to_owned());
    } else if case.half_revoked().is_some() {
        lacks.push("only the first of two changes was made; the password that was known binds no more".to_owned());
    }
    if !case.open.is_empty() {
        lacks.push(format!("not taken by {}", case.open.join(", ")));
    }
    if lacks.is_empty() {
        lacks.push("everything has it: only the journal does not say so yet".to_owned());
    }
    lacks.join("; ")
}

fn plan(case: &Case, via: Option<&str>, connections: &[String]) -> String {
    let (new, pinned, names) = (case.candidate.version, &case.pinned, connections.join(", "));
    let old = case.older.first().map(|older| older.version);
    match &case.standing {
        Standing::NotSent => format!("retires version {new} and ends the transaction"),
        Standing::Sent => {
            let read = via.map(|via| format!("reads over {via} when the password was set on {pinned}, and then "));
            let order = case.given.iter().map(|given| given.version).chain([new]).chain(old);
            let order: Vec<String> = order.map(|version| version.to_string()).collect();
            let (first, rest) = order.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
            let signs_in = [format!("signs in once with version {first} on {pinned}")];
            let rest = rest.iter().map(|version| format!("else once with version {version}"));
            let binds: Vec<String> = signs_in.into_iter().chain(rest).collect();
            format!("{}{}", read.unwrap_or_default(), binds.join(", "))
        }
        Standing::Proven => format!("makes version {new} current for {names} and looks at the targets that may lag"),
        Standing::Current | Standing::Judged(_) | Standing::Ended => "ends the transaction".to_owned(),
        Standing::Lagging => {
            let over = via.map(|via| format!("over {via} ")).unwrap_or_default();
            let mut plans = Vec::new();
            if !case.pending().is_empty() {
                plans.push(format!("looks {over}whether each has the change, and signs in once where it has"));
            }
            if !case.open.is_empty() {
                plans.push("hands the password to what has not taken it".to_owned());
            }
            if case.binds_until().is_some() {
                plans.push(format!("says that access has not ended ({})", sequel::again(&case.rotation.connection)));
            } else if plans.is_empty() {
                let by_itself = case.half_revoked().map_or("", |_| ": access has ended by itself");
                plans.push(format!("ends the transaction{by_itself}"));
            }
            plans.join("; then ")
        }
    }
}

fn count(targets: usize) -> String {
    if targets == 1 { "1 target is".to_owned() } else { format!("{targets} targets are") }
}
