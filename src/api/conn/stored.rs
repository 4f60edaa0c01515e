//! `conn::credential` and `conn::dependents`: what is stored of a connection's credential, never the secret, and what it says
//! depends on it.

use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    connection::{
        self, Connection, certificate,
        credentials::{self, Credential, Form},
    },
    error::Result,
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::Record,
    },
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            Spec {
                signature: "credential(conn: connection) -> record of version, username, kept, created_at, sent_at, proven_at, proven_on, set_at, age, principal, ends",
                grant: None,
                doc: "What is stored of the connection's credential, never the secret; `()` when there is none. `kept` is `sealed` or the scheme \
                      of a reference; `set_at` is when it was sent to the directory, else when it was stored, and `age` the seconds since; \
                      `principal` is the account's objectGUID, `()` while nobody has asked the directory; `ends` when a certificate that is stored here does.",
                example: r#"let stored = conn::credential(conn::get("lab-ad")); print(`version ${stored.version}, ${stored.kept}`);"#,
            },
            credential,
        )
        .operation(
            Spec {
                signature: "dependents(conn: connection) -> array of texts",
                grant: None,
                doc: "The procedures that the account's connections declare to be performed when it has a new password, each as \
                      `SCRIPT for CONNECTION`. `ad::rotate` performs them; whoever only stores a password (`conn::set_credentials`) has \
                      to see to them. From the store alone.",
                example: r#"for one in conn::dependents(conn::get("lab-ad")) { print(one) }"#,
            },
            dependents,
        )
}

async fn dependents(context: Context, (connection,): (Connection,)) -> Result<Vec<String>> {
    context
        .blocking(move |context| {
            let (store, scope) = (&context.world.store, &context.world.scope);
            let principal = connection::by_id(store, connection.id)?.principal;
            let mut found = Vec::new();
            for name in credentials::connections_of(store, principal)? {
                // What the run may not see it may not name either.
                let Ok(one) = connection::get(store, &name, scope) else { continue };
                let Ok(settings) = one.ad() else { continue };
                found.extend(settings.dependents.iter().map(|script| format!("{script} for {}", one.name)));
            }
            Ok(found)
        })
        .await
}

/// What scripts see of a stored credential.
#[derive(Serialize)]
struct Stored {
    version: u32,
    username: String,
    kept: String,
    created_at: String,
    sent_at: Option<String>,
    proven_at: Option<String>,
    proven_on: Option<String>,
    set_at: String,
    age: i64,
    principal: Option<String>,
    ends: Option<String>,
}

async fn credential(context: Context, (connection,): (Connection,)) -> Result<Option<Record<Stored>>> {
    context
        .blocking(move |context| {
            let store = &context.world.store;
            let connection = connection::by_id(store, connection.id)?;
            let Some(stored) = credentials::current(store, &connection)? else { return Ok(None) };
            let set_at = stored.sent_at.clone().unwrap_or_else(|| stored.created_at.clone());
            let since = OffsetDateTime::parse(&set_at, &Rfc3339).unwrap_or(OffsetDateTime::UNIX_EPOCH);
            Ok(Some(Record(Stored {
                version: stored.version,
                kept: stored.kept(),
                ends: ends(context, &connection, &stored)?,
                age: (context.world.host.now() - since).whole_seconds().max(0),
                principal: credentials::directory_guid(store, stored.principal)?,
                username: stored.username,
                created_at: stored.created_at,
                sent_at: stored.sent_at,
                proven_at: stored.proven_at,
                proven_on: stored.proven_on,
                set_at,
            })))
        })
        .await
}

/// When a stored certificate ends. What is kept outside is not fetched for that.
fn ends(context: &Context, connection: &Connection, stored: &Credential) -> Result<Option<String>> {
    if stored.kept() != "sealed" || connection.settings.form() != Form::Certificate {
        return Ok(None);
    }
    let pem = credentials::open(&context.world.store, context.identity()?, stored)?;
    Ok(certificate::ends(pem.expose()))
}
