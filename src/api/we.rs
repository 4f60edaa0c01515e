//! `we::`: the Workflow Engine's routes, and actions through them.

mod again;
mod left;
mod way;

use std::time::Instant;

use rhai::Dynamic;
use serde_json::{Value, json};

use self::way::{engine, expected, ours, route_of};
use crate::{
    agent::client::{
        answer::quotable,
        find::{LIST, STATUS, only_reads},
    },
    api::{
        handed::{self, Sent},
        made,
        types::Anything,
    },
    connection::{Connection, handed::What},
    error::{Error, Result},
    script::{
        context::{Context, Made},
        operation::{Namespace, Spec},
        value::{Fields, FromScript, Record},
    },
    store::rows::ConnectionId,
    verdict::Verdict,
    workflow::{
        client::{Drifted, Engine, Route, Whom, drift as compare_all},
        records::{Compared, Done, Held},
    },
};

/// What the engine says of a route that it does not hold.
const UNKNOWN: &str = "workflow.unknown_route";

pub(super) fn namespace() -> Namespace {
    left::register(Namespace::new("we"))
        .operation(
            Spec {
                signature: "update_agent(conn: connection, options?: map) -> record of connection, agent, written_by, written_at, operation, code",
                grant: Some("we:write"),
                doc: "*Update Agent in WE*: writes the connection's route (its Remote Agent's host, port, CA and token) into the Workflow Engine, \
                      reads it back, and sends one harmless action through it, the agent's status. A route of that name for another domain is \
                      another home's, or this connection had that domain before: it is left alone, unless `replace` is `true`.",
                example: r#"try { we::update_agent(conn::get("contoso")) } catch (e) { print(e.code) }"#,
            },
            update_agent,
        )
        .operation(
            Spec {
                signature: "route(conn: connection) -> record of connection, domain, host, port, ca, has_token, written_by, written_at",
                grant: None,
                doc: "The route that the Workflow Engine holds for a connection; never its token.",
                example: r#"try { print(we::route(conn::get("contoso")).host) } catch (e) { print(e.code) }"#,
            },
            route,
        )
        .operation(
            Spec {
                signature: "remove_route(conn: connection) -> bool",
                grant: Some("we:write"),
                doc: "Removes the connection's route from the Workflow Engine; `false` when there was none. Actions for the connection then \
                      go nowhere, until `we::update_agent` writes another.",
                example: r#"print(we::remove_route(conn::get("contoso")));"#,
            },
            remove_route,
        )
        .operation(
            Spec {
                signature: "routes() -> array of records",
                grant: None,
                doc: "All routes that the Workflow Engine holds, by connection, as `we::route` shows them.",
                example: r"try { print(we::routes().len()) } catch (e) { print(e.code) }",
            },
            routes,
        )
        .operation(
            Spec {
                signature: "drift() -> array of records of connection, drift, differs, agent, written_by, written_at, error",
                grant: None,
                doc: "Routes that differ from what the connections say; empty when none does. `drift` is `no-route`, `differs` (`differs` lists in \
                      what: `domain`, `host`, `port`, `ca`, `token`), `no-connection`, or `unreadable` (`error` says what of the connection). \
                      `we::update_agent` mends the first two; where the domain differs, with `replace: true`. No token is told.",
                example: r"try { for one in we::drift() { print(`${one.connection}: ${one.drift}`) } } catch (e) { print(e.code) }",
            },
            drift,
        )
        .operation(
            Spec {
                signature: "act(conn: connection, operation: text, body?: any) -> record of connection, agent, operation, status, verdict, ms, answer",
                grant: Some("we:write"),
                doc: "Has the connection's agent do something, through the Workflow Engine: an operation of the agent's by id (`Users_Find`), by \
                      group and end of its path, or as `METHOD /path`. Without a body the connection's domain stands in for it. What the agent \
                      refuses is thrown with the agent's own code and verdict. What does not only read needs the grant `agent:write` as well.",
                example: r#"try { print(we::act(conn::get("contoso"), "Agent_Status").status) } catch (e) { print(e.code) }"#,
            },
            act,
        )
}

