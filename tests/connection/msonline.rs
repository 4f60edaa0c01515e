//! Microsoft Online connections: apps and users, one per mail domain, the agent's token, and certificates.

use std::fs;

use libretto::{
    connection::{
        self, Connection, Fields, Scope, Selector, agents, apps,
        credentials::{self, Form, State},
        fields::as_error,
    },
    error::{Error, Result},
    host::Host,
    secret::{Secret, seal::Identity},
    store::Store,
};
use tempfile::TempDir;

use super::{ad, add, raw};

pub(super) const APP: &str = "11111111-2222-3333-4444-555555555555";

pub(super) struct Desk {
    folder: TempDir,
    host: Host,
    pub(super) store: Store,
}

#[allow(clippy::unnecessary_wraps)] // as fields are
pub(super) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(super) fn app(name: &str, domain: &str) -> Fields {
    Fields { name: text(name), kind: text("msonline"), domain: text(domain), client_id: text(APP), ..Fields::default() }
}

impl Desk {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Host::real();
        host.stdin_is_terminal = false;
        host.working_folder = folder.path().to_path_buf();
        let desk = Self { folder, host, store: Store::temporary().unwrap() };
        desk.file("one", "app secret number 1");
        desk.file("two", "app secret number 2");
        desk.file("token", "agent token 0815");
        desk
    }

    pub(super) fn file(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub(super) fn add(&self, fields: &Fields) -> Result<Connection> {
        let new = fields.check(&self.host).map_err(|faults| as_error(&faults))?;
        connection::add(&self.store, &new)
    }

    pub(super) fn edit(&self, name: &str, fields: &Fields) -> Result<Connection> {
        let before = connection::get(&self.store, name, &Scope::all())?;
        let change = fields.check_change(&self.host, &before).map_err(|faults| as_error(&faults))?;
        connection::edit(&self.store, name, &Scope::all(), &change)
    }

    pub(super) fn import(&self, text: &str) -> Result<connection::Imported> {
        self.file("c.csv", text);
        connection::import(&self.store, &self.host, &self.folder.path().join("c.csv"))
    }

    pub(super) fn get(&self, name: &str) -> Connection {
        connection::get(&self.store, name, &Scope::all()).unwrap()
    }

    /// Versions, newest first, with their states, and the secret of the current one.
    pub(super) fn stands(&self, name: &str) -> (Vec<(u32, State)>, Option<String>) {
        let connection = self.get(name);
        let history = credentials::history(&self.store, &connection).unwrap();
        let current = credentials::current(&self.store, &connection).unwrap();
        let opened = current.map(|one| credentials::fetch(&self.store, &self.host, &one).unwrap().expose().to_owned());
        (history.into_iter().map(|one| (one.version, one.state)).collect(), opened)
    }
}

fn faults(error: &Error) -> Vec<&str> {
    error.details().iter().filter(|(key, _)| *key == "fault").map(|(_, text)| text.as_str()).collect()
}

#[test]
fn connections_of_one_app_share_its_credential() {
    let desk = Desk::new();
    let contoso = desk.add(&Fields { secret: text("file:one"), ..app("contoso", "contoso.example") }).unwrap();
    let first = (vec![(1, State::Current)], text("app secret number 1"));
    let upper = Fields { client_id: text(&APP.to_uppercase()), ..app("fabrikam", "fabrikam.example") };
    assert_eq!(desk.add(&upper).unwrap().principal, contoso.principal);
    let same = Fields { secret: text("file:one"), ..app("tailspin", "tailspin.example") };
    assert_eq!(desk.add(&same).unwrap().principal, contoso.principal);
    for name in ["contoso", "fabrikam", "tailspin"] {
        assert_eq!(desk.stands(name), first, "the same secret is no new version: {name}");
    }
    let other = desk.add(&Fields { secret: text("file:two"), ..app("wingtip", "wingtip.example") }).unwrap_err();
    assert_eq!(other.code(), "connection.app_has_secret", "a new connection changes nothing for the others");
    assert_eq!(desk.stands("contoso"), first);
    desk.edit("tailspin", &Fields { secret: text("file:two"), ..Fields::default() }).unwrap();
    let second = (vec![(2, State::Current), (1, State::Previous)], text("app secret number 2"));
    for name in ["contoso", "fabrikam", "tailspin"] {
        assert_eq!(desk.stands(name), second, "an edit of one is an edit of all: {name}");
    }
}

