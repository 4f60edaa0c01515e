//! Sockets: accepting, TLS, one task per connection, and an orderly end.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::Request, http::StatusCode, response::IntoResponse};
use hyper::{body::Incoming, server::conn::http1, service::Service as _, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Limits, Problem, Service,
    crowd::{Crowd, Known},
    stall::Stalling,
};
use crate::error::{Error, Result};

/// The first byte of a TLS handshake (RFC 8446, 5.1); no HTTP request begins with it.
const HANDSHAKE: u8 = 0x16;

/// A bound port.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    /// Who has knocked before the service began.
    waiting: Option<(TcpStream, SocketAddr)>,
    tls: Option<Arc<ServerConfig>>,
    /// Whether who speaks no TLS is served all the same.
    plain: bool,
}

/// How a service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Operations that were still under way when their time was up.
    pub cut_off: usize,
}

/// Who a request comes from.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Whether this connection has shown the token.
    pub(super) known: Known,
}

/// What all connections of a service share.
struct Shared {
    router: Router,
    tls: Option<TlsAcceptor>,
    plain: bool,
    limits: Limits,
}

impl Listener {
    /// Binds a port; 0 lets the kernel choose. Without TLS it serves loopback only; with it, `plain` serves both, which is
    /// for loopback too: a token would be readable on the way.
    ///
    /// # Errors
    /// `service.port` when it cannot be had, `service.needs_tls` for another address than loopback without TLS.
    pub fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>, plain: bool) -> Result<Self> {
        if (plain || tls.is_none()) && !address.ip().to_canonical().is_loopback() {
            return Err(Error::new("service.needs_tls", format!("{address} is served over TLS only"))
                .hint("add --self-signed, or --tls-cert and --tls-key, or listen on 127.0.0.1"));
        }
        let failed = |e: std::io::Error| {
            Error::new("service.port", format!("{address} cannot be listened on: {e}"))
                .hint("end what listens there, or choose another address with --listen")
        };
        let bind = || {
            let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
            // A port whose last service was killed a moment ago is still winding down.
            #[cfg(unix)]
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(1024)
        };
        Ok(Self { socket: bind().map_err(failed)?, waiting: None, tls, plain })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// `service.port` when the system does not tell.
    pub fn address(&self) -> Result<SocketAddr> {
        self.socket.local_addr().map_err(|e| Error::new("service.port", format!("the system tells no address: {e}")))
    }

    /// Waits for the first client, who is served first when the service begins: one that nobody asks need not begin.
    pub async fn knocked(&mut self) {
        while self.waiting.is_none() {
            match self.socket.accept().await {
                Ok(accepted) => self.waiting = Some(accepted),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Serves until `stop`; then takes nothing new and gives what is under way its time, unless `hurry` ends that too.
    ///
    /// # Errors
    /// `service.document`.
    pub async fn serve(
        self,
        service: Service,
        stop: impl Future<Output = ()>,
        hurry: impl Future<Output = ()>,
    ) -> Result<Stopped> {
        let limits = service.limits;
        let (router, door) = service.behind_door()?;
        let tls = self.tls.map(TlsAcceptor::from);
        let shared = Arc::new(Shared { router, tls, plain: self.plain, limits });
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        tokio::select! {
            () = accept((&self.socket, self.waiting), &shared, &stopped, &mut connections) => {}
            () = &mut stop => {}
        }
        drop(self.socket);
        let _ = stopping.send(true);
        let orderly = async {
            while connections.join_next().await.is_some() {}
            door.empty().await;
        };
        tokio::select! {
            _ = timeout(Duration::from_secs(limits.stop_seconds), orderly) => {}
            () = hurry => {}
        }
        Ok(Stopped { cut_off: door.under_way() })
    }
}

async fn accept(
    (socket, mut waiting): (&TcpListener, Option<(TcpStream, SocketAddr)>),
    shared: &Arc<Shared>,
    stopped: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let crowd = Crowd::new(shared.limits.connections);
    loop {
        let accepted = match waiting.take() {
            Some(waiting) => Ok(waiting),
            None => socket.accept().await,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // Out of file descriptors, most likely: let connections end before the next try.
            Err(e) => {
                tracing::warn!("a connection cannot be taken: {e}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let Some(place) = crowd.place(peer.ip()).await else { return };
        let (shared, stopped) = (Arc::clone(shared), stopped.clone());
        connections.spawn(async move {
            let peer = Peer { address: peer, known: place.known.clone() };
            tokio::select! {
                () = shared.connection(stream, peer, stopped) => {}
                () = place.sent_away() => {}
            }
        });
    }
}

impl Shared {
    async fn connection(&self, stream: TcpStream, peer: Peer, mut stopped: watch::Receiver<bool>) {
        let (_, address) = (stream.set_nodelay(true), peer.address);
        let mut first = [0];
        let begun = async {
            match timeout(self.limits.head(), stream.peek(&mut first)).await {
                Ok(Ok(1)) => Some(first[0]),
                _ => None,
            }
        };
        let first = tokio::select! {
            first = begun => first,
            // Nothing was asked yet.
            () = end(&mut stopped) => None,
        };
        match (first, &self.tls) {
            (None, _) => {}
            (Some(HANDSHAKE), Some(tls)) => match timeout(self.limits.head(), tls.accept(stream)).await {
                Ok(Ok(stream)) => self.speak(stream, self.router.clone(), peer, stopped).await,
                Ok(Err(e)) => tracing::info!("{address} has not come to terms over TLS: {e}"),
                Err(_) => tracing::info!("{address} has not ended its TLS handshake"),
            },
            (Some(_), _) if self.plain || self.tls.is_none() => {
                self.speak(stream, self.router.clone(), peer, stopped).await;
            }
            (Some(_), _) => self.speak(stream, Router::new().fallback(tls_only), peer, stopped).await,
        }
    }

    /// HTTP on a stream until the client goes, stalls, or the service stops.
    async fn speak<S>(&self, stream: S, router: Router, peer: Peer, mut stopped: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (service, address) = (TowerToHyperService::new(router), peer.address);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            service.call(request)
        });
        let stream = TokioIo::new(Stalling::new(stream, self.limits.body()));
        let mut http = http1::Builder::new();
        // Also how long a connection may be idle between two requests.
        http.timer(TokioTimer::new()).header_read_timeout(self.limits.head()).max_buf_size(64 << 10);
        let mut connection = pin!(http.serve_connection(stream, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = end(&mut stopped) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(e) = ended {
            tracing::debug!("the connection of {address} ended: {e}");
        }
    }
}

/// Waits until the service is to stop.
async fn end(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn tls_only() -> impl IntoResponse {
    let error =
        Error::new("service.needs_tls", "this port is served over TLS only").hint("begin the address with https://");
    Problem::new(StatusCode::BAD_REQUEST, error)
}
