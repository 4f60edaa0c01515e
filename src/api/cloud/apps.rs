//! The secrets and certificates of a connection's app, by themselves: `cloud::rotate` does all of it, and loses none.

use rhai::Dynamic;
use serde::Serialize;

use super::{
    Shown,
    rotate::pause,
    way::{Waits, Way, home_of, not_home},
    writes,
};
use crate::{
    cloud::{AppCredential, Application, CredentialKind, Freshness, Graph, Proof, Proven, SignIn, Waiting},
    connection::Connection,
    error::{Error, Result},
    rotation::app::LIFETIME,
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::{Fields, FromScript, IntoScript, Record, Span, map},
    },
    secret::Secret,
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            Spec {
                signature: "app_credentials(conn: connection) -> record of app, object, name, credentials",
                grant: None,
                doc: "The secrets and certificates of the connection's app, read in the tenant that holds its registration (the connection that \
                      `app_home` names): `key_id`, `kind` (`secret`, `certificate`), `display_name`, `starts`, `ends`, `current` (whether the \
                      connection signs in with it, as far as Graph tells that). Least permission: `Application.Read.All`.",
                example: r#"try { print(cloud::app_credentials(conn::get("contoso")).credentials.len()) } catch (e) { print(e.code) }"#,
            },
            list,
        )
        .operation(
            writes(
                "add_app_secret(conn: connection, name: text, options?: map) -> record of key_id, ends, secret",
                "Adds a secret to the connection's app, under a name that people see. `secret` is opaque: hand it on, nobody shows it again, \
                 and nothing stores it. Options: `lifetime` (180 days unless told). Least permission: `Application.ReadWrite.OwnedBy` in the \
                 app's home tenant.",
                r#"try { cloud::add_app_secret(conn::get("contoso"), "by hand").key_id } catch (e) { print(e.code) }"#,
            ),
            add_secret,
        )
        .operation(
            writes(
                "add_app_certificate(conn: connection, name: text, certificate: secret) -> record of key_id, ends",
                "Adds a certificate (PEM, with its key or without) to the connection's app; the app's present certificate proves that it may. \
                 Where the app signs in with a secret, Entra ID does not allow that. Least permission as for secrets.",
                r#"try { cloud::add_app_certificate(conn::get("contoso"), "by hand", secret::generate()) } catch (e) { print(e.code) }"#,
            ),
            add_certificate,
        )
        .operation(
            Spec {
                signature: "prove_app_credential(conn: connection, credential: secret, options?: map) -> record of attempts, not_yet, seconds",
                grant: None,
                doc: "Signs in to the connection's tenant as its app with a secret or a certificate (PEM with its key) that is not stored, each time \
                      anew, until that has succeeded three times in a row. \"Not known\" means \"not yet\" for as long as `wait` says (`--wait` \
                      unless told). Option: `pause` between two (5 s).",
                example: r#"try { cloud::prove_app_credential(conn::get("contoso"), secret::generate(), #{ wait: "0s" }) } catch (e) { print(e.code) }"#,
            },
            prove,
        )
        .operation(
            writes(
                "remove_app_credential(conn: connection, key_id: text) -> bool",
                "Removes a secret or a certificate of the connection's app; `false` when there is none of that id. The one that the connection \
                 signs in with is not removed (`cloud.own_credential`).",
                r#"try { cloud::remove_app_credential(conn::get("contoso"), "7f9b7a3e-0c2a-4f0c-8a52-b2a3b6b1a111") } catch (e) { print(e.code) }"#,
            ),
            remove,
        )
}

/// An app's registration, and who may change it.
struct Registration {
    home: Graph,
    application: Application,
    /// What the connection signs in with.
    own: SignIn,
}

async fn registration(context: &Context, connection: &Connection) -> Result<Registration> {
    let (app, home) = home_of(context, connection).await?;
    let own = Way::to(context, connection).await?.sign_in;
    let graph = Way::to(context, &home).await?.graph(context, Freshness::Cached).await?;
    let application = graph.application(&app).await.map_err(|error| not_home(error, &app, &home))?;
    Ok(Registration { home: graph, application, own })
}

impl Registration {
    /// The certificate that proves that the app may change its certificates.
    fn present(&self) -> Result<&Secret> {
        match &self.own.proof {
            Proof::Certificate(pem) => Ok(pem),
            _ => Err(Error::new(
                "cloud.no_certificate",
                format!("the app {} signs in with a secret, so it cannot prove that a certificate is its own", self.own.app),
            )
            .hint("add its first certificate in the portal (App registrations > Certificates & secrets), and give that to the connection")),
        }
    }
}

/// A credential as scripts see it: a secret's first characters are nobody's business.
#[derive(Serialize)]
struct Listed {
    key_id: String,
    kind: CredentialKind,
    display_name: Option<String>,
    starts: Option<String>,
    ends: Option<String>,
    current: bool,
}

#[derive(Serialize)]
struct Registered {
    app: String,
    object: String,
    name: String,
    credentials: Vec<Listed>,
}

