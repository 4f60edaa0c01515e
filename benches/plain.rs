//! The same work without Libretto: what the libraries below cost when one writes the program by hand.

use std::{sync::Arc, time::Instant};

use futures_util::{StreamExt, stream};
use ldap3::{LdapConnAsync, LdapConnSettings, Scope, StdStream};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::ldap::Lab;

/// The attributes that `ad::test_target` reads.
const ROOT_DSE: [&str; 11] = [
    "defaultNamingContext",
    "configurationNamingContext",
    "rootDomainNamingContext",
    "dnsHostName",
    "serverName",
    "supportedCapabilities",
    "supportedControl",
    "domainFunctionality",
    "domainControllerFunctionality",
    "isSynchronized",
    "currentTime",
];

/// A client as `http::get` uses one.
pub fn client() -> reqwest::Client {
    // Already set means that somebody set the same.
    let _ = ring::default_provider().install_default();
    reqwest::Client::builder().tcp_nodelay(true).build().unwrap()
}

/// `items` times four calls, `limit` items at a time.
pub fn http(url: &str, items: usize, limit: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let client = client();
    runtime.block_on(async {
        stream::iter(0..items)
            .map(|_| tokio::spawn(four_calls(client.clone(), url.to_owned())))
            .buffer_unordered(limit)
            .for_each(async |done| done.unwrap())
            .await;
    });
}

async fn four_calls(client: reqwest::Client, url: String) {
    for _ in 0..4 {
        let answer: serde_json::Value = client.get(&url).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["ok"], true);
    }
}

/// `items` bind tests, `limit` at a time. `nodelay` sets `TCP_NODELAY` on a socket of our own; `as-it-comes` leaves the
/// connecting to ldap3. Prints the seconds that the tests took.
pub fn ldap(how: &str, items: usize, limit: usize) {
    let (lab, nodelay) = (Arc::new(Lab::running()), how == "nodelay");
    let config = trusting(&std::fs::read(&lab.ca).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let begun = Instant::now();
    runtime.block_on(async {
        stream::iter(0..items)
            .map(|_| tokio::spawn(bind_test(Arc::clone(&lab), Arc::clone(&config), nodelay)))
            .buffer_unordered(limit)
            .for_each(async |done| done.unwrap())
            .await;
    });
    println!("{}", begun.elapsed().as_secs_f64());
}

/// Connect, encrypt, sign in, read the rootDSE and the domain's object, say good-bye: what `ad::test_target` does.
async fn bind_test(lab: Arc<Lab>, config: Arc<ClientConfig>, nodelay: bool) {
    let mut settings = LdapConnSettings::new().set_config(config);
    if nodelay {
        let stream = tokio::net::TcpStream::connect((lab.address(), 636)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        settings = settings.set_std_stream(StdStream::Tcp(stream.into_std().unwrap()));
    }
    let url = format!("ldaps://{}:636", lab.address());
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &url).await.unwrap();
    tokio::spawn(async move { connection.drive().await });
    ldap.simple_bind(&lab.admin, &lab.admin_password).await.unwrap().success().unwrap();
    let (root, _) = ldap.search("", Scope::Base, "(objectClass=*)", ROOT_DSE).await.unwrap().success().unwrap();
    assert_eq!(root.len(), 1);
    let (domain, _) =
        ldap.search(&lab.base, Scope::Base, "(objectClass=*)", ["objectClass"]).await.unwrap().success().unwrap();
    assert_eq!(domain.len(), 1);
    ldap.unbind().await.unwrap();
}

fn trusting(pem: &[u8]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
