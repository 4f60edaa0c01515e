//! What a request that was done is answered: JSON, each of its texts redacted on its own.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;

use crate::secret::redact::{redact, redact_json};

/// A record as an answer, 200.
#[derive(Debug)]
pub struct Answer<T>(pub T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        body(StatusCode::OK, "application/json", &told(&self.0))
    }
}

/// Members of a service's own records whose texts were checked when they came: names of domains, hosts and connections. Who
/// calls one of these a secret is not to hide it from others.
const NAMES: [&str; 4] = ["connection", "deleted", "domain", "host"];

/// The member that holds what somebody else answered: the names in it are theirs too, and may be anything.
const FOREIGN: &str = "answer";

/// An answer without a secret in it: a record, or a list of records.
fn told(record: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    match &mut value {
        Value::Array(all) => all.iter_mut().for_each(redact_record),
        one => redact_record(one),
    }
    value
}

fn redact_record(record: &mut Value) {
    match record {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                if name == FOREIGN {
                    redact_json(value);
                } else if !(NAMES.contains(&name.as_str()) && value.as_str().is_some_and(is_name)) {
                    redact_texts(value);
                }
            }
        }
        other => redact_texts(other),
    }
}

/// Whether it can be such a name at all.
fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.chars().all(|c| c.is_alphanumeric() || ".-_@:".contains(c))
}

/// A record as JSON without a secret in it. Texts are looked at one by one: a whole answer could lose a number or a member's
/// name that looks like a secret.
pub(super) fn redacted(record: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    redact_texts(&mut value);
    value
}

fn redact_texts(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(clean) = redact(text) {
                *text = clean;
            }
        }
        Value::Array(all) => all.iter_mut().for_each(redact_texts),
        Value::Object(all) => all.values_mut().for_each(redact_texts),
        _ => {}
    }
}

/// A JSON answer that nobody keeps.
pub(super) fn body(status: StatusCode, media_type: &'static str, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
