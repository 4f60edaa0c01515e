//! A request and an answer as the cloud's rooms see them, free of the server below.

use serde_json::Value;

/// A request.
#[derive(Debug, Clone, Default)]
pub(super) struct Call {
    pub method: String,
    /// The path's segments, decoded.
    pub path: Vec<String>,
    /// The path as it came, for addresses of next pages.
    pub raw_path: String,
    pub query: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What follows `Bearer` in the header.
    pub bearer: Option<String>,
    /// The caller's own id of the request.
    pub client_request_id: Option<String>,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

/// An answer's body.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Empty,
    Json(Value),
    Html(&'static str),
}

impl Call {
    /// An option of the query, e.g. `$top`.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The segments as slices, to match on.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }
}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub(super) fn done() -> Self {
        Self { status: 204, headers: Vec::new(), body: Body::Empty }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Names and values of a query or a form (`application/x-www-form-urlencoded`).
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// A path's segments, decoded.
pub(super) fn segments(path: &str) -> Vec<String> {
    // A plus stands for itself in a path, so it is kept from being read as a form's.
    let decode = |text: &str| pairs(&format!("v={}", text.replace('+', "%2B"))).pop().map(|(_, value)| value);
    path.split('/').filter(|part| !part.is_empty()).filter_map(decode).collect()
}
