//! The lab's directory, seen from outside: the `ldap3` crate as client, over real sockets.

mod cloud;
mod faults;
mod matrix;
mod reading;
mod replication;
mod sign_in;
mod writing;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapResult, Mod, Scope, SearchEntry};
use libretto::lab::{Fault, Flavour, Lab, LabOptions};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

pub const BASE: &str = "DC=lab,DC=test";
pub const ALICE: &str = "CN=Alice Ahlgren,CN=Users,DC=lab,DC=test";
pub const SERVICE: &str = "CN=svc-libretto,OU=Service Accounts,DC=lab,DC=test";

/// A lab with these faults.
pub fn lab(flavour: Flavour, faults: &[&str]) -> Lab {
    let faults = faults.iter().map(|fault| Fault::parse(fault).unwrap()).collect();
    Lab::start(LabOptions { flavour, faults, ..LabOptions::default() }).unwrap()
}

/// TLS of a client that trusts this authority.
pub fn tls(ca_pem: &[u8]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// Settings of a client that trusts the lab.
pub fn trusting(lab: &Lab) -> LdapConnSettings {
    LdapConnSettings::new().set_conn_timeout(Duration::from_secs(5)).set_config(tls(lab.ca_pem().as_bytes()))
}

pub async fn open(settings: LdapConnSettings, url: &str) -> ldap3::result::Result<Ldap> {
    let (connection, ldap) = LdapConnAsync::with_settings(settings, url).await?;
    ldap3::drive!(connection);
    Ok(ldap)
}

/// A connection to target 1, 2 or 3 over LDAPS, not signed in.
pub async fn connect(lab: &Lab, target: usize) -> Ldap {
    open(trusting(lab), &ldaps(lab.targets()[target - 1].address)).await.unwrap()
}

pub fn ldaps(address: SocketAddr) -> String {
    format!("ldaps://{address}")
}

/// A connection on which this account is signed in.
pub async fn signed_in(lab: &Lab, target: usize, name: &str, password: &str) -> Ldap {
    let mut ldap = connect(lab, target).await;
    ldap.simple_bind(name, password).await.unwrap().success().unwrap();
    ldap
}

/// A connection on which the built-in administrator is signed in.
pub async fn administrator(lab: &Lab, target: usize) -> Ldap {
    let (name, password) = lab.administrator();
    signed_in(lab, target, name, password.expose()).await
}

/// One bind on a connection of its own: result code, and the text without Windows' trailing zero.
pub async fn bind(lab: &Lab, target: usize, name: &str, password: &str) -> (u32, String) {
    said(&connect(lab, target).await.simple_bind(name, password).await.unwrap())
}

pub fn said(result: &LdapResult) -> (u32, String) {
    (result.rc, result.text.clone())
}

/// The number after `data` in a bind error; empty when it worked.
pub async fn data(lab: &Lab, target: usize, name: &str, password: &str) -> String {
    let (code, text) = bind(lab, target, name, password).await;
    if code == 0 {
        return String::new();
    }
    let (_, rest) = text.split_once("data ").unwrap_or_else(|| panic!("{code} {text}"));
    rest.split(',').next().unwrap().to_owned()
}

/// An account's password at the start.
pub fn password_of<'a>(lab: &'a Lab, name: &str) -> &'a str {
    lab.accounts().iter().find(|account| account.name == name).unwrap().password.expose()
}

/// A password as `unicodePwd` takes it.
pub fn wide(text: &str) -> Vec<u8> {
    format!("\"{text}\"").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub async fn reset(ldap: &mut Ldap, dn: &str, new: &str) -> LdapResult {
    write(ldap, dn, vec![Mod::Replace(b"unicodePwd".to_vec(), [wide(new)].into())]).await
}

pub async fn change(ldap: &mut Ldap, dn: &str, old: &str, new: &str) -> LdapResult {
    let changes = vec![
        Mod::Delete(b"unicodePwd".to_vec(), [wide(old)].into()),
        Mod::Add(b"unicodePwd".to_vec(), [wide(new)].into()),
    ];
    write(ldap, dn, changes).await
}

pub async fn write(ldap: &mut Ldap, dn: &str, changes: Vec<Mod<Vec<u8>>>) -> LdapResult {
    ldap.modify(dn, changes).await.unwrap()
}

pub async fn set(ldap: &mut Ldap, dn: &str, name: &str, value: &str) -> LdapResult {
    write(ldap, dn, vec![Mod::Replace(name.as_bytes().to_vec(), [value.as_bytes().to_vec()].into())]).await
}

/// All that a search of the whole domain finds.
pub async fn find(ldap: &mut Ldap, filter: &str, attributes: &[&str]) -> Vec<SearchEntry> {
    let found = ldap.search(BASE, Scope::Subtree, filter, attributes.to_vec()).await.unwrap();
    found.success().unwrap().0.into_iter().map(SearchEntry::construct).collect()
}

/// Account names of what a filter finds, in order.
pub async fn names(ldap: &mut Ldap, filter: &str) -> Vec<String> {
    let mut names: Vec<_> =
        find(ldap, filter, &["sAMAccountName"]).await.iter().map(|e| first(e, "sAMAccountName")).collect();
    names.sort();
    names
}

/// One object's attribute; empty when there is none.
pub async fn read(ldap: &mut Ldap, dn: &str, name: &str) -> String {
    let found = ldap.search(dn, Scope::Base, "(objectClass=*)", vec![name]).await.unwrap();
    let entries = found.success().unwrap().0;
    first(&SearchEntry::construct(entries.into_iter().next().unwrap()), name)
}

pub fn first(entry: &SearchEntry, name: &str) -> String {
    entry.attrs.get(name).and_then(|values| values.first()).cloned().unwrap_or_default()
}

/// Asks again until it is so; a lab that never gets there fails the test by name.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(tokio::time::Instant::now() < end, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
