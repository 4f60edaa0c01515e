//! Sockets: two listeners per target (LDAPS, and plain with StartTLS), TLS, reading and writing, and the target's faults.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ldap3_proto::LdapMsg;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::{
    fault::{Stage, TargetFault},
    session::{Reply, Session, disconnection, stage},
    state::Directory,
    wire::{encode, take},
};
use crate::error::{Error, Result};

/// A client that does not finish its TLS handshake in this time is let go.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// So long a client that sent what cannot be read has to read the goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// What a target with the fault `rubbish` answers.
const RUBBISH: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\nthis is no LDAP\n";

/// Which of a target's two listeners a connection came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Ldaps,
    StartTls,
}

/// One target as its connections know it.
#[derive(Clone)]
pub(super) struct Target {
    pub index: usize,
    pub directory: Arc<Directory>,
    pub tls: Arc<ServerConfig>,
    pub faults: Arc<[TargetFault]>,
}

/// A bound port. It listens only where the target is up; a port that is held but not listened on refuses connections.
pub(super) enum Port {
    Open(TcpListener),
    Closed { _held: TcpSocket, address: SocketAddr },
}

impl Port {
    /// Binds a port on loopback; 0 lets the kernel choose.
    pub(super) fn bind(number: u16, down: bool) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], number));
        let failed = |error: std::io::Error| {
            Error::new("lab.port", format!("the lab cannot listen on {address}: {error}"))
                .hint("choose another port, or none: the system then finds free ones")
        };
        let socket = TcpSocket::new_v4().map_err(failed)?;
        // A port that was asked for may still be winding down from the lab before; one of the kernel's choice is free.
        socket.set_reuseaddr(number != 0).map_err(failed)?;
        socket.bind(address).map_err(failed)?;
        if down {
            let address = socket.local_addr().map_err(failed)?;
            return Ok(Self::Closed { _held: socket, address });
        }
        socket.listen(1024).map(Self::Open).map_err(failed)
    }

    pub(super) fn address(&self) -> Result<SocketAddr> {
        match self {
            Self::Closed { address, .. } => Ok(*address),
            Self::Open(listener) => listener
                .local_addr()
                .map_err(|error| Error::new("lab.port", format!("the lab cannot tell its own port: {error}"))),
        }
    }

    /// Serves connections until it is dropped, which ends them all.
    pub(super) async fn serve(self, door: Door, target: Target) {
        let Self::Open(listener) = self else { return std::future::pending().await };
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, _)) => {
                    let target = target.clone();
                    connections.spawn(async move { target.connection(stream, door).await });
                }
                // Out of file descriptors, most likely: let connections end before the next try.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// How serving a stream ended.
enum End {
    Closed,
    StartTls,
}

impl Target {
    async fn connection(self, stream: TcpStream, door: Door) {
        let _ = stream.set_nodelay(true);
        if self.faults.contains(&TargetFault::Hang(Stage::Any)) {
            return self.hang(stream).await;
        }
        let mut session = Session::new(self.directory.clone(), self.index, door == Door::Ldaps);
        let mut stream = stream;
        if door == Door::StartTls {
            if !matches!(self.serve(&mut stream, &mut session).await, Ok(End::StartTls)) {
                return;
            }
            session = Session::new(self.directory.clone(), self.index, true);
        }
        let accept = TlsAcceptor::from(self.tls.clone()).accept(stream);
        if let Ok(Ok(mut stream)) = timeout(HANDSHAKE, accept).await {
            // A client that went away is nothing to report.
            let _ = self.serve(&mut stream, &mut session).await;
            let _ = stream.shutdown().await;
        }
    }

    /// Reads for as long as the client stays and answers nothing.
    async fn hang<S: AsyncRead + Unpin>(&self, mut stream: S) {
        let mut nothing = [0; 1024];
        while matches!(stream.read(&mut nothing).await, Ok(1..)) {}
    }

    async fn serve<S>(&self, stream: &mut S, session: &mut Session) -> std::io::Result<End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let mut received = Zeroizing::new(Vec::new());
        let mut chunk = Zeroizing::new([0; 4096]);
        loop {
            let message = match take(&mut received) {
                Ok(Some(message)) => message,
                Ok(None) => match stream.read(&mut chunk[..]).await? {
                    0 => return Ok(End::Closed),
                    size => {
                        received.extend_from_slice(&chunk[..size]);
                        continue;
                    }
                },
                Err(_) => return self.hang_up(stream).await,
            };
            let stage = stage(&message);
            if stage.is_some_and(|stage| self.faults.contains(&TargetFault::Lose(stage))) {
                self.hang(stream).await;
                return Ok(End::Closed);
            }
            let (messages, end) = match session.answer(message) {
                Reply::Messages(messages) => (messages, None),
                // Whatever was sent before TLS was on could be anybody's (RFC 4513, 3.1.1).
                Reply::StartTls(_) if !received.is_empty() => return Ok(End::Closed),
                Reply::StartTls(message) => (vec![message], Some(End::StartTls)),
                Reply::End => return Ok(End::Closed),
            };
            if !self.send(stream, stage, messages).await? {
                return Ok(End::Closed);
            }
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    /// Says goodbye and lets the client read it: closing while its bytes are unread would take the goodbye away.
    async fn hang_up<S>(&self, stream: &mut S) -> std::io::Result<End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        stream.write_all(&encode(vec![disconnection()])?).await?;
        stream.shutdown().await?;
        let _ = timeout(GOODBYE, self.hang(stream)).await;
        Ok(End::Closed)
    }

    /// Sends an answer, or what the target's faults make of it; `false`: that was the last.
    async fn send<S>(&self, stream: &mut S, stage: Option<Stage>, messages: Vec<LdapMsg>) -> std::io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let bytes = encode(messages)?;
        let meets = |at: Stage| at == Stage::Any || Some(at) == stage;
        for fault in self.faults.iter() {
            match fault {
                TargetFault::Slow(delay) => tokio::time::sleep(*delay).await,
                TargetFault::Hang(at) if meets(*at) => {
                    self.hang(stream).await;
                    return Ok(false);
                }
                TargetFault::Close(at) if meets(*at) => {
                    stream.write_all(&bytes[..bytes.len() / 2]).await?;
                    stream.flush().await?;
                    return Ok(false);
                }
                // Only what is signed in or read is answered so; StartTLS works, so that TLS is not what fails.
                TargetFault::Rubbish if stage.is_some() => {
                    stream.write_all(&RUBBISH.repeat(4)).await?;
                    stream.flush().await?;
                    return Ok(true);
                }
                _ => {}
            }
        }
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        Ok(true)
    }
}
