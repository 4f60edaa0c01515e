//! From a connection to its targets, and to a session on one of them.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::{
    api::credentials::{self, SignIn},
    connection::{self, AdSettings, Connection},
    directory::{self, Dns, Endpoint, Gate, Identity, Principal, Session, Target, Tls, outcome},
    error::{Error, Result},
    script::context::{Context, CredentialState},
    store::budget::{self, AttemptId, Protocol},
};

/// The targets of a connection, as given or as DNS knows them, each ready to be connected to.
///
/// # Errors
/// Of targets, certificates or pins that are not valid, and of DNS.
pub(super) async fn endpoints(context: &Context, connection: &Connection) -> Result<Vec<Endpoint>> {
    let settings = connection.ad()?;
    let tls = tls(settings)?;
    let dns = dns(context)?;
    let targets = if settings.targets.is_empty() {
        directory::discover(&connection.domain, &dns.clone().map_or_else(Dns::system, Ok)?).await?.targets()
    } else {
        settings.targets.iter().map(|target| Target::parse(target)).collect::<Result<_>>()?
    };
    let Some(first) = targets.first() else {
        return Err(Error::inconclusive(
            "ad.no_controllers",
            format!("no domain controller of {} answers", connection.domain),
        )
        .hint("give the targets: libretto connections edit NAME --target dc1.example.com"));
    };
    let prepared = Endpoint::new(first.clone(), &tls)?;
    let prepared = match dns {
        Some(dns) => prepared.with_dns(dns),
        None => prepared,
    };
    Ok(targets.into_iter().map(|target| prepared.at(target)).collect())
}

/// One target of a connection by the name that the connection or the script gives it.
///
/// # Errors
/// As [`endpoints`]; `ad.bad_target`.
pub(super) fn endpoint(context: &Context, connection: &Connection, target: &str) -> Result<Endpoint> {
    let settings = connection.ad()?;
    let endpoint = Endpoint::new(Target::parse(target)?, &tls(settings)?)?;
    Ok(match dns(context)? {
        Some(dns) => endpoint.with_dns(dns),
        None => endpoint,
    })
}

/// The resolver that `config.toml` names.
pub(super) fn dns(context: &Context) -> Result<Option<Dns>> {
    context.world.config.dns.server.map(Dns::server).transpose()
}

fn tls(settings: &AdSettings) -> Result<Tls> {
    let mode = match settings.tls {
        connection::TlsMode::Ldaps => directory::TlsMode::Ldaps,
        connection::TlsMode::StartTls => directory::TlsMode::StartTls,
    };
    let pin = settings.pin.as_deref().map(Tls::parse_pin).transpose()?;
    Ok(Tls { mode, ca_pem: settings.ca_pem.as_deref().map(str::to_owned), pin })
}

/// Who signs in, and how the directory room knows it.
pub(super) fn identity(sign_in: &SignIn) -> Identity {
    Identity { name: sign_in.username.clone(), password: sign_in.password.clone() }
}

/// A session on the first target that answers, signed in as the connection's account.
///
/// # Errors
/// The first target's refusal of the credential, or, when no target answers, the last one's error.
pub(super) async fn session(context: &Context, connection: &Connection) -> Result<Session> {
    let sign_in = credentials::sign_in(context, connection).await?;
    let gate = BudgetGate::new(context, connection, &sign_in);
    let identity = identity(&sign_in);
    let mut last = None;
    for endpoint in endpoints(context, connection).await? {
        match Session::connect_through(&endpoint, &identity, &gate).await {
            Ok(session) => {
                credentials::accepted(context, connection, &sign_in, &endpoint.target.to_string()).await?;
                return Ok(session);
            }
            Err(error) if outcome::refuses_credential(&error) => {
                credentials::refused(context, connection, &sign_in, &error).await?;
                return Err(error);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| Error::inconclusive("ad.no_controllers", format!("{} has no targets", connection.name))))
}

/// A session for changes: of the administrative connection that the connection names (`via`), else its own.
///
/// # Errors
/// As [`session`]; `connection.unknown`.
pub(super) async fn session_for_changes(context: &Context, connection: &Connection) -> Result<Session> {
    match connection.ad()?.via.clone() {
        Some(via) => {
            let via = context
                .blocking(move |context| connection::get(&context.world.store, &via, &context.world.scope))
                .await?;
            session(context, &via).await
        }
        None => session(context, connection).await,
    }
}

/// The account that a script names, or the connection's own.
///
/// # Errors
/// `ad.not_found`, `ad.ambiguous`.
pub(super) async fn account(session: &Session, connection: &Connection, name: Option<&str>) -> Result<Principal> {
    directory::resolve(session, name.unwrap_or(&connection.username)).await
}

/// Writes every sign-in down before it is sent and clears it when it was accepted, so that attempts are counted across
/// runs, crashes included. Sends none with a credential that was refused earlier in this run.
pub(crate) struct BudgetGate {
    context: Context,
    connection: Connection,
    principal: crate::store::rows::PrincipalId,
    sent: Arc<std::sync::Mutex<std::collections::BTreeMap<String, AttemptId>>>,
}

impl BudgetGate {
    pub(crate) fn new(context: &Context, connection: &Connection, sign_in: &SignIn) -> Self {
        Self {
            context: context.clone(),
            connection: connection.clone(),
            principal: sign_in.credential.principal,
            sent: Arc::default(),
        }
    }

    /// Before a sign-in on `target` is sent.
    pub(crate) async fn before(&self, target: &str, protocol: Protocol) -> Result<()> {
        match self.context.credential_state(self.connection.id) {
            Some(CredentialState::Refused(why)) => return Err(refused_before(&self.connection, &why)),
            Some(CredentialState::Lagging(targets)) if targets.iter().any(|lagging| lagging == target) => {
                return Err(Error::inconclusive(
                    "rotation.not_converged",
                    format!("not tried: {target} may not have the new password yet, and would count it as a wrong one"),
                )
                .hint("see to its replication, then test it again")
                .with("target", target));
            }
            _ => {}
        }
        let (principal, on) = (self.principal, target.to_owned());
        let attempt =
            self.context.blocking(move |context| budget::begin(&context.world.store, principal, &on, protocol)).await?;
        self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(target.to_owned(), attempt);
        Ok(())
    }

    /// After it was answered.
    pub(crate) async fn after(&self, target: &str, accepted: bool) {
        let attempt = self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(target);
        if let Some(attempt) = attempt.filter(|_| accepted) {
            // An attempt that stays on the books costs caution, not correctness.
            let _ = self.context.blocking(move |context| budget::clear(&context.world.store, attempt)).await;
        }
    }
}

/// A server refused the credential in this run: nothing signs in with it any more.
pub(super) fn refused_before(connection: &Connection, why: &Error) -> Error {
    Error::not_started(
        "connection.refused_before",
        format!("not tried: the credential of {} was refused earlier in this run ({})", connection.name, why.message()),
    )
}

impl Gate for BudgetGate {
    fn before_bind<'a>(&'a self, target: &'a Target, _: &'a Identity) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.before(&target.to_string(), Protocol::Ldap).await })
    }

    fn after_bind<'a>(&'a self, target: &'a Target, _: &'a Identity, outcome: &'a Result<()>) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.after(&target.to_string(), outcome.is_ok()).await })
    }
}
