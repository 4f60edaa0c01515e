//! `Agent_CheckEgress`: whether the portal, sign-in and Graph hosts of a cloud can be reached from the agent's own host.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{extract::State, http::Uri};
use futures_util::future::join_all;
use rustls::pki_types::ServerName;
use serde::Serialize;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use url::Url;
use utoipa::ToSchema;

use super::Agent;
use crate::{
    cloud::{Options, clouds::NationalCloud},
    error::{Error, Result},
    net::trust,
    service::{Answer, Problem, body},
};

/// How long each stage of a host may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The national clouds as people call them, and the portal of each.
const CLOUDS: [(&str, NationalCloud, &str); 4] = [
    ("global", NationalCloud::Global, "portal.azure.com"),
    ("gcc-high", NationalCloud::UsGovernment, "portal.azure.us"),
    ("dod", NationalCloud::UsDefense, "portal.azure.us"),
    ("china", NationalCloud::China, "portal.azure.cn"),
];

/// A national cloud.
#[derive(Debug, Clone, Copy, ToSchema)]
#[allow(dead_code)] // the document's; what arrives is read by `asked`
#[schema(rename_all = "kebab-case")]
pub(super) enum Cloud {
    Global,
    GccHigh,
    Dod,
    China,
}

/// What of a cloud can be reached.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EgressChecked {
    /// Whether all hosts can be.
    reached: bool,
    /// Host by host.
    hosts: Vec<HostReached>,
}

/// How far a host can be reached.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HostReached {
    /// `portal`, `sign-in` or `graph`.
    #[schema(example = "sign-in")]
    role: String,
    /// Its name.
    #[schema(example = "login.microsoftonline.com")]
    host: String,
    /// Its port.
    port: u16,
    /// What its name was resolved to.
    addresses: Vec<String>,
    /// The first stage that failed: `resolve`, `connect`, `tls`; null when none did.
    #[schema(example = json!(null))]
    failed: Option<String>,
    /// Why it did.
    detail: Option<String>,
    /// What to do about it.
    remedy: Option<String>,
}

/// Where the agent's cloud is.
pub(super) struct Egress {
    /// Another sign-in host than Microsoft's.
    login: Option<Url>,
    /// What is trusted instead of the system's roots.
    ca_pem: Option<Arc<str>>,
}

/// Where a host is tried.
struct Place {
    role: &'static str,
    host: String,
    port: u16,
    tls: bool,
}

impl Egress {
    pub(super) fn new(options: &Options) -> Self {
        Self { login: options.login.clone(), ca_pem: options.ca_pem.clone() }
    }

    /// The hosts to try. Of another cloud than Microsoft's the sign-in host alone is known.
    fn places(&self, uri: &Uri) -> Result<Vec<Place>> {
        let hosts = asked(uri)?;
        if let Some(login) = &self.login {
            let host = login.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let port = login.port_or_known_default().unwrap_or(443);
            return Ok(vec![Place { role: "sign-in", host, port, tls: login.scheme() == "https" }]);
        }
        let place = |(role, host): (&'static str, &str)| Place { role, host: host.to_owned(), port: 443, tls: true };
        Ok(hosts.into_iter().map(place).collect())
    }

    fn connector(&self) -> Result<TlsConnector> {
        let config = trust::client(self.ca_pem.as_deref())
            .map_err(|why| Error::new("agent.no_tls", format!("no TLS client can be made: {why}")))?;
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Tries to reach the cloud from the agent's host
///
/// Resolves the names of its portal, its sign-in and its Graph host, connects to each and ends a TLS handshake. Nothing is
/// sent. A proxy is not used: the check is of the direct way.
#[utoipa::path(get, path = "/api/Agent/CheckEgress", tag = "Agent", operation_id = "Agent_CheckEgress",
    params(("cloud" = inline(Option<Cloud>), Query, description = "`global` unless told")),
    responses((status = 200, description = "What can be reached", body = EgressChecked)))]
pub(super) async fn check_egress(State(agent): State<Agent>, uri: Uri) -> Result<Answer<EgressChecked>, Problem> {
    let places = agent.0.egress.places(&uri)?;
    let tls = agent.stored(|inner| inner.egress.connector()).await?;
    let hosts = join_all(places.into_iter().map(|place| reach(place, &tls))).await;
    Ok(Answer(EgressChecked { reached: hosts.iter().all(|host| host.failed.is_none()), hosts }))
}

/// The hosts of the cloud that the query names, by what they are for.
fn asked(uri: &Uri) -> Result<[(&'static str, &'static str); 3]> {
    let query = axum::extract::Query::<std::collections::HashMap<String, String>>::try_from_uri(uri)
        .map_err(|_| body::bad("the query cannot be read"))?;
    let wanted = query.get("cloud").map_or("global", String::as_str);
    let found = CLOUDS.into_iter().find(|(name, ..)| *name == wanted);
    found
        .and_then(|(_, cloud, portal)| {
            let (login, graph) = cloud.hosts()?;
            Some([("portal", portal), ("sign-in", login), ("graph", graph)])
        })
        .ok_or_else(|| body::bad("there is no such cloud").hint("global, gcc-high, dod or china"))
}

async fn reach(place: Place, tls: &TlsConnector) -> HostReached {
    let mut addresses = Vec::new();
    let failure = stages(&place, tls, &mut addresses).await.err();
    let (failed, detail, remedy) = match failure {
        None => (None, None, None),
        Some((stage, detail, remedy)) => (Some(stage.to_owned()), Some(detail), Some(remedy.to_owned())),
    };
    let addresses = addresses.iter().map(|address: &SocketAddr| address.ip().to_string()).collect();
    HostReached { role: place.role.to_owned(), host: place.host, port: place.port, addresses, failed, detail, remedy }
}

type Failure = (&'static str, String, &'static str);

async fn stages(place: &Place, tls: &TlsConnector, addresses: &mut Vec<SocketAddr>) -> Result<(), Failure> {
    let late = "there was no answer in time".to_owned();
    let resolve = |said| ("resolve", said, "see that the agent's host resolves names of the internet");
    *addresses = match timeout(PATIENCE, tokio::net::lookup_host((place.host.as_str(), place.port))).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(e)) => return Err(resolve(e.to_string())),
        Err(_) => return Err(resolve(late)),
    };
    let connect = |said| ("connect", said, "let the agent's host through the firewall to this host and port");
    let stream = match timeout(PATIENCE, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => return Err(connect(e.to_string())),
        Err(_) => return Err(connect(late)),
    };
    if !place.tls {
        return Ok(());
    }
    let broken = |said| {
        ("tls", said, "something between may open TLS: take this host out of its inspection, or trust its authority")
    };
    let name = ServerName::try_from(place.host.clone()).map_err(|e| broken(e.to_string()))?;
    match timeout(PATIENCE, tls.connect(name, stream)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(e)) => Err(broken(e.to_string())),
        Err(_) => Err(broken(late)),
    }
}
