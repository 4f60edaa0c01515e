//! `libretto connections`.

mod history;
mod list;
mod rollback;
mod show;
mod test;

use std::sync::Arc;

use serde_json::json;

use super::{
    Session, advise,
    args::{
        AdFields, AddCommand, CommonFields, ConnectionsCommand, DirectoryFields, EditFields, MsOnlineFields,
        OnlineFields,
    },
    recover,
    stopping::stoppable,
};
use crate::{
    connection::{
        self, Scope, Selector,
        fields::{Fields, as_error},
    },
    error::{Error, Result},
    run::Refusal,
    script::library::Library,
    store::events::Failure,
};

pub(super) fn connections(session: &Arc<Session>, command: ConnectionsCommand) -> Result<u8, Refusal> {
    match command {
        ConnectionsCommand::Add(kind) => Ok(stoppable(session, |session| match kind {
            AddCommand::Ad(fields) => add(session, &of_ad(*fields)),
            AddCommand::Msonline(fields) => add(session, &of_msonline(*fields)),
        })?),
        ConnectionsCommand::List { selector } => Ok(list::list(session, selector.as_deref())?),
        ConnectionsCommand::Show { name } => Ok(show::show(session, &name)?),
        ConnectionsCommand::Edit { name, fields } => {
            Ok(stoppable(session, move |session| edit(session, &name, *fields))?)
        }
        ConnectionsCommand::Test { selector, insist } => test::test(session, selector, insist),
        ConnectionsCommand::History { name } => Ok(history::history(session, &name)?),
        ConnectionsCommand::Rollback(args) => rollback::rollback(session, &args),
        ConnectionsCommand::Remove { name } => Ok(remove(session, &name)?),
        ConnectionsCommand::Import { file } => Ok(stoppable(session, move |session| import(session, &file))?),
        ConnectionsCommand::Export { selector } => Ok(export(session, selector.as_deref())?),
    }
}

fn selected(selector: Option<&str>) -> Result<Selector> {
    selector.map_or_else(|| Ok(Selector::all()), Selector::parse)
}

fn add(session: &Session, fields: &Fields) -> Result<u8> {
    let new = fields.check(&session.host).map_err(|faults| as_error(&faults))?;
    let added = connection::add(&session.store()?, &new)?;
    warn_of_missing(session, fields.dependents.as_deref().unwrap_or_default());
    said(
        session,
        "added",
        &added.name,
        &match new.secret {
            Some(_) => {
                format!("added {}; `libretto connections test {}` sees whether it works", added.name, added.name)
            }
            None => format!(
                "added {} without a credential; `libretto connections edit {}` takes one",
                added.name, added.name
            ),
        },
    );
    Ok(0)
}

/// Says which of the procedures that a connection declares cannot be found yet, where they will be looked for.
fn warn_of_missing(session: &Session, dependents: &[String]) {
    if session.out.quiet {
        return;
    }
    let library = Library::new(&session.home, &session.home);
    for name in dependents.iter().filter(|name| library.script(name).is_err()) {
        let missing = Error::new("dependent.missing", format!("there is no procedure {name} yet"))
            .hint("a rotation of the account's password fails without it; put it into the home's scripts folder");
        advise(session.out, &Failure::from(&missing));
    }
}

fn said(session: &Session, event: &str, name: &str, text: &str) {
    if session.out.json {
        session.out.line(&json!({ "event": event, "name": name }).to_string());
    } else if !session.out.quiet {
        session.out.line(text);
    }
}

fn common(fields: CommonFields, kind: &str) -> Fields {
    Fields {
        kind: Some(kind.to_owned()),
        name: Some(fields.name),
        domain: Some(fields.domain),
        tags: of_new(fields.tag),
        customer: fields.customer,
        ..Fields::default()
    }
}

/// An option that may be repeated and was not given says nothing; an empty value takes away what there was.
fn given(values: Vec<String>) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.into_iter().filter(|value| !value.is_empty()).collect())
}

/// Of a new connection there is nothing to take away: an empty value is a fault, e.g. a variable of the shell that is not set.
fn of_new(values: Vec<String>) -> Option<Vec<String>> {
    (!values.is_empty()).then_some(values)
}

