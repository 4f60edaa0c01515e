//! A declared procedure as a dependent: a run of its own, in which the connection signs in with the new password.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::{
    connection::{Connection, credentials},
    error::{Error, Result},
    rotation::{Dependent, NewSecret},
    script::{
        context::{Context, CredentialState},
        procedures::{Order, Performed},
    },
    verdict::Verdict,
};

/// A script that a connection declares.
pub(super) struct Declared {
    context: Context,
    connection: Connection,
    script: String,
    name: String,
}

impl Declared {
    pub(super) fn new(context: &Context, connection: &Connection, script: &str) -> Self {
        let name = format!("{script} for {}", connection.name);
        Self { context: context.clone(), connection: connection.clone(), script: script.to_owned(), name }
    }

    async fn look(&self) -> Result<()> {
        let order = self.order(Vec::new());
        self.context.blocking(move |context| context.world.procedures.look(&context.world, &order)).await
    }

    fn order(&self, credentials: Vec<(crate::store::rows::ConnectionId, CredentialState)>) -> Order {
        Order { script: self.script.clone(), connection: self.connection.name.clone(), credentials }
    }

    async fn perform(&self, secret: &NewSecret) -> Result<String> {
        let state = CredentialState::Handed { credential: secret.credential, lagging: secret.unproven.clone() };
        let (principal, own) = (secret.principal, self.connection.id);
        let all = self.context.blocking(move |context| {
            let store = &context.world.store;
            let names = credentials::connections_of(store, principal)?;
            let all = crate::connection::Scope::all();
            names.iter().map(|name| Ok(crate::connection::get(store, name, &all)?.id)).collect::<Result<Vec<_>>>()
        });
        let mut ids = all.await?;
        // Of another account's connections this one is not yet one.
        ids.push(own);
        let order = self.order(ids.into_iter().map(|id| (id, state.clone())).collect());
        let performed =
            self.context.blocking(move |context| context.world.procedures.perform(&context.world, &order)).await?;
        conclude(performed)
    }
}

/// The run's verdict is the dependent's.
fn conclude(performed: Performed) -> Result<String> {
    let Performed { run, verdict, error } = performed;
    let why = error.as_ref().map(|error| format!(": {}", error.message)).unwrap_or_default();
    let said = format!("run {run} is {verdict}{why}");
    let failed = match verdict {
        Verdict::Ok | Verdict::Skipped => return Ok(format!("run {run}")),
        Verdict::Inconclusive | Verdict::NotStarted => Error::inconclusive("dependent.procedure", said),
        Verdict::InDoubt => Error::in_doubt("dependent.procedure", said),
        Verdict::Failed | Verdict::Partial if error.as_ref().is_some_and(|error| error.retryable) => {
            Error::new("dependent.procedure", said).retryable()
        }
        Verdict::Failed | Verdict::Partial => Error::new("dependent.procedure", said),
    };
    Err(failed.hint(format!("libretto runs show {run}")))
}

impl fmt::Debug for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Declared({})", self.name)
    }
}

impl Dependent for Declared {
    fn name(&self) -> &str {
        &self.name
    }

    /// By the connection's own number: it may be given another name.
    fn id(&self) -> String {
        format!("{} for connection {}", self.script, self.connection.id.0)
    }

    fn kind(&self) -> &'static str {
        "procedure"
    }

    fn ready(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.look())
    }

    fn take<'a>(&'a self, secret: &'a NewSecret) -> BoxFuture<'a, Result<String>> {
        Box::pin(self.perform(secret))
    }
}
