//! Which credential an operation signs in with, and what becomes of it when a server has answered.
//!
//! A run may have recorded a candidate for a connection. Then everything in the run signs in with the candidate; the first
//! server that accepts it makes it the current one, the first that refuses it ends all use of it in this run, so that a
//! wrong password costs one attempt and not one per server.

use crate::{
    connection::{
        Connection,
        credentials::{self, Credential},
    },
    error::{Error, Result},
    script::context::{Context, CredentialState},
    secret::Secret,
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
}

/// The candidate of this run, else the stored current version.
///
/// # Errors
/// `connection.no_credential`; `connection.refused_before` (verdict `not-started`) when a server refused it in this run.
pub async fn sign_in(context: &Context, connection: &Connection) -> Result<SignIn> {
    let state = context.credential_state(connection.id);
    if let Some(CredentialState::Refused(why)) = state {
        return Err(Error::not_started(
            "connection.refused_before",
            format!(
                "not tried: the credential of {} was refused earlier in this run ({})",
                connection.name,
                why.message()
            ),
        ));
    }
    let connection = connection.clone();
    context
        .blocking(move |context| {
            let store = &context.world.store;
            let credential = match state {
                Some(CredentialState::Candidate(id)) => credentials::by_id(store, id)?,
                _ => credentials::current(store, &connection)?.ok_or_else(|| no_credential(&connection))?,
            };
            let password = match credential.reference {
                Some(_) => credentials::fetch(store, &context.world.host, &credential)?,
                None => credentials::open(store, context.identity()?, &credential)?,
            };
            let is_candidate = credential.state == credentials::State::Candidate;
            Ok(SignIn { username: credential.username.clone(), password, credential, is_candidate })
        })
        .await
}

fn no_credential(connection: &Connection) -> Error {
    Error::new("connection.no_credential", format!("no credential is stored for {}", connection.name))
        .hint(format!("libretto connections edit {} --password env:NAME", connection.name))
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
    let result = context.blocking(move |context| credentials::promote(&context.world.store, id, &on)).await;
    write.settle_by(result).await?;
    context.note_credential(connection.id, None);
    Ok(())
}

/// A server refused the credential: nothing signs in with it any more in this run, and a candidate is retired.
///
/// # Errors
/// The store's.
pub async fn refused(context: &Context, connection: &Connection, sign_in: &SignIn, why: &Error) -> Result<()> {
    context.note_credential(connection.id, Some(CredentialState::Refused(why.clone())));
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
        "credentials of {}: version {} for {} is current, proven on {on}; stored only, nothing changed in the directory",
        connection.name, sign_in.credential.version, sign_in.username
    )
}

fn not_stored(connection: &Connection, why: &str) -> String {
    format!("credentials of {}: the old ones stay current; {why}", connection.name)
}
