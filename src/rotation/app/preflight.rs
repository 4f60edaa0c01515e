//! What has to be right before anything is touched: reads, and signs in with what is there.

use serde_json::Value;
use time::OffsetDateTime;

use super::{
    Request,
    facts::{Facts, Old, transaction_in},
    policy,
    request::SHORTEST_OVERLAP,
};
use crate::{
    cloud::{Application, Claims, Freshness, Graph, Proof, SignIn, errors::refuses_proof},
    connection::{
        self, Connection, certificate,
        credentials::{self, Credential, Form},
    },
    error::{Error, Result},
    net::http::authority,
    rotation::{
        books::Books,
        dependents::{self, Planned},
        report::Staged,
        stored::{self, refuse_bystanders},
    },
    secret::Secret,
    store::{journal, rows::PrincipalId},
    verdict::Verdict,
};

/// App permissions that let one change a registration; the first only of apps that it owns.
const PERMISSIONS: [&str; 2] = ["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"];
/// Directory roles that do: Application Administrator, Cloud Application Administrator, Global Administrator.
const ROLES: [&str; 3] = [
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    "158c047a-c907-4556-b7ef-446551a6b5f7",
    "62e90394-69f5-4237-9190-012177145e10",
];

/// What was found.
pub(super) struct Plan {
    pub(super) principal: PrincipalId,
    pub(super) facts: Facts,
    /// What the app signs in with now, opened.
    pub(super) present: Secret,
    pub(super) current: Credential,
    /// The app's home tenant.
    pub(super) home: Graph,
    /// Until when the new one is to be good.
    pub(super) ends: OffsetDateTime,
    pub(super) dependents: Vec<Planned>,
}

/// Looks at everything; locks the app.
pub(super) async fn preflight(request: &Request, books: &Books) -> Staged<Plan> {
    refuse_overlap(request)?;
    let Present { principal, current, secret, connections } = present(request, books).await?;
    let form = current.form;
    refuse_certificate(request, form, &secret)?;
    let mut remarks = Vec::new();
    if let Err(error) = signs_in(request, &current, &secret).await {
        // Where another app sees to the registration, this is just what a rotation mends.
        if request.home.sign_in.app.eq_ignore_ascii_case(&request.app) {
            return Err(error.context(format!("version {} of {} does not sign in", current.version, request.app)));
        }
        remarks.push(format!("version {} does not sign in any more ({error})", current.version));
    }
    let home = request.cloud.sign_in(&request.home.sign_in, Freshness::Fresh).await;
    let home = home.map_err(|error| error.context(format!("{} cannot sign in", request.home.connection)))?;
    may_change(&home.claims(), request)?;
    let application = home.application(&request.app).await.map_err(|error| not_home(error, request))?;
    let (lifetime, remark) = policy::lifetime(request, &home, &application.id).await?;
    remarks.push(remark);
    let key_id = own_key(books, &current, &secret, &application).await?;
    if key_id.is_none() {
        remarks.push(format!(
            "which credential of the registration version {} is cannot be told, so nothing will remove it",
            current.version
        ));
    }
    let found = request.dependents.of(&connections).await?;
    let dependents = dependents::ask(found.others, request.allow_down, false).await?;
    let ends = request.now + lifetime;
    remarks.insert(0, told(&application, request, (&connections, &dependents), ends));
    let facts = Facts {
        app: request.app.clone(),
        object: application.id,
        name: application.display_name,
        home: request.home.connection.clone(),
        on: authority(&request.tenant.login),
        certificate: form == Form::Certificate,
        old: Old { credential: current.id.0, version: current.version, key_id },
        by: request.who.clone(),
        dependents: dependents.iter().map(journalled).collect(),
    };
    let plan = Plan { principal, facts, present: secret, current, home, ends, dependents };
    remarks.retain(|remark| !remark.is_empty());
    Ok((plan, Verdict::Ok, remarks.join("; ")))
}

fn refuse_overlap(request: &Request) -> Result<()> {
    if request.revoke || request.overlap >= SHORTEST_OVERLAP {
        return Ok(());
    }
    Err(Error::new("rotation.short_overlap", "the credential before stays valid for 24 hours at least")
        .hint("give a longer overlap; `revoke: \"now\"` removes it at once, where somebody knows it who must not"))
}

/// What the store has of the app.
struct Present {
    principal: PrincipalId,
    current: Credential,
    secret: Secret,
    /// All of the app, the rotated one first.
    connections: Vec<Connection>,
}

async fn present(request: &Request, books: &Books) -> Result<Present> {
    let (own, scope, insist) = (request.connection.clone(), request.scope.clone(), request.insist);
    books
        .with(move |books| {
            let store = &books.store;
            let principal = books.lock(own.principal)?;
            refuse_bystanders(books, principal, &scope, insist)?;
            let current = credentials::current(store, &own)?.ok_or_else(|| {
                Error::new("connection.no_credential", format!("no credential is stored for {}", own.name))
                    .hint(format!("libretto connections edit {} --secret env:NAME", own.name))
            })?;
            if let Some(reference) = &current.reference {
                return Err(stored::kept_elsewhere(&own, reference));
            }
            let secret = credentials::open(store, &books.identity, &current)?;
            let others = credentials::connections_of(store, principal)?;
            let others = others.iter().filter(|name| !name.eq_ignore_ascii_case(&own.name));
            let others = others.map(|name| connection::get(store, name, &connection::Scope::all()));
            let connections = std::iter::once(Ok(own.clone())).chain(others).collect::<Result<_>>()?;
            Ok(Present { principal, current, secret, connections })
        })
        .await
}

