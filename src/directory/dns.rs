//! Names: SRV records and addresses, from the system's DNS server or from a given one.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
};

use crate::error::{Error, Result};

/// A DNS client. Cheap to clone; clones share one cache.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
    server: Option<SocketAddr>,
}

/// One SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// The host, without the trailing dot.
    pub host: String,
    /// The service's port.
    pub port: u16,
    /// Lower is tried first.
    pub priority: u16,
    /// Among equals, higher is tried more often.
    pub weight: u16,
}

impl Dns {
    /// The system's DNS servers; the hosts file is not looked at: it holds no SRV records.
    ///
    /// # Errors
    /// `ad.dns_failed` when the system names no DNS server.
    pub fn system() -> Result<Self> {
        let mut builder = TokioResolver::builder_tokio().map_err(|error| {
            Error::new("ad.dns_failed", format!("the system's DNS settings cannot be read: {error}"))
                .hint("set dns.server in config.toml to a domain controller's address")
        })?;
        tune(builder.options_mut());
        Self::finish(builder.build(), None)
    }

    /// One given server, usually a domain controller, on `server`'s port (53 as a rule).
    ///
    /// # Errors
    /// `ad.dns_failed`, which is not expected.
    pub fn server(server: SocketAddr) -> Result<Self> {
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        for connection in &mut connections {
            connection.port = server.port();
        }
        let servers = vec![NameServerConfig::new(server.ip(), true, connections)];
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        tune(builder.options_mut());
        Self::finish(builder.build(), Some(server))
    }

    fn finish(resolver: Result<TokioResolver, NetError>, server: Option<SocketAddr>) -> Result<Self> {
        let resolver = resolver.map_err(|error| Error::new("ad.dns_failed", format!("no DNS client: {error}")))?;
        Ok(Self { resolver, server })
    }

    /// The SRV records of `name`, best first; empty when there are none.
    ///
    /// # Errors
    /// `ad.dns_failed` when the server does not answer.
    pub async fn services(&self, name: &str) -> Result<Vec<Srv>> {
        tracing::debug!("asks {self} for the services {name}");
        let lookup = match self.resolver.srv_lookup(absolute(name)).await {
            Ok(lookup) => lookup,
            Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(name, &error)),
        };
        let mut services: Vec<Srv> = lookup.answers().iter().filter_map(|record| service(&record.data)).collect();
        services.sort_by(|a, b| (a.priority, b.weight, &a.host).cmp(&(b.priority, a.weight, &b.host)));
        Ok(services)
    }

    /// The addresses of `host`; empty when the name does not exist.
    ///
    /// # Errors
    /// `ad.dns_failed` when the server does not answer.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>> {
        tracing::debug!("asks {self} for the addresses of {host}");
        match self.resolver.lookup_ip(absolute(host)).await {
            Ok(lookup) => Ok(lookup.iter().collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(self.failed(host, &error)),
        }
    }

    fn failed(&self, name: &str, error: &NetError) -> Error {
        Error::inconclusive("ad.dns_failed", format!("{self} did not answer for {name}: {error}"))
            .hint("see that the DNS server runs and is reachable on port 53, or set dns.server in config.toml")
    }
}

/// A name with its trailing dot, so that no search list is tried on it.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn service(data: &RData) -> Option<Srv> {
    let RData::SRV(record) = data else { return None };
    let host = record.target.to_ascii().trim_end_matches('.').to_lowercase();
    // A single dot says that the service is decidedly not available (RFC 2782).
    (!host.is_empty()).then_some(Srv { host, port: record.port, priority: record.priority, weight: record.weight })
}

fn tune(options: &mut ResolverOpts) {
    options.use_hosts_file = ResolveHosts::Never;
    options.timeout = Duration::from_secs(2);
    options.attempts = 2;
}

impl fmt::Display for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.server {
            Some(server) => write!(f, "the DNS server {server}"),
            None => f.write_str("the system's DNS"),
        }
    }
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dns({self})")
    }
}
