//! `cloud::rotate`, `cloud::unfinished`, `cloud::recover`: the credential transaction of apps, as scripts call it.

use std::{sync::Arc, time::Duration};

use rhai::Dynamic;

use super::{
    dependents::OfApp,
    reporter::Reporter,
    way::{Waits, Way, home_of, known},
    writes,
};
use crate::{
    api::{conn::Named, credentials},
    cloud::Waiting,
    connection::{self, Connection, Scope},
    error::{Error, Result},
    rotation::{
        app::{self, Home, LATE, LIFETIME, OVERLAP, Outcome, Request},
        recover::{Recovered, Unfinished},
    },
    script::{
        context::{Context, CredentialState},
        operation::{Namespace, Spec},
        value::{Fields, FromScript, Record, Span},
    },
    secret::Secret,
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            writes(
                "rotate(conn: connection, options?: map) -> record of verdict, app, form, version, key_id, ends, home, connections, dependents, retiring, access_ends, stages, error",
                "Gives the connection's app another secret or certificate, once for all connections that sign in as it, and loses neither: \
                 preflight (the home connection that `app_home` names may change the registration, the tenant's app management policy, every \
                 dependent answers), record, add (under the transaction's id), prove with fresh sign-ins (\"not yet\" is waited for), promote, \
                 hand it to the agents' copies and the engine's routes of all its connections (where the script has `agent:write` and \
                 `we:write`), retire the one before. That one works on for the overlap; a later rotation or `libretto recover` removes it \
                 then, unless an agent still has it. Options: `certificate` (the new one with its key, PEM, as a secret; only where the app \
                 signs in with one), `lifetime` of a secret (180 days, or what the policy allows), `overlap` (7 days; 24 hours at least), \
                 `revoke` (`now`: removed at once, and `access_ends` says when tokens end), `allow_down` (go on without dependents that are \
                 down), `insist` (also `break-glass`), `wait` (how long \"not known\" means \"not yet\"; `--wait` unless told), `pause` (between \
                 two sign-ins; 5 s, or what config.toml says). Needs the grant `connection:write` as well. Least permission: `Application.ReadWrite.OwnedBy` in the \
                 app's home tenant, and being an owner of the registration.",
                r#"try { print(cloud::rotate(conn::get("contoso")).version) } catch (e) { print(e.code) }"#,
            ),
            rotate,
        )
        .operation(
            Spec {
                signature: "unfinished(connection?: connection or text) -> array of records of transaction, account, connection, connections, begun, by, stage, pinned, targets, via, known, plan, versions, alive",
                grant: None,
                doc: "What waits for a recovery of apps' credentials, oldest first: rotations that were cut short, those that left dependents \
                      open, and credentials whose overlap is over. As `ad::unfinished` tells it of passwords.",
                example: r"for one in cloud::unfinished() { print(`${one.account}: ${one.known}`) }",
            },
            unfinished,
        )
        .operation(
            writes(
                "recover(transaction: text, options?: map) -> record of verdict, transaction, account, connections, found, valid, done, targets, dependents, error",
                "Settles one of them: goes on where it was cut short, or removes what was added and is known to nobody (it is found in the \
                 registration by the transaction's id), hands the new credential to those that have not taken it, and removes one whose \
                 overlap is over. What the app signs in with is valid all the while. Options: `wait` and `pause` as in `cloud::rotate`. Needs \
                 the grant `connection:write` as well.",
                r"for one in cloud::unfinished() { print(cloud::recover(one.transaction).done) }",
            ),
            recover,
        )
}

#[derive(Default)]
struct Options {
    certificate: Option<Secret>,
    lifetime: Option<Span>,
    overlap: Option<Span>,
    revoke: bool,
    allow_down: bool,
    insist: bool,
    wait: Option<Span>,
    pause: Option<Span>,
}

impl FromScript for Options {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let options = Self {
            certificate: fields.take("certificate")?,
            lifetime: fields.take("lifetime")?,
            overlap: fields.take("overlap")?,
            revoke: match fields.take::<String>("revoke")?.as_deref() {
                None | Some("no") => false,
                Some("now") => true,
                Some(other) => return Err(format!("revoke must be now or no, not {other}")),
            },
            allow_down: fields.take("allow_down")?.unwrap_or(false),
            insist: fields.take("insist")?.unwrap_or(false),
            wait: fields.take("wait")?,
            pause: fields.take("pause")?,
        };
        fields.finish()?;
        if options.revoke && options.overlap.is_some() {
            return Err("has an overlap, and revokes at once".to_owned());
        }
        Ok(options)
    }
}

