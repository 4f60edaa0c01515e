//! Whether the cloud can be reached from the agent's own host.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::way::Way;
use crate::{
    agent::client::{Which, fill::Values},
    connection::Connection,
    error::{Error, Result},
    names::host_port,
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::Record,
    },
    verdict::Verdict,
};

/// The agent's operation.
const OPERATION: &str = "Agent_CheckEgress";

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace.operation(
        Spec {
            signature: "check_egress(conn: connection, cloud?: text) -> array of records of target, role, verdict, error",
            grant: None,
            doc: "Has the agent try, from its own host, to reach the portal, the sign-in and the Graph host of a cloud: `global` unless told, \
                  `gcc-high`, `dod`, `china`. A host that cannot be reached is in its record, not thrown. An agent that cannot try is \
                  `agent.no_operation`.",
            example: r#"for host in agent::check_egress(conn::get("contoso")) { print(`${host.target}: ${host.verdict}`) }"#,
        },
        check_egress,
    )
}

/// What the agent says of a host.
#[derive(Deserialize)]
struct Tried {
    role: String,
    host: String,
    port: u16,
    failed: Option<String>,
    detail: Option<String>,
    remedy: Option<String>,
}

/// A host as scripts see it.
#[derive(Serialize)]
struct Host {
    target: String,
    role: String,
    verdict: Verdict,
    error: Option<Error>,
}

async fn check_egress(
    context: Context,
    (connection, cloud): (Connection, Option<String>),
) -> Result<Record<Vec<Host>>> {
    let way = Way::to(&context, &connection).await?;
    let values = Values { body: cloud.map(|cloud| json!({ "cloud": cloud })), ..way.values() };
    let begun = Instant::now();
    let answer = way.ask(Which::Named(OPERATION), &values).await?;
    let tried: Option<Vec<Tried>> = answer.body.get("hosts").and_then(|hosts| Vec::deserialize(hosts).ok());
    let tried = tried.ok_or_else(|| {
        Error::new("agent.bad_answer", format!("{} does not tell which hosts were tried", answer.operation))
            .hint("see that the agent is of the same version as Libretto")
    })?;
    let (hosts, took) = (tried.into_iter().map(Host::of).collect::<Vec<_>>(), begun.elapsed());
    for (number, host) in hosts.iter().enumerate() {
        // They were tried at the same time; the time is that of all.
        let took = if number == 0 { took } else { Duration::ZERO };
        let note = format!("{}, from the agent's host", host.role);
        context.check_finished(&host.target, host.verdict, took, &note, host.error.as_ref());
    }
    Ok(Record(hosts))
}

impl Host {
    fn of(tried: Tried) -> Self {
        let target = host_port(&tried.host, tried.port);
        let error = tried.failed.map(|stage| {
            let cause = tried.detail.unwrap_or_else(|| "it fails".to_owned());
            let said = format!("{target} ({}) cannot be reached from the agent's host, {stage}: {cause}", tried.role);
            let remedy = tried.remedy.unwrap_or_else(|| "let the agent's host through the firewall to it".to_owned());
            Error::new("agent.no_egress", said).hint(remedy)
        });
        let verdict = if error.is_some() { Verdict::Failed } else { Verdict::Ok };
        Self { target, role: tried.role, verdict, error }
    }
}