#[test]
fn a_removed_connection_leaves_its_app_to_whoever_comes_next() {
    let desk = Desk::new();
    desk.add(&Fields { secret: text("file:one"), ..app("contoso", "contoso.example") }).unwrap();
    connection::remove(&desk.store, "contoso", &Scope::all()).unwrap();
    desk.add(&Fields { secret: text("file:two"), ..app("fabrikam", "fabrikam.example") }).unwrap();
    let stands = (vec![(2, State::Current), (1, State::Previous)], text("app secret number 2"));
    assert_eq!(desk.stands("fabrikam"), stands, "nobody else uses the old one, which is kept all the same");
}

#[test]
fn another_app_is_another_principal_and_needs_its_secret() {
    let desk = Desk::new();
    let before = desk.add(&Fields { secret: text("file:one"), ..app("contoso", "contoso.example") }).unwrap();
    let other = Fields { client_id: text("app-2"), ..Fields::default() };
    assert_eq!(desk.edit("contoso", &other).unwrap_err().code(), "connection.new_app");
    let after = desk.edit("contoso", &Fields { secret: text("file:two"), ..other }).unwrap();
    assert_eq!((after.username.as_str(), after.settings.app()), ("app-2", Some("app-2")));
    assert_ne!(after.principal, before.principal);
    assert_eq!(desk.stands("contoso"), (vec![(1, State::Current)], text("app secret number 2")));
    let back = desk.edit("contoso", &Fields { client_id: text(APP), ..Fields::default() }).unwrap();
    assert_eq!(back.principal, before.principal, "its secret is known");
}

#[test]
fn an_app_or_a_user_signs_in() {
    let desk = Desk::new();
    let user = Fields {
        client_id: None,
        username: text("admin@contoso.example"),
        password: text("file:one"),
        ..app("contoso", "contoso.example")
    };
    let contoso = desk.add(&user).unwrap();
    let form = |name| credentials::current(&desk.store, &desk.get(name)).unwrap().unwrap().form;
    assert_eq!((contoso.settings.app(), form("contoso")), (None, Form::Password));
    let migrated =
        desk.edit("contoso", &Fields { client_id: text(APP), secret: text("file:two"), ..Fields::default() }).unwrap();
    assert_eq!((migrated.username.as_str(), form("contoso")), (APP, Form::ClientSecret));
    let alone = Fields { username: text("admin@contoso.example"), ..Fields::default() };
    assert_eq!(desk.edit("contoso", &alone).unwrap_err().code(), "connection.new_user");
    let user = desk.edit("contoso", &Fields { password: text("file:one"), ..alone }).unwrap();
    assert_eq!((user.settings.app(), form("contoso")), (None, Form::Password));
    for (wrong, code) in [
        (Fields { username: text("a@b.example"), ..app("x", "x.example") }, "connection.two_accounts"),
        (Fields { password: text("file:one"), ..app("x", "x.example") }, "connection.wrong_secret_kind"),
        (
            Fields {
                client_id: None,
                username: text("a@x.example"),
                secret: text("file:one"),
                ..app("x", "x.example")
            },
            "connection.wrong_secret_kind",
        ),
        (
            Fields { secret: text("file:one"), certificate: text("two"), ..app("x", "x.example") },
            "connection.two_secrets",
        ),
        (Fields { client_id: None, ..app("x", "x.example") }, "connection.missing"),
    ] {
        assert_eq!(desk.add(&wrong).unwrap_err().code(), code);
    }
}

