//! What stands before every sign-in of an operation: the lockout budget. Attempts go one by one until one was accepted, and
//! an account that was refused is left alone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use super::credentials::{SignIn, refused_before};
use crate::{
    connection::Connection,
    directory::{self, Identity, Target, is_same_target, outcome},
    error::{Error, Result},
    homes::{self, HomeServer},
    rotation::recover,
    script::{
        accounts::Turn,
        context::{Context, CredentialState},
    },
    store::{
        budget::{self, Answer, Ask, AttemptId, Protocol},
        journal::{self, Lagging},
        rows::{CredentialId, PrincipalId},
    },
};

/// Writes every sign-in down before it is sent and clears it when it was accepted, so that attempts are counted across
/// runs, crashes included, and sends none that the account's lockout budget has no room for, unless the run insists. Sends
/// none as an account that was refused earlier in this run, nor one where a new password may not have arrived, by what this
/// run or the journal of an earlier one knows.
pub(super) struct SignInGate {
    context: Context,
    connection: Connection,
    account: String,
    name: String,
    principal: PrincipalId,
    credential: CredentialId,
    /// Whether a rotation has sent it to a directory.
    was_sent: bool,
    lagging: Arc<OnceCell<Option<Lagging>>>,
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
            name: sign_in.username.clone(),
            principal: sign_in.credential.principal,
            credential: sign_in.credential.id,
            was_sent: sign_in.credential.sent_at.is_some(),
            lagging: Arc::default(),
            sent: Arc::default(),
        }
    }

    async fn before(&self, server: &str, protocol: Protocol) -> Result<()> {
        if protocol == Protocol::Smb {
            self.refuse_doubted()?;
        }
        self.refuse_lagging(server, protocol)?;
        self.refuse_unsettled(server, protocol).await?;
        let accounts = &self.context.world.accounts;
        let turn = accounts.turn(&self.account, self.credential).await;
        if let Some(why) = accounts.refusal(&self.account) {
            return Err(refused_before(&self.connection, &why));
        }
        let attempt = Attempt { id: self.spend(server, protocol).await?, turn };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(server.to_owned(), attempt);
        Ok(())
    }

    /// Writes the attempt, once the budget has room for it.
    async fn spend(&self, server: &str, protocol: Protocol) -> Result<AttemptId> {
        let world = &self.context.world;
        let ask = Ask {
            principal: self.principal,
            name: self.name.clone(),
            credential: Some(self.credential),
            target: server.to_owned(),
            protocol,
            assumed: world.config.lockout.rules(),
            counted_elsewhere: world.accounts.counted_elsewhere(&self.account),
        };
        if world.options.insist {
            return self.context.blocking(move |context| budget::begin(&context.world.store, &ask)).await;
        }
        let _one_asks = world.accounts.queue(&self.account).await;
        let ask = &ask;
        let written = budget::patiently(|| {
            let ask = ask.clone();
            self.context.blocking(move |context| budget::spend(&context.world.store, &ask))
        });
        written.await.map_err(|error| match error.code() {
            "rotation.budget_spent" if !world.accounts.budget_spent(&self.account) => again(&error),
            _ => error,
        })
    }

    /// Where a target of the connection is not trusted or is of another domain, a file server may be somebody else's too.
    fn refuse_doubted(&self) -> Result<()> {
        let Some(why) = self.context.world.accounts.doubted(self.connection.id) else { return Ok(()) };
        let said = format!("not tried: the password goes to no file server, because {}", why.message());
        let error = Error::not_started("home.not_tried", said).with("cause", why.code());
        Err(why.remedy().into_iter().fold(error, Error::hint))
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

    /// The same by the journal: another run may have ended before its new password had come everywhere.
    async fn refuse_unsettled(&self, server: &str, protocol: Protocol) -> Result<()> {
        if !self.was_sent || self.context.world.options.insist {
            return Ok(());
        }
        let version = self.credential;
        let look = || self.context.blocking(move |context| journal::lagging(&context.world.store, version));
        let Some(lagging) = self.lagging.get_or_try_init(look).await? else { return Ok(()) };
        let target = match protocol {
            Protocol::Ldap => lagging.holds(|one| is_same_target(one, server)).then_some(server),
            Protocol::Smb => lagging.targets.first().map(String::as_str),
        };
        let Some(target) = target else { return Ok(()) };
        let (seen, name) = (lagging.clone(), target.to_owned());
        self.context.blocking(move |context| seen.seen(&context.world.store, |one| is_same_target(one, &name))).await?;
        Err(lagging.refusal(server, target))
    }

    /// Where somebody insisted, and the target has the new password: the journal of the run that left that open knows it from
    /// now on. A file server says nothing of its controller.
    async fn note_arrival(&self, target: &str) {
        if !self.was_sent || !self.context.world.options.insist {
            return;
        }
        let (version, target, by) = (self.credential, target.to_owned(), self.context.world.who());
        let note = move |context: &Context| recover::arrived(&context.world.store, version, &target, &by);
        // What is not noted is refused again, which costs an insistence and nothing else.
        let _ = self.context.blocking(note).await;
    }

    async fn after(&self, server: &str, outcome: Outcome<'_>) {
        let attempt = self.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(server);
        match outcome {
            Outcome::Accepted => self.context.world.accounts.accept(self.credential),
            // Noted before the turn ends: whoever waits for it must see the refusal.
            Outcome::Refused(why) | Outcome::Barred(why) => self.context.world.accounts.refuse(&self.account, why),
            Outcome::Unknown => {}
        }
        if let Some(id) = attempt.as_ref().map(|attempt| attempt.id) {
            let answer = outcome.answer();
            // An attempt that stays on the books as it was costs caution, not correctness.
            let _ = self.context.blocking(move |context| budget::answered(&context.world.store, id, answer)).await;
        }
        drop(attempt.map(|attempt| attempt.turn));
    }
}

