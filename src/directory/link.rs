//! The encrypted connection to one controller: how it comes about, and one message after the other over it.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::FutureExt;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::bytes::{Buf, BytesMut};

use super::{
    endpoint::Endpoint,
    target::Target,
    tls::TlsMode,
    trust,
    wire::{self, Bytes, Message, Rubbish, op},
};
use crate::error::{Error, Result};

/// A connection on which anything may be said.
pub(super) type Link = Pipe<TlsStream<TcpStream>>;

/// LDAP messages over a byte stream. Each future of it may be dropped at any point: what was begun is finished by the
/// next one, and answers to requests that nobody waits for any more are passed over.
#[derive(Debug)]
pub(super) struct Pipe<S> {
    target: Target,
    stream: S,
    inbox: BytesMut,
    outbox: Bytes,
    /// How much of the outbox has gone.
    gone: usize,
    last_id: i32,
    /// Why nothing can be said any more.
    broken: Option<Error>,
}

/// An exchange that did not come to its end.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether any of the request may have reached the server.
    pub(super) sent: bool,
}

/// Connects, and encrypts, within the endpoint's connect limit.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<Link> {
    connect_with(endpoint, &TlsConnector::from(endpoint.trust().config.clone())).await
}

/// The same with a TLS configuration of the caller's.
pub(super) async fn connect_with(endpoint: &Endpoint, connector: &TlsConnector) -> Result<Link> {
    let target = &endpoint.target;
    within(target, endpoint.limits.connect, "connect", async {
        let mut stream = reach(endpoint).await?;
        if endpoint.mode() == TlsMode::StartTls {
            stream = start_tls(target, stream).await?;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| Error::new("ad.bad_target", format!("'{}' is not a host name", target.host)))?;
        let stream = connector.connect(name, stream).await.map_err(|error| handshake_error(target, &error))?;
        Ok(Pipe::new(target.clone(), stream))
    })
    .await
}

/// Runs `work` for at most `limit`.
async fn within<T>(target: &Target, limit: Duration, doing: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(timed_out(target, limit, doing)))
}

fn timed_out(target: &Target, limit: Duration, doing: &str) -> Error {
    Error::inconclusive("ad.timeout", format!("{target} did not answer within {} ({doing})", seconds(limit)))
        .hint("the controller or the network hangs: look at the controller, or give it more time")
        .with("target", target.to_string())
}

fn seconds(limit: Duration) -> String {
    if limit.subsec_millis() == 0 { format!("{} s", limit.as_secs()) } else { format!("{} ms", limit.as_millis()) }
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
    if pipe.inbox.is_empty() { Ok(pipe.stream) } else { Err(rubbish(target)) }
}

fn handshake_error(target: &Target, error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => trust::refusal(target, inner),
        None => broken(target, error),
    }
}

/// The connection ended, or the network did.
fn broken(target: &Target, error: &io::Error) -> Error {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) {
        return closed(target, "");
    }
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return rubbish(target).with("cause", inner.to_string());
    }
    Error::inconclusive("ad.unreachable", format!("the connection to {target} failed: {error}"))
        .hint("look at the network between here and the controller")
        .with("target", target.to_string())
}

fn closed(target: &Target, why: &str) -> Error {
    Error::inconclusive("ad.closed", format!("{target} closed the connection before it had answered{why}"))
        .hint("the controller may be restarting or overloaded: look at it, then try again")
        .with("target", target.to_string())
}

