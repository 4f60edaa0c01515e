//! `test_connections` (article 236): all or some, at any time.

use super::{Service, told};
use crate::support::samba::{freeze, samba};

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
