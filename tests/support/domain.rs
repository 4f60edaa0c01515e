//! What the Samba domain holds: users for tests, over LDAPS as its administrator.
//!
//! A connection and one operation take some ten milliseconds; `samba-tool` would take a quarter of a second.

use std::{
    collections::HashSet,
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, StdStream};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};

use super::samba::{Samba, samba, samba_tool};

/// A user that a test made.
#[derive(Debug, Clone)]
pub struct User {
    pub name: String,
    pub upn: String,
    pub dn: String,
    pub password: String,
}

/// Makes a user who may sign in, and waits until every controller knows it.
pub fn create_user(name: &str, password: &str) -> User {
    let user = create_user_on(1, name, password);
    await_everywhere(&user.dn, "cn");
    user
}

/// Waits until an object has an attribute on every controller.
fn await_everywhere(dn: &str, name: &'static str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    for number in 1..=samba().targets.len() {
        while attribute(number, dn, name).is_none() {
            assert!(Instant::now() < deadline, "{name} of {dn} did not come to controller {number} within 30 s");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Makes a user on one controller; the others learn of it within some seconds, unless something keeps them from it.
pub fn create_user_on(number: usize, name: &str, password: &str) -> User {
    let user = User {
        name: name.to_owned(),
        upn: format!("{name}@{}", samba().domain),
        dn: format!("CN={name},CN=Users,{}", samba().base),
        password: password.to_owned(),
    };
    let quoted: Vec<u8> = format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let one = |value: &[u8]| HashSet::from([value.to_vec()]);
    let attributes = vec![
        (b"objectClass".to_vec(), one(b"user")),
        (b"sAMAccountName".to_vec(), one(name.as_bytes())),
        (b"userPrincipalName".to_vec(), one(user.upn.as_bytes())),
        (b"userAccountControl".to_vec(), one(b"512")), // a normal account, enabled: MS-ADTS 2.2.16
        (b"unicodePwd".to_vec(), one(&quoted)),
    ];
    let dn = user.dn.clone();
    as_administrator(number, async move |ldap| ldap.add(&dn, attributes).await?.success()).unwrap();
    user
}

/// Locks this user alone after so many wrong passwords, by a password policy of its own; waits until every controller knows.
/// The domain's policy never locks, and with it Samba does not even count.
pub fn lock_after(user: &User, attempts: u32) {
    let (policy, attempts) = (format!("lock-{}", user.name), format!("--account-lockout-threshold={attempts}"));
    samba_tool(&["domain", "passwordsettings", "pso", "create", &policy, "1", &attempts, "--min-pwd-age=0"]);
    samba_tool(&["domain", "passwordsettings", "pso", "apply", &policy, &user.name]);
    await_everywhere(&user.dn, "msDS-ResultantPSO");
}

/// Deletes a user, on the first controller.
pub fn delete_user(user: &User) {
    let dn = user.dn.clone();
    as_administrator(1, async move |ldap| ldap.delete(&dn).await?.success()).unwrap();
}

/// How many wrong passwords a controller has counted for a user. Each counts for itself.
pub fn bad_password_count(user: &User, number: usize) -> u32 {
    attribute(number, &user.dn, "badPwdCount").map_or(0, |text| text.parse().unwrap())
}

/// The first value of an attribute as one controller has it; `None` where it has no such object or attribute.
pub fn attribute(number: usize, dn: &str, name: &'static str) -> Option<String> {
    let dn = dn.to_owned();
    let found = as_administrator(number, async move |ldap| {
        ldap.search(&dn, Scope::Base, "(objectClass=*)", [name]).await?.success()
    });
    match found {
        Ok((entries, _)) => SearchEntry::construct(entries.into_iter().next()?).attrs.remove(name)?.into_iter().next(),
        Err(LdapError::LdapResult { result }) if result.rc == 32 => None, // no such object
        Err(error) => panic!("controller {number} was not read: {error}"),
    }
}

/// Performs something over a connection to one controller, bound as its administrator. On a thread of its own, for the test
/// may be inside an async runtime.
pub fn as_administrator<T: Send>(
    number: usize,
    work: impl AsyncFnOnce(&mut Ldap) -> Result<T, LdapError> + Send,
) -> Result<T, LdapError> {
    let samba = samba(); // here, for the turn belongs to the test's thread
    let perform = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut ldap = bind(samba, number, &samba.admin, &samba.admin_password).await?;
            let result = work(&mut ldap).await;
            ldap.unbind().await?;
            result
        })
    };
    std::thread::scope(|scope| scope.spawn(perform).join().unwrap())
}

/// A new LDAPS connection to one controller, bound as somebody; trusts the lab's authority alone.
pub async fn bind(samba: &Samba, number: usize, name: &str, password: &str) -> Result<Ldap, LdapError> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&samba.ca).unwrap()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(roots).with_no_client_auth();

    let address = samba.controller(number).1;
    let stream = TcpStream::connect((address, 636))?;
    stream.set_nodelay(true)?; // without it a handshake waits for delayed acknowledgements
    let settings = LdapConnSettings::new()
        .set_config(Arc::new(tls))
        .set_std_stream(StdStream::Tcp(stream))
        .set_conn_timeout(Duration::from_secs(10));
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &format!("ldaps://{address}")).await?;
    ldap3::drive!(connection);
    ldap.with_timeout(Duration::from_secs(10)).simple_bind(name, password).await?.success()?;
    Ok(ldap)
}