fn rubbish(target: &Target) -> Error {
    Error::new("ad.protocol", format!("{target} answered something that is not LDAP"))
        .hint("see what listens there: is it a domain controller, or a proxy in front of one?")
        .with("target", target.to_string())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pipe<S> {
    fn new(target: Target, stream: S) -> Self {
        let (inbox, outbox) = (BytesMut::new(), Bytes::default());
        Self { target, stream, inbox, outbox, gone: 0, last_id: 0, broken: None }
    }

    /// The number of the next request.
    pub(super) fn next_id(&mut self) -> i32 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }

    /// Sends one request.
    pub(super) async fn send(&mut self, request: Bytes) -> Result<(), Failure> {
        self.notice_an_end();
        if let Some(error) = &self.broken {
            return Err(Failure { error: error.clone(), sent: false });
        }
        self.outbox.drain(..self.gone);
        self.gone = 0;
        self.outbox.extend_from_slice(&request);
        self.flush().await.map_err(|error| Failure { error: self.give_up(broken(&self.target, &error)), sent: true })
    }

    async fn flush(&mut self) -> io::Result<()> {
        while self.gone < self.outbox.len() {
            match self.stream.write(&self.outbox[self.gone..]).await? {
                0 => return Err(io::ErrorKind::BrokenPipe.into()),
                count => self.gone += count,
            }
        }
        self.stream.flush().await
    }

    /// Looks, without waiting, whether the server has closed the connection since: nothing that is sent then arrives.
    fn notice_an_end(&mut self) {
        if let Some(Err(error)) = self.fill().now_or_never() {
            self.give_up(error);
        }
    }

    async fn fill(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.inbox).await {
            Ok(0) => Err(closed(&self.target, "")),
            Ok(_) => Ok(()),
            Err(error) => Err(broken(&self.target, &error)),
        }
    }

    /// The next message that answers request `id`.
    pub(super) async fn receive(&mut self, id: i32) -> Result<Message> {
        loop {
            if let Some(error) = &self.broken {
                return Err(error.clone());
            }
            match self.take() {
                Ok(Some(message)) if message.id == id => return Ok(message),
                // Message 0 is the notice of disconnection (RFC 4511, 4.4.1).
                Ok(Some(message)) if message.id == 0 && message.operation == op::EXTENDED_RESPONSE => {
                    let why = message.result().map(|result| format!(": {}", result.text)).unwrap_or_default();
                    self.give_up(closed(&self.target, &why));
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    if let Err(error) = self.fill().await {
                        self.give_up(error);
                    }
                }
                Err(Rubbish) => {
                    self.give_up(rubbish(&self.target));
                }
            }
        }
    }

    fn take(&mut self) -> Result<Option<Message>, Rubbish> {
        match wire::frame(&self.inbox)? {
            Some(length) if self.inbox.len() >= length => {
                let message = wire::decode(&self.inbox[..length])?;
                self.inbox.advance(length);
                Ok(Some(message))
            }
            _ => Ok(None),
        }
    }

    fn give_up(&mut self, error: Error) -> Error {
        self.broken.get_or_insert(error).clone()
    }

    /// Remembers that an answer made no sense: nothing on this connection is to be believed from here on.
    pub(super) fn distrust(&mut self) -> Error {
        self.give_up(rubbish(&self.target))
    }

    /// One request and what `collect` makes of its answers, within `limit`.
    pub(super) async fn exchange<T>(
        &mut self,
        limit: Duration,
        doing: &str,
        request: impl FnOnce(i32) -> Bytes,
        mut collect: impl FnMut(Message) -> Result<Option<T>, Rubbish>,
    ) -> Result<T, Failure> {
        let target = self.target.clone();
        let mut sent = false;
        let work = async {
            let id = self.next_id();
            self.send(request(id)).await.inspect_err(|failure| sent = failure.sent).map_err(|failure| failure.error)?;
            sent = true;
            loop {
                let message = self.receive(id).await?;
                match collect(message) {
                    Ok(Some(done)) => return Ok(done),
                    Ok(None) => {}
                    Err(Rubbish) => return Err(self.distrust()),
                }
            }
        };
        let outcome = timeout(limit, work).await;
        match outcome {
            Ok(outcome) => outcome.map_err(|error| Failure { error, sent }),
            // Even a request that is still in the outbox is counted as sent: some of it may have left.
            Err(_) => Err(Failure { error: timed_out(&target, limit, doing), sent: true }),
        }
    }

    /// Says good-bye; what becomes of it does not matter.
    pub(super) async fn close(&mut self) {
        let id = self.next_id();
        if self.send(wire::unbind(id)).await.is_ok() {
            let _ = self.stream.shutdown().await;
        }
    }
}