#[test]
fn a_mail_domain_has_one_connection() {
    let desk = Desk::new();
    add(&desk.store, &ad("corp"));
    desk.add(&app("contoso", "contoso.example")).unwrap();
    let twice = desk.add(&app("other", "CONTOSO.example")).unwrap_err();
    assert_eq!(
        (twice.code(), twice.message()),
        ("connection.domain_taken", "contoso.example is the domain of connection contoso already")
    );
    let hidden = desk.add(&Fields { customer: text("acme"), ..app("other", "contoso.example") }).unwrap_err();
    assert_eq!(hidden.message(), "contoso.example is the domain of another connection already");
    desk.add(&app("fabrikam", "lab.test")).unwrap();
    let moved = desk.edit("fabrikam", &Fields { domain: text("contoso.example"), ..Fields::default() }).unwrap_err();
    assert_eq!(moved.code(), "connection.domain_taken");
    assert_eq!(desk.get("fabrikam").domain, "lab.test", "the directory's name is another matter");
    let error = desk
        .import(&format!(
            "name,kind,domain,client_id\na,msonline,contoso.example,{APP}\nb,msonline,new.example,{APP}\nc,msonline,new.example,{APP}\n"
        ))
        .unwrap_err();
    assert_eq!(
        faults(&error),
        [
            "row 2, column domain: contoso.example is the domain of connection contoso already",
            "row 4, column domain: row 3 has the domain new.example already",
        ]
    );
    desk.import("name,kind,domain,client_id\nnew,msonline,contoso.example,x\ncontoso,,former.example,\n").unwrap();
    assert_eq!(desk.get("contoso").domain, "former.example", "one row may take over what another gives up");
}

#[test]
fn a_file_gives_an_app_one_secret() {
    let desk = Desk::new();
    let head = "name,kind,domain,client_id,secret\n";
    let rows = format!("a,msonline,a.example,{APP},file:one\nb,msonline,b.example,{APP},file:one\n");
    desk.import(&format!("{head}{rows}")).unwrap();
    assert_eq!(desk.stands("b"), (vec![(1, State::Current)], text("app secret number 1")));
    desk.import(&format!("{head}{rows}")).unwrap();
    assert_eq!(desk.stands("a"), (vec![(1, State::Current)], text("app secret number 1")), "once more is nothing new");
    let two = desk
        .import(&format!("{head}c,msonline,c.example,{APP},file:one\nd,msonline,d.example,{APP},file:two\n"))
        .unwrap_err();
    assert_eq!(faults(&two), ["row 3, column secret: row 2 gives the same app another one"]);
    desk.import(&format!("{head}e,msonline,e.example,{APP},file:two\na,,,,file:two\n")).unwrap();
    let second = (vec![(2, State::Current), (1, State::Previous)], text("app secret number 2"));
    assert_eq!(desk.stands("e"), second, "an edit in the file brings the new one");
    let command = desk.import("name,agent_token\na,command:cat token\n").unwrap_err();
    assert_eq!(
        faults(&command),
        ["row 2, column agent_token: command: is not taken from a file: it would run a program at each use"]
    );
}

