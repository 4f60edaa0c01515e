//! `libretto connections history`.

use serde_json::json;

use super::super::{Session, seconds};
use crate::{
    connection::{
        self, Scope,
        credentials::{self, Credential},
    },
    error::Result,
    report::{Paint, plain},
};

pub(super) fn history(session: &Session, name: &str) -> Result<u8> {
    let store = session.store()?;
    let connection = connection::get(&store, name, &Scope::all())?;
    let versions = credentials::history(&store, &connection)?;
    if versions.is_empty() && !session.out.json && !session.out.quiet {
        session
            .out
            .complain(&format!("{0} has no credential; `libretto connections edit {0}` takes one\n", connection.name));
    }
    for version in &versions {
        if session.out.json {
            session.out.line(&for_machines(&connection.name, version));
        } else {
            for_people(session, version);
        }
    }
    Ok(0)
}

fn for_machines(name: &str, one: &Credential) -> String {
    json!({ "name": name, "version": one.version, "state": one.state, "username": one.username, "kept": one.kept(),
        "created_at": one.created_at, "sent_at": one.sent_at, "proven_at": one.proven_at, "proven_on": one.proven_on,
        "retired_at": one.retired_at, "why": one.why, "run": one.run })
    .to_string()
}

fn for_people(session: &Session, one: &Credential) {
    let (out, look) = (session.out, session.out.look);
    let state = format!("{:9}", one.state.as_str());
    let heading = look.paint(Paint::Heading, format!("version {}", one.version));
    out.line(&format!("{heading}  {state}  {}  {}", plain(&one.username), one.kept()));
    let by = one.run.as_ref().map(|run| format!("by run {run}"));
    let on = one.proven_on.as_ref().map(|target| format!("on {}", plain(target)));
    let because = one.why.as_ref().map(|why| format!("({})", plain(why)));
    for (word, at, more) in [
        ("created", Some(&one.created_at), by),
        ("sent", one.sent_at.as_ref(), None),
        ("proven", one.proven_at.as_ref(), on),
        ("retired", one.retired_at.as_ref(), because),
    ] {
        let Some(at) = at else { continue };
        let word = look.paint(Paint::Faint, format!("{word:7}"));
        out.line(format!("  {word}  {} {}", seconds(at), more.unwrap_or_default()).trim_end());
    }
}
