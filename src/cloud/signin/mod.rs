//! Signing in: who asks, with what proof, and how old the token may be.

mod certificate;
mod form;
pub(super) mod jwt;
pub mod prove;

use std::sync::Arc;

pub(super) use certificate::Signer;

use super::{
    Cloud, clouds,
    discovery::Tenant,
    http,
    tokens::{Key, Token},
};
use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// A user signs in through an app too. This is Microsoft's own for consoles (Azure PowerShell), known in every tenant.
pub const CONSOLE: &str = "1950a258-227b-4e31-a9cf-719717771d80";

/// Who signs in, where, with what.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The tenant whose Graph is wanted.
    pub tenant: Tenant,
    /// The app's (client) id.
    pub app: String,
    /// What shows that it is the app.
    pub proof: Proof,
    /// The version of the credential: tokens of an earlier one are not used for a later one.
    pub version: Option<i64>,
}

/// What shows who signs in.
#[derive(Debug, Clone)]
pub enum Proof {
    /// The app's secret.
    ClientSecret(Secret),
    /// A PEM text with the app's certificate and its RSA key: each sign-in signs an assertion with it.
    Certificate(Secret),
    /// An assertion (JWT) that another identity provider made for the app.
    Federated(Secret),
    /// A refresh token of the partner's user, with the app's own secret where it has one.
    RefreshToken {
        /// The token.
        token: Secret,
        /// The app's secret: apps that are no public clients need one.
        client_secret: Option<Secret>,
    },
    /// User and password. Works only where neither MFA nor federation nor conditional access applies.
    Password {
        /// The user's sign-in name.
        username: String,
        /// Their password.
        password: Secret,
    },
}

/// Whether a token that is at hand may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// One that is valid for a while yet may be.
    Cached,
    /// None may: whoever asks wants to know what the credential is worth now.
    Fresh,
}

/// Which token will do.
pub(super) enum Wanted<'a> {
    /// Any that is valid for a while yet.
    Valid,
    /// A new one.
    Fresh,
    /// Any but this one, which was refused.
    Other(&'a Arc<Token>),
}

impl From<Freshness> for Wanted<'_> {
    fn from(freshness: Freshness) -> Self {
        match freshness {
            Freshness::Cached => Self::Valid,
            Freshness::Fresh => Self::Fresh,
        }
    }
}

/// A token for the tenant's Graph: the one that is kept, or a new one. One request at a time for each.
pub(super) async fn token(cloud: &Cloud, sign_in: &SignIn, wanted: Wanted<'_>) -> Result<Arc<Token>> {
    refuse_strangers(cloud, &sign_in.tenant)?;
    let key = key(cloud, sign_in)?;
    let entry = cloud.0.tokens.entry(&key);
    let mut kept = entry.lock().await;
    let will_do = |token: &&Arc<Token>| match wanted {
        Wanted::Fresh => false,
        Wanted::Valid => !token.is_stale(),
        Wanted::Other(refused) => !token.is_stale() && !Arc::ptr_eq(token, refused),
    };
    if let Some(token) = kept.as_ref().filter(will_do) {
        return Ok(Arc::clone(token));
    }
    // Whatever comes of it: a token that was asked to be fresh is not answered by an older one later.
    *kept = None;
    let token = Arc::new(form::fetch(cloud, sign_in).await?);
    *kept = Some(Arc::clone(&token));
    Ok(token)
}

/// Secrets go to the sign-in host, tokens to Graph. A tenant is plain data that was kept somewhere: unless another sign-in host was
/// set, both have to be Microsoft's.
fn refuse_strangers(cloud: &Cloud, tenant: &Tenant) -> Result<()> {
    http::refuse_in_the_clear(&tenant.login)?;
    http::refuse_in_the_clear(&tenant.graph)?;
    if cloud.0.options.login.is_some() || clouds::are_microsofts(&tenant.login, &tenant.graph) {
        return Ok(());
    }
    let (login, graph) = (http::authority(&tenant.login), http::authority(&tenant.graph));
    Err(Error::new("cloud.foreign_host", format!("{login} and {graph} are not the hosts of one of Microsoft's clouds"))
        .hint("discover the domain again"))
}

fn key(cloud: &Cloud, sign_in: &SignIn) -> Result<Key> {
    let none = "";
    let parts = match &sign_in.proof {
        Proof::ClientSecret(secret) => ["secret", secret.expose(), none],
        Proof::Certificate(pem) => ["certificate", pem.expose(), none],
        Proof::Federated(assertion) => ["federated", assertion.expose(), none],
        Proof::RefreshToken { token, client_secret } => {
            ["refresh", token.expose(), client_secret.as_ref().map_or(none, Secret::expose)]
        }
        Proof::Password { username, password } => ["password", username, password.expose()],
    };
    Ok(Key {
        login: sign_in.tenant.login.to_string(),
        tenant: sign_in.tenant.id.clone(),
        app: sign_in.app.clone(),
        scope: form::scope(sign_in),
        version: sign_in.version,
        proof: cloud.0.tokens.hash(&parts)?,
    })
}
