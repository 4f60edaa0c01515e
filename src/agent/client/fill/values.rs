//! What requests are filled from, and what comes of it.

use serde_json::Value;

use crate::secret::Secret;

/// What a connection signs in with.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An app's secret.
    ClientSecret(Secret),
    /// An app's certificate and key, PEM.
    Certificate(Secret),
    /// A user's password.
    Password(Secret),
}

/// What is known, to fill requests from.
#[derive(Clone, Default)]
pub struct Values {
    /// The mail domain: what stands where one text is wanted.
    pub domain: String,
    /// The connection's name.
    pub name: Option<String>,
    /// The app's id.
    pub client_id: Option<String>,
    /// The user's name.
    pub username: Option<String>,
    /// The secret.
    pub credential: Option<Credential>,
    /// The controller that the directory side uses.
    pub controller: Option<String>,
    /// What the agent calls the connection.
    pub id: Option<String>,
    /// A body that somebody wrote, to be sent in place of one that is filled.
    pub body: Option<Value>,
}

/// What is to be sent, beside method and address.
#[derive(Clone)]
pub struct Request {
    /// With the parameters in it.
    pub path: String,
    /// Names and values.
    pub query: Vec<(String, String)>,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// With its media type.
    pub body: Option<(Value, String)>,
    /// Whether a secret is in it.
    pub holds_secret: bool,
}

/// Names alone: what somebody wrote, and what stands in a request, may be secret.
impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = self.body.as_ref().map(|_| "...");
        f.debug_struct("Values").field("domain", &self.domain).field("body", &body).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("holds_secret", &self.holds_secret).finish_non_exhaustive()
    }
}
