//! `agent::`: the Remote Agent of a Microsoft Online connection.

mod again;
mod copies;
mod egress;
mod left;
mod site;
mod tested;
mod way;

use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use self::way::Way;
use crate::{
    agent::client::{Which, fill::Values, find::STATUS},
    api::types::Anything,
    connection::Connection,
    error::{Error, Result},
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::Record,
    },
    verdict::Verdict,
};

pub(in crate::api) use self::copies::{answers, bring};

pub(super) fn namespace() -> Namespace {
    let namespace = Namespace::new("agent")
        .operation(
            Spec {
                signature: "status(conn: connection) -> report of agent, verdict, ms, url, document, version, operations, status, error",
                grant: None,
                doc: "Whether the connection's Remote Agent answers, what it publishes, and what it says of itself. What goes wrong is in the \
                      report, not thrown.",
                example: r#"try { print(agent::status(conn::get("contoso")).verdict) } catch (e) { print(e.code) }"#,
            },
            status,
        )
        .operation(
            Spec {
                signature: "list(conn: connection) -> array of maps",
                grant: None,
                doc: "The connections that the agent holds, as it shows them.",
                example: r#"try { print(agent::list(conn::get("contoso")).len()) } catch (e) { print(e.code) }"#,
            },
            list,
        )
        .operation(
            Spec {
                signature: "invoke(conn: connection, operation: text, body?: any) -> record of operation, code, body",
                grant: Some("agent:write"),
                doc: "Asks the agent for any operation of its document, by id (`Users_Find`), by group and end of its path (`Users/Find`), or as \
                      `METHOD /path`. Members of a map that are called as parameters of path or query go there; the rest is the body. A text \
                      becomes the one text member of an object where the agent wants that. Without a body the domain stands in for it.",
                example: r#"try { print(agent::invoke(conn::get("contoso"), "Agent_Status").code) } catch (e) { print(e.code) }"#,
            },
            invoke,
        );
    site::register(left::register(copies::register(egress::register(namespace))))
}

/// What a look at an agent found.
#[allow(clippy::struct_field_names)] // as scripts see them
#[derive(Debug, Serialize)]
struct Status {
    agent: String,
    verdict: Verdict,
    ms: u64,
    url: Option<String>,
    document: Option<String>,
    version: Option<String>,
    operations: Option<usize>,
    status: Value,
    error: Option<Error>,
}

async fn status(context: Context, (connection,): (Connection,)) -> Result<Record<Status>> {
    let way = Way::to(&context, &connection).await?;
    let begun = Instant::now();
    let mut report = Status {
        agent: way.agent.address().to_string(),
        verdict: Verdict::Ok,
        ms: 0,
        url: None,
        document: None,
        version: None,
        operations: None,
        status: Value::Null,
        error: None,
    };
    if let Err(error) = look(&way, &mut report).await {
        (report.verdict, report.error) = (error.verdict(), Some(error));
    }
    report.ms = begun.elapsed().as_millis() as u64;
    let note = report.document.clone().unwrap_or_default();
    context.check_finished(&report.agent, report.verdict, begun.elapsed(), &note, report.error.as_ref());
    Ok(Record(report))
}

async fn look(way: &Way, report: &mut Status) -> Result<()> {
    let found = way.agent.found(way.token.as_ref()).await?;
    report.url = Some(found.base.clone());
    report.document = Some(format!("{} ({})", found.document.title, found.document.format));
    report.version = Some(found.document.version.clone());
    report.operations = Some(found.document.operations.len());
    match way.ask(Which::Wanted(&STATUS), &way.values()).await {
        Ok(answer) => report.status = answer.body,
        // An agent without such an operation has published its document: read again, for this one may be of long ago.
        Err(error) if error.code() == "agent.no_operation" => {
            way.agent.forget();
            way.agent.found(way.token.as_ref()).await?;
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn list(context: Context, (connection,): (Connection,)) -> Result<Record<Value>> {
    let way = Way::to(&context, &connection).await?;
    way.list().await.map(Value::from).map(Record)
}

async fn invoke(
    context: Context,
    (connection, operation, body): (Connection, String, Option<Anything>),
) -> Result<Record<Value>> {
    let way = Way::to(&context, &connection).await?;
    let values = Values { body: body.map(|body| body.0), ..way.values() };
    let which = Which::Named(&operation);
    let found = way.agent.found(way.token.as_ref()).await?;
    let asked = which.find(&found.document)?;
    let answer = if asked.only_reads() {
        way.ask(which, &values).await?
    } else {
        let (agent, asked) = (way.agent.address().to_string(), asked.to_string());
        let (did, did_not) =
            (format!("{asked} done by the agent {agent}"), format!("{asked} not done by the agent {agent}"));
        let write = context.write("agent.invoke", &agent, &did, &did_not).await?;
        write.settle_by(way.ask(which, &values).await).await?
    };
    Ok(Record(json!({ "operation": answer.operation, "code": answer.status, "body": answer.body })))
}

/// The entries of a list, however it is wrapped.
fn entries(body: Value) -> Result<Vec<Value>> {
    match body {
        Value::Array(entries) => return Ok(entries),
        Value::Object(mut map) => {
            for name in ["connections", "items", "value", "results", "data"] {
                if let Some(Value::Array(entries)) = map.remove(name) {
                    return Ok(entries);
                }
            }
        }
        Value::Null => return Ok(Vec::new()),
        _ => {}
    }
    Err(Error::new("agent.bad_answer", "the agent's list of connections is not a list")
        .hint("look at the operation on the agent's Swagger page"))
}
