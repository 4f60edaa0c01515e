//! The way to a connection's tenant: the client of the cloud that this run goes to, and the sign-in.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rhai::Dynamic;

use crate::{
    api::credentials,
    cloud::{
        CONSOLE, Cloud, Freshness, Graph, Options, Proof, SignIn, Tenant, Waiting,
        errors::{may_not_be_known_yet, refuses_proof},
    },
    connection::{
        self, Connection,
        apps::{bind_app, home_tenant},
        credentials::{Form, directory_guid},
    },
    error::{Error, Result},
    net::http::authority,
    script::{
        context::Context,
        value::{Fields, FromScript, Span},
    },
    secret::Secret,
};

/// How long a domain's tenant is taken for granted: domains move seldom, and a token for the wrong tenant is refused.
const KNOWN: Duration = Duration::from_hours(1);

/// Between two sign-ins with what is not known everywhere yet.
const PAUSE: Duration = Duration::from_secs(5);

/// How long what is new may take to be known, and how long to wait between two looks, as a script says it.
#[derive(Default)]
pub(super) struct Waits {
    pub(super) wait: Option<Span>,
    pub(super) pause: Option<Span>,
}

impl FromScript for Waits {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let waits = Self { wait: fields.take("wait")?, pause: fields.take("pause")? };
        fields.finish().map(|()| waits)
    }
}

/// A cloud of this process: its sockets and tokens are kept, and so are the tenants of domains.
pub(in crate::api) struct Known {
    pub(in crate::api) cloud: Cloud,
    tenants: Mutex<HashMap<String, (Tenant, Instant)>>,
}

static CLOUDS: LazyLock<Mutex<HashMap<String, Arc<Known>>>> = LazyLock::new(Mutex::default);

/// The cloud that this run goes to: Microsoft's, the one of `config.toml`, or the lab's.
///
/// # Errors
/// `cloud.bad_ca`, `cloud.bad_proxy`, `cloud.in_the_clear`.
pub(in crate::api) async fn known(context: &Context) -> Result<Arc<Known>> {
    context.blocking(open).await
}

fn open(context: &Context) -> Result<Arc<Known>> {
    let (world, said) = (&context.world, &context.world.config.cloud);
    let proxies = (world.host.https_proxy(), world.host.no_proxy());
    let key = format!("{}\n{said:?}\n{proxies:?}", world.home.display());
    let mut clouds = CLOUDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = clouds.get(&key) {
        return Ok(Arc::clone(known));
    }
    let ca_pem = match (&said.ca_pem, &said.ca) {
        (Some(pem), _) => Some(Arc::clone(pem)),
        (None, Some(path)) => {
            let path = world.home.join(path);
            Some(std::fs::read_to_string(&path).map(Arc::from).map_err(|e| {
                Error::new("cloud.bad_ca", format!("{} cannot be read: {e}", path.display()))
                    .hint("let [cloud] ca in config.toml be the path of a PEM file")
            })?)
        }
        (None, None) => None,
    };
    let cloud = Cloud::new(Options {
        login: said.login.clone(),
        ca_pem,
        proxy: proxies.0.map(Arc::from),
        no_proxy: proxies.1.map(Arc::from),
        ..Options::default()
    })?;
    let known = Arc::new(Known { cloud, tenants: Mutex::default() });
    clouds.insert(key, Arc::clone(&known));
    Ok(known)
}

impl Known {
    /// The tenant of a domain.
    pub(in crate::api) async fn tenant(&self, domain: &str) -> Result<Tenant> {
        let key = domain.to_lowercase();
        let found = {
            let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
            tenants.get(&key).filter(|(_, since)| since.elapsed() < KNOWN).map(|(tenant, _)| tenant.clone())
        };
        if let Some(tenant) = found {
            return Ok(tenant);
        }
        let tenant = self.cloud.discover(domain).await?;
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.insert(key, (tenant.clone(), Instant::now()));
        Ok(tenant)
    }

    fn forget(&self, domain: &str) {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).remove(&domain.to_lowercase());
    }
}

/// What a connection signs in with, and where.
pub(in crate::api) struct Way {
    pub(in crate::api) known: Arc<Known>,
    pub(in crate::api) connection: Connection,
    pub(in crate::api) sign_in: SignIn,
    ours: credentials::SignIn,
}

impl Way {
    /// The way of a connection as it is stored now. Nobody signs in yet.
    ///
    /// # Errors
    /// `connection.wrong_kind`; those of its credential and of finding the tenant.
    pub(in crate::api) async fn to(context: &Context, connection: &Connection) -> Result<Self> {
        let id = connection.id;
        let connection = context.blocking(move |context| connection::by_id(&context.world.store, id)).await?;
        connection.msonline()?;
        let ours = credentials::sign_in(context, &connection).await?;
        let known = known(context).await?;
        let sign_in = SignIn {
            tenant: known.tenant(&connection.domain).await?,
            app: connection.settings.app().unwrap_or(CONSOLE).to_owned(),
            proof: proof(&ours.username, &ours.password, ours.credential.form),
            version: Some(i64::from(ours.credential.version)),
        };
        Ok(Self { known, connection, sign_in, ours })
    }

