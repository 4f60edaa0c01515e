//! The group `Actions`: what a connection's agent is asked to do, through its route.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    Engine,
    wanted::{Action, ActionReq},
};
use crate::{
    agent::client::{
        Address, Agents, Options, Which,
        fill::Values,
        find::{ADD, DELETE, LIST, STATUS, TEST_CONNECTION, UPDATE},
    },
    error::{Error, Result},
    secret::Secret,
    service::{Answer, Limits, Problem},
    store::rows::routes::Route,
    verdict::Verdict,
    workflow::records::Done,
};

/// How long an action waits for its turn at an agent.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many agents' places are kept; then those that nobody has taken go.
const KEPT: usize = 4_096;

/// The agents that routes lead to.
pub(super) struct Ways {
    agents: Agents,
    options: Options,
    /// Actions that each agent is given at once.
    places: Mutex<HashMap<Address, Arc<Semaphore>>>,
    most: usize,
}

impl Ways {
    /// An agent gets a quarter of what the service does at once: one that hangs must not hold up the others'.
    pub(super) fn new(options: Options, limits: &Limits) -> Self {
        let most = (limits.at_once / 4).clamp(1, Semaphore::MAX_PERMITS);
        Self { agents: Agents::default(), options, places: Mutex::default(), most }
    }

    async fn place(&self, address: &Address) -> Result<OwnedSemaphorePermit> {
        let places = {
            let mut all = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= KEPT {
                all.retain(|_, places| places.available_permits() < self.most);
            }
            let places = all.entry(address.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.most)));
            Arc::clone(places)
        };
        match timeout(PATIENCE, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Error::inconclusive(
                "workflow.agent_busy",
                format!("the agent {address} does as much as it is given at once"),
            )
            .hint("try again in a moment; if it stays so, see what the agent waits for")),
        }
    }
}

/// Has an action done by a connection's agent
///
/// It goes to the agent that the connection's route names, with the route's token; a route for another domain than the action's
/// is not taken (`workflow.route_differs`, 409), for two homes may call different connections the same. What the agent refuses comes back as a
/// problem with status 424 and with the agent's own code, verdict and remedy; so does an agent that is down
/// (`agent.unreachable`) or that refuses the token (`agent.wrong_token`).
#[utoipa::path(post, path = "/api/Actions", tag = "Actions", operation_id = "Actions_Act",
    request_body = ActionReq, responses((status = 200, description = "What the agent answered", body = Done)))]
pub(super) async fn act(
    State(engine): State<Engine>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Answer<Done>, Problem> {
    let action = Action::read(&headers, &bytes)?;
    let (connection, domain) = (action.connection.clone(), action.domain.clone());
    let (route, token) = engine
        .stored(move |inner| {
            let route = inner.route(&connection)?;
            refuse_other_domain(&route, domain.as_deref())?;
            let token = route.token.as_deref().map(|sealed| inner.identity.open(sealed)).transpose()?;
            Ok((route, token))
        })
        .await?;
    let address = Address { host: route.host.clone(), port: route.port };
    let place = engine.0.ways.place(&address).await;
    let _place =
        place.map_err(|e| Problem::new(StatusCode::SERVICE_UNAVAILABLE, of_route(e, &route)).retry_after(1))?;
    // Another's refusal or silence is no fault of this service's, whatever its code.
    let done = engine.0.ways.ask(address, &route, token.as_ref(), action).await;
    done.map(Answer).map_err(|e| Problem::new(StatusCode::FAILED_DEPENDENCY, of_route(e, &route)))
}

/// Names of connections are one home's own.
fn refuse_other_domain(route: &Route, domain: Option<&str>) -> Result<()> {
    match domain {
        Some(domain) if !domain.eq_ignore_ascii_case(&route.domain) => Err(Error::new(
            "workflow.route_differs",
            format!(
                "the Workflow Engine's route of {} is for {}, and the action is for {domain}",
                route.connection, route.domain
            ),
        )
        .hint("another home may have a connection of this name: see with `we::route` who wrote it; `we::update_agent` writes it anew")),
        _ => Ok(()),
    }
}

impl Ways {
    async fn ask(&self, address: Address, route: &Route, token: Option<&Secret>, action: Action) -> Result<Done> {
        let options = Options { ca_pem: route.ca_pem.clone(), ..self.options.clone() };
        let agent = self.agents.at(address, &options)?;
        let values = Values {
            domain: route.domain.clone(),
            name: Some(route.connection.clone()),
            body: action.body,
            ..Values::default()
        };
        let begun = Instant::now();
        let answer = agent.ask(which(&action.operation), &values, token).await?;
        Ok(Done {
            connection: route.connection.clone(),
            agent: agent.address().to_string(),
            operation: answer.operation,
            status: answer.status,
            verdict: Verdict::Ok.as_str().to_owned(),
            ms: begun.elapsed().as_millis() as u64,
            answer: answer.body,
        })
    }
}

/// The operations that every agent has are found by whatever they are called there; any other by its own name.
fn which(operation: &str) -> Which<'_> {
    let usual = [&STATUS, &TEST_CONNECTION, &LIST, &ADD, &UPDATE, &DELETE];
    match usual.into_iter().find(|one| one.ids[0].eq_ignore_ascii_case(operation)) {
        Some(wanted) => Which::Wanted(wanted),
        None => Which::Named(operation),
    }
}

/// What went wrong on the way to an agent, with whose route that is. Where the token is at fault the route is what to mend.
fn of_route(error: Error, route: &Route) -> Error {
    let error = match error.code() {
        "agent.wrong_token" | "agent.no_token" | "agent.forbidden" => error.hint(
            "give the connection the agent's token (libretto connections edit NAME --agent-token env:TOKEN), then write its \
             route again: `we::update_agent`",
        ),
        "agent.tls" | "agent.in_the_clear" | "agent.protocol" => error.hint(
            "give the connection the agent's CA (libretto connections edit NAME --agent-ca FILE), then write its route again: \
             `we::update_agent`",
        ),
        _ => error,
    };
    error.with("connection", route.connection.clone())
}
