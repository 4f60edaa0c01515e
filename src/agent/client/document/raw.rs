//! The documents as they are written.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{Body, Document, Operation, Parameter, Place};
use crate::{
    agent::client::{
        fill::is_ours,
        find::plain,
        schema::{Schema, Schemas, bad, lenient, name},
    },
    error::Result,
    net::words::in_one_line,
};

/// What is longer is no name that anybody calls.
const LONGEST_ID: usize = 200;
/// Parameters of one operation; a body has its members in a schema.
const MOST_PARAMETERS: usize = 256;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Raw {
    swagger: Value,
    openapi: Value,
    #[serde(deserialize_with = "lenient")]
    info: Info,
    #[serde(rename = "basePath", deserialize_with = "lenient")]
    base_path: String,
    #[serde(deserialize_with = "lenient")]
    servers: Vec<Server>,
    #[serde(deserialize_with = "lenient")]
    consumes: Vec<String>,
    paths: BTreeMap<String, Path>,
    definitions: Schemas,
    #[serde(deserialize_with = "lenient")]
    parameters: BTreeMap<String, RawParameter>,
    #[serde(rename = "securityDefinitions", deserialize_with = "lenient")]
    security_definitions: BTreeMap<String, Security>,
    components: Components,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    #[serde(deserialize_with = "lenient")]
    title: String,
    #[serde(deserialize_with = "lenient")]
    version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Server {
    url: String,
    variables: BTreeMap<String, Variable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variable {
    default: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Components {
    schemas: Schemas,
    #[serde(deserialize_with = "lenient")]
    parameters: BTreeMap<String, RawParameter>,
    #[serde(rename = "requestBodies", deserialize_with = "lenient")]
    request_bodies: BTreeMap<String, RawBody>,
    #[serde(rename = "securitySchemes", deserialize_with = "lenient")]
    security_schemes: BTreeMap<String, Security>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Security {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "in")]
    place: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Path {
    get: Option<RawOperation>,
    post: Option<RawOperation>,
    put: Option<RawOperation>,
    patch: Option<RawOperation>,
    delete: Option<RawOperation>,
    #[serde(deserialize_with = "lenient")]
    parameters: Vec<RawParameter>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawOperation {
    #[serde(rename = "operationId", deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    tags: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    consumes: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    parameters: Vec<RawParameter>,
    #[serde(rename = "requestBody")]
    body: Option<RawBody>,
    #[serde(rename = "x-codegen-request-body-name", alias = "x-bodyName", deserialize_with = "lenient")]
    body_name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct RawParameter {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    name: String,
    #[serde(rename = "in")]
    place: String,
    #[serde(deserialize_with = "lenient")]
    required: bool,
    schema: Option<Schema>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct RawBody {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    content: BTreeMap<String, Media>,
    #[serde(rename = "x-name", alias = "x-bodyName", deserialize_with = "lenient")]
    name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Media {
    schema: Schema,
}

impl Raw {
    pub(super) fn into_document(mut self) -> Document {
        let (mut operations, mut broken) = (Vec::new(), Vec::new());
        for (path, mut item) in std::mem::take(&mut self.paths) {
            let methods = [
                (Method::GET, item.get.take()),
                (Method::POST, item.post.take()),
                (Method::PUT, item.put.take()),
                (Method::PATCH, item.patch.take()),
                (Method::DELETE, item.delete.take()),
            ];
            for (method, operation) in methods {
                let Some(operation) = operation else { continue };
                match self.operation(method.clone(), &path, &item.parameters, operation) {
                    Ok(operation) => operations.push(operation),
                    Err(error) => {
                        broken.push(format!("{method} {}: {}", in_one_line(&path, LONGEST_ID), error.message()));
                    }
                }
            }
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Document {
            format: match &self.openapi {
                Value::Null => format!("Swagger {}", text(&self.swagger)),
                version => format!("OpenAPI {}", text(version)),
            },
            base_path: self.base_path(),
            token_header: self.token_header(),
            title: self.info.title,
            version: self.info.version,
            operations,
            broken,
            schemas: if self.definitions.is_empty() { self.components.schemas } else { self.definitions },
        }
    }

    /// The path of the agent's root: requests go to the address that the connection names, whatever host the document does.
    fn base_path(&self) -> String {
        let path = match self.servers.first() {
            None => self.base_path.clone(),
            Some(server) => {
                // Variables that stand for variables could make any length of it.
                let short = server.variables.iter().filter(|(_, variable)| variable.default.len() <= LONGEST_ID);
                let filled = short.fold(server.url.clone(), |url, (name, variable)| {
                    let is_long = url.len() > 4 * LONGEST_ID;
                    if is_long { url } else { url.replace(&format!("{{{name}}}"), &variable.default) }
                });
                let after_host = filled.split_once("://").map(|(_, rest)| rest).or(filled.strip_prefix("//"));
                after_host
                    .map_or(filled.clone(), |rest| rest.find('/').map_or_else(String::new, |at| rest[at..].to_owned()))
            }
        };
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
        if path.is_empty() { String::new() } else { format!("/{path}") }
    }

    /// The header of an API key, where the document has one and no other way in.
    fn token_header(&self) -> Option<String> {
        let schemes = || self.security_definitions.values().chain(self.components.security_schemes.values());
        if schemes().any(|scheme| scheme.kind != "apiKey") {
            return None;
        }
        schemes().find(|scheme| scheme.place == "header" && !is_taken(&scheme.name)).map(|scheme| scheme.name.clone())
    }

    fn operation(&self, method: Method, path: &str, shared: &[RawParameter], raw: RawOperation) -> Result<Operation> {
        // It is put behind `http://host:port`: anything else could make that the user of another host.
        if !path.starts_with('/') {
            return Err(bad("a path of it does not begin with /"));
        }
        if raw.parameters.len() + shared.len() > MOST_PARAMETERS {
            return Err(bad("an operation of it has more parameters than can be read"));
        }
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut body = None;
        for parameter in raw.parameters.iter().chain(shared) {
            let parameter = self.parameter(parameter)?;
            let place = match parameter.place.as_str() {
                "path" => Place::Path,
                "query" => Place::Query,
                "header" => Place::Header,
                "formData" => Place::Form,
                "body" => {
                    let media = if raw.consumes.is_empty() { &self.consumes } else { &raw.consumes };
                    body.get_or_insert(Body {
                        name: Some(parameter.name.clone()),
                        schema: parameter.schema.clone().unwrap_or_default(),
                        media: media.clone(),
                    });
                    continue;
                }
                _ => continue,
            };
            // An operation's own parameter stands before its path's.
            if !parameters.iter().any(|known| known.name == parameter.name && known.place == place) {
                let required = parameter.required || place == Place::Path;
                parameters.push(Parameter { name: parameter.name.clone(), place, required });
            }
        }
        if let Some(given) = &raw.body {
            body = Some(self.body(given, raw.body_name.clone())?);
        }
        Ok(Operation {
            method,
            path: path.to_owned(),
            id: raw.id.filter(|id| id.len() <= LONGEST_ID),
            tags: raw.tags,
            parameters,
            body,
        })
    }

    fn parameter<'a>(&'a self, parameter: &'a RawParameter) -> Result<&'a RawParameter> {
        let Some(reference) = &parameter.reference else { return Ok(parameter) };
        let name = name(reference)?;
        let found = self.parameters.get(&name).or(self.components.parameters.get(&name));
        found.filter(|found| found.reference.is_none()).ok_or_else(|| bad(&format!("there is no parameter {name}")))
    }

    fn body(&self, body: &RawBody, called: Option<String>) -> Result<Body> {
        let (body, by_reference) = match &body.reference {
            None => (body, None),
            Some(reference) => {
                let name = name(reference)?;
                let found = self.components.request_bodies.get(&name).filter(|found| found.reference.is_none());
                (found.ok_or_else(|| bad(&format!("there is no request body {name}")))?, Some(name))
            }
        };
        let is_json = |media: &&String| media.contains("json");
        let media = body.content.keys().find(is_json).or(body.content.keys().next());
        let schema = media.and_then(|media| body.content.get(media)).map(|media| media.schema.clone());
        Ok(Body {
            name: called.or(body.name.clone()).or(by_reference),
            schema: schema.unwrap_or_default(),
            media: body.content.keys().cloned().collect(),
        })
    }
}

/// Headers that mean something else to who stands between, or that he writes down: a token is for none of them.
fn is_taken(header: &str) -> bool {
    const LOGGED: [&str; 7] = ["useragent", "referer", "origin", "from", "forwarded", "range", "refresh"];
    let name = plain(header);
    name != "authorization" && (is_ours(header) || LOGGED.contains(&name.as_str()) || name.starts_with("xforwarded"))
}
