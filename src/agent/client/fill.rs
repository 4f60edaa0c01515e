//! Requests from an operation's parameters and schemas, and what is known of a connection.

mod filling;
mod values;

use serde_json::Value;

use self::filling::Filling;
pub use self::values::{Credential, Request, Values};
use super::{
    document::{Document, Operation, Place},
    find::plain,
    schema::Schema,
};
use crate::{
    error::{Error, Result},
    net::http::segment,
    secret::Secret,
};

/// What a member of a body may be called, in lower case without `_` and `-`. *Unknown* from the articles: these are the names that
/// are usual.
pub(crate) const DOMAIN: &[&str] = &["domain", "domainname", "maildomain", "emaildomain"];
const NAME: &[&str] = &["name", "connectionname", "displayname"];
const CLIENT_ID: &[&str] = &["clientid", "appid", "applicationid"];
const CLIENT_SECRET: &[&str] = &["clientsecret", "secret", "appsecret", "applicationsecret"];
const CERTIFICATE: &[&str] = &["certificate", "certificatepem", "clientcertificate", "pem"];
const USERNAME: &[&str] = &["username", "user", "connectionuser", "userprincipalname", "upn", "email", "login"];
const PASSWORD: &[&str] = &["password", "connectionpassword", "userpassword"];
const CONTROLLER: &[&str] = &["localdomaincontroller", "domaincontroller"];
const ID: &[&str] = &["id", "connectionid"];

impl Values {
    /// The text that belongs to a name; `alone`: there is no member for the domain, so `name` means that.
    fn known(&self, name: &str, alone: bool) -> Option<&str> {
        let name = plain(name);
        let is = |names: &[&str]| names.contains(&name.as_str());
        let secret = |names: &[&str], secret: fn(&Credential) -> Option<&Secret>| {
            self.credential.as_ref().filter(|_| is(names)).and_then(secret).map(Secret::expose)
        };
        if is(DOMAIN) || (alone && is(NAME)) {
            return Some(&self.domain);
        }
        let texts = [
            (NAME, &self.name),
            (CLIENT_ID, &self.client_id),
            (USERNAME, &self.username),
            (CONTROLLER, &self.controller),
            (ID, &self.id),
        ];
        texts.into_iter().find(|(names, _)| is(names)).and_then(|(_, text)| text.as_deref()).or_else(|| {
            secret(CLIENT_SECRET, |given| if let Credential::ClientSecret(it) = given { Some(it) } else { None })
                .or_else(|| {
                    secret(CERTIFICATE, |given| if let Credential::Certificate(it) = given { Some(it) } else { None })
                })
                .or_else(|| {
                    secret(PASSWORD, |given| if let Credential::Password(it) = given { Some(it) } else { None })
                })
        })
    }
}

/// Fills an operation's parameters and body.
///
/// # Errors
/// `agent.cannot_fill`, with what is wanted and not known; `agent.bad_document`.
pub fn fill(document: &Document, operation: &Operation, values: &Values) -> Result<Request> {
    let mut given = values.body.clone();
    let mut path = operation.path.clone();
    let (mut query, mut headers, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    let only_one = operation.parameters.iter().filter(|one| one.place == Place::Path).count() == 1;
    for parameter in &operation.parameters {
        // What somebody wrote may name the parameters as well.
        let written = given.as_mut().and_then(Value::as_object_mut).and_then(|map| map.shift_remove(&parameter.name));
        // Addresses are kept in logs all along the way.
        let may_know = parameter.place == Place::Header || !is_secret(&parameter.name);
        let known = values.known(&parameter.name, true).filter(|_| may_know).map(str::to_owned);
        let known = written.as_ref().map(text_of).or(known);
        let value = known.or_else(|| (parameter.place == Place::Path && only_one).then(|| values.domain.clone()));
        if parameter.place == Place::Header && is_ours(&parameter.name) {
            continue;
        }
        match (parameter.place, value.filter(|value| !value.is_empty())) {
            (Place::Path, Some(value)) => path = path.replace(&format!("{{{}}}", parameter.name), &segment(&value)),
            (Place::Query, Some(value)) => query.push((parameter.name.clone(), value)),
            (Place::Header, Some(value)) => headers.push((parameter.name.clone(), value)),
            (Place::Form, _) => return Err(cannot(operation, "it wants a form, and bodies are sent as JSON")),
            (_, None) if parameter.required => missing.push(parameter.name.clone()),
            _ => {}
        }
    }
    if !missing.is_empty() {
        return Err(cannot(operation, &format!("it wants {}, and that is not known", missing.join(", "))));
    }
    let body = match &operation.body {
        None => None,
        Some(body) => {
            Some((filled_body(document, operation, &body.schema, given, values)?, media(operation, &body.media)?))
        }
    };
    let holds_secret = values.credential.is_some() || values.body.is_some();
    Ok(Request { path, query, headers, body, holds_secret })
}

fn filled_body(
    document: &Document,
    operation: &Operation,
    schema: &Schema,
    given: Option<Value>,
    values: &Values,
) -> Result<Value> {
    let mut filling = Filling::new(document, values);
    if let Some(given) = given {
        return filling.fitted(schema, given);
    }
    let filled = filling.root(schema)?;
    if !filling.missing.is_empty() {
        return Err(cannot(
            operation,
            &format!("its body wants {}, and that is not known", filling.missing.join(", ")),
        ));
    }
    let Some(filled) = filled else {
        return Err(cannot(operation, "its body has no member for a domain"));
    };
    if values.credential.is_some() && !filling.took_secret {
        return Err(cannot(operation, "its body has no member that takes the connection's secret"));
    }
    Ok(filled)
}

fn media(operation: &Operation, media: &[String]) -> Result<String> {
    if media.is_empty() || media.iter().any(|one| one.contains("application/json") || one.contains("*/*")) {
        return Ok("application/json".to_owned());
    }
    let other =
        media.iter().find(|one| one.contains("json")).or_else(|| media.iter().find(|one| one.contains("text/plain")));
    other
        .cloned()
        .ok_or_else(|| cannot(operation, &format!("it takes {}, and bodies are sent as JSON", media.join(", "))))
}

/// What is called so takes a connection's secret.
fn is_secret(name: &str) -> bool {
    [CLIENT_SECRET, CERTIFICATE, PASSWORD].iter().any(|names| names.contains(&plain(name).as_str()))
}

/// The token's own header is not a parameter to fill, and those that HTTP is made of are no document's business.
pub(super) fn is_ours(header: &str) -> bool {
    const OURS: [&str; 14] = [
        "accept",
        "authorization",
        "connection",
        "contentlength",
        "contenttype",
        "cookie",
        "expect",
        "host",
        "keepalive",
        "te",
        "trailer",
        "transferencoding",
        "upgrade",
        "via",
    ];
    let name = plain(header);
    OURS.contains(&name.as_str()) || name.starts_with("proxy")
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cannot(operation: &Operation, said: &str) -> Error {
    Error::new("agent.cannot_fill", format!("{operation} cannot be asked for: {said}"))
        .hint("look at the operation on the agent's Swagger page; `agent::invoke` sends a body that you write yourself")
}
