//! Home-directory servers over SMB 2 and 3: is the server there, does the account sign in, does it reach the share, can it
//! keep files in it.
//!
//! A plain library: servers and an identity in, reports out. Sign-ins count towards the directory's lockout, so a refused
//! password is tried once, however many servers there are, and a [`Gate`] is asked before each.

mod identity;
mod probe;
mod reach;
mod refusal;
mod report;
mod server;
mod session;
mod turn;
mod wire;

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream};

pub use self::{
    identity::Identity,
    probe::PROBE_PREFIX,
    reach::Resolve,
    report::{ServerReport, Stage, StageReport},
    server::{HomeServer, Provider, SMB_PORT},
};
use self::{
    report::{Record, Stop},
    session::Client,
    turn::Turn,
};
use crate::{
    error::{Error, Result},
    verdict::Verdict,
};

/// How many servers are tested at once.
const AT_ONCE: usize = 16;

/// How a test is made.
#[derive(Clone, Default)]
pub struct Options {
    /// Whether a probe file is made, read back and deleted. Without it nothing is written.
    pub probe: bool,
    /// How long to wait.
    pub limits: Limits,
    /// Who looks up the servers' names; the system where it is `None`.
    pub resolver: Option<Arc<dyn Resolve>>,
    /// Who is asked before each sign-in.
    pub gate: Option<Arc<dyn Gate>>,
}

/// How long each part of a test may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Name look-up and TCP connection, 5 s by default.
    pub connect: Duration,
    /// Each exchange after that, 10 s by default.
    pub operation: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), operation: Duration::from_secs(10) }
    }
}

/// Stands before every sign-in: the lockout budget of the account.
pub trait Gate: Send + Sync {
    /// Called when the server has answered and just before the password goes out. An error keeps the sign-in from being
    /// sent; the server's verdict is then `not-started` with that error.
    fn before_sign_in<'a>(&'a self, server: &'a HomeServer) -> BoxFuture<'a, Result<()>>;

    /// Called once the outcome of a sign-in that was sent is known.
    fn after_sign_in<'a>(&'a self, server: &'a HomeServer, outcome: SignIn) -> BoxFuture<'a, ()>;
}

/// What became of a sign-in that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// The server accepted the account.
    Accepted,
    /// The server refused the account; it may have counted as a wrong password.
    Refused,
    /// The server kept the account out for another reason than its password, e.g. because it is disabled.
    Barred,
    /// No answer, or one that says nothing about the account. It may have counted all the same.
    Unknown,
}

/// Whether `error` refuses the account itself, so that no other server need be asked.
#[must_use]
pub fn refuses_credential(error: &Error) -> bool {
    refusal::is_of_the_account(error)
}

/// Whether a server answers; nobody signs in.
///
/// # Errors
/// Of a server that does not, or with which no dialect can be agreed on.
pub async fn answers(server: &HomeServer, options: &Options) -> Result<()> {
    if server.provider != Provider::UncDirect {
        return Ok(());
    }
    Client::negotiate(server, options).await.map(|_| ())
}

/// Tests one server. What goes wrong is in the report.
pub async fn test_server(server: &HomeServer, identity: &Identity, options: &Options) -> ServerReport {
    test_in_turn(server, identity, options, &Turn::default()).await
}

/// Tests all `servers` at once and reports in their order. Sign-ins alone go one by one: once one of them is refused for
/// the account's sake, no other is sent, and the remaining servers are `not-started`.
pub async fn test_servers(servers: &[HomeServer], identity: &Identity, options: &Options) -> Vec<ServerReport> {
    let turn = Turn::default();
    let tests = servers.iter().map(|server| test_in_turn(server, identity, options, &turn));
    stream::iter(tests.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await
}

async fn test_in_turn(server: &HomeServer, identity: &Identity, options: &Options, turn: &Turn) -> ServerReport {
    if server.provider != Provider::UncDirect {
        let skipped = Stop { verdict: Verdict::Skipped, error: not_reached_by_path(server) };
        return Record::begin(Vec::new()).finish(server.clone(), Err(skipped));
    }
    let mut planned = vec![Stage::Negotiate, Stage::SignIn, Stage::TreeConnect];
    planned.extend(options.probe.then_some(Stage::Probe));
    let mut record = Record::begin(planned);
    let outcome = perform(&mut record, server, identity, options, turn).await;
    record.finish(server.clone(), outcome)
}

async fn perform(
    record: &mut Record,
    server: &HomeServer,
    identity: &Identity,
    options: &Options,
    turn: &Turn,
) -> Result<(), Stop> {
    let mut client = record.stage(Stage::Negotiate, Client::negotiate(server, options)).await?;
    record.dialect = client.dialect();
    record.stage(Stage::SignIn, turn.sign_in(&mut client, identity, options.gate.as_deref())).await?;
    record.signed = client.is_signed();
    let share = record
        .stage(Stage::TreeConnect, async {
            let share = client.connect_share().await?;
            if !server.path.is_empty() {
                probe::folder(&client, &share).await?;
            }
            Ok::<_, Error>(share)
        })
        .await?;
    record.encrypted = client.is_encrypted();
    if options.probe {
        record.stage(Stage::Probe, probe::probe(&client, &share)).await?;
    }
    Ok(())
}

fn not_reached_by_path(server: &HomeServer) -> Error {
    let provider = server.provider;
    Error::new("home.provider", format!("{server} has the provider {provider}; Libretto reaches UNC paths only"))
        .hint("share the folder and set the provider unc-direct with its path, //server/share")
}
