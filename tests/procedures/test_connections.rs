//! `test_connections` (article 236): all or some, at any time.

use super::{Service, told};
use crate::support::{
    domain::as_administrator,
    program::Output,
    samba::{freeze, samba, samba_tool},
};

#[test]
fn every_target_and_home_server_is_tested() {
    let service = Service::new("tst");
    let run = service.run(&["connections", "test", "--json", "-vv"]);
    let [one, two, three] = [1, 2, 3].map(|number| samba().controller(number).1);
    let expected = format!(
        "Test the connections: ok\n  //{one}/homes$ ok\n  {one} ok\n  {two} ok\n  {three} ok\nok {{\"ok\":1}} exit 0"
    );
    assert_eq!(told(&run).join("\n"), expected);
    assert_eq!(run.code, Some(0));
    // Each request is logged with its time, in whatever protocol.
    let requests = |doing: &str| {
        let log = run.stderr.lines().filter_map(|line| line.split_once(" DEBUG ")).map(|(_, said)| said);
        log.filter(|said| said.starts_with(doing) && said.ends_with(" ms")).count()
    };
    for stage in ["the first exchange", "the sign-in", "the connection to the share"] {
        assert_eq!(requests(&format!("SMB {stage} on //{one}/homes$: ")), 1, "{stage}: {}", run.stderr);
    }
    for target in [one, two, three] {
        assert!(requests(&format!("LDAP sign-in on {target}: ")) >= 1, "{target}: {}", run.stderr);
    }
}

#[test]
fn a_target_that_hangs_is_inconclusive_and_the_others_are_told() {
    let service = Service::new("hng");
    let frozen = freeze(3);
    let run = service.run(&["connections", "test", "corp", "--json"]);
    frozen.undo();
    let lines = told(&run);
    let hanging = samba().controller(3).1;
    assert!(lines.contains(&format!("  {hanging} inconclusive")), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "inconclusive {\"inconclusive\":1} exit 4");
    assert_eq!(run.code, Some(4));
}

/// What became of the home-directory server: its verdict, and the code of its error.
fn at_home(run: &Output) -> (String, String) {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let events = run.json_lines();
    let row = events
        .iter()
        .find(|event| text(&event["key"]).ends_with("/homes$"))
        .unwrap_or_else(|| panic!("{}", run.text()));
    (text(&row["verdict"]), text(&row["error"]["code"]))
}

/// A file server's refusal counts like a controller's, and one of somebody else's gets the password's hash.
#[test]
fn where_the_password_goes_after_what_a_target_said() {
    type Spoil = fn(&Service);
    let table: [(&str, Spoil, &str, (&str, &str)); 6] = [
        ("one target is out of reach", nothing_listens_on_one, "ad.refused", ("ok", "")),
        ("another domain", of_another_domain, "ad.wrong_domain", ("not-started", "home.not_tried")),
        ("a CA that nobody vouches for", with_another_ca, "ad.tls_untrusted", ("not-started", "home.not_tried")),
        ("a wrong password", with_another_password, "ad.wrong_password", ("not-started", "connection.refused_before")),
        ("a password to change", must_change, "ad.must_change_password", ("not-started", "connection.refused_before")),
        ("a disabled account", disabled, "ad.account_disabled", ("not-started", "connection.refused_before")),
    ];
    for (what, spoil, code, (verdict, why)) in table {
        let service = Service::new("whr");
        spoil(&service);
        let run = service.run(&["connections", "test", "corp", "--json"]);
        assert_eq!(at_home(&run), (verdict.to_owned(), why.to_owned()), "{what}: {}", run.text());
        assert!(run.stdout.contains(&format!("\"code\":\"{code}\"")), "{what}: {}", run.text());
        assert_ne!(run.code, Some(0), "{what}");
        assert!(service.bad_passwords() <= u32::from(code == "ad.wrong_password"), "{what}");
    }
}

fn edit(service: &Service, more: &[&str]) {
    let edited = service.run(&[&["connections", "edit", "corp"], more].concat());
    assert_eq!(edited.code, Some(0), "{}", edited.text());
}

fn nothing_listens_on_one(service: &Service) {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let targets = [1, 2].map(|number| samba().controller(number).1.to_string());
    edit(service, &["--target", &targets[0], "--target", &closed, "--target", &targets[1]]);
}

fn of_another_domain(service: &Service) {
    edit(service, &["--domain", "other.test"]);
}

fn with_another_ca(service: &Service) {
    let other = rcgen::generate_simple_self_signed(["other.test".to_owned()]).unwrap();
    let path = service.program.folder_path().join("other.pem");
    std::fs::write(&path, other.cert.pem()).unwrap();
    edit(service, &["--ca", &path.to_string_lossy()]);
}

fn with_another_password(service: &Service) {
    let mistaken = service.program.clone().env("PW", "Wrong-Password-2!");
    let edited = mistaken.args(["connections", "edit", "corp", "--password", "env:PW"]).run();
    assert_eq!(edited.code, Some(0), "{}", edited.text());
}

fn must_change(service: &Service) {
    let dn = format!("CN={},CN=Users,{}", service.name, samba().base);
    as_administrator(1, async move |ldap| {
        let change = ldap3::Mod::Replace(b"pwdLastSet".to_vec(), [b"0".to_vec()].into());
        ldap.modify(&dn, vec![change]).await?.success()
    })
    .unwrap();
}

fn disabled(service: &Service) {
    samba_tool(&["user", "disable", &service.name]);
}
