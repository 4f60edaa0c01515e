//! What a request that was done is answered: JSON, each of its texts redacted on its own.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;

use crate::secret::redact::redact;

/// A record as an answer, 200.
#[derive(Debug)]
pub struct Answer<T>(pub T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        body(StatusCode::OK, "application/json", &redacted(&self.0))
    }
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
