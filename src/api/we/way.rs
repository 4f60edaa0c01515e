//! The way to the engine that `config.toml` names, and what its routes should be.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use futures_util::{StreamExt, stream};

use crate::{
    config,
    connection::{self, Connection, Kind, Selector, agents},
    error::{Error, Result},
    host::Host,
    script::context::Context,
    secret::{Secret, reference::Reference},
    workflow::client::{Engine, Expected, Options, Route},
};

/// Connections whose tokens are read at once: some are what a program prints.
const AT_ONCE: usize = 16;

/// The engines of this process, by what `config.toml` says of them: their sockets are kept, their tokens read once.
static ENGINES: LazyLock<Mutex<HashMap<String, Arc<Engine>>>> = LazyLock::new(Mutex::default);

/// The engine.
///
/// # Errors
/// `workflow.not_configured`; those of its token and its CA.
pub(super) async fn engine(context: &Context) -> Result<Arc<Engine>> {
    // Of a lab run it is the lab's, whatever `config.toml` says.
    context.blocking(|context| open(&context.world.config.workflow, context)).await
}

fn open(said: &config::Workflow, context: &Context) -> Result<Arc<Engine>> {
    let world = &context.world;
    let key = format!("{}\n{said:?}", world.home.display());
    if let Some(engine) = ENGINES.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(Arc::clone(engine));
    }
    let (Some(url), Some(reference)) = (&said.url, &said.token) else {
        let missing = if said.url.is_none() { "url" } else { "token" };
        return Err(Error::new("workflow.not_configured", format!("config.toml has no [workflow] {missing}"))
            .hint("say there where the Workflow Engine is: url = \"https://...\", token = \"file:...\""));
    };
    let ca_pem = said.ca.as_ref().map(|path| {
        let path = world.home.join(path);
        std::fs::read_to_string(&path).map(Arc::from).map_err(|e| {
            Error::new("workflow.bad_ca", format!("{} cannot be read: {e}", path.display()))
                .hint("let [workflow] ca in config.toml be the path of a PEM file")
        })
    });
    let engine = Arc::new(
        Engine::new(&Options {
            url: url.clone(),
            token: token(reference, context)?,
            ca_pem: ca_pem.transpose()?,
            proxy: world.host.https_proxy().map(Arc::from),
            no_proxy: world.host.no_proxy().map(Arc::from),
        })?
        .waiting(world.config.service.patience_with_engine()),
    );
    ENGINES.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&engine));
    Ok(engine)
}

fn token(reference: &str, context: &Context) -> Result<Secret> {
    let world = &context.world;
    let reference = match Reference::parse(reference)? {
        Reference::File(path) => Reference::File(world.home.join(path)),
        reference @ (Reference::Env(_) | Reference::Command(_)) => reference,
        other => {
            return Err(Error::new(
                "workflow.token_reference",
                format!("[workflow] token in config.toml is {other}, which nobody can answer when a script runs"),
            )
            .hint("give env:NAME, file:PATH or command:PROGRAM"));
        }
    };
    reference.read(&world.host, "token of the Workflow Engine")
}

/// The connection's name and domain now, if it is one that has an agent.
///
/// # Errors
/// `connection.wrong_kind`, `connection.unknown`.
pub(super) async fn route_of(context: &Context, connection: &Connection) -> Result<(String, String)> {
    let id = connection.id;
    let found = context.blocking(move |context| connection::by_id(&context.world.store, id)).await?;
    found.msonline()?;
    Ok((found.name, found.domain))
}

/// What the connection's route should be.
///
/// # Errors
/// `connection.wrong_kind`; those of the agent's token.
pub(super) async fn expected(context: &Context, connection: &Connection) -> Result<Route> {
    let id = connection.id;
    context
        .blocking(move |context| {
            let connection = connection::by_id(&context.world.store, id)?;
            let online = connection.msonline()?;
            Ok(Route {
                domain: connection.domain.clone(),
                host: online.agent_host.clone(),
                port: online.agent_port,
                ca_pem: online.agent_ca_pem.clone(),
                token: agents::token(&context.world.store, &context.world.host, &connection)?,
                written_by: writer(&context.world.host, &context.world.run),
                connection: connection.name,
            })
        })
        .await
}

/// The same of all connections that the run sees and that have an agent: one whose token cannot be read hides no other.
pub(super) async fn all_expected(context: &Context) -> Result<Vec<Expected>> {
    let all = context
        .blocking(|context| connection::list(&context.world.store, &Selector::all(), &context.world.scope))
        .await?;
    let online: Vec<Connection> = all.into_iter().filter(|connection| connection.kind == Kind::MsOnline).collect();
    let read = |connection: Connection| {
        let context = context.clone();
        async move { expected(&context, &connection).await.map_err(|error| (connection.name, error)) }
    };
    Ok(stream::iter(online).map(read).buffered(AT_ONCE).collect().await)
}

fn writer(host: &Host, run: &str) -> String {
    format!("{}, run {run}", host.operator())
}

/// Whose routes the run sees: of its customer's connections; without a customer all, also those of no connection.
pub(super) async fn ours(context: &Context) -> Result<impl Fn(&str) -> bool + use<>> {
    let names: Option<HashSet<String>> = if context.world.scope.customer.is_none() {
        None
    } else {
        let names =
            context.blocking(|context| connection::all_names(&context.world.store, &context.world.scope)).await?;
        Some(names.iter().map(|name| name.to_lowercase()).collect())
    };
    Ok(move |name: &str| names.as_ref().is_none_or(|names| names.contains(&name.to_lowercase())))
}
