//! The way to an agent from here: name, port, TLS, HTTP, token. The first that fails is what to mend.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::ServerName;
use time::OffsetDateTime;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::Findings;
use crate::{
    agent::client::{Address, Agent, Options, Which, fill::Values, find::LIST},
    error::{Error, Result},
    net::{cause::innermost, http::never_proxied, trust},
    secret::Secret,
};

/// How long name, port and TLS may take, each.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at the way.
pub async fn look(agent: &Agent, options: &Options, token: Option<&Secret>, values: &Values) -> Findings {
    let mut findings = Findings::default();
    let address = agent.address();
    if let Some(proxy) = proxy(address, options) {
        for target in ["name", "port", "TLS"] {
            let why = format!("{address} is reached through the proxy {proxy}, as HTTPS_PROXY says");
            findings.note(target, Instant::now(), Err(Error::skipped("agent.proxied", why)));
        }
    } else {
        let begun = Instant::now();
        let addresses = resolve(address).await;
        let found = addresses.as_ref().map(|found| told_of(address, found)).map_err(Clone::clone);
        if !findings.note("name", begun, found) {
            return findings.rest(&["port", "TLS", "HTTP", "token"]);
        }
        let begun = Instant::now();
        let stream = connect(address, &addresses.unwrap_or_default()).await;
        let found = stream.as_ref().map(|_| format!("{address} answers")).map_err(Clone::clone);
        if !findings.note("port", begun, found) {
            return findings.rest(&["TLS", "HTTP", "token"]);
        }
        let begun = Instant::now();
        let found = match stream {
            Ok(stream) => handshake(address, options, stream).await,
            Err(error) => Err(error),
        };
        if !findings.note("TLS", begun, found) {
            return findings.rest(&["HTTP", "token"]);
        }
    }
    http(findings, agent, token, values).await
}

/// The agent's document, and what it wants a token for.
async fn http(mut findings: Findings, agent: &Agent, token: Option<&Secret>, values: &Values) -> Findings {
    let begun = Instant::now();
    agent.forget();
    let found = agent.found(token).await;
    let closed = found.as_ref().err().filter(|error| is_about_token(error)).cloned();
    let seen = match (&found, &closed) {
        (_, Some(_)) => Ok("the web server answers, and wants a token also for the agent's document".to_owned()),
        (Ok(found), _) => Ok(format!("{} ({}) at {}", found.document.title, found.document.version, found.base)),
        (Err(error), _) => Err(error.clone()),
    };
    if !findings.note("HTTP", begun, seen) {
        return findings.rest(&["token"]);
    }
    let begun = Instant::now();
    let accepted = match closed {
        Some(error) => Err(error),
        None => match agent.ask(Which::Wanted(&LIST), values, token).await {
            Ok(_) => Ok("the agent accepts the connection's token".to_owned()),
            Err(error) if error.code() == "agent.no_operation" => Err(Error::inconclusive(
                "agent.no_operation",
                "the agent has no list of its connections that a token could be tried on",
            )
            .hint("`libretto run test_connections` tries it with a test")),
            Err(error) => Err(error),
        },
    };
    findings.note("token", begun, accepted);
    findings
}

fn is_about_token(error: &Error) -> bool {
    matches!(error.code(), "agent.wrong_token" | "agent.no_token" | "agent.forbidden")
}

/// The proxy that requests to the agent go through.
fn proxy(address: &Address, options: &Options) -> Option<String> {
    let no = never_proxied(options.no_proxy.as_deref());
    let proxies = Matcher::builder().https(options.proxy.as_deref()?).no(no).build();
    let found = proxies.intercept(&format!("https://{address}").parse().ok()?)?;
    found.uri().authority().map(|whole| whole.host().to_owned())
}

