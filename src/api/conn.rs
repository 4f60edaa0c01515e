//! `conn::`: the connections that the run may see.

mod described;
mod draft;
mod stored;

use std::time::{Duration, Instant};

use rhai::Dynamic;

use self::described::Described;
use super::{credentials::nothing_changed, made};
use crate::{
    connection::{
        self, Connection, NewConnection, Selector,
        credentials::{self, Credential, GRACE, State},
        former,
    },
    error::{Error, Result},
    script::{
        context::{Context, CredentialState, Made, Write},
        operation::{Namespace, Spec},
        value::{Fields, FromScript},
    },
    secret::Secret,
    store::runs::WriteState,
    verdict::Verdict,
};

pub(super) fn namespace() -> Namespace {
    draft::register(stored::register(Namespace::new("conn")))
        .operation(
            Spec {
                signature: "get(name: text or connection) -> connection",
                grant: None,
                doc: "The connection of that name. It carries `name`, `kind`, `domain`, `username`, `customer`, `tags`, `targets`, \
                      `home_servers` and `via`, of kind `msonline` also `ad`, `client_id`, `agent` and `app_home`, never its secret.",
                example: r#"let conn = conn::get("lab-ad"); print(`${conn.name} is in ${conn.domain}`);"#,
            },
            get,
        )
        .operation(
            Spec {
                signature: "list(selector?: text or map) -> array of connections",
                grant: None,
                doc: "The connections that a selector means, by name; all without one. A text is a selector as on the command line \
                      (`kind:ad & tag:gold, corp*`), a map has `kind`, `tag`, `customer` and `name` (a glob), all of which must fit.",
                example: r#"for conn in conn::list(#{ kind: "ad" }) { print(conn.name) }"#,
            },
            list,
        )
        .operation(
            Spec {
                signature: "add(fields: map) -> connection",
                grant: Some("connection:write"),
                doc: "Stores a new connection, its credential as not yet proven. Fields as on the command line: `name`, `domain`, `username`, \
                      `password` (a secret), `kind` (`ad` unless told), `targets` and `home_servers` (arrays, or texts with spaces, or `;`, \
                      between), `tags`, `customer`, `ca` (a path), `tls`, `pin`, `via`, `dependents` (scripts to perform when the account has a \
                      new password); of kind `msonline` `ad`, `client_id` with `secret` or `certificate` (secrets; several connections of one \
                      app share its secret, and only the first brings it), `agent`, `agent_token` (a secret), `agent_ca` (a path), `app_home`. \
                      A run that is limited to one customer adds connections of that customer, over no other's.",
                example: r#"let conn = conn::add(#{ name: "second", domain: "lab.test", username: "alice@lab.test", password: secret::generate() });
print(conn.name);"#,
            },
            add,
        )
        .operation(
            Spec {
                signature: "remove(conn: connection)",
                grant: Some("connection:write"),
                doc: "Removes a connection. Its credentials are kept.",
                example: r#"conn::remove(conn::add(#{ name: "brief", domain: "lab.test", username: "bob@lab.test", password: secret::generate() }));"#,
            },
            remove,
        )
        .operation(
            Spec {
                signature: "set_credentials(conn: connection, username: text, password?: secret) -> connection",
                grant: Some("connection:write"),
                doc: "Records new credentials as a candidate. They become current once a target has accepted them (`ad::test_targets`); until \
                      then, and if they are refused, the old ones stay. Nothing changes in the directory. Without a password the stored one is \
                      to be proven again.",
                example: r#"let conn = conn::get("lab-ad"); conn::set_credentials(conn, conn.username);"#,
            },
            set_credentials,
        )
        .operation(
            Spec {
                signature: "secret(conn: connection) -> secret",
                grant: Some("connection:secret"),
                doc: "The password that the connection signs in with, to be handed on to what needs it as well. In a procedure that a \
                      connection declares as a dependent it is the new one. It prints as `[secret]`.",
                example: r#"let password = conn::secret(conn::get("lab-ad")); print(password);"#,
            },
            secret,
        )
}

/// A connection, or the name of one.
pub(super) struct Named(pub(super) String);

impl FromScript for Named {
    const TYPE: &'static str = "text";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        if let Some(connection) = value.read_lock::<Connection>() {
            return Ok(Self(connection.name.clone()));
        }
        String::from_script(value).map(Self).map_err(|_| "must be a connection or its name".to_owned())
    }
}

async fn get(context: Context, (Named(name),): (Named,)) -> Result<Connection> {
    context.blocking(move |context| connection::get(&context.world.store, &name, &context.world.scope)).await
}

/// A selector as text, or its parts in a map.
struct Selected(String);

impl FromScript for Selected {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        if value.is_string() {
            return String::from_script(value).map(Self);
        }
        let mut fields = Fields::new(value)?;
        let mut parts: Vec<String> = fields.take::<String>("name")?.into_iter().collect();
        for key in ["kind", "tag", "customer"] {
            parts.extend(fields.take::<String>(key)?.map(|value| format!("{key}:{value}")));
        }
        fields.finish()?;
        Ok(Self(parts.join("&")))
    }
}

async fn list(context: Context, (selected,): (Option<Selected>,)) -> Result<Vec<Connection>> {
    let selector = match selected {
        Some(Selected(text)) if !text.is_empty() => Selector::parse(&text)?,
        _ => Selector::all(),
    };
    context.blocking(move |context| connection::list(&context.world.store, &selector, &context.world.scope)).await
}