#[test]
fn the_agents_token_is_a_secret_of_its_own() {
    let desk = Desk::new();
    let pem = rcgen::generate_simple_self_signed(["agent1".to_owned()]).unwrap().cert.pem();
    desk.file("ca.pem", &pem);
    let fields = Fields {
        agent: text("[fd00::7]"),
        agent_token: text("file:token"),
        agent_ca: text("ca.pem"),
        ..app("contoso", "contoso.example")
    };
    let contoso = desk.add(&fields).unwrap();
    let online = contoso.msonline().unwrap();
    assert_eq!((online.agent(), online.agent_ca_pem.as_deref()), ("[fd00::7]:40002".to_owned(), Some(pem.as_str())));
    let token = |desk: &Desk| {
        let connection = desk.get("contoso");
        let opened = agents::token(&desk.store, &desk.host, &connection).unwrap();
        (opened.map(|token| token.expose().to_owned()), agents::token_kept(&desk.store, &connection).unwrap())
    };
    assert_eq!(token(&desk), (text("agent token 0815"), text("sealed")));
    let bytes = fs::read(desk.store.home().join("store.db-wal")).unwrap();
    assert!(!bytes.windows(16).any(|part| part == b"agent token 0815"), "encrypted at rest");
    let exported = connection::export(&desk.store, &Selector::all(), &Scope::all()).unwrap();
    assert!(!exported.to_string().contains("agent_token"), "{exported}");
    desk.edit("contoso", &Fields { tags: Some(vec!["gold".to_owned()]), ..Fields::default() }).unwrap();
    assert_eq!(token(&desk), (text("agent token 0815"), text("sealed")), "an edit of something else leaves it");
    desk.edit("contoso", &Fields { agent_token: text("command:printf kept-token"), ..Fields::default() }).unwrap();
    assert_eq!(token(&desk), (text("kept-token"), text("command:")));
    desk.edit("contoso", &Fields { agent_token: text(""), agent_ca: text(""), ..Fields::default() }).unwrap();
    assert_eq!((token(&desk), desk.get("contoso").settings.ca_pem().cloned()), ((None, None), None));
    assert!(
        raw(&desk.store).query_row("SELECT count(*) FROM credential", [], |row| row.get::<_, i64>(0)).unwrap() == 0
    );
    desk.edit("contoso", &Fields { agent_token: text("file:token"), ..Fields::default() }).unwrap();
    fs::remove_file(desk.store.home().join("identity.age")).unwrap();
    let lost = Identity::load_or_make(&desk.store).unwrap_err();
    assert_eq!(lost.code(), "store.identity_lost", "a store with a sealed token gets no other identity");
    connection::remove(&desk.store, "contoso", &Scope::all()).unwrap();
    let left: i64 = raw(&desk.store).query_row("SELECT count(*) FROM agent", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "the token goes with its connection");
    let wrong = desk.add(&Fields { agent_token: text("agent token 0815"), ..app("x", "x.example") }).unwrap_err();
    assert_eq!(wrong.code(), "secret.literal");
}

#[test]
fn an_app_has_its_home() {
    let desk = Desk::new();
    add(&desk.store, &ad("corp"));
    let own = desk.add(&Fields { app_home: text("contoso"), ..app("contoso", "contoso.example") }).unwrap();
    assert_eq!(own.msonline().unwrap().app_home.as_deref(), Some("contoso"), "it may be the connection itself");
    desk.add(&Fields { app_home: text("contoso"), ..app("fabrikam", "fabrikam.example") }).unwrap();
    let wrong = desk.add(&Fields { app_home: text("corp"), ..app("x", "x.example") }).unwrap_err();
    assert_eq!(wrong.code(), "connection.wrong_kind");
    let nowhere = desk.edit("fabrikam", &Fields { app_home: text("nobody"), ..Fields::default() }).unwrap_err();
    assert_eq!(nowhere.code(), "connection.unknown");
    desk.edit("contoso", &Fields { name: text("home"), ..Fields::default() }).unwrap();
    for name in ["home", "fabrikam"] {
        assert_eq!(desk.get(name).msonline().unwrap().app_home.as_deref(), Some("home"), "links follow a new name");
    }
    let used = connection::remove(&desk.store, "home", &Scope::all()).unwrap_err();
    assert_eq!(used.message(), "home is named by other connections: fabrikam");
    connection::remove(&desk.store, "fabrikam", &Scope::all()).unwrap();
    connection::remove(&desk.store, "home", &Scope::all()).unwrap();
}

#[test]
fn an_app_learns_its_cloud_and_its_home_tenant() {
    let desk = Desk::new();
    let contoso = desk.add(&Fields { secret: text("file:one"), ..app("contoso", "contoso.example") }).unwrap();
    let bind = |cloud: &str, home| apps::bind_app(&desk.store, contoso.id, cloud, home);
    let home = || apps::home_tenant(&desk.store, contoso.principal).unwrap();
    assert_eq!((bind("global", None).unwrap(), home()), (contoso.principal, None));
    let guid = credentials::directory_guid(&desk.store, contoso.principal).unwrap();
    assert_eq!(guid, Some(format!("global/{APP}")));
    let tenant = "AAAAAAAA-0000-0000-0000-000000000001";
    assert_eq!(bind("global", Some(tenant)).unwrap(), contoso.principal);
    assert_eq!(home().as_deref(), Some(tenant.to_lowercase().as_str()));
    bind("global", None).unwrap();
    assert_eq!(home().as_deref(), Some(tenant.to_lowercase().as_str()), "what is known stays");
    assert_eq!(bind("us-government", None).unwrap_err().code(), "connection.other_principal");
    let other = bind("global", Some("bbbbbbbb-0000-0000-0000-000000000002")).unwrap_err();
    assert_eq!(other.code(), "connection.other_principal");
    let user = Fields { client_id: None, username: text("a@b.example"), ..app("b", "b.example") };
    let user = desk.add(&user).unwrap();
    assert_eq!(apps::bind_app(&desk.store, user.id, "global", None).unwrap_err().code(), "connection.wrong_kind");
}

