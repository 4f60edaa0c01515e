//! `libretto connections rollback`: asks, then lets the bundled procedure do it, so that it is a run like any other.

use super::super::{Session, args::RollbackArgs, run, seconds};
use crate::{
    connection::{
        self, Scope,
        credentials::{self, Credential},
        former::{self, Which},
    },
    error::Result,
    run::{Refusal, Request},
};

pub(super) fn rollback(session: &Session, args: &RollbackArgs) -> Result<u8, Refusal> {
    let store = session.store()?;
    let connection = connection::get(&store, &args.name, &Scope::all())?;
    connection.ad()?;
    let which = args.to.map_or(Which::Previous, |number| Which::Version(number.into()));
    let version = former::choose(&store, &connection, which, args.insist)?;
    if !session.global.yes && !is_wanted(session, &version, &credentials::connections_of(&store, version.principal)?)? {
        return Ok(0);
    }
    drop(store);
    let mut values =
        vec![("connection".to_owned(), connection.name), ("version".to_owned(), version.version.to_string())];
    for (name, wanted) in [("allow_down", args.allow_down), ("insist", args.insist)] {
        values.push((name.to_owned(), wanted.to_string()));
    }
    let request =
        Request { wait: args.wait, yes: true, insist: args.insist, ..Request::new("rollback", values, &session.home) };
    run::perform(session, &request)
}

fn is_wanted(session: &Session, version: &Credential, connections: &[String]) -> Result<bool> {
    let proven = match (&version.proven_at, &version.proven_on) {
        (Some(at), Some(on)) => format!("proven {} on {on}", seconds(at)),
        (Some(at), None) => format!("proven {}", seconds(at)),
        (None, _) => "never proven".to_owned(),
    };
    let answer = session.host.ask(&format!(
        "Put the password of {} back to that of version {} ({proven}), in the directory and for {}? [y/N]",
        version.username,
        version.version,
        connections.join(", ")
    ))?;
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}
