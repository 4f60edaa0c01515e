//! What a run left at agents and the Workflow Engine that was cut short: listed, and settled for an agent's copy.

use serde_json::{Value, json};

use super::{tested::give_back, way::Way};
use crate::{
    api::{conn::Named, handed},
    connection::{
        Connection,
        handed::{Unsettled, What},
    },
    error::{Error, Result},
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
                signature: "unsettled(connection?: connection or text) -> array of records of connection, what, agent, version, begun, run, known, plan, alive",
                grant: None,
                doc: "What agents (`what` is `copy`) and the Workflow Engine (`route`) were given and is not settled: its answer is not known, \
                      or it is a version that nothing has proven. All of it, or what concerns one connection, oldest first. From the \
                      store alone; nobody is asked. `known` says what is known, `plan` what `agent::settle` or `we::settle` will do; with \
                      `alive` the run goes on, and nothing is to be settled then.",
                example: r"for one in agent::unsettled() { print(`${one.connection}: ${one.known}`) }",
            },
            unsettled,
        )
        .operation(
            Spec {
                signature: "settle(conn: connection) -> record of connection, agent, done",
                grant: Some("agent:write"),
                doc: "Settles what is not settled of the agent's copy: gives the agent the connection's current version, or, of a removal, looks \
                      whether it has a copy. Where nothing is left to do `done` says so.",
                example: r#"print(agent::settle(conn::get("contoso")).done);"#,
            },
            settle,
        )
}

async fn unsettled(context: Context, (named,): (Option<Named>,)) -> Result<Vec<Record<Unsettled>>> {
    let all = handed::unsettled(&context, named.map(|Named(name)| name)).await?;
    Ok(all.into_iter().map(Record).collect())
}

async fn settle(context: Context, (connection,): (Connection,)) -> Result<Record<Value>> {
    let way = Way::to(&context, &connection).await?;
    let (agent, connection) = (way.agent.address().to_string(), &way.connection);
    let done = match handed::open(&context, connection, What::Copy).await? {
        None => "nothing was left to do".to_owned(),
        Some(left) if left.agent != agent => {
            handed::settled(&context, &left).await?;
            return Err(moved(&left, &agent));
        }
        Some(left) if left.handed.taken => look(&context, &way, &left).await?,
        Some(_) => format!("it has version {} now, which is current", give_back(&context, &way).await?),
    };
    Ok(Record(json!({ "connection": connection.name, "agent": agent, "done": done })))
}

/// Whether the agent has a copy.
async fn look(context: &Context, way: &Way, left: &Unsettled) -> Result<String> {
    let domain = &way.connection.domain;
    let has = |entry: &Value| {
        let texts = entry.as_object().into_iter().flat_map(|entry| entry.values()).filter_map(Value::as_str);
        texts.into_iter().any(|text| text.eq_ignore_ascii_case(domain))
    };
    let found = way.list().await?.iter().any(has);
    handed::settled(context, left).await?;
    Ok(if found { "it has a copy still".to_owned() } else { "it has no copy".to_owned() })
}

/// Another agent has it, and how that one is reached is not known any more.
fn moved(left: &Unsettled, agent: &str) -> Error {
    let version = left.version.map_or_else(String::new, |version| format!(" with version {version} of its credential"));
    Error::inconclusive(
        "agent.moved",
        format!(
            "the agent {} may have a copy of {}{version}, and the connection's agent is {agent} now",
            left.agent, left.connection
        ),
    )
    .hint("remove the copy on the Swagger page of the earlier agent, if it is still in use")
}