/// Whether the engine answers for a connection, with a route or without.
///
/// # Errors
/// `workflow.not_configured`; those of reaching it.
pub(in crate::api) async fn answers(context: &Context, connection: &Connection) -> Result<()> {
    let engine = engine(context).await?;
    let (name, _) = route_of(context, connection).await?;
    match engine.get(&name).await {
        Err(error) if error.code() != "workflow.unknown_route" => Err(error),
        _ => Ok(()),
    }
}

/// *Update Agent in WE* as a part of something else; answers a note.
///
/// # Errors
/// As `we::update_agent`.
pub(in crate::api) async fn bring(context: &Context, connection: &Connection) -> Result<String> {
    let (held, done) = update(context, connection, false).await?;
    Ok(written(&held, &done))
}

fn written(held: &Held, done: &Done) -> String {
    format!("route to {} written and read back; {} answers {}", held.agent(), done.operation, done.status)
}

/// Writes the route, reads it back, and has one harmless action go through it.
async fn update(context: &Context, connection: &Connection, replace: bool) -> Result<(Held, Done)> {
    let engine = engine(context).await?;
    let route = expected(context, connection).await?;
    let held = write(context, &engine, (connection.id, &route), replace).await?;
    let agent = held.agent();
    let done = harmless(&engine, Whom { connection: &route.connection, domain: &route.domain }).await.map_err(|e| {
        e.context(format!("the route of {} to {agent} is written, and no action goes through it", route.connection))
    })?;
    Ok((held, done))
}

#[derive(Default)]
struct Writing {
    replace: bool,
}

impl FromScript for Writing {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let writing = Self { replace: fields.take("replace")?.unwrap_or_default() };
        fields.finish().map(|()| writing)
    }
}

async fn update_agent(context: Context, (connection, writing): (Connection, Option<Writing>)) -> Result<Record<Value>> {
    let begun = Instant::now();
    let (held, done) = update(&context, &connection, writing.unwrap_or_default().replace).await?;
    let agent = held.agent();
    context.check_finished(&held.connection, Verdict::Ok, begun.elapsed(), &written(&held, &done), None);
    Ok(Record(json!({ "connection": held.connection, "agent": agent, "written_by": held.written_by,
        "written_at": held.written_at, "operation": done.operation, "code": done.status })))
}

/// Writes a route and reads it back.
async fn write(context: &Context, engine: &Engine, (id, route): (ConnectionId, &Route), replace: bool) -> Result<Held> {
    let before = engine.compare(route).await?.route;
    if let Some(other) = before.as_ref().filter(|held| !replace && !held.domain.eq_ignore_ascii_case(&route.domain)) {
        return Err(others(other, route));
    }
    let is_new = before.is_none();
    let to = format!("route of {} in the Workflow Engine", route.connection);
    let write =
        context.write("we.route", &route.connection, &format!("{to} written"), &format!("{to} not written")).await?;
    let agent = format!("{}:{}", route.host, route.port);
    let sent = Sent { connection: id, what: What::Route, taken: false, credential: None, to: &agent };
    let begun = handed::begin(context, sent).await?;
    let put = again::put(context, engine, route).await;
    let outcome = handed::outcome(&put);
    made::note_with_connection(context, Made::Route, id, (write.number(), &put.clone().map(|()| is_new)));
    let put = write.settle_by(put).await;
    handed::ended(context, begun, outcome).await?;
    put?;
    match engine.compare(route).await? {
        Compared { route: Some(held), differs } if differs.is_empty() => Ok(held),
        found => Err(Error::new(
            "workflow.not_read_back",
            format!("the Workflow Engine's route of {} is not the one that was just written", route.connection),
        )
        .hint("somebody else writes it too; see with `we::route` who, and write it again")
        .with("differs", if found.route.is_some() { found.differs.join(", ") } else { "there is none".to_owned() })),
    }
}