/// The same refusal for whatever else the run would have tried: only the first is a failure of its own.
fn again(error: &Error) -> Error {
    let again = Error::not_started("rotation.budget_spent", error.message());
    let again = error.remedy().iter().fold(again, |again, hint| again.hint(*hint));
    error.details().iter().fold(again, |again, (key, value)| again.with(key, value.clone()))
}

/// What became of a sign-in.
#[derive(Clone, Copy)]
enum Outcome<'a> {
    Accepted,
    Refused(&'a Error),
    Barred(&'a Error),
    Unknown,
}

impl Outcome<'_> {
    fn answer(self) -> Answer {
        match self {
            Self::Accepted => Answer::Accepted,
            Self::Refused(_) => Answer::Wrong,
            Self::Barred(_) => Answer::NotCounted,
            Self::Unknown => Answer::None,
        }
    }
}

impl directory::Gate for SignInGate {
    fn before_bind<'a>(&'a self, target: &'a Target, _: &'a Identity) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.before(&target.to_string(), Protocol::Ldap).await })
    }

    fn after_bind<'a>(&'a self, target: &'a Target, _: &'a Identity, outcome: &'a Result<()>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let outcome = match outcome {
                Ok(()) => Outcome::Accepted,
                Err(error) if outcome::may_be_wrong(error) => Outcome::Refused(error),
                Err(error) if outcome::refuses_credential(error) => Outcome::Barred(error),
                Err(_) => Outcome::Unknown,
            };
            let is_accepted = matches!(outcome, Outcome::Accepted);
            self.after(&target.to_string(), outcome).await;
            if is_accepted {
                self.note_arrival(&target.to_string()).await;
            }
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
                homes::SignIn::Barred => Outcome::Barred(&refusal),
                homes::SignIn::Unknown => Outcome::Unknown,
            };
            self.after(&server.to_string(), outcome).await;
        })
    }
}