async fn resolve(address: &Address) -> Result<Vec<SocketAddr>> {
    let failed = |said: String| {
        Error::new("agent.unknown_host", format!("the agent's host {} has no address: {said}", address.host))
            .hint("correct the name (libretto connections edit NAME --agent HOST:PORT), or its record in DNS")
    };
    match timeout(PATIENCE, tokio::net::lookup_host((address.host.as_str(), address.port))).await {
        Ok(Ok(found)) => {
            Some(found.collect::<Vec<_>>()).filter(|all| !all.is_empty()).ok_or_else(|| failed("none".to_owned()))
        }
        Ok(Err(e)) => Err(failed(e.to_string())),
        Err(_) => {
            Err(Error::inconclusive("agent.no_dns", format!("nobody told in time what address {} has", address.host))
                .hint("see that this host's DNS servers answer"))
        }
    }
}

fn told_of(address: &Address, found: &[SocketAddr]) -> String {
    if address.host.parse::<IpAddr>().is_ok() {
        return "it is given by its address".to_owned();
    }
    let all: Vec<String> = found.iter().map(|one| one.ip().to_string()).collect();
    format!("{} is {}", address.host, all.join(", "))
}

async fn connect(address: &Address, addresses: &[SocketAddr]) -> Result<TcpStream> {
    match timeout(PATIENCE, TcpStream::connect(addresses)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(e)) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(Error::new("agent.port_closed", format!("nothing listens on {address}"))
                .hint("start the agent on its host (systemctl start libretto-agent, or its pool and site in IIS), and see that the port is its own"))
        }
        Ok(Err(e)) => Err(Error::inconclusive("agent.unreachable", format!("{address} cannot be reached: {e}"))
            .hint("see that the host is up, and that a route leads to it")),
        Err(_) => Err(Error::inconclusive("agent.unreachable", format!("{address} does not answer: no connection in time"))
            .hint("see that the host is up, and that no firewall drops what goes to the port")),
    }
}

async fn handshake(address: &Address, options: &Options, stream: TcpStream) -> Result<String> {
    if address.is_here() && options.ca_pem.is_none() {
        return Err(Error::skipped("agent.no_ca", "on this machine, without a CA given, plain HTTP is tried first"));
    }
    let config = trust::client(options.ca_pem.as_deref()).map_err(|why| Error::new("agent.bad_ca", why))?;
    let name = ServerName::try_from(address.host.clone())
        .map_err(|e| Error::new("agent.tls", format!("{} cannot stand in a certificate: {e}", address.host)))?;
    match timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, stream)).await {
        Ok(Ok(stream)) => {
            let end = stream.get_ref().1.peer_certificates().and_then(|chain| days_left(chain.first()?));
            Ok(match end {
                Some(days) => format!("the certificate is trusted, and ends in {days} days"),
                None => "the certificate is trusted".to_owned(),
            })
        }
        Ok(Err(e)) => Err(distrusted(address, &e)),
        Err(_) => Err(Error::inconclusive("agent.timeout", format!("{address} does not answer in TLS in time"))
            .hint("see that the port is the agent's own, and that it has a certificate: what speaks plain HTTP waits for more")),
    }
}

fn distrusted(address: &Address, error: &std::io::Error) -> Error {
    use rustls::{CertificateError as Bad, Error as Tls};
    let refusal = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    let hint = match refusal {
        None | Some(Tls::InvalidMessage(_)) => {
            "what listens there seems to speak no TLS: give the agent a certificate (in IIS: an https binding of its site)"
        }
        Some(Tls::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. })) => {
            "renew the agent's certificate, and see that the clocks are right"
        }
        Some(Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. })) => {
            "name the agent as its certificate does (libretto connections edit NAME --agent HOST:PORT)"
        }
        _ => "give the connection the CA of the agent's certificate (libretto connections edit NAME --agent-ca FILE)",
    };
    let code = if matches!(refusal, None | Some(Tls::InvalidMessage(_))) { "agent.protocol" } else { "agent.tls" };
    Error::new(code, format!("no TLS with {address}: {}", innermost(error))).hint(hint)
}

/// Days until a certificate ends.
pub(crate) fn days_left(der: &[u8]) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let left = certificate.validity().not_after.timestamp() - OffsetDateTime::now_utc().unix_timestamp();
    Some(left.div_euclid(86_400))
}
