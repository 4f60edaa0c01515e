//! Refusals in the shapes of both services.
//!
//! Sources: learn.microsoft.com, "Microsoft Entra authentication and authorization error codes", "Microsoft Graph error responses".

use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};

use super::{
    http::{Answer, Call},
    jwt::fresh_guid,
};

/// A refusal of the sign-in service.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
    more: Vec<(&'static str, Value)>,
}

impl Refused {
    /// `error` is OAuth's word (RFC 6749, 5.2), `code` Entra ID's number, `text` its sentence.
    pub(super) fn new(error: &'static str, code: u32, text: impl Into<String>) -> Self {
        // A client that is not who it says is 401 (RFC 6749, 5.2).
        let status = if error == "invalid_client" { 401 } else { 400 };
        Self { status, error, code, text: text.into(), more: Vec::new() }
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    pub(super) fn answer(self, call: &Call, now: OffsetDateTime) -> Answer {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
        let time = now.format(&format).unwrap_or_default();
        let trace = fresh_guid();
        let correlation = call.client_request_id.clone().unwrap_or_else(fresh_guid);
        let Self { status, error, code, text, more } = self;
        let description =
            format!("AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}");
        let mut body = json!({
            "error": error,
            "error_description": description,
            "error_codes": [code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        for (name, value) in more {
            body[name] = value;
        }
        Answer::json(status, body).header("x-ms-request-id", trace)
    }
}

/// A refusal of Graph.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

impl Failure {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The token lacks a permission.
    pub(super) fn denied() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(403, "Authorization_RequestDenied", message)
    }

    /// There is no such object.
    pub(super) fn missing(what: &str) -> Self {
        let message = format!(
            "Resource '{what}' does not exist or one of its queried reference-property objects are not present."
        );
        Self::new(404, "Request_ResourceNotFound", message)
    }

    /// The request itself is wrong.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    pub(super) fn answer(self, call: &Call, now: OffsetDateTime) -> Answer {
        let request = fresh_guid();
        let date = now.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]")).unwrap_or_default();
        let client = call.client_request_id.clone().unwrap_or_else(|| request.clone());
        let inner = json!({ "date": date, "request-id": request, "client-request-id": client });
        let body = json!({ "error": { "code": self.code, "message": self.message, "innerError": inner } });
        Answer::json(self.status, body).header("request-id", request)
    }
}