async fn rotate(context: Context, (connection, options): (Connection, Option<Options>)) -> Result<Record<Outcome>> {
    context.world.grants.require("connection:write", "cloud::rotate")?;
    let reporter = Reporter::new(&context, connection.settings.app().unwrap_or(&connection.username));
    let rotated = match request(&context, &connection, options.unwrap_or_default()).await {
        Ok(request) => Box::pin(app::rotate(&request, &reporter)).await,
        Err(error) => Err(error),
    };
    let rotated = reporter.settle(rotated).await?;
    note(&context, &connection, rotated.connections.clone()).await?;
    Ok(Record(rotated))
}

async fn request(context: &Context, connection: &Connection, options: Options) -> Result<Request> {
    let (id, world) = (connection.id, &context.world);
    if let Some(CredentialState::Candidate(_)) = context.credential_state(id) {
        return Err(Error::new(
            "rotation.unproven_candidate",
            format!("this run has given {} credentials that the cloud has not accepted yet", connection.name),
        )
        .hint("test them first: cloud::test(conn)"));
    }
    let connection = context.blocking(move |context| connection::by_id(&context.world.store, id)).await?;
    let (app, home) = home_of(context, &connection).await?;
    let known = known(context).await?;
    let home_way = Way::to(context, &home).await?;
    let usual = Waiting::default();
    let late = world.config.recover.late_seconds.map_or(LATE, |seconds| LATE.min(Duration::from_secs(seconds)));
    Ok(Request {
        store: world.store.clone(),
        identity: context.blocking(|context| context.identity().cloned()).await?,
        tenant: known.tenant(&connection.domain).await?,
        connection,
        app,
        cloud: known.cloud.clone(),
        home: Home { connection: home.name, domain: home.domain, sign_in: home_way.sign_in },
        scope: world.scope.clone(),
        who: world.who(),
        run: Some(world.run.clone()),
        certificate: options.certificate,
        lifetime: options.lifetime.map_or(LIFETIME, |Span(span)| span),
        overlap: options.overlap.map_or(OVERLAP, |Span(span)| span),
        revoke: options.revoke,
        allow_down: options.allow_down,
        insist: options.insist,
        waiting: Waiting {
            at_most: options.wait.map_or(world.options.wait, |Span(wait)| wait),
            pause: options.pause.map_or_else(|| pause(context), |Span(pause)| pause),
            ..usual
        },
        late,
        dependents: Arc::new(OfApp::new(context)),
        hurry: context.hurry.clone(),
        now: world.host.now(),
    })
}

/// Between two sign-ins that prove a new credential.
pub(super) fn pause(context: &Context) -> Duration {
    let told = context.world.config.cloud.pause_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    told.unwrap_or(Waiting::default().pause)
}

/// The rest of the run signs in with what is current now.
async fn note(context: &Context, connection: &Connection, names: Vec<String>) -> Result<()> {
    let ids = context.blocking(move |context| {
        let store = &context.world.store;
        names.iter().map(|name| Ok(connection::get(store, name, &Scope::all())?.id)).collect::<Result<Vec<_>>>()
    });
    let ids = ids.await.unwrap_or_else(|_| vec![connection.id]);
    context.world.accounts.forget(&credentials::account_of(context, connection).await?);
    for id in ids {
        context.note_credential(id, None);
    }
    Ok(())
}

async fn unfinished(context: Context, (named,): (Option<Named>,)) -> Result<Vec<Record<Unfinished>>> {
    let connection = named.map(|Named(name)| name);
    context
        .blocking(move |context| {
            let world = &context.world;
            let all = app::unfinished(&world.store, connection.as_deref(), &world.scope, world.host.now())?;
            Ok(all.into_iter().map(Record).collect())
        })
        .await
}

async fn recover(context: Context, (transaction, patience): (String, Option<Waits>)) -> Result<Record<Recovered>> {
    context.world.grants.require("connection:write", "cloud::recover")?;
    let id = transaction.clone();
    let (found, connection) = context
        .blocking(move |context| {
            let world = &context.world;
            let found = app::find(&world.store, &id, &world.scope, world.host.now())?;
            let connection = connection::get(&world.store, &found.connection, &world.scope)?;
            Ok((found, connection))
        })
        .await?;
    let Waits { wait, pause } = patience.unwrap_or_default();
    let reporter = Reporter::new(&context, &found.account);
    let recovered = match request(&context, &connection, Options { wait, pause, ..Options::default() }).await {
        Ok(request) => Box::pin(app::recover(&request, &transaction, &reporter)).await,
        Err(error) => Err(error),
    };
    let mut recovered = reporter.settle_recovery(recovered).await?;
    recovered.connections = found.connections;
    note(&context, &connection, recovered.connections.clone()).await?;
    Ok(Record(recovered))
}
