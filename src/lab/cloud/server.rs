//! The cloud's socket: TLS, HTTP by axum, and the end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body as Content,
    extract::{Request, State},
    response::Response,
    serve::Listener,
};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    super::server::Port,
    http::{Answer, Body, Call, pairs, segments},
    world::Cloud,
};

/// A client that does not finish its TLS handshake in this time is let go.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longer requests are refused (Graph takes 4 MB).
const LARGEST: usize = 4 << 20;

/// Serves until the other end of `stopped` is gone; then connections end after the answers that they are at.
pub(super) async fn serve(port: Port, tls: Arc<ServerConfig>, cloud: Arc<Cloud>, stopped: oneshot::Receiver<()>) {
    let stopped = async { drop(stopped.await) };
    match port {
        Port::Closed { _held, .. } => stopped.await,
        Port::Open(tcp) => {
            let door = Door { tcp, tls: TlsAcceptor::from(tls), handshakes: JoinSet::new() };
            let router = Router::new().fallback(answer).with_state(cloud);
            // Its errors are those of accepting, which it never gives up.
            let _ = axum::serve(door, router).with_graceful_shutdown(stopped).await;
        }
    }
}

async fn answer(State(cloud): State<Arc<Cloud>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let Ok(body) = axum::body::to_bytes(body, LARGEST).await else {
        return response(Answer { status: 413, headers: Vec::new(), body: Body::Empty });
    };
    let call = Call {
        method: parts.method.to_string(),
        path: segments(parts.uri.path()),
        raw_path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(pairs).unwrap_or_default(),
        body: body.into(),
        bearer: bearer.map(str::to_owned),
        client_request_id: header("client-request-id").map(str::to_owned),
    };
    response(cloud.answer(call).await)
}

fn response(answer: Answer) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let built = match answer.body {
        Body::Empty => response.body(Content::empty()),
        Body::Json(value) => {
            let kind = "application/json; charset=utf-8";
            response.header("content-type", kind).body(Content::from(value.to_string()))
        }
        Body::Html(text) => response.header("content-type", "text/html; charset=utf-8").body(Content::from(text)),
    };
    built.unwrap_or_default()
}

/// A listener whose connections have shaken hands over TLS. A client that is slow at that keeps nobody else waiting.
struct Door {
    tcp: TcpListener,
    tls: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl Listener for Door {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                Some(shaken) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = shaken {
                        return connection;
                    }
                }
                accepted = self.tcp.accept() => match accepted {
                    Ok((stream, from)) => {
                        let _ = stream.set_nodelay(true);
                        let tls = self.tls.clone();
                        let shake = async move { Some((timeout(HANDSHAKE, tls.accept(stream)).await.ok()?.ok()?, from)) };
                        self.handshakes.spawn(shake);
                    }
                    // Out of file descriptors, most likely: let connections end before the next try.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
