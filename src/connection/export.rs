//! Export as JSON, in the words that import reads, without secrets.

use serde_json::{Map, Value};

use super::{Connection, Scope, Selector, Settings, query, syntax};
use crate::{error::Result, store::Store};

/// The selected connections as a JSON list; what [`super::import`] reads, with certificates inline and no secrets.
pub fn export(store: &Store, selector: &Selector, scope: &Scope) -> Result<Value> {
    Ok(query::list(store, selector, scope)?.iter().map(as_json).collect())
}

/// One connection in the words of a CSV header; empty columns are left out.
#[must_use]
pub fn as_json(connection: &Connection) -> Value {
    let mut row = Map::new();
    let mut put = |column: &str, value: Option<Value>| {
        if let Some(value) = value {
            row.insert(column.to_owned(), value);
        }
    };
    let list = |items: Vec<String>| Some(items).filter(|items| !items.is_empty()).map(Value::from);
    put("name", Some(connection.name.clone().into()));
    put("kind", Some(connection.kind.as_str().into()));
    put("domain", Some(connection.domain.clone().into()));
    put("username", Some(connection.username.clone().into()));
    put("customer", connection.customer.clone().map(Value::from));
    put("tags", list(connection.tags.clone()));
    match &connection.settings {
        Settings::Ad(ad) => {
            put("targets", list(ad.targets.clone()));
            put("home_servers", list(ad.home_servers.iter().map(syntax::home_server_text).collect()));
            put("tls", Some(ad.tls.as_str().into()));
            put("ca_pem", ad.ca_pem.as_deref().map(Value::from));
            put("pin", ad.pin.clone().map(Value::from));
            put("via", ad.via.clone().map(Value::from));
            put("dependents", list(ad.dependents.clone()));
        }
        Settings::MsOnline(online) => {
            put("ad", online.ad.clone().map(Value::from));
            put("client_id", online.client_id.clone().map(Value::from));
            put("app_home", online.app_home.clone().map(Value::from));
            put("agent", Some(online.agent().into()));
            put("agent_ca_pem", online.agent_ca_pem.as_deref().map(Value::from));
        }
    }
    Value::Object(row)
}
