//! TLS: the certificate that the agent makes, and one that it is given.

use std::{io::Write, sync::Arc};

use data_encoding::HEXLOWER;
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::served::{Reply, Served, read, request};
use crate::support::world::World;

/// Asks over TLS, trusting one certificate; the error is what rustls says.
fn ask(served: &Served, trusted: &str, name: &str, path: &str) -> Result<Reply, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, served.connect());
    let text = request("GET", path, &[("Authorization", &served.bearer())], "");
    stream.write_all(text.as_bytes()).map_err(|e| e.to_string())?;
    Ok(read(&mut stream).unwrap())
}

fn started(served: &Served) -> Value {
    serde_json::from_str(served.running.said().lines().next().unwrap()).unwrap()
}

fn fingerprint(pem: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()))
}

#[test]
fn its_own_certificate_can_be_trusted_and_stays_the_same() {
    let served = Served::with(World::new(), &["--self-signed"]);
    let said = started(&served);
    let file = served.world.home().join("agent/certificate.pem");
    assert_eq!(said["certificate"], file.to_str().unwrap());
    let pem = std::fs::read_to_string(&file).unwrap();
    assert!(!pem.contains("PRIVATE"), "{pem}");
    assert_eq!(said["fingerprint"], fingerprint(&pem));
    for name in ["localhost", "127.0.0.1"] {
        assert_eq!(ask(&served, &pem, name, "/api/Agent/Status").unwrap().status, 200);
    }
    assert!(ask(&served, &pem, "elsewhere.example", "/").is_err());
    // whoever speaks no TLS here is told, and the token that he sent is not looked at
    let plain = served.get("/api/Agent/Status");
    assert_eq!(plain.problem(), (400, "service.needs_tls".to_owned()));
    let (world, _) = served.stop();
    let served = Served::with(world, &["--self-signed"]);
    assert_eq!(started(&served)["fingerprint"], said["fingerprint"]);
    let (world, _) = served.stop();
    // a name that it has not makes another
    let served = Served::with(world, &["--self-signed", "--tls-name", "agent.corp.example"]);
    let other = std::fs::read_to_string(&file).unwrap();
    assert_ne!(other, pem);
    for name in ["agent.corp.example", "localhost"] {
        assert_eq!(ask(&served, &other, name, "/api/Agent/Status").unwrap().status, 200);
    }
}

#[test]
fn on_loopback_one_port_speaks_both() {
    let served = Served::new();
    let pem = std::fs::read_to_string(served.world.home().join("agent/certificate.pem")).unwrap();
    assert_eq!(ask(&served, &pem, "localhost", "/api/Agent/Status").unwrap().status, 200);
    assert_eq!(served.get("/api/Agent/Status").status, 200);
}

#[test]
fn anywhere_else_it_is_tls_alone() {
    let served = Served::with(World::new(), &["--listen", "0.0.0.0:0"]);
    let pem = std::fs::read_to_string(served.world.home().join("agent/certificate.pem")).unwrap();
    assert_eq!(started(&served)["plain"], false);
    assert_eq!(ask(&served, &pem, "127.0.0.1", "/api/Agent/Status").unwrap().status, 200);
    assert_eq!(served.get("/api/Agent/Status").problem(), (400, "service.needs_tls".to_owned()));
}

#[test]
fn a_certificate_that_is_given_is_used() {
    let world = World::new();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["agent.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    world.file("cert.pem", &certificate.pem()).file("key.pem", &key.serialize_pem());
    let served = Served::with(world, &["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let said = started(&served);
    assert_eq!((&said["certificate"], &said["fingerprint"]), (&Value::Null, &fingerprint(&certificate.pem()).into()));
    assert_eq!(ask(&served, &certificate.pem(), "agent.example", "/status").unwrap().status, 200);
}

#[test]
fn one_that_cannot_be_used_is_refused_with_its_reason() {
    let world = World::new();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(vec!["agent.example".to_owned()]).unwrap();
    let good = params.self_signed(&key).unwrap().pem();
    params.not_after = time::OffsetDateTime::now_utc() - time::Duration::days(1);
    let expired = params.self_signed(&key).unwrap().pem();
    world.file("good.pem", &good).file("expired.pem", &expired).file("text.pem", "hello");
    world.file("key.pem", &key.serialize_pem()).file("other.pem", &other.serialize_pem());
    let cases = [
        ("missing.pem", "key.pem", "service.bad_certificate"),
        ("text.pem", "key.pem", "service.bad_certificate"),
        ("expired.pem", "key.pem", "service.certificate_expired"),
        ("good.pem", "missing.pem", "service.bad_key"),
        ("good.pem", "text.pem", "service.bad_key"),
        ("good.pem", "other.pem", "service.bad_key"),
    ];
    for (certificate, key, code) in cases {
        let args = ["agent", "serve", "--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key];
        let output = world.program().args(args).run();
        assert_eq!(output.code, Some(2), "{certificate} {key}: {}", output.stderr);
        assert!(output.stderr.starts_with(&format!("error[{code}]: ")), "{certificate} {key}: {}", output.stderr);
        assert!(output.stderr.contains("help: "), "{}", output.stderr);
    }
}

#[test]
fn a_name_that_is_written_otherwise_makes_no_other_certificate() {
    let first = ["--self-signed", "--tls-name", "Agent1.Corp.Example", "--tls-name", "2001:DB8::0:1"];
    let served = Served::with(World::new(), &first);
    let said = started(&served);
    let pem = std::fs::read_to_string(served.world.home().join("agent/certificate.pem")).unwrap();
    assert_eq!(ask(&served, &pem, "agent1.corp.example", "/").unwrap().status, 200);
    let (world, _) = served.stop();
    let again = ["--self-signed", "--tls-name", "agent1.corp.example.", "--tls-name", "2001:db8::1"];
    let served = Served::with(world, &again);
    assert_eq!(started(&served)["fingerprint"], said["fingerprint"]);
}
