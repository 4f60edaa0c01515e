//! From a connection to its targets, and to a session on one of them.

use super::lockout;
use crate::{
    api::{
        credentials::{self, SignIn},
        gate::SignInGate,
    },
    connection::{self, AdSettings, Connection},
    directory::{self, Dns, Endpoint, Identity, Principal, Session, Target, Tls, outcome},
    error::{Error, Result},
    script::context::Context,
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
    let prepared = Endpoint::new(first.clone(), &tls)?.of_domain(&connection.domain);
    let prepared = match dns {
        Some(dns) => prepared.with_dns(dns),
        None => prepared,
    };
    Ok(targets.into_iter().map(|target| prepared.at(target)).collect())
}

/// The targets that a connection names, as given or as DNS has them, whether they answer or not.
///
/// # Errors
/// Of targets that are not valid, and of DNS.
pub(super) async fn named(context: &Context, connection: &Connection) -> Result<Vec<Target>> {
    let settings = connection.ad()?;
    if settings.targets.is_empty() {
        return directory::discover::named(&connection.domain, &dns(context)?.map_or_else(Dns::system, Ok)?).await;
    }
    settings.targets.iter().map(|target| Target::parse(target)).collect()
}

/// One target of a connection by the name that the connection or the script gives it.
///
/// # Errors
/// As [`endpoints`]; `ad.bad_target`.
pub(super) fn endpoint(context: &Context, connection: &Connection, target: &str) -> Result<Endpoint> {
    let settings = connection.ad()?;
    let endpoint = Endpoint::new(Target::parse(target)?, &tls(settings)?)?.of_domain(&connection.domain);
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
    let gate = SignInGate::new(context, connection, &sign_in);
    let identity = identity(&sign_in);
    let mut last = None;
    for endpoint in endpoints(context, connection).await? {
        match Session::connect_through(&endpoint, &identity, &gate).await {
            Ok(session) => {
                credentials::accepted(context, connection, &sign_in, &endpoint.target.to_string()).await?;
                lockout::look(context, connection, &session, &sign_in.username).await;
                return Ok(session);
            }
            Err(error) if outcome::refuses_credential(&error) => {
                credentials::refused(context, connection, &sign_in, &error).await?;
                return Err(error);
            }
            Err(error) => {
                if outcome::casts_doubt(&error) {
                    context.world.accounts.doubt(connection.id, &error);
                }
                last = Some(error);
            }
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

/// The account that a script names, or the connection's own, as it is stored now.
///
/// # Errors
/// `ad.not_found`, `ad.ambiguous`.
pub(super) async fn account(
    context: &Context,
    session: &Session,
    connection: &Connection,
    name: Option<&str>,
) -> Result<Principal> {
    if let Some(name) = name {
        return directory::resolve(session, name).await;
    }
    let id = connection.id;
    let own = context.blocking(move |context| connection::by_id(&context.world.store, id)).await?;
    directory::resolve(session, &own.username).await
}
