//! `libretto connections show NAME`: everything about a connection but its secret.

use serde_json::Value;

use crate::{
    cli::Session,
    config::Config,
    connection::{self, Connection, Scope, Settings, credentials},
    error::Result,
    report::{Paint, plain},
    store::{Store, budget, lockout::Rules},
};

pub(super) fn show(session: &Session, name: &str) -> Result<u8> {
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
