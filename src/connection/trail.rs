//! What the audit trail is told of connections and credentials: names of fields, versions and states, never a secret.

use std::collections::BTreeSet;

use rusqlite::Transaction;
use serde_json::{Value, json};

use super::{Change, Connection, NewConnection, Settings, change::text};
use crate::{
    error::Result,
    secret::redact::redact,
    store::{
        audit::{self, Act, Actor},
        rows::{
            ConnectionId, CredentialId, PrincipalId, connections,
            credentials::{self as rows, Credential},
        },
    },
};

/// A connection is new. Of its settings those are named that say something.
pub(super) fn added(t: &Transaction<'_>, actor: &Actor, new: &NewConnection, principal: PrincipalId) -> Result<()> {
    let mut fields = vec!["domain".to_owned(), "username".to_owned()];
    let given = [
        ("customer", new.customer.is_some()),
        ("tags", !new.tags.is_empty()),
        ("agent_token", new.agent_token.is_some()),
    ];
    fields.extend(given.iter().filter(|(_, given)| *given).map(|(name, _)| (*name).to_owned()));
    let says = |value: &Value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
    fields.extend(settings(&new.settings)?.into_iter().filter(|(_, value)| says(value)).map(|(name, _)| name));
    let data = json!({"kind": new.settings.kind(), "fields": fields});
    about(t, actor, "connection-added", &new.name, principal, data)
}

/// A connection was changed; `name` is the one that it has now.
pub(super) fn edited(
    t: &Transaction<'_>,
    actor: &Actor,
    before: &Connection,
    change: &Change,
    (name, principal): (&str, PrincipalId),
) -> Result<()> {
    let mut fields = Vec::new();
    let mut differs = |name: &str, differs: bool| {
        if differs {
            fields.push(name.to_owned());
        }
    };
    differs("name", name != before.name);
    differs("domain", change.domain.as_ref().is_some_and(|now| *now != before.domain));
    differs("username", change.username.as_ref().is_some_and(|now| *now != before.username));
    differs("customer", change.customer.as_ref().is_some_and(|now| *now != before.customer));
    differs("tags", change.tags.as_ref().is_some_and(|now| *now != before.tags));
    differs("secret", change.secret.is_some());
    differs("agent_token", change.agent_token.is_some());
    if let Some(after) = &change.settings {
        let was = settings(&before.settings)?;
        let now = settings(after)?;
        // What is as usual is not written, so a name may be on one side only.
        let names: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
        fields.extend(names.into_iter().filter(|name| was.get(*name) != now.get(*name)).cloned());
    }
    let data = if name == before.name {
        json!({"fields": fields})
    } else {
        json!({"fields": fields, "former_name": before.name})
    };
    about(t, actor, "connection-edited", name, principal, data)
}

/// A connection is gone; its credentials are kept.
pub(super) fn removed(t: &Transaction<'_>, actor: &Actor, connection: &Connection) -> Result<()> {
    let data = json!({"kind": connection.kind});
    about(t, actor, "connection-removed", &connection.name, connection.principal, data)
}

/// A file brought connections; each has an entry of its own as well.
pub(super) fn imported(t: &Transaction<'_>, actor: &Actor, file: &str, added: usize, changed: usize) -> Result<()> {
    let data = json!({"file": file, "added": added, "changed": changed});
    audit::add(t, actor, &Act { what: "connections-imported", data, ..Act::default() })
}

/// A version is on the disk.
pub(super) fn recorded(t: &Transaction<'_>, actor: &Actor, id: CredentialId) -> Result<()> {
    let one = rows::by_id(t, id)?;
    let kept = one.kept();
    let data =
        json!({"version": one.version, "state": one.state, "username": one.username, "form": one.form, "kept": kept});
    version(t, actor, "credential-recorded", &one, data)
}

/// A version is the current one; `before` was.
pub(super) fn promoted(
    t: &Transaction<'_>,
    actor: &Actor,
    id: CredentialId,
    proven_on: &str,
    before: Option<&Credential>,
) -> Result<()> {
    let one = rows::by_id(t, id)?;
    let data = json!({"version": one.version, "proven_on": proven_on, "previous": before.map(|before| before.version)});
    version(t, actor, "credential-promoted", &one, data)
}

/// A version works on beside the current one.
pub(super) fn retiring(t: &Transaction<'_>, actor: &Actor, one: &Credential) -> Result<()> {
    version(t, actor, "credential-retiring", one, json!({"version": one.version, "was": one.state}))
}

/// A version is out of use.
pub(super) fn retired(t: &Transaction<'_>, actor: &Actor, one: &Credential, why: &str) -> Result<()> {
    let data = json!({"version": one.version, "was": one.state, "why": redact(why)});
    version(t, actor, "credential-retired", one, data)
}

/// The directory has said which account a principal is.
pub(super) fn learned(
    t: &Transaction<'_>,
    actor: &Actor,
    principal: PrincipalId,
    guid: &str,
    merged: Option<PrincipalId>,
) -> Result<()> {
    let data = json!({"guid": guid, "taken_in": merged});
    audit::add(t, actor, &Act { what: "principal-learned", principal: Some(principal), data, ..Act::default() })
}

fn version(t: &Transaction<'_>, actor: &Actor, what: &str, one: &Credential, data: Value) -> Result<()> {
    let connection: Option<ConnectionId> = rows::recorded_for(t, one.id)?;
    let name = connection.map(|id| connections::name(t, id)).transpose()?.flatten();
    let act = Act { what, principal: Some(one.principal), connection: name.as_deref(), verdict: None, data };
    audit::add(t, actor, &act)
}

fn about(
    t: &Transaction<'_>,
    actor: &Actor,
    what: &str,
    connection: &str,
    principal: PrincipalId,
    data: Value,
) -> Result<()> {
    let act = Act { what, principal: Some(principal), connection: Some(connection), verdict: None, data };
    audit::add(t, actor, &act)
}

/// The settings by field, with what stands in a column of its own.
fn settings(settings: &Settings) -> Result<serde_json::Map<String, Value>> {
    let mut fields = match serde_json::from_str(&text(settings)?) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let column = if matches!(settings, Settings::Ad(_)) { "ca" } else { "agent_ca" };
    fields.insert(column.to_owned(), settings.ca_pem().map(|pem| &**pem).into());
    Ok(fields)
}
