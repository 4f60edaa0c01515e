//! The agent's copy of a connection: given, removed.

use std::{sync::PoisonError, time::Instant};

use serde_json::{Value, json};

use super::{again::give, tested, way::Way};
use crate::{
    agent::client::{
        Answer, Which,
        fill::{Credential, Values},
        find::DELETE,
    },
    api::{
        credentials,
        handed::{self, Sent},
        made,
    },
    connection::{
        Connection,
        credentials::{self as stored, Credential as Stored, Form},
        handed::{What, forget_copy},
    },
    error::{Error, Result},
    script::{
        context::{Context, Made},
        operation::{Namespace, Spec},
        value::Record,
    },
    secret::Secret,
    store::rows::CredentialId,
    verdict::Verdict,
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            Spec {
                signature: "update(conn: connection) -> record of agent, domain, operation, version, body",
                grant: Some("agent:write"),
                doc: "Gives the agent its copy of the connection, the credential that the run signs in with included: changes the copy, or adds \
                      it where there is none. A candidate (`conn::set_credentials`) goes to the agent too; a test through the agent then \
                      makes it current, or gives the agent the current one again.",
                example: r#"try { print(agent::update(conn::get("contoso")).version) } catch (e) { print(e.code) }"#,
            },
            update,
        )
        .operation(
            Spec {
                signature: "test_connection(conn: connection) -> record of agent, domain, verdict, code, id, ms, body",
                grant: None,
                doc: "Lets the agent sign in to the cloud with its copy of the connection. A good answer has the code 200 and an ID; `body` has \
                      all that the agent tells. Anything else is an error. Where the copy has the version that the run signs in with, that \
                      version is proven by it. A candidate that the cloud does not know is tried again for as long as `--wait` says: a new \
                      secret is not known everywhere at once.",
                example: r#"try { print(agent::test_connection(conn::get("contoso")).code) } catch (e) { print(e.code) }"#,
            },
            tested::test_connection,
        )
        .operation(
            Spec {
                signature: "remove(conn: connection) -> bool",
                grant: Some("agent:write"),
                doc: "Removes the agent's copy of the connection; `false` when it had none. The connection itself stays.",
                example: r#"try { print(agent::remove(conn::get("contoso"))) } catch (e) { print(e.code) }"#,
            },
            remove,
        )
}

async fn update(context: Context, (connection,): (Connection,)) -> Result<Record<Value>> {
    let way = Way::to(&context, &connection).await?;
    let sign_in = credentials::sign_in(&context, &way.connection).await?;
    let (agent, name, version) = (way.agent.address().to_string(), &connection.name, sign_in.credential.version);
    let begun = Instant::now();
    let answer = hand(&context, &way, (&sign_in.credential, sign_in.password.clone()), "").await?;
    context.check_finished(&agent, Verdict::Ok, begun.elapsed(), &format!("has version {version} of {name}"), None);
    Ok(Record(
        json!({ "agent": agent, "domain": way.connection.domain, "operation": answer.operation, "version": version,
        "body": answer.body }),
    ))
}

/// Hands a version of the connection's credential to the agent; `again` is put behind what the run tells of it.
pub(super) async fn hand(
    context: &Context,
    way: &Way,
    (credential, secret): (&Stored, Secret),
    again: &str,
) -> Result<Answer> {
    let (agent, name, version) = (way.agent.address().to_string(), &way.connection.name, credential.version);
    let known = way.values();
    let values = Values {
        username: known.username.is_some().then(|| credential.username.clone()),
        credential: Some(match credential.form {
            Form::Password => Credential::Password(secret),
            Form::ClientSecret => Credential::ClientSecret(secret),
            Form::Certificate => Credential::Certificate(secret),
        }),
        ..known
    };
    let did = format!("the agent {agent} has {name} with version {version} of its credential{again}");
    let did_not = format!("the agent {agent}: its copy of {name} not changed{again}");
    let write = context.write("agent.update", &agent, &did, &did_not).await?;
    let sent = Sent {
        connection: way.connection.id,
        what: What::Copy,
        taken: false,
        credential: Some(credential.id),
        to: &agent,
    };
    let begun = handed::begin(context, sent).await?;
    let (given, is_new) = match give(context, way, &values).await {
        Ok((answer, is_new)) => (Ok(answer), Ok(is_new)),
        Err(error) => (Err(error.clone()), Err(error)),
    };
    made::note_with_connection(context, Made::Copy, way.connection.id, (write.number(), &is_new));
    let outcome = handed::outcome(&given);
    let answer = write.settle_by(given).await;
    handed::ended(context, begun, outcome).await?;
    let answer = answer?;
    remember(context, way, &answer.body);
    Ok(answer)
}

