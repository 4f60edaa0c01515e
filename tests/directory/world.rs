//! What these tests share: endpoints, identities, and an administrator who makes users by plain LDAP, through another
//! client than the one under test.

use std::{collections::HashSet, future::Future, process::Command, time::Duration};

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod};
use libretto::{
    directory::{Endpoint, Identity, Session, Target, Tls},
    secret::Secret,
};
use tokio::time::{Instant, sleep};

use crate::support::samba::{samba, unique_name};

/// A password that Samba's default policy takes.
pub const PASSWORD: &str = "Correct-Horse-1!";

/// How long something may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(40);

pub fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

pub fn identity(name: &str, password: &str) -> Identity {
    Identity { name: name.to_owned(), password: secret(password) }
}

pub fn tls() -> Tls {
    Tls::with_ca(std::fs::read_to_string(&samba().ca).unwrap())
}

/// Controller `number` from 1, by its address.
pub fn controller(number: usize) -> Endpoint {
    let target = Target::parse(&samba().targets[number - 1].1.to_string()).unwrap();
    Endpoint::new(target, &tls()).unwrap()
}

pub fn controllers() -> Vec<Endpoint> {
    (1..=samba().targets.len()).map(controller).collect()
}

/// A session of the domain's administrator at controller 1.
pub async fn administrator() -> Session {
    administrator_at(1).await
}

pub async fn administrator_at(number: usize) -> Session {
    Session::connect(&controller(number), &identity(&samba().admin, &samba().admin_password)).await.unwrap()
}

/// Polls until `done` is true.
pub async fn until<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// One made user.
pub struct User {
    pub name: String,
    pub dn: String,
}

impl User {
    pub fn upn(&self) -> String {
        format!("{}@{}", self.name, samba().domain)
    }

    pub fn identity(&self, password: &str) -> Identity {
        identity(&self.upn(), password)
    }
}

/// The administrator's own LDAP connection to controller 1.
pub struct Admin(Ldap);

impl Admin {
    pub async fn new() -> Self {
        let settings = LdapConnSettings::new().set_no_tls_verify(true);
        let url = format!("ldaps://{}", samba().targets[0].1);
        let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &url).await.unwrap();
        tokio::spawn(async move { connection.drive().await });
        ldap.simple_bind(&samba().admin, &samba().admin_password).await.unwrap().success().unwrap();
        Self(ldap)
    }

    pub async fn add(&mut self, dn: &str, attributes: &[(&str, &[&[u8]])]) {
        let attributes = attributes
            .iter()
            .map(|(name, values)| (name.as_bytes().to_vec(), values.iter().map(|value| value.to_vec()).collect()))
            .collect();
        self.0.add(dn, attributes).await.unwrap().success().unwrap();
    }

    /// A user who may sign in with [`PASSWORD`].
    pub async fn user(&mut self, prefix: &str) -> User {
        let name = unique_name(prefix);
        let dn = format!("CN={name},CN=Users,{}", samba().base);
        self.user_at(&dn, &name).await
    }

    pub async fn user_at(&mut self, dn: &str, name: &str) -> User {
        let upn = format!("{name}@{}", samba().domain);
        let quoted: Vec<u8> = format!("\"{PASSWORD}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
        self.add(
            dn,
            &[
                ("objectClass", &[b"user"]),
                ("sAMAccountName", &[name.as_bytes()]),
                ("userPrincipalName", &[upn.as_bytes()]),
                ("userAccountControl", &[b"512"]),
                ("unicodePwd", &[&quoted]),
            ],
        )
        .await;
        User { name: name.to_owned(), dn: dn.to_owned() }
    }

    pub async fn group(&mut self, prefix: &str) -> User {
        let name = unique_name(prefix);
        let dn = format!("CN={name},CN=Users,{}", samba().base);
        self.add(&dn, &[("objectClass", &[b"group"]), ("sAMAccountName", &[name.as_bytes()])]).await;
        User { name, dn }
    }

    /// Replaces an attribute's value.
    pub async fn set(&mut self, dn: &str, attribute: &str, value: impl AsRef<[u8]>) {
        let change = Mod::Replace(attribute.as_bytes().to_vec(), HashSet::from([value.as_ref().to_vec()]));
        self.0.modify(dn, vec![change]).await.unwrap().success().unwrap();
    }

    /// A fine-grained policy for one user. `rules` replace the defaults, which ask for nothing.
    pub async fn policy_for(&mut self, user: &User, rules: &[(&str, &str)]) -> String {
        let name = unique_name("pso");
        let dn = format!("CN={name},CN=Password Settings Container,CN=System,{}", samba().base);
        let mut all = vec![
            ("objectClass", "msDS-PasswordSettings"),
            ("msDS-PasswordSettingsPrecedence", "10"),
            ("msDS-PasswordReversibleEncryptionEnabled", "FALSE"),
            ("msDS-PasswordHistoryLength", "0"),
            ("msDS-PasswordComplexityEnabled", "FALSE"),
            ("msDS-MinimumPasswordLength", "0"),
            ("msDS-MinimumPasswordAge", "0"),
            ("msDS-MaximumPasswordAge", "-864000000000000"),
            ("msDS-LockoutThreshold", "0"),
            ("msDS-LockoutObservationWindow", "-18000000000"),
            ("msDS-LockoutDuration", "-18000000000"),
            ("msDS-PSOAppliesTo", user.dn.as_str()),
        ];
        for (name, value) in rules {
            all.iter_mut().find(|(other, _)| other == name).unwrap().1 = value;
        }
        let values: Vec<[&[u8]; 1]> = all.iter().map(|(_, value)| [value.as_bytes()]).collect();
        let attributes: Vec<(&str, &[&[u8]])> =
            all.iter().zip(&values).map(|((name, _), values)| (*name, values.as_slice())).collect();
        self.add(&dn, &attributes).await;
        dn
    }
}

/// Makes the password of `dn` look as old as the first controller's files can say: no request over the network may set
/// `pwdLastSet` to a time, so the database is written below the server. The change does not replicate.
pub fn age_password(dn: &str) {
    const SCRIPT: &str = "
import glob, ldb, sys
folder, dn = sys.argv[1:]
files = glob.glob(folder + '/**/sam.ldb.d/*', recursive=True)
[path] = [path for path in files if path.upper().endswith('/DC=LAB,DC=TEST.LDB')]
message = ldb.Message(ldb.Dn(database := ldb.Ldb(path), dn))
message['pwdLastSet'] = ldb.MessageElement('116444736000000000', ldb.FLAG_MOD_REPLACE, 'pwdLastSet')
database.modify(message)
";
    let folder = samba().dir.join("dc1");
    let output = Command::new("/usr/bin/python3").args(["-c", SCRIPT]).arg(folder).arg(dn).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
