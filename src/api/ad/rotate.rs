//! `ad::rotate`: the credential transaction, as scripts call it and as runs show it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use rhai::Dynamic;

use super::{access, writes};
use crate::{
    api::credentials,
    connection::{self, Connection, Scope},
    error::{Error, Result},
    rotation::{self, Announcement, Observer, Outcome, Request, StageReport, TargetReport, Via},
    script::{
        context::{Context, CredentialState, Write},
        operation::Namespace,
        value::{Fields, FromScript, Record, Span},
    },
    secret::Secret,
    store::runs::WriteState,
    verdict::Verdict,
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace.operation(
        writes(
            "rotate(conn: connection, options?: map) -> record of verdict, principal, version, pinned, connections, targets, stages, error",
            "Gives the connection's account a new password, in the directory and in the store, and loses neither: preflight, record, \
             change on one target (the PDC emulator where it answers), prove with one sign-in, wait until the other targets have it, make \
             it current for every connection of the account. The account changes its own password; with `via` on the connection an \
             administrative one resets it. Options: `password` (generated for the policy when left out), `username` (another account needs \
             `via`), `allow_down` (go on without targets that are down), `insist` (also what is never rotated: built-in, managed and \
             `break-glass` accounts), `wait` (how long targets may lag; `--wait` unless told). A target that lags is `inconclusive` and is \
             not signed in on in this run. Needs the grant `connection:write` as well.",
            r#"let rotated = ad::rotate(conn::get("lab-ad")); print(`version ${rotated.version}: ${rotated.verdict}`);"#,
        ),
        rotate,
    )
}

#[derive(Default)]
struct Options {
    password: Option<Secret>,
    username: Option<String>,
    allow_down: bool,
    insist: bool,
    wait: Option<Span>,
}

impl FromScript for Options {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let options = Self {
            password: fields.take("password")?,
            username: fields.take("username")?,
            allow_down: fields.take("allow_down")?.unwrap_or(false),
            insist: fields.take("insist")?.unwrap_or(false),
            wait: fields.take("wait")?,
        };
        fields.finish().map(|()| options)
    }
}

async fn rotate(context: Context, (connection, options): (Connection, Option<Options>)) -> Result<Record<Outcome>> {
    context.world.grants.require("connection:write", "ad::rotate")?;
    let reporter = Reporter { context: context.clone(), connection: connection.clone(), write: Mutex::new(None) };
    let rotated = match request(&context, &connection, options.unwrap_or_default()).await {
        Ok(request) => Box::pin(rotation::rotate(&request, &reporter)).await,
        Err(error) => Err(error),
    };
    let rotated = reporter.settle(rotated).await?;
    note(&context, &connection, rotated.unproven(), rotated.connections.clone()).await?;
    Ok(Record(rotated))
}

async fn request(context: &Context, connection: &Connection, options: Options) -> Result<Request> {
    let via = via(context, connection).await?;
    refuse_unproven(context, connection, via.is_some()).await?;
    let world = &context.world;
    Ok(Request {
        store: world.store.clone(),
        identity: context.blocking(|context| context.identity().cloned()).await?,
        connection: connection.clone(),
        endpoints: access::endpoints(context, connection).await?,
        via,
        scope: world.scope.clone(),
        who: format!("{}, run {}, pid {}", world.host.operator(), world.run, std::process::id()),
        run: Some(world.run.clone()),
        username: options.username,
        password: options.password,
        allow_down: options.allow_down,
        insist: options.insist,
        wait: options.wait.map_or(world.options.wait, |Span(wait)| wait),
        hurry: context.hurry.clone(),
    })
}

