//! `Agent_CheckEgress`: whether the portal, sign-in and Graph hosts of a cloud can be reached from the agent's own host.

mod stages;

use std::sync::Arc;

use axum::{extract::State, http::Uri};
use futures_util::future::join_all;
use hyper_util::client::proxy::matcher::Matcher;
use serde::Serialize;
use tokio_rustls::TlsConnector;
use url::Url;
use utoipa::ToSchema;

use self::stages::{ProxyWay, Tried, stages};
use super::{Agent, Inner};
use crate::{
    cloud::{Options, clouds::NationalCloud},
    error::{Error, Result},
    names::host_port,
    net::{http::never_proxied as never, trust},
    service::{Answer, Problem, body},
};

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
    /// The proxy that it is reached through, as all that the agent asks of it is; null for the direct way.
    #[schema(example = json!(null))]
    through: Option<String>,
    /// What its name, or the proxy's, was resolved to.
    addresses: Vec<String>,
    /// The first stage that failed: `resolve`, `connect`, `proxy`, `tls`; null when none did.
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
    /// Which hosts are reached through which proxy.
    proxies: Matcher,
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
        let (https, no) = (options.proxy.as_deref(), options.no_proxy.as_deref());
        let proxies = Matcher::builder().https(https.unwrap_or_default()).no(never(no)).build();
        Self { login: options.login.clone(), ca_pem: options.ca_pem.clone(), proxies }
    }

    /// The proxy that the agent's own requests to a host go through.
    fn proxy_for(&self, place: &Place) -> Option<ProxyWay> {
        let scheme = if place.tls { "https" } else { "http" };
        let found =
            self.proxies.intercept(&format!("{scheme}://{}", host_port(&place.host, place.port)).parse().ok()?)?;
        let uri = found.uri();
        let tls = uri.scheme_str() == Some("https");
        Some(ProxyWay {
            host: uri.host()?.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
            authorization: found.basic_auth().cloned(),
        })
    }

    /// The hosts to try. Of another cloud than Microsoft's the sign-in host alone is known, and Graph as it says of a domain.
    fn places(&self, uri: &Uri) -> Result<Vec<Place>> {
        let hosts = asked(uri)?;
        if let Some(login) = &self.login {
            return Ok(vec![place_of("sign-in", login)]);
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
/// sent. Where a proxy is set it goes through that, as everything that the agent asks does, and `through` names it.
#[utoipa::path(get, path = "/api/Agent/CheckEgress", tag = "Agent", operation_id = "Agent_CheckEgress",
    params(("cloud" = inline(Option<Cloud>), Query, description = "`global` unless told")),
    responses((status = 200, description = "What can be reached", body = EgressChecked)))]
pub(super) async fn check_egress(State(agent): State<Agent>, uri: Uri) -> Result<Answer<EgressChecked>, Problem> {
    let mut places = agent.0.egress.places(&uri)?;
    places.extend(agent.graph_elsewhere().await);
    let tls = agent.stored(|inner| inner.egress.connector()).await?;
    let hosts = join_all(places.into_iter().map(|place| reach(place, &agent.0.egress, &tls))).await;
    Ok(Answer(EgressChecked { reached: hosts.iter().all(|host| host.failed.is_none()), hosts }))
}

impl Agent {
    /// The Graph of another cloud than Microsoft's, as its sign-in host tells of a domain that is held.
    async fn graph_elsewhere(&self) -> Option<Place> {
        self.0.egress.login.as_ref()?;
        let domain = self.stored(Inner::a_domain).await.ok()??;
        let graph = self.0.cloud.discover(&domain).await.ok()?.graph;
        Some(place_of("graph", &graph))
    }
}

fn place_of(role: &'static str, url: &Url) -> Place {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    Place { role, host, port: url.port_or_known_default().unwrap_or(443), tls: url.scheme() == "https" }
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

async fn reach(place: Place, egress: &Egress, tls: &TlsConnector) -> HostReached {
    let mut tried = Tried::new(egress.proxy_for(&place));
    let failure = stages(&place, tls, &mut tried).await.err();
    let (failed, detail, remedy) = match failure {
        None => (None, None, None),
        Some((stage, detail, remedy)) => (Some(stage.to_owned()), Some(detail), Some(remedy.to_owned())),
    };
    let addresses = tried.addresses.iter().map(|address| address.ip().to_string()).collect();
    let through = tried.proxy.map(|proxy| host_port(&proxy.host, proxy.port));
    let Place { role, host, port, .. } = place;
    HostReached { role: role.to_owned(), host, port, through, addresses, failed, detail, remedy }
}
