//! A host, stage by stage: its name, the connection, the proxy's consent where there is one, TLS.

use std::{net::SocketAddr, time::Duration};

use axum::http::HeaderValue;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::Place;
use crate::names::host_port;

/// How long each stage of a host may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A proxy's answer has no more.
const LONGEST_HEAD: usize = 16 << 10;

/// A proxy, and what it is shown.
pub(super) struct ProxyWay {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    pub(super) authorization: Option<HeaderValue>,
}

/// What was tried, as far as it came.
pub(super) struct Tried {
    pub(super) proxy: Option<ProxyWay>,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Tried {
    pub(super) fn new(proxy: Option<ProxyWay>) -> Self {
        Self { proxy, addresses: Vec::new() }
    }
}

/// The stage, why it failed, what to do.
pub(super) type Failure = (&'static str, String, &'static str);

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

fn late() -> String {
    "there was no answer in time".to_owned()
}

/// Goes through the stages.
pub(super) async fn stages(place: &Place, tls: &TlsConnector, tried: &mut Tried) -> Result<(), Failure> {
    let (host, port) =
        tried.proxy.as_ref().map_or((place.host.as_str(), place.port), |proxy| (&proxy.host, proxy.port));
    tried.addresses = resolve(host, port).await?;
    let mut wire: Box<dyn Wire> = Box::new(connect(&tried.addresses).await?);
    if let Some(proxy) = &tried.proxy {
        if proxy.tls {
            wire = handshake(tls, &proxy.host, wire).await?;
        }
        let asked = timeout(PATIENCE, ask(proxy, place, &mut wire)).await;
        asked.unwrap_or_else(|_| Err(refused(late())))?;
    }
    if place.tls {
        handshake(tls, &place.host, wire).await?;
    }
    Ok(())
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let failed = |said| ("resolve", said, "see that the agent's host resolves the name");
    match timeout(PATIENCE, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(e)) => Err(failed(e.to_string())),
        Err(_) => Err(failed(late())),
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let failed = |said| ("connect", said, "let the agent's host through the firewall to this host and port");
    match timeout(PATIENCE, TcpStream::connect(addresses)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(e)) => Err(failed(e.to_string())),
        Err(_) => Err(failed(late())),
    }
}

fn refused(said: String) -> Failure {
    (
        "proxy",
        said,
        "let the proxy take the agent's host to this host and port; user and password belong into HTTPS_PROXY",
    )
}

/// Asks the proxy for a tunnel (RFC 9110, 9.3.6).
async fn ask(proxy: &ProxyWay, place: &Place, wire: &mut Box<dyn Wire>) -> Result<(), Failure> {
    let to = host_port(&place.host, place.port);
    let mut text = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
    if let Some(value) = &proxy.authorization {
        text.extend_from_slice(b"Proxy-Authorization: ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    wire.write_all(&text).await.map_err(|e| refused(e.to_string()))?;
    let mut head = Vec::new();
    // Byte by byte: what comes behind the head is the host's.
    while !head.ends_with(b"\r\n\r\n") {
        let byte = wire.read_u8().await.map_err(|e| refused(e.to_string()))?;
        head.push(byte);
        if head.len() > LONGEST_HEAD {
            return Err(refused("it does not answer as proxies do".to_owned()));
        }
    }
    let status = String::from_utf8_lossy(&head);
    match status.split_whitespace().nth(1).and_then(|status| status.parse::<u16>().ok()) {
        Some(200..=299) => Ok(()),
        Some(status) => Err(refused(format!("the proxy answers {status}"))),
        None => Err(refused("it does not answer as proxies do".to_owned())),
    }
}

async fn handshake(tls: &TlsConnector, host: &str, wire: Box<dyn Wire>) -> Result<Box<dyn Wire>, Failure> {
    let broken = |said| {
        ("tls", said, "something between may open TLS: take this host out of its inspection, or trust its authority")
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|e| broken(e.to_string()))?;
    match timeout(PATIENCE, tls.connect(name, wire)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(e)) => Err(broken(e.to_string())),
        Err(_) => Err(broken(late())),
    }
}
