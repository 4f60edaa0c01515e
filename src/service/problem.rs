//! What a request that was not done is answered: `application/problem+json` (RFC 9457) with code, detail and remedy.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::answer::{body, redacted};
use crate::error::Error;

/// Its media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error on its way to a client.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    error: Error,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a request was not done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Said {
    /// The status's own words.
    #[schema(example = "Not Found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened, for programs: `room.what_happened`.
    #[schema(example = "agent.unknown_domain")]
    pub code: String,
    /// What happened, one sentence.
    #[schema(example = "there is no connection for contoso.example")]
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remedy: Option<String>,
    /// Whether doing the same again may work.
    pub retryable: bool,
    /// What it makes of what was asked for: `failed`, `inconclusive`, `in-doubt`.
    #[schema(example = "failed")]
    pub verdict: String,
    /// Further facts by name, e.g. `trace_id`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub facts: Map<String, Value>,
}

impl Problem {
    /// An error with a status of its own.
    #[must_use]
    pub fn new(status: StatusCode, error: Error) -> Self {
        Self { status, error, headers: Vec::new() }
    }

    /// Says when to come again.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.headers.push((header::RETRY_AFTER, seconds.max(1).into()));
        self
    }

    /// Says how to show who one is (RFC 6750, 3).
    #[must_use]
    pub(super) fn challenge(mut self) -> Self {
        self.headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        self
    }

    /// What happened.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::new(status(&error), error)
    }
}

/// The status of an error, by its code: here kinds of failure and HTTP meet.
fn status(error: &Error) -> StatusCode {
    match error.code() {
        "connection.unknown"
        | "agent.unknown_domain"
        | "agent.unknown_profile"
        | "workflow.unknown_route"
        | "agent.unknown_user"
        | "agent.unknown_licence"
        | "cloud.unknown_tenant"
        | "cloud.unknown_domain"
        | "cloud.not_found" => StatusCode::NOT_FOUND,
        "connection.exists"
        | "connection.app_has_secret"
        | "connection.domain_taken"
        | "connection.new_app"
        | "connection.changed_meanwhile"
        | "connection.in_use"
        | "rotation.busy"
        | "rotation.unfinished"
        | "agent.no_secret"
        | "workflow.route_differs" => StatusCode::CONFLICT,
        "store.locked" | "store.full" => StatusCode::SERVICE_UNAVAILABLE,
        "service.not_json" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "secret.too_short" | "secret.too_long" | "cloud.bad_name" | "cloud.bad_domain" | "cloud.password_policy" => {
            StatusCode::BAD_REQUEST
        }
        // Another's refusal or silence is no fault of this service's.
        code if code.starts_with("cloud.") => StatusCode::FAILED_DEPENDENCY,
        code if code.starts_with("connection.") || code.starts_with("service.bad_") || code.starts_with("agent.") => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = &self.error;
        let said = Said {
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: error.code().to_owned(),
            detail: error.message().to_owned(),
            remedy: error.remedy().map(str::to_owned),
            retryable: error.is_retryable(),
            verdict: error.verdict().as_str().to_owned(),
            facts: error.facts(),
        };
        let mut response = body(self.status, MEDIA_TYPE, &redacted(&said));
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
