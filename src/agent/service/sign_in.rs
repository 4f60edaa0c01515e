//! From a connection that is held to the cloud: its secret opened, its tenant found, the sign-in.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Agent, Inner};
use crate::{
    cloud::{CONSOLE, Freshness, Graph, Proof, SignIn, Tenant},
    connection::{Connection, Credential, credentials, credentials::Form},
    error::{Error, Result},
    service::Problem,
};

/// How long a domain's tenant is taken for granted: domains move seldom, and a token for the wrong tenant is refused.
const KNOWN: Duration = Duration::from_hours(1);

/// The tenants of domains, as they were found.
#[derive(Debug, Default)]
pub(super) struct Tenants(Mutex<HashMap<String, (Tenant, Instant)>>);

impl Tenants {
    fn known(&self, domain: &str) -> Option<Tenant> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(domain).filter(|(_, since)| since.elapsed() < KNOWN).map(|(tenant, _)| tenant.clone())
    }

    fn learn(&self, domain: &str, tenant: &Tenant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(domain.to_owned(), (tenant.clone(), Instant::now()));
    }

    fn forget(&self, domain: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(domain);
    }
}

/// A connection with its secret open.
struct Opened {
    connection: Connection,
    credential: Credential,
    proof: Proof,
}

/// A connection on its way to the cloud.
pub(super) struct Ready {
    pub(super) connection: Connection,
    pub(super) credential: Credential,
    pub(super) sign_in: SignIn,
}

impl Agent {
    /// What a domain's connection signs in with, and where.
    ///
    /// # Errors
    /// `agent.unknown_domain`, `agent.no_secret`; those of finding the tenant.
    pub(super) async fn ready(&self, domain: &str) -> Result<Ready, Problem> {
        let wanted = domain.to_owned();
        let opened = self.stored(move |inner| inner.open_secret(&wanted)).await?;
        let tenant = if let Some(known) = self.0.tenants.known(domain) {
            known
        } else {
            let found = self.0.cloud.discover(domain).await?;
            self.0.tenants.learn(domain, &found);
            found
        };
        let app = opened.connection.msonline()?.client_id.clone().unwrap_or_else(|| CONSOLE.to_owned());
        let version = Some(i64::from(opened.credential.version));
        let sign_in = SignIn { tenant, app, proof: opened.proof, version };
        Ok(Ready { connection: opened.connection, credential: opened.credential, sign_in })
    }

    /// The way to the Graph of a domain's tenant.
    pub(super) async fn graph(&self, domain: &str) -> Result<Graph, Problem> {
        let ready = self.ready(domain).await?;
        let graph = self.0.cloud.sign_in(&ready.sign_in, Freshness::Cached).await;
        graph.inspect_err(|_| self.0.tenants.forget(domain)).map_err(Problem::from)
    }

    /// After a failure the tenant is looked for anew.
    pub(super) fn doubt(&self, domain: &str) {
        self.0.tenants.forget(domain);
    }
}

impl Inner {
    fn open_secret(&self, domain: &str) -> Result<Opened> {
        let connection = self.find(domain)?;
        let credential = credentials::current(&self.store, &connection)?.ok_or_else(|| {
            Error::new("agent.no_secret", format!("the connection of {domain} has no secret"))
                .hint("give it one with Connections_Update")
        })?;
        let secret = credentials::open(&self.store, &self.identity, &credential)?;
        let proof = match credential.form {
            Form::ClientSecret => Proof::ClientSecret(secret),
            Form::Certificate => Proof::Certificate(secret),
            Form::Password => Proof::Password { username: credential.username.clone(), password: secret },
        };
        Ok(Opened { connection, credential, proof })
    }
}
