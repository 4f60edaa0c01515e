//! `ad::unfinished` and `ad::recover`: what a rotation left that was cut short, as scripts see it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use rhai::Dynamic;

use super::{access, dependents::OfAccount, reads, rotate, writes};
use crate::{
    api::conn::Named,
    connection::{self, Connection, Scope, credentials},
    directory::{Endpoint, Identity, Target},
    error::{Error, Result},
    rotation::{
        self, Announcement, DependentReport, NewSecret, Observer, StageReport, TargetReport,
        recover::{self, LATE, Onlooker, Recovered, Request, Unfinished},
    },
    script::{
        context::{Context, Write},
        operation::Namespace,
        value::{Fields, FromScript, Record, Span},
    },
    secret::Secret,
    store::{journal, runs::WriteState},
    verdict::Verdict,
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            reads(
                "unfinished(connection?: connection or text) -> array of records of transaction, account, connection, connections, begun, by, stage, pinned, targets, via, known, plan, versions, alive",
                "Credential transactions that wait for a recovery, oldest first: those that were cut short, and those that ended with \
                 targets that are not proven yet (`targets`). All of them, or those of one connection's account. From the store alone; \
                 nobody is asked. `known` says what is known, `plan` what `ad::recover` will do; `alive` is who works at it right now \
                 (`who`, `since`), and nothing is to be recovered then.",
                r"for one in ad::unfinished() { print(`${one.account}: ${one.known}`) }",
            ),
            unfinished,
        )
        .operation(
            writes(
                "recover(transaction: text, options?: map) -> record of verdict, transaction, account, connections, found, valid, done, targets, error",
                "Finds out which secret is valid, with at most one sign-in per secret on the target that was changed, and finishes the \
                 transaction or undoes it. What it cannot find out it throws; the transaction stays open then, and every secret is kept. \
                 Where nobody can tell yet because a late write may still land, it waits for that. Options: `password` (one that an \
                 administrator has set meanwhile: tried as well), `insist` (try again what was refused before), `wait` (how long targets \
                 may lag; `--wait` unless told). Needs the grant `connection:write` as well.",
                r"for one in ad::unfinished() { print(ad::recover(one.transaction).done) }",
            ),
            perform,
        )
}

async fn unfinished(context: Context, (named,): (Option<Named>,)) -> Result<Vec<Record<Unfinished>>> {
    let connection = named.map(|Named(name)| name);
    context
        .blocking(move |context| {
            let world = &context.world;
            let all = recover::unfinished(&world.store, connection.as_deref(), &world.scope)?;
            Ok(all.into_iter().map(Record).collect())
        })
        .await
}

#[derive(Default)]
struct Options {
    password: Option<Secret>,
    insist: bool,
    wait: Option<Span>,
}

impl FromScript for Options {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let options = Self {
            password: fields.take("password")?,
            insist: fields.take("insist")?.unwrap_or(false),
            wait: fields.take("wait")?,
        };
        fields.finish().map(|()| options)
    }
}

async fn perform(context: Context, (transaction, options): (String, Option<Options>)) -> Result<Record<Recovered>> {
    context.world.grants.require("connection:write", "ad::recover")?;
    let (found, connection) = context
        .blocking(move |context| {
            let world = &context.world;
            let found = recover::find(&world.store, &transaction, &world.scope)?;
            let connection = connection::get(&world.store, &found.connection, &world.scope)?;
            Ok((found, connection))
        })
        .await?;
    let account = found.account.clone();
    let watcher = Watcher { context: context.clone(), account, write: Mutex::new(None) };
    let request = request(&context, &connection, found, options.unwrap_or_default(), &watcher).await?;
    let recovered = Box::pin(recover::recover(&request, &watcher)).await;
    let recovered = watcher.settle(recovered).await?;
    let recovered = hand(&context, &connection, &request, recovered, &watcher).await?;
    let unproven = recovered.targets.iter().filter(|target| target.verdict != Verdict::Ok);
    let unproven = unproven.map(|target| target.target.clone()).collect();
    rotate::note(&context, &connection, unproven, recovered.connections.clone()).await?;
    Ok(Record(recovered))
}

async fn request(
    context: &Context,
    connection: &Connection,
    found: Unfinished,
    options: Options,
    watcher: &Watcher,
) -> Result<Request> {
    let world = &context.world;
    // Without it the account itself is asked.
    let via = rotate::via(context, connection).await.unwrap_or_else(|error| {
        watcher.told("via", &format!("of no use here: {error}"));
        None
    });
    Ok(Request {
        store: world.store.clone(),
        identity: context.blocking(|context| context.identity().cloned()).await?,
        like: access::endpoint(context, connection, &found.pinned)?,
        targets: targets(context, connection, &found.connections).await?,
        named: named(context, &found.connections).await?,
        transaction: found.transaction,
        connection: found.connection,
        connections: found.connections,
        via,
        who: world.who(),
        run: Some(world.run.clone()),
        password: options.password,
        insist: options.insist,
        lockout: rotate::lockout(context),
        wait: options.wait.map_or(world.options.wait, |Span(wait)| wait),
        late: world.config.recover.late_seconds.map_or(LATE, Duration::from_secs),
        hurry: context.hurry.clone(),
    })
}

