//! A directory server that does what a test tells it, on a port of its own.

use std::{net::SocketAddr, sync::Arc};

use ldap3_proto::{
    LdapCodec,
    proto::{LdapBindResponse, LdapMsg, LdapOp},
};
use libretto::directory::{Endpoint, Limits, Target, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Duration,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::codec::{Decoder, Encoder};

/// What the server does with a connection.
#[derive(Debug, Clone, Copy)]
pub enum Does {
    /// Takes the connection and says nothing, not even TLS.
    HangBeforeTls,
    /// Says something that is not TLS.
    SpeakHttp,
    /// Closes at once.
    CloseBeforeTls,
    /// Answers a sign-in with these bytes, then says nothing more.
    Answer(&'static [u8]),
    /// Answers a sign-in with these bytes and closes.
    AnswerAndClose(&'static [u8]),
    /// Takes the sign-in, and answers the next request with these bytes.
    SignInThenAnswer(&'static [u8]),
    /// Answers the first request with these bytes, again and again.
    Flood(&'static [u8]),
    /// Takes the sign-in, and answers the next request in that way.
    SignInThenFlood(&'static [u8]),
    /// Takes the sign-in, and closes when the next request has come.
    SignInThenClose,
    /// Takes the sign-in and closes at once.
    SignInAndLeave,
}

/// Starts the server; the endpoint trusts it and waits briefly.
pub async fn serve(does: Does) -> Endpoint {
    serve_until(does, 2099).await
}

/// The same with a certificate that ends with `year`.
pub async fn serve_until(does: Does, year: i32) -> Endpoint {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let address = listen(does, vec![certificate.der().clone()], &key).await;
    endpoint(address, &Tls::with_ca(certificate.pem()))
}

/// A server that signs anybody in and presents a CA above its own certificate, which that CA has signed or, if not
/// `genuine`, has never seen. The endpoint pins the CA.
pub async fn serve_below_a_ca(name: &str, genuine: bool) -> Endpoint {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let signer = if genuine { ca_key } else { KeyPair::generate().unwrap() };
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, signer)).unwrap();
    let pin = Sha256::digest(ca_certificate.der()).into();
    let chain = vec![leaf.der().clone(), ca_certificate.der().clone()];
    endpoint(listen(Does::SignInAndLeave, chain, &key).await, &Tls::with_pin(pin))
}

/// A server without TLS that answers the first request with these bytes; and all that it is sent until the other side
/// goes.
pub async fn serve_plain(answer: &'static [u8]) -> (Endpoint, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let received = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        stream.read_buf(&mut received).await.unwrap();
        stream.write_all(answer).await.unwrap();
        let _ = stream.read_to_end(&mut received).await;
        received
    });
    (endpoint(address, &Tls::with_pin([0; 32]).starttls()), received)
}

async fn listen(does: Does, chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> SocketAddr {
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key.serialize_der().try_into().unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(play(does, stream, acceptor.clone()));
        }
    });
    address
}

pub fn endpoint(address: SocketAddr, tls: &Tls) -> Endpoint {
    let limits = Limits { connect: Duration::from_millis(900), operation: Duration::from_millis(600) };
    Endpoint::new(Target::parse(&address.to_string()).unwrap(), tls).unwrap().with_limits(limits)
}

async fn play(does: Does, mut stream: TcpStream, acceptor: TlsAcceptor) {
    match does {
        Does::HangBeforeTls => return hang(stream).await,
        Does::SpeakHttp => {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            return hang(stream).await;
        }
        Does::CloseBeforeTls => return,
        _ => {}
    }
    let Ok(mut tls) = acceptor.accept(stream).await else { return };
    let Some(first) = request(&mut tls).await else { return };
    match does {
        Does::Answer(bytes) => tls.write_all(bytes).await.unwrap(),
        Does::Flood(bytes) => return while tls.write_all(bytes).await.is_ok() {},
        Does::AnswerAndClose(bytes) => {
            tls.write_all(bytes).await.unwrap();
            let _ = tls.shutdown().await;
            return;
        }
        _ => tls.write_all(&signed_in(first.msgid)).await.unwrap(),
    }
    match does {
        Does::SignInThenAnswer(bytes) => {
            request(&mut tls).await;
            let _ = tls.write_all(bytes).await;
        }
        Does::SignInThenFlood(bytes) => {
            request(&mut tls).await;
            while tls.write_all(bytes).await.is_ok() {}
        }
        Does::SignInThenClose => {
            request(&mut tls).await;
            return;
        }
        Does::SignInAndLeave => {
            let _ = tls.shutdown().await;
            return;
        }
        _ => {}
    }
    let _ = tls.read_u8().await;
}

/// Keeps the connection until the other side goes.
async fn hang(mut stream: TcpStream) {
    while stream.read_u8().await.is_ok() {}
}

async fn request(tls: &mut TlsStream<TcpStream>) -> Option<LdapMsg> {
    let (mut codec, mut bytes) = (LdapCodec::default(), tokio_util::bytes::BytesMut::new());
    loop {
        if let Some(message) = codec.decode(&mut bytes).ok()? {
            return Some(message);
        }
        if tls.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn signed_in(id: i32) -> Vec<u8> {
    let mut bytes = tokio_util::bytes::BytesMut::new();
    let answer = LdapMsg::new(id, LdapOp::BindResponse(LdapBindResponse::new_success("")));
    LdapCodec::default().encode(answer, &mut bytes).unwrap();
    bytes.to_vec()
}
