//! The lab's cloud: Entra ID's sign-in and Microsoft Graph on one loopback port over TLS, as Microsoft describes them.
//!
//! It knows the tenants contoso.example, fabrikam.example and tailspin.example. One app, at home in contoso, has the consent of
//! all three. Everything is in memory and forgotten at the end. Sources: learn.microsoft.com, "Microsoft identity platform" and
//! "Microsoft Graph REST API v1.0".

mod app;
mod assertion;
mod credential;
mod discovery;
mod fault;
mod graph;
mod http;
mod jwt;
mod refusal;
mod roles;
mod server;
mod sign_in;
mod tenant;
mod token;
mod users;
mod world;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{runtime::Handle, sync::oneshot, task::JoinHandle, time::timeout};

pub use self::fault::{CloudFault, Place, Retry};
use self::world::Cloud;
use super::{certificates::Authority, clock::Clock, server::Port};
use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// The app's certificate and RSA key. Everyone can read them, so they open nothing but labs.
const APP_PEM: &str = include_str!("app.pem");

/// How long connections may take to end.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a cloud of its own is to be.
#[derive(Debug, Clone, Default)]
pub struct CloudOptions {
    /// Its port; without it the kernel chooses.
    pub port: Option<u16>,
    /// What is wrong.
    pub faults: Vec<(Place, CloudFault)>,
    /// The time inside; a caller that keeps a copy can let it pass.
    pub clock: Clock,
}

/// A tenant of the lab's cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabTenant {
    /// Its id, a GUID.
    pub id: String,
    /// Its first domain, e.g. `contoso.example`.
    pub domain: String,
}

/// A running cloud. It ends when this is dropped.
#[derive(Debug)]
pub struct LabCloud {
    address: SocketAddr,
    ca_pem: String,
    cloud: Arc<Cloud>,
    secret: Secret,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl LabCloud {
    /// Starts a cloud without the rest of the lab; needs a tokio runtime around it.
    ///
    /// # Errors
    /// `lab.runtime` outside a runtime, `lab.port` when the port is taken, `lab.certificate`.
    pub fn start(options: CloudOptions) -> Result<Self> {
        Self::start_with(options, &Authority::new("Libretto lab")?)
    }

    pub(super) fn start_with(options: CloudOptions, authority: &Authority) -> Result<Self> {
        let runtime = Handle::try_current()
            .map_err(|_| Error::new("lab.runtime", "the lab can only be started inside an asynchronous runtime"))?;
        let CloudOptions { port, faults, clock } = options;
        let down = faults.iter().any(|(_, fault)| *fault == CloudFault::Down);
        let port = Port::bind(port.unwrap_or(0), down)?;
        let address = port.address()?;
        let secret = Secret::new(credential::fresh_secret())?;
        let cloud = Arc::new(Cloud::new(format!("https://{address}"), clock, faults, secret.expose()));
        let (stop, stopped) = oneshot::channel();
        let tls = authority.server("cloud.lab.test", &[])?;
        let serving = runtime.spawn(server::serve(port, tls, cloud.clone(), stopped));
        Ok(Self { address, ca_pem: authority.pem(), cloud, secret, stop, serving })
    }

    /// Ends the cloud and waits until its socket is closed; answers that are being given have a second for it.
    pub async fn stop(self) {
        drop(self.stop);
        let _ = timeout(FAREWELL, self.serving).await;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The sign-in host as a client's setting takes it, e.g. `https://127.0.0.1:40123/`. Discovery there names Graph.
    #[must_use]
    pub fn login(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// The authority that signed its certificate.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Its tenants; the first is the app's home and the partner of the others.
    #[must_use]
    pub fn tenants(&self) -> Vec<LabTenant> {
        let one = |tenant: &tenant::Tenant| LabTenant { id: tenant.id.clone(), domain: tenant.domain.clone() };
        self.cloud.world().tenants.iter().map(one).collect()
    }

    /// The app that all tenants have consented to.
    #[must_use]
    pub fn client_id(&self) -> &'static str {
        app::CLIENT_ID
    }

    /// Its object in its home tenant, where its credentials are changed.
    #[must_use]
    pub fn application_id(&self) -> &'static str {
        app::OBJECT_ID
    }

    /// Its client secret at the start, new for each lab.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Its certificate with its RSA key, as PEM. The same in every lab.
    ///
    /// # Errors
    /// None; redaction wants a [`Secret`] that is long enough, which this is.
    pub fn certificate(&self) -> Result<Secret> {
        Secret::new(APP_PEM)
    }

    /// An assertion of the workload identity that the app trusts, as a build service or a cluster would give it.
    ///
    /// # Errors
    /// As [`LabCloud::certificate`].
    pub fn federated_assertion(&self) -> Result<Secret> {
        Secret::new(self.cloud.workload_assertion())
    }

    /// A refresh token of the partner's administrator. It is redeemed in each tenant that has a relationship with the partner.
    ///
    /// # Errors
    /// As [`LabCloud::certificate`].
    pub fn refresh_token(&self) -> Result<Secret> {
        Secret::new(self.cloud.partner_token())
    }

    /// The name and password of a tenant's Global Administrator.
    ///
    /// # Errors
    /// `lab.no_tenant` for a domain that is none of the lab's.
    pub fn administrator(&self, domain: &str) -> Result<(String, Secret)> {
        let world = self.cloud.world();
        let tenant = world.tenant(domain);
        let user = tenant.and_then(|tenant| tenant.users.first());
        let Some(user) = user else {
            return Err(Error::new("lab.no_tenant", format!("the lab's cloud has no tenant {domain}"))
                .hint("it has contoso.example, fabrikam.example and tailspin.example"));
        };
        Ok((user.name().to_owned(), Secret::new(user.password.as_str())?))
    }
}