/// Keeps the number that the agent itself gives to what it was handed. Libretto's own does.
fn remember(context: &Context, way: &Way, body: &Value) {
    let mut told = context.world.copies.lock().unwrap_or_else(PoisonError::into_inner);
    match body.get("version").and_then(Value::as_u64) {
        Some(version) => told.insert(way.connection.id, version),
        None => told.remove(&way.connection.id),
    };
}

/// Whether what the agent has tested is something else than what this run has handed to it: somebody has changed its copy in
/// between.
pub(super) fn is_other(context: &Context, way: &Way, body: &Value) -> bool {
    let handed = context.world.copies.lock().unwrap_or_else(PoisonError::into_inner).get(&way.connection.id).copied();
    let tested = body.get("version").and_then(Value::as_u64);
    handed.zip(tested).is_some_and(|(handed, tested)| handed != tested)
}

/// Whether the connection's agent answers with its document; nothing is asked of it.
///
/// # Errors
/// Those of reaching it and of its token.
pub(in crate::api) async fn answers(context: &Context, connection: &Connection) -> Result<()> {
    let way = Way::to(context, connection).await?;
    way.agent.found(way.token.as_ref()).await.map(drop)
}

/// Hands a version that was proven elsewhere to the agent and lets it sign in with that; answers a note.
///
/// # Errors
/// Those of the agent and of its test.
pub(in crate::api) async fn bring(
    context: &Context,
    connection: &Connection,
    (credential, secret): (CredentialId, &Secret),
) -> Result<String> {
    let way = Way::to(context, connection).await?;
    let credential = context.blocking(move |context| stored::by_id(&context.world.store, credential)).await?;
    hand(context, &way, (&credential, secret.clone()), "").await?;
    let (id, answer) = tested::ask(context, &way, true).await?;
    Ok(format!("has version {}; its test answers {} with the ID {id}", credential.version, answer.status))
}

/// The agent has no such connection.
pub(super) fn is_unknown(error: &Error) -> bool {
    matches!(error.code(), "agent.unknown_domain" | "agent.not_found" | "connection.unknown")
}

/// What the agent's copy holds is not known any more, for it was not given here.
pub(super) async fn forget(context: &Context, way: &Way) -> Result<()> {
    let connection = way.connection.clone();
    context.blocking(move |context| forget_copy(&context.world.store, &connection)).await
}

async fn remove(context: Context, (connection,): (Connection,)) -> Result<bool> {
    let way = Way::to(&context, &connection).await?;
    let (agent, name) = (way.agent.address().to_string(), &connection.name);
    let did = format!("the agent {agent} has no copy of {name} any more");
    let write = context
        .write("agent.remove", &agent, &did, &format!("the agent {agent}: its copy of {name} not removed"))
        .await?;
    let sent = Sent { connection: way.connection.id, what: What::Copy, taken: true, credential: None, to: &agent };
    let begun = handed::begin(&context, sent).await?;
    let removed = match way.ask_by_id(Which::Wanted(&DELETE), &way.values()).await {
        Ok(_) => Ok(true),
        Err(error) if is_unknown(&error) => Ok(false),
        Err(error) => Err(error),
    };
    let outcome = handed::outcome(&removed);
    let removed = made::settle_removal(&context, Made::Copy, way.connection.id, (write, removed)).await;
    handed::ended(&context, begun, outcome).await?;
    removed
}
