//! `health_check` (article 1629, the Active Directory part).

use super::{Service, told};
use crate::support::samba::samba;

#[test]
fn a_healthy_connection_passes_every_step() {
    let service = Service::new("hea");
    let run = service.run(&["run", "health_check", "--json"]);
    let steps: Vec<String> = told(&run).into_iter().filter(|line| !line.starts_with("  ")).collect();
    let expected = "Find the connections: ok
See that all are still there: skipped
Look at the targets' certificates: ok
Test the targets: ok
Look at the service accounts: ok
Test the home-directory servers: ok
Look at the Remote Agents: skipped
Look at the Workflow Engine: skipped
Test the Microsoft Online connections: skipped
ok {\"skipped\":4,\"ok\":5} exit 0";
    assert_eq!((steps.join("\n").as_str(), run.code, run.stderr.as_str()), (expected, Some(0), ""));
}

#[test]
fn no_connection_at_all_is_a_fault_with_a_remedy() {
    let service = Service::without_connection("non");
    let run = service.run(&["run", "health_check"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("help: `libretto run add_ad` makes one\n"), "{}", run.stdout);
}

#[test]
fn a_connection_without_home_servers_is_skipped_and_not_called_ok() {
    let service = Service::without_connection("hes");
    let (target, ca) = (samba().controller(1).1.to_string(), samba().ca.to_string_lossy());
    let mut add = vec!["connections", "add", "ad", "--name", "corp", "--domain", "lab.test", "--password", "env:PW"];
    add.extend(["--username", &service.upn, "--ca", &ca, "--target", &target]);
    assert_eq!(service.run(&add).code, Some(0));
    let run = service.run(&["run", "health_check"]);
    let (_, last) = run.stdout.split_once("Look at the service accounts").unwrap();
    assert!(last.contains("1 item: 1 skipped") && !last.contains("1 item: 1 ok"), "{}", run.stdout);
    assert_eq!(run.code, Some(0), "{}", run.stdout);
}
