//! Sign-ins at a real Samba: Libretto's directory room beside the ldap3 crate, with the same work on the wire: connect, TLS,
//! bind, close.

use std::{
    future::Future,
    net::{IpAddr, TcpStream},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use ldap3::{LdapConnAsync, LdapConnSettings, StdStream};
use libretto::{
    directory::{Endpoint, Identity, Session, Tls},
    secret::Secret,
};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};
use serde::Deserialize;

use crate::print_table;

/// Sign-ins in a round; rounds alternate between the two, so that what else the machine does hits both.
const ROUND: usize = 80;
const ROUNDS: usize = 8;

#[derive(Deserialize)]
struct Lab {
    ca: PathBuf,
    admin: String,
    admin_password: String,
    targets: Vec<(String, IpAddr)>,
}

pub fn figure() {
    let folder = PathBuf::from(std::env::var_os("LIBRETTO_TEST_SAMBA").expect("benches/run starts the servers"));
    let lab: Lab = serde_json::from_slice(&std::fs::read(folder.join("lab.json")).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let rows = [1, 32].map(|at_once| runtime.block_on(compare(&lab, at_once)));
    let columns = ["at once", "ldap3", "Libretto", "Libretto / ldap3"];
    print_table(&format!("Sign-ins per second ({} each, one Samba controller)", ROUND * ROUNDS), &columns, &rows);
}

async fn compare(lab: &Lab, at_once: usize) -> Vec<String> {
    let address = lab.targets[0].1;
    let endpoint =
        Endpoint::new(address.to_string().parse().unwrap(), &Tls::with_ca(std::fs::read_to_string(&lab.ca).unwrap()))
            .unwrap();
    let identity = Identity { name: lab.admin.clone(), password: Secret::new(lab.admin_password.clone()).unwrap() };
    let config = trusting(&lab.ca);

    let (mut raw, mut ours) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        raw += round(at_once, || sign_in_raw(address, &config, &lab.admin, &lab.admin_password)).await;
        ours += round(at_once, || async { Session::connect(&endpoint, &identity).await.unwrap().close().await }).await;
    }
    let per_second = |time: Duration| (ROUND * ROUNDS) as f64 / time.as_secs_f64();
    let (raw, ours) = (per_second(raw), per_second(ours));
    vec![at_once.to_string(), format!("{raw:.0}"), format!("{ours:.0}"), format!("{:.2}", ours / raw)]
}

async fn round<F: Future<Output = ()>>(at_once: usize, sign_in: impl Fn() -> F) -> Duration {
    let start = Instant::now();
    stream::iter(0..ROUND).map(|_| sign_in()).buffer_unordered(at_once).for_each(|()| async {}).await;
    start.elapsed()
}

fn trusting(ca: &PathBuf) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// As fast as the crate goes: with a stream of our own, for its own waits for delayed acknowledgements.
async fn sign_in_raw(address: IpAddr, config: &Arc<ClientConfig>, name: &str, password: &str) {
    let stream = TcpStream::connect((address, 636)).unwrap();
    stream.set_nodelay(true).unwrap();
    let settings = LdapConnSettings::new().set_config(Arc::clone(config)).set_std_stream(StdStream::Tcp(stream));
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &format!("ldaps://{address}")).await.unwrap();
    ldap3::drive!(connection);
    ldap.simple_bind(name, password).await.unwrap().success().unwrap();
    ldap.unbind().await.unwrap();
}