/// The targets of the account's connections, each as its own connection reaches it; this one's first. One whose targets
/// cannot be told brings none.
async fn targets(context: &Context, connection: &Connection, names: &[String]) -> Result<Vec<Endpoint>> {
    let (names, own) = (names.to_vec(), connection.id);
    let others = context.blocking(move |context| {
        let get = |name: &String| connection::get(&context.world.store, name, &Scope::all()).ok();
        Ok(names.iter().filter_map(get).filter(|one| one.id != own).collect::<Vec<_>>())
    });
    let mut targets: Vec<Endpoint> = Vec::new();
    for one in std::iter::once(connection).chain(&others.await?) {
        for endpoint in access::endpoints(context, one).await.unwrap_or_default() {
            if targets.iter().all(|known| known.target.to_string() != endpoint.target.to_string()) {
                targets.push(endpoint);
            }
        }
    }
    Ok(targets)
}

/// Every target that these connections name, and those that go over them, also one that does not answer. `None` where that
/// cannot be told in full: a target that is missing for that is not gone.
async fn named(context: &Context, names: &[String]) -> Result<Option<Vec<Target>>> {
    let names = names.to_vec();
    let connections = context.blocking(move |context| {
        let get = |name: &String| connection::get(&context.world.store, name, &Scope::all());
        let over = connection::that_go_over(&context.world.store, &names)?;
        names.iter().chain(&over).map(get).collect::<Result<Vec<_>>>()
    });
    let Ok(connections) = connections.await else { return Ok(None) };
    let mut found = Vec::new();
    for one in connections.iter().filter(|one| one.ad().is_ok()) {
        match access::named(context, one).await {
            Ok(targets) => found.extend(targets),
            Err(error) => {
                tracing::info!("{}: its targets cannot be told: {error}", one.name);
                return Ok(None);
            }
        }
    }
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// Hands the password to the dependents that have not taken it, once every target has it.
async fn hand(
    context: &Context,
    connection: &Connection,
    request: &Request,
    recovered: Recovered,
    watcher: &Watcher,
) -> Result<Recovered> {
    if recovered.verdict != Verdict::Ok {
        return Ok(recovered);
    }
    let (transaction, own) = (request.transaction.clone(), connection.id);
    let found = context.blocking(move |context| {
        let store = &context.world.store;
        let rotation = journal::get(store, &transaction)?;
        let Some(candidate) = rotation.and_then(|rotation| rotation.candidate) else { return Ok(None) };
        if rotation::open_dependents(store, &transaction)?.is_empty() {
            return Ok(None);
        }
        let credential = credentials::by_id(store, candidate)?;
        // Read again: which connections are the account's may have changed, here by the recovery itself.
        let names = credentials::connections_of(store, credential.principal)?;
        let connections = names.iter().map(|name| connection::get(store, name, &Scope::all()));
        let mut connections = connections.collect::<Result<Vec<_>>>()?;
        connections.sort_by_key(|connection| connection.id != own);
        let password = credentials::open(store, context.identity()?, &credential)?;
        Ok(Some((credential, password, connections)))
    });
    let Some((credential, password, connections)) = found.await? else { return Ok(recovered) };
    let dependents = OfAccount::new(context).others(&connections)?;
    let secret = NewSecret {
        identity: Identity { name: credential.username.clone(), password },
        principal: credential.principal,
        credential: credential.id,
        version: credential.version,
        unproven: Vec::new(),
    };
    let again = rotation::retry_dependents(request, &secret, &dependents, watcher).await?;
    Ok(recovered.handed(again))
}

/// Shows what is found out as checks of the step, and keeps the run's record of what is changed in the store.
struct Watcher {
    context: Context,
    account: String,
    write: Mutex<Option<Write>>,
}

impl Watcher {
    async fn settle(&self, recovered: Result<Recovered>) -> Result<Recovered> {
        let write = self.write.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (write, &recovered) {
            (Some(write), _) => write.settle_by(recovered).await,
            (None, Err(error)) if error.code() != "rotation.busy" => {
                let write = self.context.write("ad.recover", &self.account, "", &self.open()).await?;
                write.settle(WriteState::Failed).await?;
                recovered
            }
            (None, _) => recovered,
        }
    }

    fn open(&self) -> String {
        format!("credential of {}: not settled, every version is kept", self.account)
    }
}

impl Observer for Watcher {
    fn stage_ended(&self, _: &StageReport, _: Option<&Error>) {}

    fn target_ended(&self, report: &TargetReport) {
        Onlooker::target_ended(self, report);
    }

    fn dependent_ended(&self, report: &DependentReport) {
        let took = Duration::from_millis(report.ms);
        self.context.check_finished(&report.name, report.verdict, took, &report.note, None);
    }

    fn change_announced<'a>(&'a self, _: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

impl Onlooker for Watcher {
    fn told(&self, what: &str, note: &str) {
        self.context.check_finished(what, Verdict::Ok, Duration::ZERO, note, None);
    }

    fn target_ended(&self, report: &TargetReport) {
        let took = Duration::from_millis(report.ms);
        self.context.check_finished(&report.target, report.verdict, took, &report.note, None);
    }

    fn settling<'a>(&'a self, done: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let write = self.context.write("ad.recover", &self.account, done, &self.open()).await?;
            *self.write.lock().unwrap_or_else(PoisonError::into_inner) = Some(write);
            Ok(())
        })
    }
}
