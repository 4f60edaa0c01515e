//! `ad::rotate`: the credential transaction, as scripts call it and as runs show it.

use std::{sync::Arc, time::Duration};

use rhai::Dynamic;

use super::{access, dependents::OfAccount, reporter::Reporter, writes};
use crate::{
    api::credentials,
    connection::{
        self, Connection, Scope,
        former::{self, Which},
    },
    error::{Error, Result},
    rotation::{self, OnFailure, Outcome, Request, Via, lockout::LockoutOptions},
    script::{
        context::{Context, CredentialState},
        operation::Namespace,
        value::{Fields, FromScript, Record, Span},
    },
    secret::{Secret, generate::Recipe},
    store::rows::CredentialId,
    verdict::Verdict,
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace.operation(
        writes(
            "rotate(conn: connection, options?: map) -> record of verdict, principal, version, pinned, connections, targets, dependents, access_ends, stages, error",
            "Gives the connection's account a new password, in the directory and in the store, and loses neither: preflight, record, \
             change on one target (the PDC emulator where it answers), prove with one sign-in, wait until the other targets have it, hand \
             it to what depends on it (the account's other connections, home-directory servers where the script has `home:test`, \
             declared procedures), make it current for every connection of the account. A dependent that cannot take it makes the \
             verdict `partial`. The account changes its own password; with `via` on the connection an \
             administrative one resets it. Options: `password` (generated for the policy when left out), \
             `generate` (a map of how, as in `secret::generate`; what the policy would refuse is refused before anything is touched), `username` (another account needs \
             `via`), `allow_down` (go on without targets that are down), `insist` (also what is never rotated: built-in, managed and \
             `break-glass` accounts), `version` (the number of an earlier version whose password comes back, or `\"previous\"` for the \
             newest previous one that was proven), `wait` (how long targets may lag; `--wait` unless told), `on_failure` (`keep`, or `undo`: when a dependent fails, the old \
             password is put back, where the policy lets it), `revoke` (`now`: somebody knows the old one who must not, so it is changed \
             twice, and `access_ends` says when that ends). A target that lags is `inconclusive` and is \
             not signed in on in this run. Needs the grant `connection:write` as well.",
            r#"let rotated = ad::rotate(conn::get("lab-ad")); print(`version ${rotated.version}: ${rotated.verdict}`);"#,
        ),
        rotate,
    )
}

#[derive(Default)]
struct Options {
    password: Option<Secret>,
    generate: Option<Recipe>,
    username: Option<String>,
    version: Option<Version>,
    allow_down: bool,
    insist: bool,
    wait: Option<Span>,
    on_failure: OnFailure,
    revoke: bool,
}

/// An earlier version, by its number or as `"previous"`.
struct Version(Which);

impl FromScript for Version {
    const TYPE: &'static str = "int";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let wrong = "must be the number of a version, or \"previous\"";
        if value.is_string() {
            let word = String::from_script(value)?;
            return if word == "previous" { Ok(Self(Which::Previous)) } else { Err(wrong.to_owned()) };
        }
        i64::from_script(value).map(|number| Self(Which::Version(number))).map_err(|_| wrong.to_owned())
    }
}

impl FromScript for Options {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let options = Self {
            password: fields.take("password")?,
            generate: fields.take("generate")?,
            username: fields.take("username")?,
            version: fields.take("version")?,
            allow_down: fields.take("allow_down")?.unwrap_or(false),
            insist: fields.take("insist")?.unwrap_or(false),
            wait: fields.take("wait")?,
            on_failure: match fields.take::<String>("on_failure")?.as_deref() {
                None | Some("keep") => OnFailure::Keep,
                Some("undo") => OnFailure::Undo,
                Some(other) => return Err(format!("on_failure must be keep or undo, not {other}")),
            },
            revoke: fields.take::<Now>("revoke")?.is_some_and(|Now(now)| now),
        };
        fields.finish()?;
        if options.version.is_some() && (options.password.is_some() || options.username.is_some()) {
            return Err("has a version, which brings its own password and keeps the account's name".to_owned());
        }
        let is_given = options.version.is_some() || options.password.is_some();
        if is_given && options.generate.as_ref().is_some_and(|recipe| *recipe != Recipe::default()) {
            return Err("says how to generate a password, and says which it is".to_owned());
        }
        Ok(options)
    }
}

/// `"now"`, or a truth value; `"no"` is none.
struct Now(bool);

impl FromScript for Now {
    const TYPE: &'static str = "text";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        if let Ok(now) = value.as_bool() {
            return Ok(Self(now));
        }
        match String::from_script(value)?.as_str() {
            "now" => Ok(Self(true)),
            "no" => Ok(Self(false)),
            other => Err(format!("revoke must be now or no, not {other}")),
        }
    }
}

async fn rotate(context: Context, (connection, options): (Connection, Option<Options>)) -> Result<Record<Outcome>> {
    context.world.grants.require("connection:write", "ad::rotate")?;
    let options = options.unwrap_or_default();
    let twice = options.revoke || options.on_failure == OnFailure::Undo;
    let reporter = Reporter::new(&context, &connection, twice);
    let rotated = match request(&context, &connection, options).await {
        Ok(request) => Box::pin(rotation::rotate(&request, &reporter)).await,
        Err(error) => Err(error),
    };
    let rotated = reporter.settle(rotated).await?;
    note(&context, &connection, rotated.unproven(), rotated.connections.clone()).await?;
    if let Some(ends) = &rotated.access_ends {
        context.check_finished("access ends", Verdict::Ok, Duration::ZERO, ends, None);
    }
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
        who: world.who(),
        run: Some(world.run.clone()),
        username: options.username,
        generate: options.generate.unwrap_or_default(),
        candidate_of: candidate_of(context, connection, options.version, options.insist).await?,
        password: options.password,
        allow_down: options.allow_down,
        insist: options.insist,
        lockout: lockout(context),
        wait: options.wait.map_or(world.options.wait, |Span(wait)| wait),
        dependents: Arc::new(OfAccount::new(context)),
        on_failure: options.on_failure,
        revoke: options.revoke,
        hurry: context.hurry.clone(),
    })
}

/// How careful this run is with sign-ins.
pub(super) fn lockout(context: &Context) -> LockoutOptions {
    let world = &context.world;
    LockoutOptions { assumed: world.config.lockout.rules(), insist: world.options.insist }
}

/// The version that is to come back. By its row, for its number changes when two principals turn out to be one account.
async fn candidate_of(
    context: &Context,
    connection: &Connection,
    version: Option<Version>,
    insist: bool,
) -> Result<Option<CredentialId>> {
    let Some(Version(which)) = version else { return Ok(None) };
    let id = connection.id;
    let chosen = context.blocking(move |context| {
        let store = &context.world.store;
        former::choose(store, &connection::by_id(store, id)?, which, insist)
    });
    Ok(Some(chosen.await?.id))
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
        credential: sign_in.credential.id,
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