async fn list(context: Context, (connection,): (Connection,)) -> Result<Record<Registered>> {
    let Registration { application, own, .. } = registration(&context, &connection).await?;
    let listed = |one: AppCredential| Listed {
        current: one.may_be(&own.proof),
        key_id: one.key_id,
        kind: one.kind,
        display_name: one.display_name,
        starts: one.starts,
        ends: one.ends,
    };
    Ok(Record(Registered {
        app: application.app_id,
        object: application.id,
        name: application.display_name,
        credentials: application.credentials.into_iter().map(listed).collect(),
    }))
}

/// A credential that was added; a secret's text is an opaque secret.
struct Made {
    credential: AppCredential,
    secret: Option<Secret>,
}

impl IntoScript for Made {
    fn into_script(self) -> Result<Dynamic> {
        let ends = self.credential.ends.map_or(Dynamic::UNIT, Dynamic::from);
        let secret = self.secret.map_or(Dynamic::UNIT, Dynamic::from);
        Ok(map([("key_id", self.credential.key_id.into()), ("ends", ends), ("secret", secret)]))
    }
}

#[derive(Default)]
struct Added {
    lifetime: Option<Span>,
}

impl FromScript for Added {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let added = Self { lifetime: fields.take("lifetime")? };
        fields.finish().map(|()| added)
    }
}

async fn add_secret(
    context: Context,
    (connection, name, options): (Connection, String, Option<Added>),
) -> Result<Made> {
    let registration = registration(&context, &connection).await?;
    let lifetime = options.unwrap_or_default().lifetime.map_or(LIFETIME, |Span(span)| span);
    let (app, object) = (&registration.application.display_name, &registration.application.id);
    let did = format!("secret '{name}' added to the app {app}");
    let write = context
        .write("cloud.add_app_secret", object, &did, &format!("secret '{name}' not added to the app {app}"))
        .await?;
    let ends = context.world.host.now() + lifetime;
    let (credential, secret) = write.settle_by(registration.home.add_secret(object, &name, ends).await).await?;
    Ok(Made { credential, secret: Some(secret) })
}

async fn add_certificate(
    context: Context,
    (connection, name, certificate): (Connection, String, Secret),
) -> Result<Made> {
    let registration = registration(&context, &connection).await?;
    let present = registration.present()?;
    let (app, object) = (&registration.application.display_name, &registration.application.id);
    let did = format!("certificate '{name}' added to the app {app}");
    let did_not = format!("certificate '{name}' not added to the app {app}");
    let write = context.write("cloud.add_app_certificate", object, &did, &did_not).await?;
    let added = registration.home.add_certificate(object, &name, certificate.expose(), present).await;
    Ok(Made { credential: write.settle_by(added).await?, secret: None })
}

async fn prove(
    context: Context,
    (connection, credential, patience): (Connection, Secret, Option<Waits>),
) -> Result<Shown<Proven>> {
    let way = Way::to(&context, &connection).await?;
    if connection.settings.app().is_none() {
        return Err(Error::new("cloud.no_app", format!("{} signs in as a user, not as an app", connection.name))
            .hint("`libretto run migrate_msonline` makes it sign in as an app"));
    }
    let is_pem = credential.expose().trim_start().starts_with("-----BEGIN");
    let proof = if is_pem { Proof::Certificate(credential) } else { Proof::ClientSecret(credential) };
    let sign_in = SignIn { proof, version: None, ..way.sign_in };
    let patience = patience.unwrap_or_default();
    let usual = Waiting::default();
    let waiting = Waiting {
        at_most: patience.wait.map_or(context.world.options.wait, |Span(wait)| wait),
        pause: patience.pause.map_or_else(|| pause(&context), |Span(pause)| pause),
        ..usual
    };
    tokio::select! {
        proven = way.known.cloud.prove(&sign_in, &waiting) => proven.map(Shown),
        () = context.hurry.cancelled() => Err(Error::inconclusive("cloud.not_yet", "the run was told to stop before it was proven")),
    }
}

async fn remove(context: Context, (connection, key_id): (Connection, String)) -> Result<bool> {
    let registration = registration(&context, &connection).await?;
    let (app, object) = (&registration.application.display_name, &registration.application.id);
    let found = registration.application.credentials.iter().find(|one| one.key_id.eq_ignore_ascii_case(&key_id));
    let Some(found) = found else { return Ok(false) };
    if found.may_be(&registration.own.proof) {
        return Err(Error::new(
            "cloud.own_credential",
            format!("{key_id} is what {} signs in with, or looks like it", connection.name),
        )
        .hint("`cloud::rotate` takes it out of use once another one is proven"));
    }
    let (did, did_not) =
        (format!("{key_id} removed from the app {app}"), format!("{key_id} not removed from the app {app}"));
    let present = match found.kind {
        CredentialKind::Secret => None,
        CredentialKind::Certificate => Some(registration.present()?),
    };
    let write = context.write("cloud.remove_app_credential", object, &did, &did_not).await?;
    let removed = match present {
        None => registration.home.remove_secret(object, &key_id).await,
        Some(present) => registration.home.remove_certificate(object, &key_id, present).await,
    };
    write.settle_by(removed).await.map(|()| true)
}