#[test]
fn a_candidate_is_not_of_another_app() {
    let desk = Desk::new();
    let contoso = desk.add(&Fields { secret: text("file:one"), ..app("contoso", "contoso.example") }).unwrap();
    let identity = Identity::load(&desk.store).unwrap();
    let secret = Secret::new("a newer app secret").unwrap();
    let record = |name: &str| credentials::record_candidate(&desk.store, &identity, &contoso, name, &secret, None);
    assert_eq!(record("app-2").unwrap_err().code(), "connection.other_app");
    let candidate = record(APP).unwrap();
    assert_eq!((candidate.principal, candidate.form), (contoso.principal, Form::ClientSecret));
}

/// A certificate with its key, PEM, valid between two years.
fn pem(alg: &'static rcgen::SignatureAlgorithm, years: (i32, i32)) -> (String, String) {
    let key = rcgen::KeyPair::generate_for(alg).unwrap();
    let mut params = rcgen::CertificateParams::new(["app.contoso.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// An RSA key of 2048 bits that OpenSSL made, for tests alone.
const RSA_KEY: &str = include_str!("rsa_key.pem");

fn rsa_certificate(years: (i32, i32)) -> String {
    let key = rcgen::KeyPair::from_pem_and_sign_algo(RSA_KEY, &rcgen::PKCS_RSA_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::new(["app.contoso.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    params.self_signed(&key).unwrap().pem()
}

#[test]
fn a_certificate_is_looked_at_before_it_is_stored() {
    let desk = Desk::new();
    let (elliptic, elliptic_key) = pem(&rcgen::PKCS_ECDSA_P256_SHA256, (2020, 2099));
    let good = rsa_certificate((2020, 2099));
    for (file, content, said) in [
        (
            "none",
            RSA_KEY.to_owned(),
            "connection.bad_certificate: none: the certificate is not there: the file has no CERTIFICATE block",
        ),
        (
            "cut",
            format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{RSA_KEY}"),
            "connection.bad_certificate: ",
        ),
        ("keyless", good.clone(), "connection.certificate_key: keyless: the file has no private key"),
        (
            "old",
            format!("{}{RSA_KEY}", rsa_certificate((2001, 2002))),
            "connection.certificate_expired: old: the certificate has expired on 2002-01-01",
        ),
        (
            "early",
            format!("{}{RSA_KEY}", rsa_certificate((2098, 2099))),
            "connection.certificate_expired: early: the certificate is not valid before 2098-01-01",
        ),
        ("ec", format!("{elliptic}{elliptic_key}"), "connection.certificate_key: ec: the key is not an RSA key"),
        (
            "other",
            format!("{elliptic}{RSA_KEY}"),
            "connection.certificate_key: other: the key does not belong to the certificate",
        ),
        (
            "locked",
            format!("{good}-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"),
            "connection.certificate_key: locked: the key is encrypted with a passphrase",
        ),
    ] {
        desk.file(file, &content);
        let fields = Fields { certificate: text(file), ..app("contoso", "contoso.example") };
        let error = desk.add(&fields).unwrap_err();
        let whole = format!("{}: {}", error.code(), error.message());
        assert!(whole.starts_with(said), "{whole}");
    }
    desk.file("good", &format!("{RSA_KEY}{good}"));
    desk.add(&Fields { certificate: text("good"), ..app("contoso", "contoso.example") }).unwrap();
    let credential = credentials::current(&desk.store, &desk.get("contoso")).unwrap().unwrap();
    assert_eq!(credential.form, Form::Certificate);
    let shared = desk.add(&app("fabrikam", "fabrikam.example")).unwrap();
    assert_eq!(credentials::current(&desk.store, &shared).unwrap().unwrap().form, Form::Certificate);
}