/// The administrative connection that the connection names.
pub(super) async fn via(context: &Context, connection: &Connection) -> Result<Option<Via>> {
    let Some(name) = connection.ad()?.via.clone() else { return Ok(None) };
    let via =
        context.blocking(move |context| connection::get(&context.world.store, &name, &context.world.scope)).await?;
    let sign_in = credentials::sign_in(context, &via).await?;
    Ok(Some(Via {
        connection: via.name,
        identity: access::identity(&sign_in),
        principal: sign_in.credential.principal,
    }))
}

/// What this run already knows of the credential must not be contradicted by a rotation.
async fn refuse_unproven(context: &Context, connection: &Connection, over_via: bool) -> Result<()> {
    let account = credentials::account_of(context, connection).await?;
    if let Some(why) = context.world.accounts.refusal(&account).filter(|_| !over_via) {
        return Err(credentials::refused_before(connection, &why));
    }
    match context.credential_state(connection.id) {
        Some(CredentialState::Candidate(_)) => Err(Error::new(
            "rotation.unproven_candidate",
            format!("this run has given {} credentials that no target has accepted yet", connection.name),
        )
        .hint("test them first: ad::test_targets(conn)")),
        _ => Ok(()),
    }
}

/// The rest of the run signs in with the new password, and not where it may not have arrived.
pub(super) async fn note(
    context: &Context,
    connection: &Connection,
    lagging: Vec<String>,
    names: Vec<String>,
) -> Result<()> {
    let ids = context
        .blocking(move |context| {
            names.iter().map(|name| Ok(connection::get(&context.world.store, name, &Scope::all())?.id)).collect()
        })
        .await
        .unwrap_or_else(|_| vec![connection.id]);
    context.world.accounts.forget(&credentials::account_of(context, connection).await?);
    for id in ids {
        context.note_credential(id, (!lagging.is_empty()).then(|| CredentialState::Lagging(lagging.clone())));
    }
    Ok(())
}

/// Shows a rotation's stages as checks of the step, and keeps the run's record of the one write.
struct Reporter {
    context: Context,
    connection: Connection,
    /// From before the write is sent until it is known what became of it; an interrupt waits as long.
    write: Mutex<Option<Write>>,
}

impl Reporter {
    /// Settles the run's record of the write, or records that there was none.
    async fn settle(&self, rotated: Result<Outcome>) -> Result<Outcome> {
        let write = self.write.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (write, &rotated) {
            (Some(write), _) => write.settle_by(rotated).await,
            // Somebody else's rotation says what becomes of the password.
            (None, Err(error)) if error.verdict() == Verdict::InDoubt || error.code() == "rotation.busy" => rotated,
            (None, Err(_)) => {
                let account = self.connection.username.as_str();
                let write = self.context.write("ad.rotate", &self.connection.domain, "", &unchanged(account)).await?;
                write.settle(WriteState::Failed).await?;
                rotated
            }
            (None, Ok(_)) => rotated,
        }
    }

    async fn announce(&self, change: &Announcement) -> Result<()> {
        let did = format!(
            "password of {} changed in {} on {}, version {} is current in {}",
            change.account, self.connection.domain, change.pinned, change.version, self.connection.name
        );
        let write = self.context.write("ad.rotate", &change.pinned, &did, &unchanged(&change.account)).await?;
        *self.write.lock().unwrap_or_else(PoisonError::into_inner) = Some(write);
        Ok(())
    }
}

fn unchanged(account: &str) -> String {
    format!("password of {account}: not changed in the directory, the old credentials stay current")
}

impl Observer for Reporter {
    fn stage_ended(&self, report: &StageReport, error: Option<&Error>) {
        let took = Duration::from_millis(report.ms);
        let note = if error.is_some() { "" } else { report.note.as_str() };
        self.context.check_finished(report.stage.as_str(), report.verdict, took, note, error);
    }

    fn target_ended(&self, report: &TargetReport) {
        let took = Duration::from_millis(report.ms);
        self.context.check_finished(&report.target, report.verdict, took, &report.note, None);
    }

    fn change_announced<'a>(&'a self, change: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.announce(change))
    }
}
