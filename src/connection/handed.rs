//! What an agent or the Workflow Engine was given for a connection, from before it is sent until it is settled: the service has
//! answered, and of an agent's copy the version is the current one. Whatever ends a run in between, this is left to be found.

use rusqlite::Transaction;
use serde::Serialize;

use super::{
    Connection, Scope, by_id,
    credentials::{self, State},
    get,
};
pub use crate::store::rows::handed::{Handed, What};
use crate::{
    error::Result,
    store::{
        Store, now,
        rows::{CredentialId, agents, agents::Copied, credentials as versions, handed as rows},
        running,
    },
};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The service has it.
    Done,
    /// The service surely does not have it.
    NotDone,
    /// Nobody knows.
    Unknown,
}

/// Something that is about to be sent, and what was known before.
#[derive(Debug)]
pub struct Begun {
    handed: Handed,
    before: Option<Handed>,
    copy: Option<Copied>,
}

/// Notes what is about to be sent; it is on the disk when this returns.
pub fn begin(store: &Store, handed: Handed) -> Result<Begun> {
    let handed = Handed { at: now(), ..handed };
    store.write(|t| {
        let before = rows::get(t, handed.connection, handed.what)?;
        let copy = agents::copy(t, handed.connection)?;
        rows::put(t, &handed)?;
        if handed.what == What::Copy && !handed.taken {
            agents::forget_copy(t, handed.connection)?;
        }
        Ok(Begun { handed, before, copy })
    })
}

/// Notes how it ended. A copy of a version that is not the current one stays known until that is settled. Where another run has
/// begun the same since, nobody knows which of the two came last: what that one has noted stays.
pub fn ended(store: &Store, begun: &Begun, outcome: Outcome) -> Result<()> {
    let handed = &begun.handed;
    store.write(|t| {
        if rows::get(t, handed.connection, handed.what)?.as_ref() != Some(handed) {
            return Ok(());
        }
        match outcome {
            Outcome::Unknown => Ok(()),
            Outcome::NotDone => not_done(t, begun),
            Outcome::Done => done(t, handed),
        }
    })
}

/// What was known before holds again.
fn not_done(t: &Transaction<'_>, Begun { handed, before, copy }: &Begun) -> Result<()> {
    if let Some(copy) = copy.as_ref().filter(|_| !handed.taken) {
        agents::note_copy(t, handed.connection, copy.credential, &copy.to)?;
    }
    match before {
        Some(before) => rows::put(t, before),
        None => rows::forget(t, handed),
    }
}

fn done(t: &Transaction<'_>, handed: &Handed) -> Result<()> {
    if handed.what == What::Copy {
        match handed.credential {
            Some(id) => agents::note_copy(t, handed.connection, id, &handed.to)?,
            None => agents::forget_copy(t, handed.connection)?,
        }
    }
    match handed.credential {
        Some(id) if versions::by_id(t, id)?.state != State::Current => {
            rows::put(t, &Handed { sure: true, ..handed.clone() })
        }
        _ => rows::forget(t, handed),
    }
}

/// It has been looked at, and nothing is left to do.
pub fn settled(store: &Store, handed: &Handed) -> Result<()> {
    store.write(|t| rows::forget(t, handed))
}

/// What an agent holds of a connection is not known any more, for somebody else gave it that.
pub fn forget_copy(store: &Store, connection: &Connection) -> Result<()> {
    store.write(|t| {
        agents::forget_copy(t, connection.id)?;
        rows::get(t, connection.id, What::Copy)?.map_or(Ok(()), |handed| rows::forget(t, &handed))
    })
}

/// Whether an agent may sign in with this version for a connection: it was given that last, or what it holds is not settled.
pub fn may_hold(store: &Store, connection: &Connection, version: CredentialId) -> Result<bool> {
    store.read(|c| match agents::copy(c, connection.id)? {
        Some(copy) => Ok(copy.credential == version),
        None => Ok(rows::get(c, connection.id, What::Copy)?.is_some()),
    })
}

