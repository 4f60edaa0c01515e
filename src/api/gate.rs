//! What stands before every sign-in of an operation: attempts are counted and go one by one until one was accepted, and an
//! account that was refused is left alone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;

use super::credentials::{SignIn, refused_before};
use crate::{
    connection::Connection,
    directory::{self, Identity, Target, outcome},
    error::{Error, Result},
    homes::{self, HomeServer},
    script::{
        accounts::Turn,
        context::{Context, CredentialState},
    },
    store::{
        budget::{self, AttemptId, Protocol},
        rows::{CredentialId, PrincipalId},
    },
};

/// Writes every sign-in down before it is sent and clears it when it was accepted, so that attempts are counted across
/// runs, crashes included. Sends none as an account that was refused earlier in this run, nor one where a new password may
/// not have arrived.
pub(super) struct SignInGate {
    context: Context,
    connection: Connection,
    account: String,
    principal: PrincipalId,
    credential: CredentialId,
    sent: Arc<Mutex<BTreeMap<String, Attempt>>>,
}

/// A sign-in that was sent and not answered yet.
struct Attempt {
    id: AttemptId,
    turn: Option<Turn>,
}

impl SignInGate {
    /// The gate of an operation that signs in with `sign_in`.
    pub(super) fn new(context: &Context, connection: &Connection, sign_in: &SignIn) -> Self {
        Self {
            context: context.clone(),
            connection: connection.clone(),
            account: sign_in.account.clone(),
            principal: sign_in.credential.principal,
            credential: sign_in.credential.id,
            sent: Arc::default(),
        }
    }

    async fn before(&self, server: &str, protocol: Protocol) -> Result<()> {
        self.refuse_lagging(server, protocol)?;
        let accounts = &self.context.world.accounts;
        let turn = accounts.turn(&self.account, self.credential).await;
        if let Some(why) = accounts.refusal(&self.account) {
            return Err(refused_before(&self.connection, &why));
        }
        let (principal, on) = (self.principal, server.to_owned());
        let begun = self.context.blocking(move |context| budget::begin(&context.world.store, principal, &on, protocol));
        let attempt = Attempt { id: begun.await?, turn };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(server.to_owned(), attempt);
        Ok(())
    }

    /// A controller that lags would count the new password as a wrong one; a file server may ask just that controller.
    fn refuse_lagging(&self, server: &str, protocol: Protocol) -> Result<()> {
        let state = self.context.credential_state(self.connection.id);
        let targets = state.as_ref().map_or(&[][..], CredentialState::lagging);
        let lagging = match protocol {
            Protocol::Ldap => targets.iter().find(|target| *target == server),
            Protocol::Smb => targets.first(),
        };
        let Some(lagging) = lagging else { return Ok(()) };
        Err(Error::inconclusive(
            "rotation.not_converged",
            format!("not tried: {lagging} may not have the new password yet, and would count it as a wrong one"),
        )
        .hint("see to its replication, then test it again")
        .with("target", server))
    }

    async fn after(&self, server: &str, outcome: Outcome<'_>) {
        let attempt = self.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(server);
        match outcome {
            Outcome::Accepted => {
                self.context.world.accounts.accept(self.credential);
                if let Some(id) = attempt.as_ref().map(|attempt| attempt.id) {
                    // An attempt that stays on the books costs caution, not correctness.
                    let _ = self.context.blocking(move |context| budget::clear(&context.world.store, id)).await;
                }
            }
            // Noted before the turn ends: whoever waits for it must see the refusal.
            Outcome::Refused(why) => self.context.world.accounts.refuse(&self.account, why),
            Outcome::Unknown => {}
        }
        drop(attempt.map(|attempt| attempt.turn));
    }
}

/// What became of a sign-in.
enum Outcome<'a> {
    Accepted,
    Refused(&'a Error),
    Unknown,
}

impl directory::Gate for SignInGate {
    fn before_bind<'a>(&'a self, target: &'a Target, _: &'a Identity) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.before(&target.to_string(), Protocol::Ldap).await })
    }

    fn after_bind<'a>(&'a self, target: &'a Target, _: &'a Identity, outcome: &'a Result<()>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let outcome = match outcome {
                Ok(()) => Outcome::Accepted,
                Err(error) if outcome::refuses_credential(error) => Outcome::Refused(error),
                Err(_) => Outcome::Unknown,
            };
            self.after(&target.to_string(), outcome).await;
        })
    }
}

/// SMB sign-ins count towards lockout like any other.
impl homes::Gate for SignInGate {
    fn before_sign_in<'a>(&'a self, server: &'a HomeServer) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.before(&server.to_string(), Protocol::Smb).await })
    }

    fn after_sign_in<'a>(&'a self, server: &'a HomeServer, outcome: homes::SignIn) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let refusal = Error::new("home.sign_in_refused", format!("{server} refused the account"));
            let outcome = match outcome {
                homes::SignIn::Accepted => Outcome::Accepted,
                homes::SignIn::Refused => Outcome::Refused(&refusal),
                homes::SignIn::Unknown => Outcome::Unknown,
            };
            self.after(&server.to_string(), outcome).await;
        })
    }
}