/// A connection that is described, as one of the customer that the run is limited to.
fn new_within(context: &Context, described: Described) -> Result<NewConnection> {
    let mut new = described.check(&context.world.host)?;
    if let Some(customer) = &context.world.scope.customer {
        // What a run may not see it may not make either.
        new.customer.get_or_insert_with(|| customer.clone());
        connection::refuse_other_customer(new.customer.as_deref(), &context.world.scope)?;
    }
    Ok(new)
}

async fn add(context: Context, (described,): (Described,)) -> Result<Connection> {
    let new = new_within(&context, described)?;
    let write = context
        .write(
            "connection.add",
            &new.name,
            &format!("connection {} added", new.name),
            &format!("connection {} not added", new.name),
        )
        .await?;
    let result =
        context.blocking(move |context| connection::add_within(&context.world.store, &new, &context.world.scope)).await;
    let number = write.number();
    let added = write.settle_by(result).await?;
    made::note(&context, Made::Connection, added.id, number);
    Ok(added)
}

async fn remove(context: Context, (connection,): (Connection,)) -> Result<()> {
    if draft::is_draft(context.clone(), (connection.clone(),)).await? {
        return draft::discard(&context, &connection).await;
    }
    let (id, name) = (connection.id, connection.name.clone());
    let write = context
        .write(
            "connection.remove",
            &name,
            &format!("connection {name} removed"),
            &format!("connection {name} not removed"),
        )
        .await?;
    let result = context
        .blocking(move |context| connection::remove(&context.world.store, &connection.name, &context.world.scope))
        .await;
    let added = made::take(&context, Made::Connection, id);
    match (result, added) {
        (Ok(()), Some(added)) => take_back(&context, write, added, &name).await,
        (result, _) => write.settle_by(result).await,
    }
}

/// What this run has added and removed again is no change, and it is told what did not come of it.
async fn take_back(context: &Context, removal: Write, added: u32, name: &str) -> Result<()> {
    removal.settle_done(String::new()).await?;
    context.world.ledger.write_done(added, String::new()).await?;
    context.write("connection.add", name, "", &not_added(name)).await?.settle(WriteState::Failed).await
}

fn not_added(name: &str) -> String {
    format!("connection {name} not added: it was removed again, and nothing is left of it")
}

/// A password that Libretto replaced less than an hour ago still binds, so its sign-in would prove nothing and bring it back.
fn refuse_former(context: &Context, connection: &Connection, password: &Secret) -> Result<()> {
    let (store, now) = (&context.world.store, context.world.host.now());
    let versions = credentials::history(store, connection)?;
    // The version that was sent last is the one that the directory has.
    let sent = versions.iter().filter(|version| version.was_sent_within(GRACE, now));
    let Some(latest) = sent.max_by(|one, other| one.sent_at.cmp(&other.sent_at)) else { return Ok(()) };
    let mut holding = former::holding(store, context.identity()?, &versions, password)?;
    // One that was refused when it was given may be right by now: it was never replaced.
    holding.retain(|version| version.was_in_force());
    // One that was brought back has an earlier version too; a write that was sent last may have been undone; and what was only
    // given has replaced nothing in the directory.
    let in_force = former::in_force(&versions).map(|version| version.id);
    let is_present = |version: &&Credential| {
        version.id == latest.id || version.state == State::Current || in_force == Some(version.id)
    };
    match holding.first() {
        Some(former) if !holding.iter().any(is_present) => Err(Error::new(
            "connection.former_password",
            format!("that is the password of version {}, which was replaced less than an hour ago", former.version),
        )
        .hint("it still binds for an hour after the change, so a test would prove nothing; give the present password")),
        _ => Ok(()),
    }
}

async fn secret(context: Context, (connection,): (Connection,)) -> Result<Secret> {
    super::credentials::sign_in(&context, &connection).await.map(|sign_in| sign_in.password)
}

async fn set_credentials(
    context: Context,
    (connection, username, password): (Connection, String, Option<Secret>),
) -> Result<Connection> {
    let Some(password) = password else {
        if username != connection.username {
            return Err(Error::new(
                "connection.no_password",
                format!("a new account for {} needs its password", connection.name),
            )
            .hint("pass password=env:NAME as well"));
        }
        let note = format!("the stored one is to be proven again; {}", nothing_changed(&connection));
        context.check_finished(&connection.name, Verdict::Ok, Duration::ZERO, &note, None);
        return Ok(connection);
    };
    let begun = Instant::now();
    let recorded = connection.clone();
    let candidate = context
        .blocking(move |context| {
            let world = &context.world;
            credentials::refuse_unfinished(&world.store, recorded.principal)?;
            refuse_former(context, &recorded, &password)?;
            credentials::record_candidate(
                &world.store,
                context.identity()?,
                &recorded,
                &username,
                &password,
                Some(&world.run),
            )
        })
        .await?;
    context.note_credential(connection.id, Some(CredentialState::Candidate(candidate.id)));
    context.world.accounts.forget(&super::credentials::account_of(&context, &connection).await?);
    let note =
        format!("version {} waits to be proven; stored only, {}", candidate.version, nothing_changed(&connection));
    context.check_finished(&connection.name, Verdict::Ok, begun.elapsed(), &note, None);
    Ok(Connection { username: candidate.username, ..connection })
}
