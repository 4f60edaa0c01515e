//! `conn::`: the connections that the run may see.

use rhai::Dynamic;

use crate::{
    connection::{self, Connection, Selector, credentials},
    error::{Error, Result},
    script::{
        context::{Context, CredentialState},
        operation::{Namespace, Spec},
        value::{Fields, FromScript},
    },
    secret::Secret,
};

pub(super) fn namespace() -> Namespace {
    Namespace::new("conn")
        .operation(
            Spec {
                signature: "get(name: text or connection) -> connection",
                grant: None,
                doc: "The connection of that name. It carries `name`, `kind`, `domain`, `username`, `customer`, `tags`, `targets` and \
                      `home_servers`, never its secret.",
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
                signature: "set_credentials(conn: connection, username: text, password?: secret) -> connection",
                grant: Some("connection:write"),
                doc: "Records new credentials as a candidate. They become current once a target has accepted them (`ad::test_targets`); until \
                      then, and if they are refused, the old ones stay. Nothing changes in the directory. Without a password the stored one is \
                      to be proven again.",
                example: r#"let conn = conn::get("lab-ad"); conn::set_credentials(conn, conn.username);"#,
            },
            set_credentials,
        )
}

/// A connection, or the name of one.
struct Named(String);

impl FromScript for Named {
    const TYPE: &'static str = "text";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        if let Some(connection) = value.read_lock::<Connection>() {
            return Ok(Self(connection.name.clone()));
        }
        String::from_script(value).map(Self).map_err(|_| "must be the name of a connection".to_owned())
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
        return Ok(connection);
    };
    let recorded = connection.clone();
    let candidate = context
        .blocking(move |context| {
            let world = &context.world;
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
    Ok(Connection { username: candidate.username, ..connection })
}
