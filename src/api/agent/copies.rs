//! The agent's copy of a connection: given, tested, removed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::way::Way;
use crate::{
    agent::client::{
        Answer, Which,
        fill::{Credential, Values},
        find::{ADD, DELETE, TEST_CONNECTION, UPDATE},
    },
    api::credentials,
    connection::{
        Connection, agents,
        apps::{bind_app, home_tenant},
        credentials::{Form, directory_guid},
    },
    error::{Error, Result},
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::Record,
    },
    verdict::Verdict,
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            Spec {
                signature: "update(conn: connection) -> record of agent, domain, operation, version, body",
                grant: Some("agent:write"),
                doc: "Gives the agent its copy of the connection, the credential that the run signs in with included: changes the copy, or adds \
                      it where there is none. A candidate (`conn::set_credentials`) goes to the agent too, and a test through the agent then \
                      makes it current.",
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
                      version is proven by it.",
                example: r#"try { print(agent::test_connection(conn::get("contoso")).code) } catch (e) { print(e.code) }"#,
            },
            test_connection,
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
    let secret = sign_in.password.clone();
    let credential = match sign_in.credential.form {
        Form::Password => Credential::Password(secret),
        Form::ClientSecret => Credential::ClientSecret(secret),
        Form::Certificate => Credential::Certificate(secret),
    };
    let values = Values { credential: Some(credential), ..way.values() };
    let (agent, name, version) = (way.agent.address().to_string(), &connection.name, sign_in.credential.version);
    let did = format!("the agent {agent} has {name} with version {version} of its credential");
    let did_not = format!("the agent {agent}: its copy of {name} not changed");
    let write = context.write("agent.update", &agent, &did, &did_not).await?;
    note(&context, &way, None).await?;
    let begun = Instant::now();
    let answer = write.settle_by(give(&way, &values).await).await?;
    note(&context, &way, Some(sign_in.credential.id)).await?;
    context.check_finished(&agent, Verdict::Ok, begun.elapsed(), &format!("has version {version} of {name}"), None);
    Ok(Record(
        json!({ "agent": agent, "domain": way.connection.domain, "operation": answer.operation, "version": version,
        "body": answer.body }),
    ))
}

/// Changes the copy; adds it where the agent has none, or has no operation to change one.
async fn give(way: &Way, values: &Values) -> Result<Answer> {
    match way.ask_by_id(Which::Wanted(&UPDATE), values).await {
        Err(error) if is_unknown(&error) || error.code() == "agent.no_operation" => {
            way.ask(Which::Wanted(&ADD), values).await
        }
        answered => answered,
    }
}

/// The agent has no such connection.
fn is_unknown(error: &Error) -> bool {
    matches!(error.code(), "agent.unknown_domain" | "agent.not_found" | "connection.unknown")
}

/// What the agent's copy holds from here on; nobody knows while it is being changed.
async fn note(context: &Context, way: &Way, credential: Option<crate::store::rows::CredentialId>) -> Result<()> {
    let (connection, agent) = (way.connection.clone(), way.agent.address().to_string());
    context
        .blocking(move |context| match credential {
            Some(credential) => agents::note_copy(&context.world.store, &connection, credential, &agent),
            None => agents::forget_copy(&context.world.store, &connection),
        })
        .await
}

async fn test_connection(context: Context, (connection,): (Connection,)) -> Result<Record<Value>> {
    let way = Way::to(&context, &connection).await?;
    let (agent, domain, begun) = (way.agent.address().to_string(), way.connection.domain.clone(), Instant::now());
    let answer = way.ask(Which::Wanted(&TEST_CONNECTION), &way.values()).await;
    let answer = answer.and_then(|answer| judge(&domain, answer));
    let took = begun.elapsed();
    let shown =
        |verdict, note: &str, error: Option<&Error>| context.check_finished(&domain, verdict, took, note, error);
    match answer {
        Ok((id, answer)) => {
            shown(Verdict::Ok, &format!("{id}, by the agent {agent}"), None);
            accepted(&context, &way, &answer.body).await?;
            Ok(Record(report(&agent, &domain, (id, took), &answer)))
        }
        Err(error) => {
            shown(error.verdict(), "", Some(&error));
            refused(&context, &way, &error).await?;
            Err(error)
        }
    }
}