    /// Signs in and notes what that says of the credential. What has yet to be proven is shown anew.
    ///
    /// # Errors
    /// Those of signing in.
    pub(in crate::api) async fn graph(&self, context: &Context, freshness: Freshness) -> Result<Graph> {
        let is_unproven = self.ours.is_candidate || self.ours.credential.proven_at.is_none();
        let freshness = if is_unproven { Freshness::Fresh } else { freshness };
        let signed_in = self.known.cloud.sign_in(&self.sign_in, freshness).await;
        let signed_in = match signed_in {
            // It says nothing of a new one until the cloud has had the time to hear of it.
            Err(error) if self.ours.is_candidate && may_not_be_known_yet(error.code()) => {
                match self.wait(context, error).await {
                    Ok(()) => self.known.cloud.sign_in(&self.sign_in, Freshness::Cached).await,
                    Err(error) => Err(error),
                }
            }
            signed_in => signed_in,
        };
        self.note(context, signed_in).await
    }

    async fn wait(&self, context: &Context, refused: Error) -> Result<()> {
        let at_most = context.world.options.wait;
        if at_most < PAUSE {
            return Err(refused);
        }
        let waiting = Waiting { at_most, pause: PAUSE, ..Waiting::default() };
        tokio::select! {
            proven = self.known.cloud.prove(&self.sign_in, &waiting) => match proven {
                Err(error) if error.code() == "cloud.not_yet" => Err(refused),
                proven => proven.map(drop),
            },
            () = context.hurry.cancelled() => {
                Err(Error::inconclusive("cloud.not_yet", "the new version is not known everywhere yet, and was not waited for")
                    .hint("the earlier credential stays current; test the new one again later"))
            }
        }
    }

    async fn note(&self, context: &Context, signed_in: Result<Graph>) -> Result<Graph> {
        match signed_in {
            Ok(graph) => {
                let on = authority(&self.sign_in.tenant.login);
                credentials::accepted(context, &self.connection, &self.ours, &on).await?;
                Ok(graph)
            }
            Err(error) => {
                self.known.forget(&self.connection.domain);
                if refuses_proof(error.code()) {
                    credentials::refused(context, &self.connection, &self.ours, &error).await?;
                } else {
                    credentials::unasked(context, &self.connection, &self.ours).await?;
                }
                Err(error)
            }
        }
    }

    /// The app learns which cloud it is of, and, where this connection's tenant holds its registration, which tenant that is.
    pub(in crate::api) async fn learn(&self, context: &Context) {
        let Some(home) = self.connection.msonline().ok().map(|online| online.app_home.clone()) else { return };
        if self.connection.settings.app().is_none() {
            return;
        }
        let is_home = home.is_some_and(|home| home.eq_ignore_ascii_case(&self.connection.name));
        let (cloud, tenant) = (self.sign_in.tenant.cloud, is_home.then(|| self.sign_in.tenant.id.clone()));
        let (id, principal) = (self.connection.id, self.connection.principal);
        let learnt = context.blocking(move |context| {
            let store = &context.world.store;
            let is_known = directory_guid(store, principal)?.is_some();
            if is_known && (tenant.is_none() || home_tenant(store, principal)?.is_some()) {
                return Ok(());
            }
            bind_app(store, id, cloud.as_str(), tenant.as_deref()).map(drop)
        });
        // What was asked for has been done; whose app it is can be learnt another time.
        if let Err(error) = learnt.await {
            tracing::debug!(connection = self.connection.name, "the app's cloud is not known yet: {error}");
        }
    }
}

/// What shows who signs in.
pub(in crate::api) fn proof(username: &str, secret: &Secret, form: Form) -> Proof {
    match form {
        Form::ClientSecret => Proof::ClientSecret(secret.clone()),
        Form::Certificate => Proof::Certificate(secret.clone()),
        Form::Password => Proof::Password { username: username.to_owned(), password: secret.clone() },
    }
}

/// A connection's Graph.
///
/// # Errors
/// As [`Way::to`] and [`Way::graph`].
pub(super) async fn graph(context: &Context, connection: &Connection) -> Result<Graph> {
    Way::to(context, connection).await?.graph(context, Freshness::Cached).await
}

/// The connection whose tenant holds the registration of a connection's app.
///
/// # Errors
/// `cloud.no_app`, `cloud.no_app_home`; `connection.unknown`.
pub(in crate::api) async fn home_of(context: &Context, connection: &Connection) -> Result<(String, Connection)> {
    let id = connection.id;
    context
        .blocking(move |context| {
            let (store, scope) = (&context.world.store, &context.world.scope);
            let connection = connection::by_id(store, id)?;
            let online = connection.msonline()?;
            let name = &connection.name;
            let Some(app) = online.client_id.clone() else {
                return Err(Error::new("cloud.no_app", format!("{name} signs in as a user, not as an app"))
                    .hint("`libretto run migrate_msonline` makes it sign in as an app"));
            };
            let Some(home) = &online.app_home else {
                let said = format!("{name} does not say which connection is of the tenant that holds the registration of its app");
                return Err(Error::new("cloud.no_app_home", said).hint(format!(
                    "an app's credentials are changed in its home tenant only: libretto connections edit {name} --app-home NAME"
                )));
            };
            Ok((app, connection::get(store, home, scope)?))
        })
        .await
}

/// The home tenant does not hold the registration after all.
pub(in crate::api) fn not_home(error: Error, app: &str, home: &Connection) -> Error {
    if error.code() != "cloud.not_found" {
        return error;
    }
    let said = format!("the tenant of {} ({}) does not hold the registration of the app {app}", home.name, home.domain);
    Error::new("cloud.not_app_home", said)
        .hint("let `app_home` of the connection name the one whose tenant does: libretto connections edit NAME --app-home NAME")
}
