//! The lab's Remote Agent and Workflow Engine: the real services, on ports of their own, with stores of their own in the lab's
//! folder. Each begins when the first client knocks, so that a run that needs neither does not wait for them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use rustls::ServerConfig;
use tokio::{net::TcpSocket, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::seed::{Seed, seed_agent, seed_engine};
use crate::{
    agent::{client, service as agent},
    cloud,
    error::{Error, Result},
    lab::{Fault, Lab, ServiceFault},
    secret::Secret,
    service::{Limits, Listener, Service, token},
    workflow::service as engine,
};

/// Who does what is done in the services' stores.
const OPERATOR: &str = "lab";

/// What makes a service, in the state that its store is in.
type Make = Arc<dyn Fn() -> Result<Service> + Send + Sync>;

/// The two services. They end when this is dropped.
pub(super) struct Services {
    /// Where the agent listens.
    pub(super) agent: SocketAddr,
    /// What opens it.
    pub(super) agent_token: Secret,
    /// Where the engine listens.
    pub(super) engine: SocketAddr,
    /// What opens it.
    pub(super) engine_token: Secret,
    /// The services' own folder.
    pub(super) folder: PathBuf,
    _tasks: JoinSet<()>,
}

impl Services {
    /// Takes the ports. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// `lab.port`, `service.port`, `lab.certificate`; of making tokens.
    pub(super) fn start(lab: &Lab, folder: &Path, faults: &[Fault]) -> Result<Self> {
        let mut tasks = JoinSet::new();
        let (agent_token, engine_token) = (token::fresh()?, token::fresh()?);
        let of_agent =
            faults.iter().find_map(|fault| if let Fault::Agent(fault) = fault { Some(*fault) } else { None });
        let post = Post::take(lab, ("agent.lab.test", 0), of_agent)?;
        let agent = post.address;
        let seed = Seed::of(lab, agent, &agent_token);
        let (own, shown) = (folder.join(agent::FOLDER), shown(&agent_token, of_agent));
        let options = cloud::Options {
            login: lab.cloud().login().parse().ok(),
            ca_pem: Some(lab.ca_pem().into()),
            ..cloud::Options::default()
        };
        let seeded = seed.clone();
        let make = move || begin_agent(&own, &seeded, shown.as_ref(), options.clone());
        tasks.spawn(post.keep(Arc::new(make)));
        let of_engine =
            faults.iter().find_map(|fault| if let Fault::Workflow(fault) = fault { Some(*fault) } else { None });
        let post = Post::take(lab, ("workflow.lab.test", 1), of_engine)?;
        let engine = post.address;
        let (own, shown) = (folder.join(engine::FOLDER), self::shown(&engine_token, of_engine));
        tasks.spawn(post.keep(Arc::new(move || begin_engine(&own, &seed, shown.as_ref()))));
        Ok(Self { agent, agent_token, engine, engine_token, folder: folder.to_path_buf(), _tasks: tasks })
    }
}

/// The token that clients know, unless the service has another one by now.
fn shown(token: &Secret, fault: Option<ServiceFault>) -> Option<Secret> {
    (fault != Some(ServiceFault::WrongToken)).then(|| token.clone())
}

fn begin_agent(folder: &Path, seed: &Seed, token: Option<&Secret>, options: cloud::Options) -> Result<Service> {
    let store = agent::store(folder, OPERATOR)?;
    seed_agent(&store, seed)?;
    token.map(|token| token::set(&store, token)).transpose()?;
    drop(store);
    agent::Agent::open(folder, OPERATOR, options)?.service(Limits::default())
}

fn begin_engine(folder: &Path, seed: &Seed, token: Option<&Secret>) -> Result<Service> {
    let store = engine::store(folder, OPERATOR)?;
    seed_engine(&store, seed)?;
    token.map(|token| token::set(&store, token)).transpose()?;
    drop(store);
    let limits = Limits::default();
    engine::Engine::open(folder, OPERATOR, client::Options::default(), &limits)?.service(limits)
}

/// A port and what is to be served on it.
struct Post {
    address: SocketAddr,
    tls: Arc<ServerConfig>,
    fault: Option<ServiceFault>,
    /// `None` where connections are refused.
    listener: Option<Listener>,
    /// Keeps others from a port that nobody listens on.
    held: Option<TcpSocket>,
}

impl Post {
    fn take(lab: &Lab, (host, number): (&str, u16), fault: Option<ServiceFault>) -> Result<Self> {
        let (tls, wanted) = (lab.tls(host)?, SocketAddr::from(([127, 0, 0, 1], lab.service_port(number))));
        if fault == Some(ServiceFault::Down) {
            let (held, address) = hold(wanted)?;
            return Ok(Self { address, tls, fault, listener: None, held: Some(held) });
        }
        let listener = Listener::bind(wanted, Some(Arc::clone(&tls)), false)?;
        Ok(Self { address: listener.address()?, tls, fault, listener: Some(listener), held: None })
    }

    /// Serves until this is dropped; after a crash as the fault says.
    async fn keep(mut self, make: Make) {
        while let Some(mut listener) = self.listener.take() {
            self.held = None;
            listener.knocked().await;
            let make = Arc::clone(&make);
            let service = match tokio::task::spawn_blocking(move || make()).await {
                Ok(Ok(service)) => service,
                Ok(Err(error)) => return tracing::error!("a service of the lab does not begin: {error}"),
                Err(error) => return tracing::error!("a service of the lab does not begin: {error}"),
            };
            let Some(ServiceFault::CrashBeforeReply(back)) = self.fault.take() else {
                let served = listener.serve(service, std::future::pending(), std::future::pending()).await;
                return drop(served);
            };
            let crash = CancellationToken::new();
            let service = mortal(service, &crash);
            drop(listener.serve(service, crash.cancelled(), crash.cancelled()).await);
            self.held = hold(self.address).ok().map(|(held, _)| held);
            let Some(back) = back else { break };
            self.listener = self.again(back).await;
        }
        std::future::pending::<()>().await;
    }

    async fn again(&self, after: Duration) -> Option<Listener> {
        tokio::time::sleep(after).await;
        let again = Listener::bind(self.address, Some(Arc::clone(&self.tls)), false);
        again.inspect_err(|error| tracing::error!("a service of the lab does not begin again: {error}")).ok()
    }
}

/// A port that is taken and refuses connections.
fn hold(wanted: SocketAddr) -> Result<(TcpSocket, SocketAddr)> {
    let hold = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(wanted.port() != 0)?;
        socket.bind(wanted)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    };
    hold().map_err(|e: std::io::Error| Error::new("lab.port", format!("the lab cannot have {wanted}: {e}")))
}

/// The service with a process that ends after the first write, before that is answered.
fn mortal(service: Service, crash: &CancellationToken) -> Service {
    let operations = service.operations.layer(from_fn_with_state(crash.clone(), crash_before_reply));
    Service { operations, ..service }
}

async fn crash_before_reply(State(crash): State<CancellationToken>, request: Request, next: Next) -> Response {
    let reads = ["/TestConnection", "/Find", "/Compare", "/Actions"];
    let writes = request.method() != Method::GET && !reads.iter().any(|end| request.uri().path().ends_with(end));
    let response = next.run(request).await;
    if writes && response.status().is_success() {
        crash.cancel();
        std::future::pending::<()>().await;
    }
    response
}
