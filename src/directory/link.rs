//! The encrypted connection to one controller: how it comes about.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    endpoint::Endpoint,
    fault::{broken, rubbish, timed_out},
    pipe::Pipe,
    target::{LDAP_PORT, Target},
    tls::TlsMode,
    trust,
    wire::{self, Rubbish},
};
use crate::error::{Error, Result};

/// A connection on which anything may be said.
pub(super) type Link = Pipe<TlsStream<TcpStream>>;

/// Connects, and encrypts, within the endpoint's connect limit.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<Link> {
    connect_with(endpoint, &TlsConnector::from(endpoint.trust().config.clone())).await
}

/// Where the other end is.
pub(super) fn address(link: &Link) -> Option<IpAddr> {
    link.stream().get_ref().0.peer_addr().ok().map(|address| address.ip())
}

/// The same with a TLS configuration of the caller's.
pub(super) async fn connect_with(endpoint: &Endpoint, connector: &TlsConnector) -> Result<Link> {
    let target = &endpoint.target;
    let begun = Instant::now();
    let connected = within(target, endpoint.limits.connect, "connect", async {
        let mut stream = reach(endpoint).await?;
        if endpoint.mode() == TlsMode::StartTls {
            stream = start_tls(target, stream).await?;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| Error::new("ad.bad_target", format!("'{}' is not a host name", target.host)))?;
        let stream = connector.connect(name, stream).await.map_err(|error| handshake_error(target, &error))?;
        let version = stream.get_ref().1.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
        tracing::info!("connected to {target}: {version}, {} ms", begun.elapsed().as_millis());
        Ok(Pipe::new(target.clone(), stream))
    });
    connected
        .await
        .map_err(|error| on_the_plain_port(endpoint, error))
        .inspect_err(|error| tracing::info!("no connection to {target}: {error:?}"))
}

/// A controller does not understand TLS from the first byte on the port of plain LDAP; it closes, or says nothing at all.
fn on_the_plain_port(endpoint: &Endpoint, error: Error) -> Error {
    let is_plain = endpoint.mode() == TlsMode::Ldaps && endpoint.port() == LDAP_PORT;
    if !is_plain
        || !["ad.closed", "ad.timeout", "ad.unreachable", "ad.protocol", "ad.tls_failed"].contains(&error.code())
    {
        return error;
    }
    error.hint("389 is the port of plain LDAP: use StartTLS there (--tls starttls), or LDAPS on its own port, 636")
}

/// Runs `work` for at most `limit`.
async fn within<T>(target: &Target, limit: Duration, doing: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(timed_out(target, limit, doing)))
}

/// A TCP connection to the first of the target's addresses that takes one.
async fn reach(endpoint: &Endpoint) -> Result<TcpStream> {
    let target = &endpoint.target;
    let mut failure = None;
    for address in addresses(endpoint).await? {
        match TcpStream::connect(SocketAddr::new(address, endpoint.port())).await {
            Ok(stream) => {
                // Without it each small request waits for the acknowledgement of the one before: 18 binds/s, not 113.
                stream.set_nodelay(true).map_err(|error| broken(target, &error))?;
                return Ok(stream);
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.map_or_else(|| name_not_found(target, "it has no address"), |error| unreachable(endpoint, &error)))
}

async fn addresses(endpoint: &Endpoint) -> Result<Vec<IpAddr>> {
    let target = &endpoint.target;
    if let Some(address) = target.address.or_else(|| target.host.parse().ok()) {
        return Ok(vec![address]);
    }
    if let Some(dns) = endpoint.dns() {
        let found = dns.addresses(&target.host).await?;
        return if found.is_empty() {
            Err(name_not_found(target, &format!("{dns} does not know it")))
        } else {
            Ok(found)
        };
    }
    match tokio::net::lookup_host((target.host.as_str(), endpoint.port())).await {
        Ok(found) => Ok(found.map(|address| address.ip()).collect()),
        Err(error) => Err(name_not_found(target, &error.to_string())),
    }
}

fn name_not_found(target: &Target, why: &str) -> Error {
    Error::new("ad.unreachable", format!("the name {} cannot be found: {why}", target.host))
        .hint("check the target's name, or set dns.server in config.toml to a server that knows the domain")
        .retryable()
        .with("target", target.to_string())
}

fn unreachable(endpoint: &Endpoint, error: &io::Error) -> Error {
    let (target, port) = (&endpoint.target, endpoint.port());
    let error = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Error::new("ad.refused", format!("{target} is there, but nothing listens on port {port}"))
                .hint("see that the directory service runs and that this is its port: 636 for LDAPS, 389 for StartTLS")
        }
        io::ErrorKind::TimedOut => Error::inconclusive("ad.timeout", format!("{target} did not answer on port {port}"))
            .hint("see that the controller runs and that no firewall drops the connection"),
        _ => Error::new("ad.unreachable", format!("there is no way to {target}: {error}"))
            .hint("check the address and the network between here and the controller"),
    };
    error.retryable().with("target", target.to_string())
}

/// Asks for TLS on a plain connection; the only thing that is ever said on one.
async fn start_tls(target: &Target, stream: TcpStream) -> Result<TcpStream> {
    let mut pipe = Pipe::new(target.clone(), stream);
    let id = pipe.next_id();
    pipe.send(wire::start_tls(id)).await.map_err(|failure| failure.error)?;
    let result = pipe.receive(id).await?.result().map_err(|Rubbish| rubbish(target))?;
    if result.code != 0 {
        return Err(Error::new("ad.tls_failed", format!("{target} does not do StartTLS: {}", result.text))
            .hint("give the controller a certificate, or use LDAPS on port 636")
            .with("target", target.to_string()));
    }
    // What came before the encryption may be anybody's: it must not be read as if it had come after.
    pipe.into_stream().ok_or_else(|| rubbish(target))
}

fn handshake_error(target: &Target, error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => trust::refusal(target, inner),
        None => broken(target, error),
    }
}
