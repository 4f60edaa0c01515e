//! Entra ID sign-in and Microsoft Graph, in small code of our own over `reqwest`.
//!
//! A plain async library: tenants, apps and secrets in, typed reports out. It knows nothing of scripts, of the store or of the
//! terminal. From the wire upwards:
//!
//! - `http`: one client for all; sizes, times and redirects bounded; what a broken connection means;
//! - [`clouds`] and [`discovery`]: which tenant and which national cloud a domain belongs to;
//! - [`signin`]: the ways to prove who an app is; [`tokens`]: what they bring, kept until it expires; [`claims`]: what is read in it;
//! - [`errors`]: AADSTS and Graph errors as errors of ours, each with a remedy;
//! - [`throttle`]: limits kept before they bite, pauses that stay within the scope that they were told for;
//! - [`graph`]: the operations; [`report`]: the test of a connection.
//!
//! Every sign-in compares the tenant in the token with the one that was meant. A token never leaves this room: it is in no
//! type that can be printed, and whatever a server answers is cleared of it before it is quoted.

mod answer;
pub mod claims;
pub mod clouds;
pub mod discovery;
pub mod errors;
pub mod graph;
mod http;
pub mod report;
pub mod signin;
pub mod throttle;
pub mod tokens;

use std::{sync::Arc, time::Duration};

pub use claims::Claims;
pub use discovery::Tenant;
pub use graph::{
    Graph,
    batch::Ask,
    credentials::{AppCredential, Application, CredentialKind},
    domains::Domain,
    licences::{Licence, ServicePlan},
    organization::Organization,
    policies::AppPolicy,
    relationships::Relationship,
    roles::Roles,
    users::{LicenceChange, NewUser, User},
};
pub use report::TestReport;
pub use signin::{
    CONSOLE, Freshness, Proof, SignIn,
    prove::{Proven, Waiting},
};
use url::Url;

use crate::error::Result;

/// How the clouds are reached.
#[derive(Clone)]
pub struct Options {
    /// Another sign-in host than Microsoft's, e.g. `https://localhost:40443/` of the lab. It is asked alone then, and may name
    /// any Graph host; Microsoft's may name Microsoft's only.
    pub login: Option<Url>,
    /// CA certificates in PEM; only they are trusted then. Otherwise the system's.
    pub ca_pem: Option<Arc<str>>,
    /// How long one request may take, its answer included.
    pub timeout: Duration,
    /// How long an operation may wait in all for throttling to pass, before it says `cloud.throttled`.
    pub patience: Duration,
    /// The proxy to go through, as `HTTPS_PROXY` tells it; its user and password may stand in it.
    pub proxy: Option<Arc<str>>,
    /// Hosts that are reached without the proxy, as `NO_PROXY` tells them.
    pub no_proxy: Option<Arc<str>>,
}

/// Without the proxy's address: a user and a password may stand in it.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("login", &self.login)
            .field("timeout", &self.timeout)
            .field("patience", &self.patience)
            .field("proxy", &self.proxy.is_some())
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            login: None,
            ca_pem: None,
            timeout: Duration::from_secs(30),
            patience: Duration::from_mins(2),
            proxy: None,
            no_proxy: None,
        }
    }
}

/// The way to every cloud: one HTTP client, the tokens, the limiters. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct Cloud(Arc<Inner>);

struct Inner {
    options: Options,
    http: http::Http,
    tokens: tokens::Tokens,
    limits: throttle::Limits,
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cloud")
    }
}

impl Cloud {
    /// Makes the client. Nothing is asked yet.
    ///
    /// # Errors
    /// `cloud.bad_ca`, `cloud.bad_proxy`, `cloud.in_the_clear` (a sign-in host without TLS that is not this machine).
    pub fn new(options: Options) -> Result<Self> {
        if let Some(login) = &options.login {
            http::refuse_in_the_clear(login)?;
        }
        Ok(Self(Arc::new(Inner {
            http: http::Http::new(&options)?,
            tokens: tokens::Tokens::new(),
            limits: throttle::Limits::new(),
            options,
        })))
    }

    /// Finds the tenant that a domain belongs to, and its national cloud. Nobody signs in.
    ///
    /// # Errors
    /// `cloud.bad_domain`, `cloud.unknown_tenant`, `cloud.bad_answer`, and those of reaching the sign-in host.
    pub async fn discover(&self, domain: &str) -> Result<Tenant> {
        discovery::discover(self, domain).await
    }

    /// Signs in and answers the way to the tenant's Graph. The tenant in the token is the one that was asked for.
    ///
    /// # Errors
    /// Those of [`errors::aadsts`], `cloud.wrong_tenant`, `cloud.clock_skew`, and those of reaching the sign-in host.
    pub async fn sign_in(&self, sign_in: &SignIn, freshness: Freshness) -> Result<Graph> {
        let token = signin::token(self, sign_in, freshness.into()).await?;
        Ok(Graph::new(self.clone(), sign_in.clone(), token))
    }

    /// Tests a connection: a fresh token, the organization, the domain, the licences. Reads only.
    ///
    /// # Errors
    /// Those of signing in and of Graph; `cloud.wrong_tenant` when Graph speaks for another tenant than the one asked for;
    /// `cloud.unknown_domain` when the tenant does not hold the domain.
    pub async fn test(&self, domain: &str, sign_in: &SignIn) -> Result<TestReport> {
        report::test(self, domain, sign_in).await
    }

    /// Waits until a credential that was just added works everywhere: several fresh sign-ins in a row, where a refusal that says
    /// "not known" means "not yet" for as long as `waiting` says.
    ///
    /// # Errors
    /// `cloud.not_yet` when the time is over; any other refusal at once.
    pub async fn prove(&self, sign_in: &SignIn, waiting: &Waiting) -> Result<Proven> {
        signin::prove::prove(self, sign_in, waiting).await
    }

    /// Forgets every token, e.g. because the credential that they were had with is revoked.
    pub fn forget_tokens(&self) {
        self.0.tokens.forget();
    }
}
