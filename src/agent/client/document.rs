//! What an agent says of itself, Swagger 2.0 or `OpenAPI` 3, brought to one form.

mod raw;

use reqwest::Method;
use serde_json::Value;

use self::raw::Raw;
use super::schema::{Schema, Schemas};
use crate::error::{Error, Result};

/// An agent's document is no larger. What serves thousands of operations has less.
const LARGEST: usize = 2 << 20;

/// An agent's document.
#[derive(Debug, Clone)]
pub struct Document {
    /// `info.title`.
    pub title: String,
    /// `info.version`.
    pub version: String,
    /// `Swagger 2.0`, `OpenAPI 3.0.3`.
    pub format: String,
    /// What stands before every path, without a slash at its end.
    pub base_path: String,
    /// What can be asked for, by path.
    pub operations: Vec<Operation>,
    /// Operations that cannot be read, and why: they do not stand in the way of the others.
    pub broken: Vec<String>,
    /// Schemas by name.
    pub schemas: Schemas,
    /// The header that takes the token: `Authorization` unless the document names another.
    pub token_header: Option<String>,
}

/// Something that can be asked for.
#[derive(Debug, Clone)]
pub struct Operation {
    /// How.
    pub method: Method,
    /// The path as it is written, `/api/Connections/{id}`.
    pub path: String,
    /// Its name in the document, e.g. `Connections_TestConnection`.
    pub id: Option<String>,
    /// Its groups.
    pub tags: Vec<String>,
    /// In path, query and header.
    pub parameters: Vec<Parameter>,
    /// Its body.
    pub body: Option<Body>,
}

impl Operation {
    /// Whether asking for it changes nothing.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        self.method == Method::GET || self.id.as_deref().is_some_and(super::find::only_reads)
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Place {
    Path,
    Query,
    Header,
    Form,
}

/// A parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// As it is written.
    pub name: String,
    /// Where.
    pub place: Place,
    /// Whether it must be given.
    pub required: bool,
}

/// A body.
#[derive(Debug, Clone)]
pub struct Body {
    /// The parameter's name in Swagger 2.0; in `OpenAPI` 3 what an extension or a reference calls it.
    pub name: Option<String>,
    /// What it looks like.
    pub schema: Schema,
    /// Its media types; empty: JSON.
    pub media: Vec<String>,
}

/// Reads a document.
///
/// # Errors
/// `agent.empty_document`, `agent.foreign_document`, `agent.bad_document`.
pub fn read(bytes: &[u8]) -> Result<Document> {
    if bytes.len() > LARGEST {
        return Err(super::schema::bad(&format!("it has more than {} MB", LARGEST >> 20)));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(empty("nothing is in it"));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|e| foreign(&format!("it is not JSON ({e})")))?;
    let has = |name: &str| value.get(name).is_some_and(|version| version.is_string() || version.is_number());
    if !has("swagger") && !has("openapi") {
        let is_empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
        return Err(if is_empty {
            empty("it is an empty object")
        } else {
            foreign("it names no version of Swagger or OpenAPI")
        });
    }
    let raw: Raw = serde_json::from_value(value).map_err(|e| super::schema::bad(&e.to_string()))?;
    let document = raw.into_document();
    if document.operations.is_empty() {
        return Err(empty("it has no operations"));
    }
    Ok(document)
}

fn empty(said: &str) -> Error {
    Error::new("agent.empty_document", format!("the agent's document is empty: {said}"))
        .hint("see on the agent's host whether its web application has started as a whole, and open its Swagger page")
}

fn foreign(said: &str) -> Error {
    Error::new("agent.foreign_document", format!("what is there is not an agent's document: {said}"))
        .hint("see that host and port are the Remote Agent's; its document is Swagger 2.0 or OpenAPI 3, as JSON")
}
