//! Adding, editing, removing.

use std::fs;

use libretto::{
    connection::{self, Change, Fields, HomeServer, Provider, Scope, Settings, TlsMode, as_error, credentials},
    host::Host,
    store::Store,
};

use super::{ad, add, with_password};

fn host() -> Host {
    let mut host = Host::real();
    host.stdin_is_terminal = false;
    host
}

#[allow(clippy::unnecessary_wraps)] // as the fields are
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn ca_pem() -> String {
    rcgen::generate_simple_self_signed(["ca.lab.test".to_owned()]).unwrap().cert.pem()
}

#[test]
fn what_a_person_wrote_becomes_a_connection() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = host();
    host.working_folder = folder.path().to_path_buf();
    fs::write(folder.path().join("pw"), "a proper password\n").unwrap();
    let pem = ca_pem();
    fs::write(folder.path().join("ca.pem"), &pem).unwrap();
    let fields = Fields {
        name: text("corp"),
        kind: text("ad"),
        domain: text("Lab.Test"),
        username: text("svc@lab.test"),
        password: text("file:pw"),
        targets: Some(vec!["DC1.lab.test".to_owned(), "dc2.lab.test:3269".to_owned()]),
        home_servers: Some(vec![r"\\fs1\homes$".to_owned()]),
        tags: Some(vec!["gold".to_owned(), "eu".to_owned(), "gold".to_owned()]),
        customer: text("contoso"),
        ca: text("ca.pem"),
        tls: text("starttls"),
        pin: text(&"AB:".repeat(32)),
        ..Fields::default()
    };
    let store = Store::open(&folder.path().join("home")).unwrap();
    let corp = add(&store, &fields.check(&host).unwrap());
    assert_eq!(corp, connection::get(&store, "CORP", &Scope::all()).unwrap());
    assert_eq!((corp.domain.as_str(), corp.tags.join(" ")), ("lab.test", "eu gold".to_owned()));
    let settings = corp.ad().unwrap();
    assert_eq!(settings.targets, ["dc1.lab.test", "dc2.lab.test:3269"]);
    assert_eq!(settings.home_servers, [HomeServer { path: "//fs1/homes$".to_owned(), provider: Provider::UncDirect }]);
    assert_eq!((settings.tls, settings.pin.as_deref()), (TlsMode::StartTls, Some("ab".repeat(32).as_str())));
    assert_eq!(settings.ca_pem.as_deref(), Some(pem.as_str()));
    assert_eq!(corp.msonline().unwrap_err().code(), "connection.wrong_kind");
    let credential = credentials::current(&store, &corp).unwrap().unwrap();
    assert_eq!((credential.version, credential.proven_at.as_deref()), (1, None), "stored as not yet proven");
    assert_eq!(credentials::fetch(&store, &host, &credential).unwrap().expose(), "a proper password");
    let bytes = fs::read(folder.path().join("home/store.db-wal")).unwrap();
    assert!(!bytes.windows(17).any(|part| part == b"a proper password"), "encrypted at rest");
}

#[test]
fn an_app_has_an_agent_and_a_client_id() {
    let store = Store::temporary().unwrap();
    let fields = Fields {
        name: text("contoso"),
        kind: text("msonline"),
        domain: text("contoso.example"),
        client_id: text("11111111-2222-3333-4444-555555555555"),
        secret: text("command:printf app-secret"),
        ad: text("corp"),
        agent: text("agent.lab.test"),
        ..Fields::default()
    };
    let new = fields.check(&host()).unwrap();
    assert_eq!(connection::add(&store, &new).unwrap_err().code(), "connection.unknown", "its ad connection is missing");
    add(&store, &ad("corp"));
    let contoso = add(&store, &new);
    let settings = contoso.msonline().unwrap();
    assert_eq!((settings.agent_host.as_str(), settings.agent_port), ("agent.lab.test", 40002));
    assert_eq!(contoso.username, "11111111-2222-3333-4444-555555555555");
    let credential = credentials::current(&store, &contoso).unwrap().unwrap();
    assert_eq!(credential.reference.as_deref(), Some("command:printf app-secret"), "kept, not read");
    assert_eq!(credentials::fetch(&store, &host(), &credential).unwrap().expose(), "app-secret");
    let used = connection::remove(&store, "corp", &Scope::all()).unwrap_err();
    assert_eq!((used.code(), used.message()), ("connection.in_use", "corp is named by other connections: contoso"));
    let change = Change { name: text("corp2"), ..Change::default() };
    connection::edit(&store, "corp", &Scope::all(), &change).unwrap();
    let contoso = connection::get(&store, "contoso", &Scope::all()).unwrap();
    assert_eq!(contoso.msonline().unwrap().ad.as_deref(), Some("corp2"), "links follow a new name");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let fields = Fields {
        name: text("no spaces"),
        kind: text("ad"),
        domain: text("lab..test"),
        password: text("hunter2hunter2"),
        targets: Some(vec!["dc1".to_owned(), "dc1:636".to_owned(), "dc 2".to_owned()]),
        home_servers: Some(vec!["fs1".to_owned()]),
        client_id: text("x"),
        ca: text("/no/such/file"),
        pin: text("12"),
        via: text("a,b"),
        tls: text("none"),
        ..Fields::default()
    };
    let faults = fields.check(&host()).unwrap_err();
    let found: Vec<_> = faults.iter().map(|fault| (fault.column, fault.error.code())).collect();
    assert_eq!(
        found,
        [
            ("name", "connection.bad_name"),
            ("domain", "connection.bad_domain"),
            ("client_id", "connection.wrong_kind"),
            ("targets", "connection.bad_target"),
            ("targets", "connection.bad_target"),
            ("ca", "connection.bad_certificate"),
            ("home_servers", "connection.bad_home_server"),
            ("tls", "connection.bad_tls"),
            ("pin", "connection.bad_pin"),
            ("via", "connection.bad_name"),
            ("username", "connection.missing"),
            ("password", "secret.literal"),
        ]
    );
    let whole = as_error(&faults);
    assert_eq!(whole.code(), "connection.bad");
    assert!(!whole.message().contains("hunter2"));
}

#[test]
fn a_name_is_taken_once() {
    let store = Store::temporary().unwrap();
    add(&store, &ad("corp"));
    let error = connection::add(&store, &ad("Corp")).unwrap_err();
    assert_eq!((error.code(), error.message()), ("connection.exists", "there is a connection corp already"));
}

#[test]
fn an_edit_changes_what_it_names_alone() {
    let store = Store::temporary().unwrap();
    let before = add(&store, &with_password("corp", "the first password"));
    let fields = Fields { targets: Some(vec!["dc9".to_owned()]), customer: text("c1"), ..Fields::default() };
    let change = fields.check_change(&host(), &before).unwrap();
    let after = connection::edit(&store, "corp", &Scope::all(), &change).unwrap();
    assert_eq!(after.ad().unwrap().targets, ["dc9"]);
    assert_eq!((after.customer.as_deref(), after.principal), (Some("c1"), before.principal));
    assert_eq!(credentials::history(&store, &after).unwrap().len(), 1);
    let fields = Fields { customer: text(""), kind: text("msonline"), ..Fields::default() };
    let faults = fields.check_change(&host(), &after).unwrap_err();
    assert_eq!(faults[0].error.code(), "connection.wrong_kind");
    let other = Change { settings: Some(Settings::Ad(connection::AdSettings::default())), ..Change::default() };
    assert_eq!(connection::edit(&store, "nope", &Scope::all(), &other).unwrap_err().code(), "connection.unknown");
}
