//! `cloud::migrate`: a connection that signs in with a user and a password signs in as an app from here on, once that is proven.

use std::time::Instant;

use rhai::Dynamic;

use super::{rotate::pause, way::known, way::proof, writes};
use crate::{
    cloud::{Freshness, Proof, SignIn, TestReport, Waiting, errors::may_not_be_known_yet},
    connection::{
        self, Change, Connection, Given, Settings, certificate,
        credentials::{self, Credential, Form},
    },
    error::{Error, Result},
    net::http::authority,
    script::{
        context::Context,
        operation::Namespace,
        value::{Fields, FromScript},
    },
    secret::Secret,
    verdict::Verdict,
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace.operation(
        writes(
            "migrate(conn: connection, app: map) -> connection",
            "Lets a connection that signs in with a user and a password sign in as an app. First the app signs in to the connection's tenant, \
             anew, and is tested there (organization, domain, licences); only then is the connection switched, in the store. The user's \
             password is kept among the versions, and nothing is changed in the tenant. `app`: `client_id`, with `certificate` (PEM with its \
             key) or `secret` (both are secrets), or with neither where another connection signs in as the same app; `app_home` (the \
             connection of the tenant that holds the app's registration; its own name where it is that one). An app that is not known yet is \
             tried again for as long as `--wait` says. Needs the grant `connection:write` as well.",
            r#"try { cloud::migrate(conn::get("contoso"), #{ client_id: "7f9b7a3e-0c2a-4f0c-8a52-b2a3b6b1a111", secret: secret::generate() }) } catch (e) { print(e.code) }"#,
        ),
        migrate,
    )
}

/// The app as a script describes it.
struct App {
    client_id: String,
    certificate: Option<Secret>,
    secret: Option<Secret>,
    home: Option<String>,
}

impl FromScript for App {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let app = Self {
            client_id: fields.take("client_id")?.ok_or("needs a `client_id`, the app's id")?,
            certificate: fields.take("certificate")?,
            secret: fields.take("secret")?,
            home: fields.take("app_home")?,
        };
        fields.finish()?;
        if app.certificate.is_some() && app.secret.is_some() {
            return Err("has both a `certificate` and a `secret`".to_owned());
        }
        Ok(app)
    }
}

/// What the app shows: given, or what other connections of the app sign in with.
struct Shown {
    form: Form,
    secret: Secret,
    is_given: bool,
}

async fn migrate(context: Context, (connection, app): (Connection, App)) -> Result<Connection> {
    context.world.grants.require("connection:write", "cloud::migrate")?;
    let id = connection.id;
    let before = context.blocking(move |context| connection::by_id(&context.world.store, id)).await?;
    refuse_app(&before)?;
    let shown = shown(&context, &app).await?;
    let (domain, name) = (&before.domain, &before.name);
    let did_not = format!("{name}: signs in as {} as before", before.username);
    let begun = Instant::now();
    let tested = test(&context, &before, &app, &shown).await;
    let (verdict, note, error) = match &tested {
        Ok((report, _)) => (Verdict::Ok, format!("{}, as the app {}", report.id, app.client_id), None),
        Err(error) => (error.verdict(), String::new(), Some(error)),
    };
    context.check_finished(domain, verdict, begun.elapsed(), &note, error);
    let (on, tested) = match tested {
        Ok((_, on)) => (on, Ok(())),
        Err(error) => (String::new(), Err(error)),
    };
    let did = format!("{name}: signs in as the app {} and no more as {}", app.client_id, before.username);
    let write = context.write("cloud.migrate", name, &did, &did_not).await?;
    let switched = match tested {
        Ok(()) => context.blocking(move |context| switch(context, &before, &app, shown, &on)).await,
        Err(error) => Err(error),
    };
    write.settle_by(switched).await
}

fn refuse_app(connection: &Connection) -> Result<()> {
    match connection.msonline()?.client_id.as_ref() {
        None => Ok(()),
        Some(app) => Err(Error::new("cloud.is_app", format!("{} signs in as the app {app} already", connection.name))
            .hint("`cloud::rotate` gives the app another secret or certificate; another app comes by `libretto connections edit`")),
    }
}

async fn shown(context: &Context, app: &App) -> Result<Shown> {
    if let Some(pem) = &app.certificate {
        certificate::check(pem.expose(), context.world.host.now())?;
        return Ok(Shown { form: Form::Certificate, secret: pem.clone(), is_given: true });
    }
    if let Some(secret) = &app.secret {
        return Ok(Shown { form: Form::ClientSecret, secret: secret.clone(), is_given: true });
    }
    let client_id = app.client_id.clone();
    context
        .blocking(move |context| {
            let (store, host) = (&context.world.store, &context.world.host);
            let nobody = || {
                Error::new("connection.new_app", format!("nobody has given the secret of {client_id} yet"))
                    .hint("give its certificate or its secret as well")
            };
            let current = connection::apps::current_of(store, &client_id)?.ok_or_else(nobody)?;
            let secret = open(context, store, host, &current)?;
            Ok(Shown { form: current.form, secret, is_given: false })
        })
        .await
}

fn open(
    context: &Context,
    store: &crate::store::Store,
    host: &crate::host::Host,
    current: &Credential,
) -> Result<Secret> {
    match current.reference {
        Some(_) => credentials::fetch(store, host, current),
        None => credentials::open(store, context.identity()?, current),
    }
}

/// The app in the connection's tenant: signed in anew, and tested. Answers where, too.
async fn test(context: &Context, before: &Connection, app: &App, shown: &Shown) -> Result<(TestReport, String)> {
    let known = known(context).await?;
    let sign_in = SignIn {
        tenant: known.tenant(&before.domain).await?,
        app: app.client_id.clone(),
        proof: proof(&app.client_id, &shown.secret, shown.form),
        version: None,
    };
    debug_assert!(!matches!(sign_in.proof, Proof::Password { .. }));
    let at_most = context.world.options.wait;
    let graph = match known.cloud.sign_in(&sign_in, Freshness::Fresh).await {
        Err(error) if may_not_be_known_yet(error.code()) && at_most > pause(context) => {
            let waiting = Waiting { at_most, pause: pause(context), ..Waiting::default() };
            tokio::select! {
                proven = known.cloud.prove(&sign_in, &waiting) => proven.map(drop)?,
                () = context.hurry.cancelled() => return Err(error),
            }
            known.cloud.sign_in(&sign_in, Freshness::Cached).await?
        }
        signed_in => signed_in?,
    };
    Ok((graph.test(&before.domain).await?, authority(&sign_in.tenant.login)))
}

fn switch(context: &Context, before: &Connection, app: &App, shown: Shown, on: &str) -> Result<Connection> {
    let (store, scope) = (&context.world.store, &context.world.scope);
    let Settings::MsOnline(mut online) = before.settings.clone() else {
        return before.msonline().map(|_| before.clone());
    };
    online.client_id = Some(app.client_id.clone());
    online.certificate = shown.form == Form::Certificate;
    if app.home.is_some() {
        online.app_home.clone_from(&app.home);
    }
    let change = Change {
        username: Some(app.client_id.clone()),
        settings: Some(Settings::MsOnline(online)),
        secret: shown.is_given.then_some(Given::Secret(shown.secret)),
        ..Change::default()
    };
    let after = connection::edit(store, &before.name, scope, &change)?;
    if let Some(current) = credentials::current(store, &after)?.filter(|current| current.proven_at.is_none()) {
        credentials::mark_proven(store, current.id, on)?;
    }
    context.note_credential(after.id, None);
    Ok(after)
}