/// A secret is made by the cloud; a certificate is given, and the one before proves that it may be added.
fn refuse_certificate(request: &Request, form: Form, present: &Secret) -> Result<()> {
    let app = &request.app;
    match (&request.certificate, form) {
        (Some(_), Form::ClientSecret | Form::Password) => Err(Error::new(
            "rotation.first_certificate",
            format!("the app {app} signs in with a secret, and Entra ID lets nobody add a certificate without another one's proof"),
        )
        .hint("add its first certificate in the portal and store it: libretto connections edit NAME --certificate FILE")),
        (None, Form::Certificate) => {
            Err(Error::new("rotation.no_certificate", format!("the app {app} signs in with a certificate, and no new one is given"))
                .hint("have one made, e.g. openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=libretto -keyout new.pem -out new.crt, and give both in one file: certificate=file:new.pem"))
        }
        (Some(new), Form::Certificate) => {
            certificate::check(new.expose(), request.now)?;
            if new.expose().trim() == present.expose().trim() {
                return Err(Error::new("rotation.same_certificate", "that is the certificate that the app signs in with now")
                    .hint("give another one"));
            }
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// Whether the present one still works, shown anew.
async fn signs_in(request: &Request, current: &Credential, secret: &Secret) -> Result<()> {
    let sign_in = SignIn {
        tenant: request.tenant.clone(),
        app: request.app.clone(),
        proof: proof(current.form, secret),
        version: Some(i64::from(current.version)),
    };
    match request.cloud.sign_in(&sign_in, Freshness::Fresh).await {
        Err(error) if !refuses_proof(error.code()) => Err(error),
        signed_in => signed_in.map(drop),
    }
}

/// What shows that it is the app.
pub(super) fn proof(form: Form, secret: &Secret) -> Proof {
    match form {
        Form::Certificate => Proof::Certificate(secret.clone()),
        Form::ClientSecret | Form::Password => Proof::ClientSecret(secret.clone()),
    }
}

/// Whether who signs in for the registration may change it, as far as a token tells.
fn may_change(claims: &Claims, request: &Request) -> Result<()> {
    let is = |known: &[&str], found: &[String]| found.iter().any(|one| known.contains(&one.as_str()));
    if is(&PERMISSIONS, &claims.app_roles)
        || is(&PERMISSIONS[1..], &claims.scopes)
        || is(&ROLES, &claims.directory_roles)
    {
        return Ok(());
    }
    let home = &request.home.connection;
    let itself = if request.home.sign_in.app.eq_ignore_ascii_case(&request.app) {
        ", and so the app may not change itself"
    } else {
        ""
    };
    let said = format!(
        "{home} may not change the registration of the app {}: it has neither Application.ReadWrite.OwnedBy nor a role that holds it{itself}",
        request.app
    );
    Err(Error::new("rotation.app_may_not", said)
        .hint("grant the app Application.ReadWrite.OwnedBy in its home tenant, with admin consent, and make it an owner of the registration"))
}

fn not_home(error: Error, request: &Request) -> Error {
    if error.code() != "cloud.not_found" {
        return error;
    }
    let said =
        format!("the tenant of {} does not hold the registration of the app {}", request.home.connection, request.app);
    Error::new("cloud.not_app_home", said)
        .hint("let `app_home` name the connection whose tenant does: libretto connections edit NAME --app-home NAME")
}

/// What the registration calls the present one: as noted when it was added, else by what Graph shows of each, where that fits one alone.
async fn own_key(
    books: &Books,
    current: &Credential,
    secret: &Secret,
    application: &Application,
) -> Result<Option<String>> {
    let (id, principal) = (current.id, current.principal);
    let noted = books.with(move |books| {
        for rotation in journal::history(&books.store, principal)? {
            if rotation.candidate == Some(id) {
                return key_of(&books.store, &rotation.id);
            }
        }
        Ok(None)
    });
    let is_there = |key: &String| application.credentials.iter().any(|one| one.key_id.eq_ignore_ascii_case(key));
    if let Some(noted) = noted.await?.filter(is_there) {
        return Ok(Some(noted));
    }
    let proof = proof(current.form, secret);
    let mut fitting = application.credentials.iter().filter(|one| one.may_be(&proof));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(Some(one.key_id.clone())),
        _ => Ok(None),
    }
}

/// What the registration calls what a transaction has added.
pub(super) fn key_of(store: &crate::store::Store, rotation: &str) -> Result<Option<String>> {
    let events = journal::events(store, rotation)?;
    let added = events.iter().rev().find(|event| event.what == "added");
    Ok(added.and_then(|event| event.data["key_id"].as_str()).map(str::to_owned))
}

fn told(
    application: &Application,
    request: &Request,
    (connections, dependents): (&[Connection], &[Planned]),
    ends: OffsetDateTime,
) -> String {
    let count = |kind: &str| dependents.iter().filter(|one| one.dependent.kind() == kind).count();
    let many = |number: usize, one: &str, more: &str| format!("{number} {}", if number == 1 { one } else { more });
    let left = application.credentials.iter().filter_map(|one| transaction_in(one.display_name.as_deref()?)).count();
    let known = if left == 0 { String::new() } else { format!(", {left} of them by Libretto") };
    format!(
        "app {} of {}, {} in its registration{known}; {}, {} and {} depend on it; the new one is good until {}",
        application.display_name,
        request.home.domain,
        many(application.credentials.len(), "credential", "credentials"),
        many(connections.len(), "connection", "connections"),
        many(count("agent"), "agent's copy", "agents' copies"),
        many(count("route"), "route", "routes"),
        ends.date(),
    )
}

/// A dependent as the journal has it: by its id it is known again, whatever it is called by then.
fn journalled(one: &Planned) -> Value {
    serde_json::json!({"kind": one.dependent.kind(), "name": one.called, "id": one.dependent.id()})
}