fn with_directory(fields: Fields, directory: DirectoryFields, list: fn(Vec<String>) -> Option<Vec<String>>) -> Fields {
    Fields {
        targets: list(directory.target),
        home_servers: list(directory.home_server),
        tls: directory.tls,
        ca: directory.ca,
        pin: directory.pin,
        via: directory.via,
        dependents: list(directory.dependent),
        ..fields
    }
}

fn with_online(fields: Fields, online: OnlineFields) -> Fields {
    Fields {
        ad: online.ad,
        client_id: online.client_id,
        secret: online.secret,
        certificate: online.certificate,
        agent: online.agent,
        agent_token: online.agent_token,
        agent_ca: online.agent_ca,
        app_home: online.app_home,
        ..fields
    }
}

fn of_ad(fields: AdFields) -> Fields {
    let base = Fields { username: Some(fields.username), password: fields.password, ..common(fields.common, "ad") };
    with_directory(base, fields.directory, of_new)
}

fn of_msonline(fields: MsOnlineFields) -> Fields {
    let base = Fields { username: fields.username, password: fields.password, ..common(fields.common, "msonline") };
    with_online(base, fields.online)
}

fn edit(session: &Session, name: &str, edited: EditFields) -> Result<u8> {
    let store = session.store()?;
    recover::remind(session, &store);
    let before = connection::get(&store, name, &Scope::all())?;
    let base = Fields {
        name: edited.new_name,
        domain: edited.domain,
        username: edited.username,
        password: edited.password,
        tags: given(edited.tag),
        customer: edited.customer,
        ..Fields::default()
    };
    let fields = with_online(with_directory(base, edited.directory, given), edited.online);
    let change = fields.check_change(&session.host, &before).map_err(|faults| as_error(&faults))?;
    if !change.changes(&before) {
        said(session, "unchanged", &before.name, &format!("nothing to change: {} is so already", before.name));
        return Ok(0);
    }
    let after = connection::edit(&store, name, &Scope::all(), &change)?;
    said(session, "edited", &after.name, &format!("changed {}", after.name));
    warn_of_missing(session, fields.dependents.as_deref().unwrap_or_default());
    Ok(0)
}

fn remove(session: &Session, name: &str) -> Result<u8> {
    let store = session.store()?;
    let connection = connection::get(&store, name, &Scope::all())?;
    if !session.global.yes {
        let answer = session.host.ask(&format!(
            "Remove {} ({}, {})? Its credentials are kept. [y/N]",
            connection.name,
            connection.kind.as_str(),
            connection.domain
        ))?;
        if !answer.eq_ignore_ascii_case("y") && !answer.eq_ignore_ascii_case("yes") {
            return Ok(0);
        }
    }
    connection::remove(&store, name, &Scope::all())?;
    said(session, "removed", &connection.name, &format!("removed {}", connection.name));
    Ok(0)
}

fn import(session: &Session, file: &std::path::Path) -> Result<u8> {
    let imported = connection::import(&session.store()?, &session.host, &session.host.working_folder.join(file))?;
    if session.out.json {
        session.out.line(
            &json!({ "event": "imported", "added": imported.added.len(), "changed": imported.changed.len(),
                "unchanged": imported.unchanged.len() })
            .to_string(),
        );
    } else if !session.out.quiet {
        let unchanged = match imported.unchanged.len() {
            0 => String::new(),
            count => format!(", {count} unchanged"),
        };
        session.out.line(&format!("{} added, {} changed{unchanged}", imported.added.len(), imported.changed.len()));
    }
    Ok(0)
}

fn export(session: &Session, selector: Option<&str>) -> Result<u8> {
    let exported = connection::export(&session.store()?, &selected(selector)?, &Scope::all())?;
    let bad = |e| Error::new("connection.export", format!("the connections cannot be written: {e}"));
    if session.out.json {
        // One object per line, as all listings; an import reads both.
        exported.as_array().into_iter().flatten().for_each(|one| session.out.line(&one.to_string()));
    } else {
        session.out.line(&serde_json::to_string_pretty(&exported).map_err(bad)?);
    }
    Ok(0)
}