fn report(agent: &str, domain: &str, (id, took): (String, Duration), answer: &Answer) -> Value {
    json!({ "agent": agent, "domain": domain, "verdict": Verdict::Ok, "code": answer.status, "id": id,
        "ms": took.as_millis() as u64, "body": answer.body })
}

/// A good answer has an ID (article 236), and is about the domain that was meant.
fn judge(domain: &str, answer: Answer) -> Result<(String, Answer)> {
    let member = |names: &[&str]| {
        let map = answer.body.as_object()?;
        let (_, value) = map.iter().find(|(name, _)| names.iter().any(|one| name.eq_ignore_ascii_case(one)))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .filter(|text| !text.is_empty() && text != "null")
    };
    if let Some(other) = member(&["domain", "domainName"])
        && !other.eq_ignore_ascii_case(domain)
    {
        return Err(Error::new(
            "agent.wrong_domain",
            format!("the agent was asked about {domain} and answers about {other}"),
        )
        .hint("see on the agent which connection it has for the domain"));
    }
    match member(&["id", "objectId", "tenantId"]) {
        Some(id) => Ok((id, answer)),
        None => Err(Error::new("agent.bad_answer", format!("the agent answers {} without an ID", answer.status))
            .hint("look at TestConnection on the agent's Swagger page: a good answer has the code 200 and an ID")),
    }
}

/// Whether the agent's copy has just the version that this run signs in with, and that has yet to be proven.
fn is_to_be_proven(way: &Way) -> bool {
    way.version.is_some_and(|(version, unproven)| unproven && way.copy == Some(version))
}

async fn accepted(context: &Context, way: &Way, body: &Value) -> Result<()> {
    if is_to_be_proven(way) {
        let sign_in = credentials::sign_in(context, &way.connection).await?;
        let on = format!("agent {}", way.agent.address());
        credentials::accepted(context, &way.connection, &sign_in, &on).await?;
    }
    // The test has passed; whose app it is can be learnt another time.
    if let Err(error) = learn(context, way, body).await {
        tracing::debug!(connection = way.connection.name, "the app's cloud is not known yet: {error}");
    }
    Ok(())
}

/// Which cloud an app is of, and, where this connection's tenant holds its registration, which tenant that is.
async fn learn(context: &Context, way: &Way, body: &Value) -> Result<()> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (Some(cloud), Some(_)) = (text("cloud"), way.connection.settings.app()) else { return Ok(()) };
    let home = way.connection.msonline()?.app_home.as_ref();
    let tenant = home.filter(|home| home.eq_ignore_ascii_case(&way.connection.name)).and_then(|_| text("tenant"));
    let (id, principal) = (way.connection.id, way.connection.principal);
    context
        .blocking(move |context| {
            let store = &context.world.store;
            let is_known = directory_guid(store, principal)?.is_some();
            if is_known && (tenant.is_none() || home_tenant(store, principal)?.is_some()) {
                return Ok(());
            }
            bind_app(store, id, &cloud, tenant.as_deref()).map(|_| ())
        })
        .await
}

async fn refused(context: &Context, way: &Way, error: &Error) -> Result<()> {
    if !is_to_be_proven(way) || context.credential_state(way.connection.id).is_none() {
        return Ok(());
    }
    let sign_in = credentials::sign_in(context, &way.connection).await?;
    let is_refusal = matches!(error.code(), "cloud.wrong_secret" | "cloud.expired_secret" | "cloud.wrong_password");
    if is_refusal {
        credentials::refused(context, &way.connection, &sign_in, error).await
    } else {
        credentials::unasked(context, &way.connection, &sign_in).await
    }
}

async fn remove(context: Context, (connection,): (Connection,)) -> Result<bool> {
    let way = Way::to(&context, &connection).await?;
    let (agent, name) = (way.agent.address().to_string(), &connection.name);
    let did = format!("the agent {agent} has no copy of {name} any more");
    let write = context
        .write("agent.remove", &agent, &did, &format!("the agent {agent}: its copy of {name} not removed"))
        .await?;
    let removed = match way.ask_by_id(Which::Wanted(&DELETE), &way.values()).await {
        Ok(_) => Ok(true),
        Err(error) if is_unknown(&error) => Ok(false),
        Err(error) => Err(error),
    };
    let removed = write.settle_by(removed).await?;
    note(&context, &way, None).await?;
    Ok(removed)
}
