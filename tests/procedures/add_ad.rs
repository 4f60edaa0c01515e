//! `add_ad` (article 369): a connection that works is kept, one that does not is not.

use super::{Service, told};
use crate::support::samba::samba;

/// The domain's own DNS, by which the targets are found.
fn with_dns(service: &Service) {
    let home = service.program.home_path();
    std::fs::create_dir_all(home).unwrap();
    std::fs::write(home.join("config.toml"), format!("[dns]\nserver = \"{}\"\n", samba().controller(1).1)).unwrap();
}

#[test]
fn targets_are_found_by_dns_and_the_connection_is_kept() {
    let service = Service::without_connection("add");
    with_dns(&service);
    let (username, ca) = (format!("username={}", service.upn), format!("ca={}", samba().ca.display()));
    let share = format!("home_servers=//{}/homes$", samba().targets[1].0);
    let run = service.run(&[
        "run",
        "add_ad",
        "name=corp",
        "domain=lab.test",
        &username,
        "password=env:PW",
        &ca,
        &share,
        "--json",
    ]);
    let expected = "Describe the connection, with SSL on: ok
Find the connection targets: ok
Test the connection targets: ok
  dc1.lab.test ok
  dc2.lab.test ok
  dc3.lab.test ok
Look at the account's prerequisites: ok
Test the home-directory servers: ok
  //dc2.lab.test/homes$ ok
ok {\"ok\":5} exit 0
changed: connection corp added";
    assert_eq!((told(&run).join("\n").as_str(), run.code, run.stderr.as_str()), (expected, Some(0), ""));
    assert_eq!(service.run(&["connections", "list"]).stdout, format!("corp  ad        lab.test  {}\n", service.upn));
}

#[test]
fn a_connection_that_does_not_work_is_not_kept() {
    let service = Service::without_connection("bad");
    with_dns(&service);
    let username = format!("username={}", service.upn);
    // Without the domain's own authority nothing is trusted.
    let run = service.run(&["run", "add_ad", "name=corp", "domain=lab.test", &username, "password=env:PW", "--json"]);
    let lines = told(&run);
    assert_eq!(lines[2], "Test the connection targets: failed");
    let end: Vec<&str> = lines[lines.len() - 2..].iter().map(String::as_str).collect();
    let nothing_left = "unchanged: connection corp not added: it was removed again, and nothing is left of it";
    assert!(matches!(end[..], [verdict, last] if verdict.starts_with("failed {") && last == nothing_left), "{lines:?}");
    assert_eq!(run.code, Some(1));
    assert_eq!(service.run(&["connections", "list", "--json"]).stdout, "");
}