/// What is not settled of a connection, as people and scripts see it.
#[derive(Debug, Clone, Serialize)]
pub struct Unsettled {
    /// The connection's name.
    pub connection: String,
    /// `copy`, `route`.
    pub what: &'static str,
    /// The agent's address; of a route, the agent that it leads to.
    pub agent: String,
    /// The version that a copy was given.
    pub version: Option<u32>,
    /// RFC 3339, UTC.
    pub begun: String,
    /// The run that did it.
    pub run: String,
    /// What is known of it.
    pub known: String,
    /// What settles it.
    pub plan: String,
    /// The run goes on, and nothing is to be settled yet.
    pub alive: bool,
    /// As it is stored.
    #[serde(skip)]
    pub handed: Handed,
}

/// All that is not settled, oldest first, or what concerns one connection. `own` is the run that asks.
///
/// # Errors
/// `connection.unknown`, and the store's.
pub fn unsettled(store: &Store, named: Option<&str>, scope: &Scope, own: Option<&str>) -> Result<Vec<Unsettled>> {
    let wanted = named.map(|name| get(store, name, scope).map(|one| one.id)).transpose()?;
    let mut found = Vec::new();
    for handed in store.read(rows::all)? {
        if wanted.is_some_and(|id| id != handed.connection) {
            continue;
        }
        let connection = by_id(store, handed.connection)?;
        if scope.sees(connection.customer.as_deref()) {
            found.push(describe(store, &connection, handed, own)?);
        }
    }
    Ok(found)
}

/// How many there are that no run is at. Cheap: there are hardly ever any.
pub fn count(store: &Store) -> Result<usize> {
    let all = store.read(rows::all)?;
    Ok(all.iter().filter(|one| !running::is_running(store, &one.run)).count())
}

fn describe(store: &Store, connection: &Connection, handed: Handed, own: Option<&str>) -> Result<Unsettled> {
    let version = handed.credential.map(|id| credentials::by_id(store, id)).transpose()?.map(|one| one.version);
    let current = credentials::current(store, connection)?.map(|one| one.version);
    let moved = handed.what == What::Copy && connection.msonline()?.agent() != handed.to;
    let (known, plan) = words(&handed, version, current, moved);
    Ok(Unsettled {
        connection: connection.name.clone(),
        what: handed.what.as_str(),
        agent: handed.to.clone(),
        version,
        begun: handed.at.clone(),
        run: handed.run.clone(),
        known,
        plan,
        alive: own != Some(handed.run.as_str()) && running::is_running(store, &handed.run),
        handed,
    })
}

fn words(handed: &Handed, version: Option<u32>, current: Option<u32>, moved: bool) -> (String, String) {
    let (to, version) = (&handed.to, version.map_or_else(String::new, |version| format!(" version {version}")));
    let known = match (handed.what, handed.taken, handed.sure) {
        (What::Copy, true, _) => {
            format!("the agent {to} was told to remove its copy, and what became of that is not known")
        }
        (What::Copy, false, true) => format!("the agent {to} has{version}, which nothing has proven"),
        (What::Copy, false, false) => {
            format!("the agent {to} was given{version}, and what became of that is not known")
        }
        (What::Route, true, _) => {
            "the Workflow Engine was told to remove the route, and what became of that is not known".to_owned()
        }
        (What::Route, false, _) => {
            "the Workflow Engine was given the route, and what became of that is not known".to_owned()
        }
    };
    let plan = match (handed.what, handed.taken, current) {
        _ if moved => "the connection has another agent now: nothing can be done from here".to_owned(),
        (_, true, _) => "see whether it is gone".to_owned(),
        (What::Copy, _, Some(current)) => format!("give the agent the current version {current}"),
        (What::Copy, _, None) => "none: no version is current".to_owned(),
        (What::Route, ..) => "see what it holds, and write the route again where that is not it".to_owned(),
    };
    (known, plan)
}
