//! What is noted around each write at an agent or the Workflow Engine, and what it left that is not settled, as scripts see it.

use crate::{
    connection::{
        Connection,
        handed::{self, Begun, Handed, Outcome, Unsettled, What},
    },
    error::{Error, Result},
    script::context::Context,
    store::rows::{ConnectionId, CredentialId},
    verdict::Verdict,
};

/// A write that is about to be sent, as it is noted.
pub(super) struct Sent<'a> {
    pub(super) connection: ConnectionId,
    pub(super) what: What,
    /// It is to take it away.
    pub(super) taken: bool,
    /// The version that a copy is given.
    pub(super) credential: Option<CredentialId>,
    pub(super) to: &'a str,
}

/// Notes it, durably.
///
/// # Errors
/// The store's. Then nothing may be sent.
pub(super) async fn begin(context: &Context, sent: Sent<'_>) -> Result<Begun> {
    let handed = Handed {
        connection: sent.connection,
        what: sent.what,
        taken: sent.taken,
        credential: sent.credential,
        to: sent.to.to_owned(),
        sure: false,
        run: context.world.run.clone(),
        at: String::new(),
    };
    context.blocking(move |context| handed::begin(&context.world.store, handed)).await
}

/// How it ended, by its answer.
pub(super) fn outcome<T>(answer: &Result<T>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Done,
        Err(error) if error.verdict() == Verdict::InDoubt => Outcome::Unknown,
        Err(_) => Outcome::NotDone,
    }
}

/// Notes how it ended. After the run's own record: ended in between it is looked at once more, which does no harm.
///
/// # Errors
/// The store's.
pub(super) async fn ended(context: &Context, begun: Begun, outcome: Outcome) -> Result<()> {
    context.blocking(move |context| handed::ended(&context.world.store, &begun, outcome)).await
}

/// All that is not settled, or what concerns one connection.
///
/// # Errors
/// `connection.unknown`, and the store's.
pub(super) async fn unsettled(context: &Context, named: Option<String>) -> Result<Vec<Unsettled>> {
    context
        .blocking(move |context| {
            let world = &context.world;
            handed::unsettled(&world.store, named.as_deref(), &world.scope, Some(&world.run))
        })
        .await
}

/// What there is to settle of a connection; `None` when there is nothing.
///
/// # Errors
/// `handed.busy` while the run that did it goes on.
pub(super) async fn open(context: &Context, connection: &Connection, what: What) -> Result<Option<Unsettled>> {
    let all = unsettled(context, Some(connection.name.clone())).await?;
    match all.into_iter().find(|one| one.handed.what == what) {
        Some(one) if one.alive => {
            Err(Error::not_started("handed.busy", format!("the run {} is at it, and nothing was settled", one.run))
                .hint("let it end first"))
        }
        found => Ok(found),
    }
}

/// It is settled.
///
/// # Errors
/// The store's.
pub(super) async fn settled(context: &Context, left: &Unsettled) -> Result<()> {
    let handed = left.handed.clone();
    context.blocking(move |context| handed::settled(&context.world.store, &handed)).await
}
