//! TLS, proxies, and where a token does not go.

use std::{net::SocketAddr, sync::Arc};

use libretto::agent::client::{Address, Agent, Options};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{Fake, quick, swagger, test, test_operation};

const TEST: &str = "/api/Connections/TestConnection";

async fn fake() -> Fake {
    let fake = Fake::with_document(&swagger(TEST, &test_operation(&json!({ "type": "string" })))).await;
    fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
    fake
}

/// TLS before a plain server, with a certificate for these names; answers where, and the certificate.
async fn tls_before(port: u16, names: &[&str]) -> (SocketAddr, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut plain = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut plain).await;
            });
        }
    });
    (address, made.cert.pem())
}

/// A proxy that leads every tunnel to one address, and answers what it was asked for.
async fn proxy(to: SocketAddr) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let asked = asked.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut first = String::new();
                stream.read_line(&mut first).await.unwrap();
                let mut line = String::new();
                while stream.read_line(&mut line).await.unwrap() > 2 {
                    line.clear();
                }
                let _ = asked.send(first.trim().to_owned());
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut onward = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    (url, told)
}

fn far() -> Address {
    Address { host: "agent.example".to_owned(), port: 40002 }
}

#[tokio::test]
async fn over_tls_with_the_ca_that_the_connection_names() {
    let fake = fake().await;
    let (address, pem) = tls_before(fake.port, &["localhost"]).await;
    let (_, other) = tls_before(fake.port, &["localhost"]).await;
    let at = |host: &str| Address { host: host.to_owned(), port: address.port() };
    let agent =
        |host, ca: Option<&str>| Agent::new(at(host), &Options { ca_pem: ca.map(Into::into), ..quick() }).unwrap();
    test(&agent("localhost", Some(&pem))).await.unwrap();
    for (host, ca, said) in [
        ("localhost", Some(other.as_str()), "has a certificate that is not trusted"),
        ("localhost", None, "has a certificate that is not trusted"),
        ("127.0.0.1", Some(pem.as_str()), "not valid for name"),
    ] {
        let error = test(&agent(host, ca)).await.unwrap_err();
        assert_eq!(error.code(), "agent.tls", "{error}");
        assert!(error.message().contains(said), "{error}");
    }
    assert_eq!(fake.seen().len(), 1);
    let bad = Agent::new(far(), &Options { ca_pem: Some("no certificate".into()), ..quick() }).err().unwrap();
    assert_eq!(bad.code(), "agent.bad_ca");
}

#[tokio::test]
async fn with_a_ca_this_machine_is_asked_over_tls_too() {
    let fake = fake().await;
    let (_, pem) = tls_before(fake.port, &["localhost"]).await;
    let agent = Agent::new(fake.address(), &Options { ca_pem: Some(pem.into()), ..quick() }).unwrap();
    let error = test(&agent).await.unwrap_err();
    assert_eq!(error.code(), "agent.protocol", "{error}");
    assert_eq!(fake.documents_read(), 0);
}

#[tokio::test]
async fn through_the_proxy_but_not_to_this_machine() {
    let fake = fake().await;
    let (address, pem) = tls_before(fake.port, &["agent.example"]).await;
    let (url, mut asked) = proxy(address).await;
    let options = Options { ca_pem: Some(pem.into()), proxy: Some(url.as_str().into()), ..quick() };
    test(&Agent::new(far(), &options).unwrap()).await.unwrap();
    assert_eq!(asked.recv().await.unwrap(), "CONNECT agent.example:40002 HTTP/1.1");
    let near = Options { proxy: Some(url.as_str().into()), ..quick() };
    test(&Agent::new(fake.address(), &near).unwrap()).await.unwrap();
    let without = Options { no_proxy: Some("agent.example".into()), ..options };
    let error = test(&Agent::new(far(), &without).unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "agent.unreachable", "the name exists for the proxy alone");
    assert!(asked.try_recv().is_err());
    let bad = Options { proxy: Some("::secret@nowhere::".into()), ..quick() };
    let error = Agent::new(far(), &bad).err().unwrap();
    assert_eq!((error.code(), error.message()), ("agent.bad_proxy", "HTTPS_PROXY is not the address of a proxy"));
}

#[tokio::test]
async fn nothing_is_told_in_the_clear_to_another_machine() {
    let fake = fake().await;
    let plain = SocketAddr::from(([127, 0, 0, 1], fake.port));
    let (url, mut asked) = proxy(plain).await;
    let agent = Agent::new(far(), &Options { proxy: Some(url.as_str().into()), ..quick() }).unwrap();
    let error = test(&agent).await.unwrap_err();
    assert_eq!((error.code(), error.message()), ("agent.protocol", "the agent agent.example:40002 does not speak TLS"));
    assert_eq!(asked.recv().await.unwrap(), "CONNECT agent.example:40002 HTTP/1.1");
    assert_eq!((fake.documents_read(), fake.seen().len()), (0, 0));
}

#[tokio::test]
async fn what_is_neither_tls_nor_http() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 16]).await.unwrap();
                let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
            });
        }
    });
    let error = test(&Agent::new(Address { host: "127.0.0.1".to_owned(), port }, &quick()).unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "agent.broken", "{error}");
}
