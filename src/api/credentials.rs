//! Which credential an operation signs in with, and what becomes of it when a server has answered.
//!
//! A run may have recorded a candidate for a connection. Then everything in the run signs in with the candidate; the first
//! server that accepts it makes it the current one, the first that refuses it ends all use of it in this run, so that a
//! wrong password costs one attempt and not one per server.

use crate::{
    connection::{
        self, Connection, Kind,
        credentials::{self, Credential},
    },
    error::{Error, Result},
    script::context::{Context, CredentialState},
    secret::Secret,
    store::Store,
};

/// What an operation signs in with.
pub struct SignIn {
    /// UPN, `DOMAIN\user` or DN.
    pub username: String,
    /// Opened.
    pub password: Secret,
    /// The version that it is.
    pub credential: Credential,
    /// Whether the version is a candidate of this run.
    pub is_candidate: bool,
    /// Whose attempts count together: what [`Accounts`](crate::script::accounts::Accounts) calls the account.
    pub account: String,
}

/// The candidate of this run, else the stored current version. The connection is read again: a script may hold it from
/// before a change.
///
/// # Errors
/// `connection.no_credential`; `connection.refused_before` (verdict `not-started`) when a server refused the account in this
/// run; `rotation.unfinished` (in doubt) while nobody knows which password the account has.
pub async fn sign_in(context: &Context, connection: &Connection) -> Result<SignIn> {
    let (id, state) = (connection.id, context.credential_state(connection.id));
    context
        .blocking(move |context| {
            let store = &context.world.store;
            let connection = &connection::by_id(store, id)?;
            let handed = matches!(state, Some(CredentialState::Handed { .. }));
            let credential = match state {
                Some(CredentialState::Candidate(id) | CredentialState::Handed { credential: id, .. }) => {
                    credentials::by_id(store, id)?
                }
                _ => credentials::current(store, connection)?.ok_or_else(|| no_credential(connection))?,
            };
            let account = account_key(store, &connection.domain, &credential)?;
            if let Some(why) = context.world.accounts.refusal(&account) {
                return Err(refused_before(connection, &why));
            }
            // What an app signs in with is valid also while another is on its way.
            if !handed && connection.settings.app().is_none() {
                credentials::refuse_unfinished_of(store, credential.principal, &credential.username)?;
            }
            let password = match credential.reference {
                Some(_) => credentials::fetch(store, &context.world.host, &credential)?,
                None => credentials::open(store, context.identity()?, &credential)?,
            };
            let is_candidate = credential.state == credentials::State::Candidate && !handed;
            Ok(SignIn { username: credential.username.clone(), password, credential, is_candidate, account })
        })
        .await
}

/// What the run calls the account of a connection's current credential.
///
/// # Errors
/// The store's; `connection.no_credential`.
pub async fn account_of(context: &Context, connection: &Connection) -> Result<String> {
    let id = connection.id;
    context
        .blocking(move |context| {
            let store = &context.world.store;
            let connection = connection::by_id(store, id)?;
            match credentials::current(store, &connection)? {
                Some(credential) => account_key(store, &connection.domain, &credential),
                None => Ok(String::new()),
            }
        })
        .await
}

/// Its objectGUID; while that is unknown, its domain and name.
fn account_key(store: &Store, domain: &str, credential: &Credential) -> Result<String> {
    let guid = credentials::directory_guid(store, credential.principal)?;
    Ok(guid.unwrap_or_else(|| format!("{}/{}", domain.to_lowercase(), credential.username.to_lowercase())))
}

/// A server refused the account in this run: nothing signs in as it any more.
pub fn refused_before(connection: &Connection, why: &Error) -> Error {
    Error::not_started(
        "connection.refused_before",
        format!("not tried: the credential of {} was refused earlier in this run ({})", connection.name, why.message()),
    )
}

fn no_credential(connection: &Connection) -> Error {
    Error::new("connection.no_credential", format!("no credential is stored for {}", connection.name)).hint(format!(
        "libretto connections edit {} --{} env:NAME",
        connection.name,
        option(connection)
    ))
}

/// What the command line calls the connection's secret. A certificate is a file, and the help of `edit` says so.
fn option(connection: &Connection) -> &'static str {
    if connection.settings.app().is_some() { "secret" } else { "password" }
}

/// A server accepted the credential: a candidate becomes the current version; any other is noted as proven.
///
/// # Errors
/// The store's.
pub async fn accepted(context: &Context, connection: &Connection, sign_in: &SignIn, on: &str) -> Result<()> {
    let (id, on) = (sign_in.credential.id, on.to_owned());
    if !sign_in.is_candidate {
        if sign_in.credential.proven_at.is_some() {
            return Ok(());
        }
        return context.blocking(move |context| credentials::mark_proven(&context.world.store, id, &on)).await;
    }
    let write = context
        .write(
            "connection.promote",
            &connection.name,
            &stored(connection, sign_in, &on),
            &not_stored(connection, "they could not be stored"),
        )
        .await?;
    let who = context.world.who();
    let result =
        context.blocking(move |context| credentials::promote_tested(&context.world.store, id, &on, &who)).await;
    write.settle_by(result).await?;
    context.note_credential(connection.id, None);
    Ok(())
}

/// A server refused the credential: nothing signs in with it any more in this run, and a candidate is retired.
///
/// # Errors
/// The store's.
pub async fn refused(context: &Context, connection: &Connection, sign_in: &SignIn, why: &Error) -> Result<()> {
    context.world.accounts.refuse(&sign_in.account, why);
    if !matches!(context.credential_state(connection.id), Some(CredentialState::Handed { .. })) {
        context.note_credential(connection.id, None);
    }
    if !sign_in.is_candidate {
        return Ok(());
    }
    let did_not = not_stored(connection, &format!("the new ones were refused ({})", why.message()));
    let write = context.write("connection.promote", &connection.name, "", &did_not).await?;
    let (id, why) = (sign_in.credential.id, why.message().to_owned());
    context.blocking(move |context| credentials::retire(&context.world.store, id, &why)).await?;
    write.settle(crate::store::runs::WriteState::Failed).await
}

/// No server could be asked: a candidate stays a candidate, and the run says so.
///
/// # Errors
/// The ledger's.
pub async fn unasked(context: &Context, connection: &Connection, sign_in: &SignIn) -> Result<()> {
    if !sign_in.is_candidate {
        return Ok(());
    }
    let did_not = not_stored(connection, "no target could be asked about the new ones, which are kept as a candidate");
    let write = context.write("connection.promote", &connection.name, "", &did_not).await?;
    write.settle(crate::store::runs::WriteState::Failed).await
}

fn stored(connection: &Connection, sign_in: &SignIn, on: &str) -> String {
    format!(
        "credentials of {}: version {} for {} is current, proven on {on}; stored only, {}",
        connection.name,
        sign_in.credential.version,
        sign_in.username,
        nothing_changed(connection)
    )
}

/// That a secret is only stored, in words.
pub fn nothing_changed(connection: &Connection) -> &'static str {
    match connection.kind {
        Kind::Ad => "nothing changed in the directory",
        Kind::MsOnline => "nothing changed in the tenant",
    }
}

fn not_stored(connection: &Connection, why: &str) -> String {
    format!("credentials of {}: the old ones stay current; {why}", connection.name)
}