/// Two homes may call different connections the same.
fn others(held: &Held, route: &Route) -> Error {
    let (name, by) = (&route.connection, quotable(&held.written_by));
    Error::new(
        "workflow.route_of_another",
        format!(
            "the Workflow Engine's route of {name} is for {}, and {name} is for {}",
            quotable(&held.domain),
            route.domain
        ),
    )
    .hint(format!(
        "it was written by {by} at {}: where it is another home's, give this connection another name; where it is to be replaced, \
         `we::update_agent(conn, #{{ replace: true }})`",
        held.written_at
    ))
}

/// The agent's status; of an agent that tells none, its connections.
async fn harmless(engine: &Engine, whom: Whom<'_>) -> Result<Done> {
    match engine.act(whom, STATUS.ids[0], None, false).await {
        Err(e) if e.code() == "agent.no_operation" => engine.act(whom, LIST.ids[0], None, false).await,
        done => done,
    }
}

async fn route(context: Context, (connection,): (Connection,)) -> Result<Record<Value>> {
    let engine = engine(&context).await?;
    let (name, _) = route_of(&context, &connection).await?;
    engine.get(&name).await.map(|held| Record(shown(&held)))
}

async fn remove_route(context: Context, (connection,): (Connection,)) -> Result<bool> {
    let engine = engine(&context).await?;
    let (name, domain) = route_of(&context, &connection).await?;
    // Two homes may call different connections the same.
    let agent = match engine.get(&name).await {
        Ok(held) if held.domain.eq_ignore_ascii_case(&domain) => held.agent(),
        Ok(_) => return Ok(false),
        Err(error) if error.code() == UNKNOWN => return Ok(false),
        Err(error) => return Err(error),
    };
    let to = format!("route of {name} in the Workflow Engine");
    let write = context.write("we.remove", &name, &format!("{to} removed"), &format!("{to} not removed")).await?;
    let sent = Sent { connection: connection.id, what: What::Route, taken: true, credential: None, to: &agent };
    let begun = handed::begin(&context, sent).await?;
    let removed = match engine.delete(&name).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == UNKNOWN => Ok(false),
        Err(error) => Err(error),
    };
    let outcome = handed::outcome(&removed);
    let removed = made::settle_removal(&context, Made::Route, connection.id, (write, removed)).await;
    handed::ended(&context, begun, outcome).await?;
    removed
}

async fn routes(context: Context, (): ()) -> Result<Record<Value>> {
    let engine = engine(&context).await?;
    let is_ours = ours(&context).await?;
    let routes = engine.list().await?;
    Ok(Record(routes.iter().filter(|held| is_ours(&held.connection)).map(shown).collect()))
}

/// A route as scripts see it.
fn shown(held: &Held) -> Value {
    json!({ "connection": held.connection, "domain": held.domain, "host": held.host, "port": held.port, "ca": held.ca,
        "has_token": held.has_token, "written_by": held.written_by, "written_at": held.written_at })
}

async fn drift(context: Context, (): ()) -> Result<Record<Vec<Drifted>>> {
    let engine = engine(&context).await?;
    let expected = way::all_expected(&context).await?;
    let is_ours = ours(&context).await?;
    compare_all(&engine, expected, |name| !is_ours(name)).await.map(Record)
}

async fn act(
    context: Context,
    (connection, operation, body): (Connection, String, Option<Anything>),
) -> Result<Record<Done>> {
    let engine = engine(&context).await?;
    let (name, domain) = route_of(&context, &connection).await?;
    let whom = Whom { connection: &name, domain: &domain };
    let body = body.map(|body| body.0);
    if only_reads(&operation) {
        return engine.act(whom, &operation, body.as_ref(), false).await.map(Record);
    }
    // It is done at the agent, whichever way it goes there.
    context.world.grants.require("agent:write", &format!("we::act of {operation}"))?;
    let (did, did_not) =
        (format!("{operation} done by the agent of {name}"), format!("{operation} not done by the agent of {name}"));
    let write = context.write("we.act", &name, &did, &did_not).await?;
    write.settle_by(engine.act(whom, &operation, body.as_ref(), true).await).await.map(Record)
}
