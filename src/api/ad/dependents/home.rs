//! A home-directory server as a dependent: one sign-in with the new password, and its share.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::{
    api::{credentials::SignIn, home},
    connection::{self, Connection},
    error::{Error, Result},
    homes::{self, HomeServer},
    rotation::{Dependent, NewSecret},
    script::context::Context,
    verdict::Verdict,
};

/// A server of a connection.
pub(super) struct Home {
    context: Context,
    connection: Connection,
    server: HomeServer,
    name: String,
}

impl Home {
    pub(super) fn new(context: &Context, connection: &Connection, server: &connection::HomeServer) -> Result<Self> {
        let server = home::of_connection(server)?;
        let name = server.to_string();
        Ok(Self { context: context.clone(), connection: connection.clone(), server, name })
    }

    /// Why nobody signs in there, if nobody does.
    fn left_out(&self) -> Option<String> {
        let world = &self.context.world;
        if let Some(missing) = world.missing.iter().find(|missing| missing.what == self.name) {
            return Some(format!("the lab has no server for it: {}", missing.why));
        }
        let refused = world.grants.require("home:test", "its test").err()?;
        Some(refused.message().to_owned())
    }

    async fn answers(&self) -> Result<()> {
        if self.left_out().is_some() {
            return Ok(());
        }
        homes::answers(&self.server, &home::options(&self.context)?).await
    }

    async fn sign_in(&self, secret: &NewSecret) -> Result<String> {
        if let Some(why) = self.left_out() {
            return Err(Error::skipped("home.left_out", why));
        }
        if let Some(target) = secret.unproven.first() {
            let said = format!("not tried: it may ask {target}, which may not have the new password yet");
            return Err(Error::inconclusive("rotation.not_converged", said));
        }
        let (id, key) = (secret.credential, secret.principal);
        let credential =
            self.context.blocking(move |context| connection::credentials::by_id(&context.world.store, id)).await?;
        let sign_in = SignIn {
            username: secret.identity.name.clone(),
            password: secret.identity.password.clone(),
            credential,
            is_candidate: false,
            // What earlier sign-ins of the run learnt of the account was of another password.
            account: format!("principal {} version {}", key.0, secret.version),
        };
        let identity = homes::Identity::new(sign_in.username.clone(), sign_in.password.clone())?;
        let gate = home::gate(&self.context, &self.connection, &sign_in);
        let options = homes::Options { gate: Some(gate), ..home::options(&self.context)? };
        let report = homes::test_server(&self.server, &identity, &options).await;
        match (report.verdict, report.error) {
            (Verdict::Ok, _) => Ok(home::note(report.dialect, report.encrypted)),
            // A provider that is not reached over a path has no sign-in.
            (Verdict::Skipped, Some(error)) => Err(Error::skipped(error.code(), error.message())),
            (_, Some(error)) => Err(error),
            (verdict, None) => Err(Error::new("home.failed", format!("the test of {} is {verdict}", self.name))),
        }
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Home({})", self.name)
    }
}

impl Dependent for Home {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "home-server"
    }

    fn ready(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.answers())
    }

    fn take<'a>(&'a self, secret: &'a NewSecret) -> BoxFuture<'a, Result<String>> {
        Box::pin(self.sign_in(secret))
    }
}
