//! Requests from an operation's parameters and schemas, and what is known of a connection.

mod values;

use serde_json::{Map, Value};

pub use self::values::{Credential, Request, Values};
use super::{
    document::{Document, Operation, Place},
    find::plain,
    schema::{Schema, Whole},
};
use crate::{
    error::{Error, Result},
    net::http::segment,
    secret::Secret,
};

/// Objects in objects that are filled; deeper ones are left out.
const DEEPEST: usize = 4;

/// What a member of a body may be called, in lower case without `_` and `-`. *Unknown* from the articles: these are the names that
/// are usual.
const DOMAIN: &[&str] = &["domain", "domainname", "maildomain", "emaildomain"];
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
    for parameter in &operation.parameters {
        // What somebody wrote may name the parameters as well.
        let written = given.as_mut().and_then(Value::as_object_mut).and_then(|map| map.shift_remove(&parameter.name));
        let only_one = operation.parameters.iter().filter(|one| one.place == Place::Path).count() == 1;
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
    let mut filling = Filling { document, values, missing: Vec::new(), took_secret: false };
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

struct Filling<'a> {
    document: &'a Document,
    values: &'a Values,
    missing: Vec<String>,
    took_secret: bool,
}

impl Filling<'_> {
    /// The whole body: a bare text, an object with one text, or an object whose members are known by name.
    fn root(&mut self, schema: &Schema) -> Result<Option<Value>> {
        let whole = Whole::of(schema, &self.document.schemas)?;
        if whole.is_object() {
            if let Some(name) = self.only_text(&whole) {
                return Ok(Some(Value::Object(Map::from_iter([(name, self.values.domain.as_str().into())]))));
            }
            return self.object(&whole, "", &mut Vec::new());
        }
        if !whole.choices.is_empty() {
            return self.first_choice(&whole.choices);
        }
        // What a document leaves open is a text, as it is in the article.
        let fits = whole.kind.takes("string") && self.values.credential.is_none();
        Ok(fits.then(|| self.values.domain.as_str().into()))
    }

    fn first_choice(&mut self, choices: &[Schema]) -> Result<Option<Value>> {
        for choice in choices {
            let missing = self.missing.len();
            if let Some(filled) = self.root(choice)?
                && self.missing.len() == missing
            {
                return Ok(Some(filled));
            }
            self.missing.truncate(missing);
        }
        Ok(None)
    }

    /// The one text of an object, where it has no other member that is needed or known.
    fn only_text(&self, whole: &Whole) -> Option<String> {
        let mut texts = Vec::new();
        for (name, schema) in &whole.properties {
            if Whole::of(schema, &self.document.schemas).is_ok_and(|it| !it.is_object() && it.kind.names("string")) {
                texts.push(name.clone());
            }
        }
        let others = whole.required.iter().any(|name| !texts.contains(name));
        let is_for_secrets = self.values.credential.is_some();
        match texts.as_mut_slice() {
            [one] if !others && !is_for_secrets => Some(std::mem::take(one)),
            _ => None,
        }
    }

    fn object(&mut self, whole: &Whole, path: &str, way: &mut Vec<String>) -> Result<Option<Value>> {
        let alone = !whole.properties.keys().any(|name| DOMAIN.contains(&plain(name).as_str()));
        let mut filled = Map::new();
        let depth = way.len();
        way.extend(whole.way.iter().cloned());
        for (name, schema) in &whole.properties {
            let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let value = self.member(name, schema, (alone && path.is_empty(), &place), way)?;
            match value {
                Some(value) => drop(filled.insert(name.clone(), value)),
                None if whole.required.contains(name) => self.missing.push(place),
                None => {}
            }
        }
        way.truncate(depth);
        Ok((!filled.is_empty()).then_some(Value::Object(filled)))
    }

    fn member(
        &mut self,
        name: &str,
        schema: &Schema,
        (alone, place): (bool, &str),
        way: &mut Vec<String>,
    ) -> Result<Option<Value>> {
        let whole = Whole::of(schema, &self.document.schemas)?;
        if whole.is_object() {
            let circle = whole.way.iter().any(|name| way.contains(name)) || place.split('.').count() > DEEPEST;
            // What a left-out object would have needed is nobody's fault.
            let missing = self.missing.len();
            let filled = if circle { None } else { self.object(&whole, place, way)? };
            if filled.is_none() {
                self.missing.truncate(missing);
            }
            return Ok(filled);
        }
        let Some(text) = self.values.known(name, alone) else { return Ok(None) };
        self.took_secret |= is_secret(name);
        Ok(if whole.kind.takes("string") || !whole.choices.is_empty() {
            Some(text.into())
        } else if whole.kind.takes("integer") {
            text.parse::<i64>().ok().map(Value::from)
        } else {
            None
        })
    }

    /// A body that somebody wrote: a text where an object with one text is wanted becomes that, and the other way round.
    fn fitted(&self, schema: &Schema, given: Value) -> Result<Value> {
        let whole = Whole::of(schema, &self.document.schemas)?;
        match (&given, whole.is_object()) {
            (Value::String(_), true) => Ok(match self.only_text(&whole) {
                Some(name) => Value::Object(Map::from_iter([(name, given)])),
                None => given,
            }),
            (Value::Object(map), false) if whole.kind.names("string") && map.len() == 1 => {
                Ok(map.values().next().cloned().unwrap_or_default())
            }
            _ => Ok(given),
        }
    }
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
fn is_ours(header: &str) -> bool {
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
