//! What a run left at the Workflow Engine that was cut short: settled.

use serde_json::{Value, json};

use super::{UNKNOWN, engine, expected, route_of, write};
use crate::{
    api::handed,
    connection::{
        Connection,
        handed::{Unsettled, What},
    },
    error::Result,
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::Record,
    },
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace.operation(
        Spec {
            signature: "settle(conn: connection) -> record of connection, done",
            grant: Some("we:write"),
            doc: "Settles what is not settled of the connection's route (`agent::unsettled`): looks at what the Workflow Engine holds, and \
                  writes the route again where that is not it. Where nothing is left to do `done` says so.",
            example: r#"print(we::settle(conn::get("contoso")).done);"#,
        },
        settle,
    )
}

async fn settle(context: Context, (connection,): (Connection,)) -> Result<Record<Value>> {
    let done = match handed::open(&context, &connection, What::Route).await? {
        None => "nothing was left to do".to_owned(),
        Some(left) if left.handed.taken => look(&context, &connection, &left).await?,
        Some(left) => bring_again(&context, &connection, &left).await?,
    };
    Ok(Record(json!({ "connection": connection.name, "done": done })))
}

/// Whether the engine holds a route.
async fn look(context: &Context, connection: &Connection, left: &Unsettled) -> Result<String> {
    let engine = engine(context).await?;
    let (name, _) = route_of(context, connection).await?;
    let found = match engine.get(&name).await {
        Ok(held) => format!("it holds a route to {} still", held.agent()),
        Err(error) if error.code() == UNKNOWN => "it holds no route".to_owned(),
        Err(error) => return Err(error),
    };
    handed::settled(context, left).await?;
    Ok(found)
}

async fn bring_again(context: &Context, connection: &Connection, left: &Unsettled) -> Result<String> {
    let engine = engine(context).await?;
    let route = expected(context, connection).await?;
    let found = engine.compare(&route).await?;
    if found.route.is_some() && found.differs.is_empty() {
        handed::settled(context, left).await?;
        return Ok("it holds the route".to_owned());
    }
    let held = write(context, &engine, (connection.id, &route), false).await?;
    Ok(format!("it holds the route to {} now", held.agent()))
}
