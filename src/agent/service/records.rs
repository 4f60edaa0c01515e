//! What the agent's operations take and answer.

use axum::{body::Bytes, http::HeaderMap};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    connection::{Connection, Credential, Given, certificate, credentials::Form, syntax},
    error::Result,
    secret::Secret,
    service::body::{self, Members},
};

/// A domain: as a text alone, or as the one member of an object, whatever that is called.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code)] // the document's; what arrives is read by `domain`
#[serde(untagged)]
pub(super) enum DomainReq {
    /// The domain.
    #[schema(example = "string")]
    Text(String),
    /// The same in an object.
    Object {
        /// The domain.
        domain: String,
    },
}

/// Reads a [`DomainReq`].
pub(super) fn domain(headers: &HeaderMap, bytes: &Bytes) -> Result<String> {
    named_domain(&body::one_text(body::json(headers, bytes)?)?)
}

/// A domain, in lower case. What is no domain is not repeated: it may be a secret that got into the wrong field.
pub(super) fn named_domain(text: &str) -> Result<String> {
    syntax::domain(text.trim()).map_err(|_| {
        body::bad("the domain is not a DNS name")
            .hint("give the full name, e.g. corp.example.com, in its xn-- form if it has one")
    })
}

fn name(text: &str, member: &str) -> Result<String> {
    syntax::username(text).map_err(|_| body::bad(format!("{member} cannot be a name to sign in with")))
}

/// A connection as it is to be. It signs in with one of: client id and client secret; client id and certificate; user name and
/// password.
#[derive(Debug, ToSchema)]
#[allow(dead_code)] // the document's; what arrives is read by `Wanted`
#[schema(rename_all = "camelCase")]
pub(super) struct ConnectionReq {
    /// The mail domain that it is for.
    #[schema(example = "contoso.example")]
    domain: String,
    /// The app that signs in.
    #[schema(example = "6731de76-14a6-49ae-97bc-6eba6914391e")]
    client_id: Option<String>,
    /// The app's secret.
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// The app's certificate and its private key, PEM.
    #[schema(format = Password)]
    certificate: Option<String>,
    /// The user that signs in, where no app does.
    username: Option<String>,
    /// The user's password.
    #[schema(format = Password)]
    password: Option<String>,
}

/// A [`ConnectionReq`] that was read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) domain: String,
    pub(super) client_id: Option<String>,
    pub(super) username: Option<String>,
    pub(super) secret: Option<Given>,
    pub(super) certificate: bool,
}

impl Wanted {
    pub(super) fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self> {
        let mut members = Members::of(body::json(headers, bytes)?)?;
        let domain = named_domain(&members.needed("domain")?)?;
        let client_id = members.text("clientId")?.map(|id| name(&id, "clientId")).transpose()?;
        let client_secret = members.secret("clientSecret")?;
        let certificate = members.pair("certificate")?;
        let username = members.text("username")?.map(|user| name(&user, "username")).transpose()?;
        let password = members.secret("password")?;
        members.finish()?;
        let is_certificate = certificate.is_some();
        if let Some(pair) = &certificate {
            check_pair(pair)?;
        }
        if client_id.is_some() && username.is_some() {
            return Err(body::bad("clientId and username are both given").hint("a connection signs in as one of them"));
        }
        if username.is_some() && (client_secret.is_some() || is_certificate) {
            return Err(
                body::bad("a user signs in with a password").hint("give clientId with clientSecret or certificate")
            );
        }
        if client_id.is_some() && password.is_some() {
            return Err(
                body::bad("an app signs in with a secret or a certificate").hint("give clientSecret or certificate")
            );
        }
        let mut given = [client_secret, certificate, password].into_iter().flatten();
        let secret = given.next().map(Given::Secret);
        if given.next().is_some() {
            return Err(body::bad("several secrets are given").hint("a connection signs in with one of them"));
        }
        Ok(Self { domain, client_id, username, secret, certificate: is_certificate })
    }
}

/// What is wrong with it is told without its bytes: the certificate's own words are not secret, the key's are.
fn check_pair(pair: &Secret) -> Result<()> {
    certificate::check(pair.expose(), OffsetDateTime::now_utc())
}

/// A connection as the agent holds it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Held {
    /// The agent's number for it.
    id: i64,
    /// Its mail domain.
    #[schema(example = "contoso.example")]
    domain: String,
    /// The app's id, or the user's name.
    sign_in_as: String,
    /// What it signs in with: `client-secret`, `certificate` or `password`.
    #[schema(value_type = String, example = "client-secret")]
    form: Form,
    /// The version of the credential in use; null when none was ever given.
    version: Option<u32>,
    /// When the credential in use was last accepted by the cloud; null while it is not proven.
    proven_at: Option<String>,
    /// RFC 3339, UTC.
    created_at: String,
    /// RFC 3339, UTC.
    changed_at: String,
}

impl Held {
    pub(super) fn new(connection: Connection, credential: Option<&Credential>) -> Self {
        Self {
            id: connection.id.0,
            domain: connection.domain,
            sign_in_as: connection.username,
            // Of an app that other connections brought, the credential knows better.
            form: credential.map_or(connection.settings.form(), |credential| credential.form),
            version: credential.map(|credential| credential.version),
            proven_at: credential.and_then(|credential| credential.proven_at.clone()),
            created_at: connection.created_at,
            changed_at: connection.changed_at,
        }
    }
}
