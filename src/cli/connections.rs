//! `libretto connections`.

mod history;
mod list;
mod rollback;
mod test;

use std::sync::Arc;

use serde_json::{Value, json};

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
    config::Config,
    connection::{
        self, Connection, Scope, Selector, Settings, credentials,
        fields::{Fields, as_error},
    },
    error::{Error, Result},
    report::{Paint, plain},
    run::Refusal,
    script::library::Library,
    store::{Store, budget, events::Failure, lockout::Rules},
};

pub(super) fn connections(session: &Arc<Session>, command: ConnectionsCommand) -> Result<u8, Refusal> {
    match command {
        ConnectionsCommand::Add(kind) => Ok(stoppable(session, |session| match kind {
            AddCommand::Ad(fields) => add(session, &of_ad(*fields)),
            AddCommand::Msonline(fields) => add(session, &of_msonline(*fields)),
        })?),
        ConnectionsCommand::List { selector } => Ok(list::list(session, selector.as_deref())?),
        ConnectionsCommand::Show { name } => Ok(show(session, &name)?),
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

fn show(session: &Session, name: &str) -> Result<u8> {
    let store = session.store()?;
    let connection = connection::get(&store, name, &Scope::all())?;
    let assumed = Config::load(&session.home)?.lockout.rules();
    let facts = facts(&store, &connection, assumed)?;
    if session.out.json {
        session.out.line(&Value::from(facts).to_string());
        return Ok(0);
    }
    let width = facts.keys().map(String::len).max().unwrap_or(0);
    for (fact, value) in
        facts.iter().filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()))
    {
        let label = session.out.look.paint(Paint::Faint, format!("{:width$}", fact.replace('_', " ")));
        session.out.line(format!("{label}  {}", words(value)).trim_end());
    }
    Ok(0)
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(map) => map.values().map(words).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// Everything about a connection but its secret.
fn facts(store: &Store, connection: &Connection, assumed: Rules) -> Result<serde_json::Map<String, Value>> {
    let mut facts = serde_json::Map::new();
    let mut fact = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    fact("name", connection.name.clone().into());
    fact("kind", connection.kind.as_str().into());
    fact("domain", connection.domain.clone().into());
    fact("username", connection.username.clone().into());
    fact("customer", connection.customer.clone().into());
    fact("tags", connection.tags.clone().into());
    match &connection.settings {
        Settings::Ad(ad) => {
            fact("targets", if ad.targets.is_empty() { "found by DNS".into() } else { ad.targets.clone().into() });
            fact("home_servers", ad.home_servers.iter().map(|server| Value::from(server.path.clone())).collect());
            fact("tls", ad.tls.as_str().into());
            let trust = match (&ad.ca_pem, &ad.pin) {
                (Some(_), _) => "a CA of its own".to_owned(),
                (None, Some(pin)) => format!("the certificate {pin}"),
                (None, None) => "the system's roots".to_owned(),
            };
            fact("trusts", trust.into());
            fact("via", ad.via.clone().into());
            fact("dependents", ad.dependents.clone().into());
        }
        Settings::MsOnline(online) => {
            fact("ad", online.ad.clone().into());
            fact("client_id", online.client_id.clone().into());
            fact("app_home", online.app_home.clone().into());
            fact("agent", online.agent().into());
            fact("agent_token", connection::agents::token_kept(store, connection)?.into());
            let trust = if online.agent_ca_pem.is_some() { "a CA of its own" } else { "the system's roots" };
            fact("agent_trusts", trust.into());
            let others = credentials::connections_of(store, connection.principal)?;
            let others: Vec<String> = others.into_iter().filter(|name| *name != connection.name).collect();
            fact("shared_with", others.into());
        }
    }
    let credential = credentials::current(store, connection)?;
    let version = credential.as_ref().map(|credential| match credential.proven_at {
        Some(_) => format!("version {}", credential.version),
        None => format!("version {}, not yet proven", credential.version),
    });
    fact("credential", version.into());
    // Another spelling of the same account, where another of its connections has brought the version.
    let signs_in_as = credential.as_ref().map(|credential| &credential.username);
    fact("signs_in_as", signs_in_as.filter(|name| **name != connection.username).cloned().into());
    fact("proven_at", credential.as_ref().and_then(|credential| credential.proven_at.clone()).into());
    fact("proven_on", credential.and_then(|credential| credential.proven_on).into());
    fact("lockout", lockout(store, connection, assumed)?.into());
    fact("changed_at", connection.changed_at.clone().into());
    Ok(facts)
}

/// What is spent of the account's lockout budget, if anything is.
fn lockout(store: &Store, connection: &Connection, assumed: Rules) -> Result<Option<String>> {
    let standing = budget::standing(store, connection.principal, &connection.username, assumed)?;
    let (Some(allowed), Some(until)) = (standing.allowed, standing.until) else { return Ok(None) };
    let sign_ins = if standing.open == 1 { "sign-in" } else { "sign-ins" };
    let known = if standing.assumed { ", as far as is known" } else { "" };
    Ok(Some(format!("{} {sign_ins} not accepted, {allowed} allowed{known}, until {until}", standing.open)))
}
