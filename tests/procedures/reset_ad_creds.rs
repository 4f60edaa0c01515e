//! `reset_ad_creds` (article 1735): rotated, stored after somebody else's change, refused.

use super::{FIRST, Service, told};
use crate::support::{canary::canary, samba::samba};

fn addresses() -> [String; 3] {
    let address = |number| samba().controller(number).1.to_string();
    [address(1), address(2), address(3)]
}

#[test]
fn a_rotation_sets_proves_and_tests_the_new_password_everywhere() {
    let service = Service::new("rst");
    let run = service.run(&[
        "run",
        "reset_ad_creds",
        "connection=corp",
        "rotate=true",
        "password=generate",
        "probe=true",
        "--json",
    ]);
    let [one, two, three] = addresses();
    let expected = [
        "Set the service-account credentials: ok".to_owned(),
        format!("  //{one}/homes$ ok"),
        format!("  {one} ok"),
        format!("  {two} ok"),
        format!("  {three} ok"),
        "  change ok".to_owned(),
        "  converge ok".to_owned(),
        "  dependents ok".to_owned(),
        "  preflight ok".to_owned(),
        "  promote ok".to_owned(),
        "  prove ok".to_owned(),
        "  record ok".to_owned(),
        "Test the connection targets: ok".to_owned(),
        format!("  {one} ok"),
        format!("  {two} ok"),
        format!("  {three} ok"),
        "Test the home-directory servers: ok".to_owned(),
        format!("  //{one}/homes$ ok"),
        "ok {\"ok\":3} exit 0".to_owned(),
        format!("changed: password of {} changed in lab.test on {one}, version 2 is current in corp", service.upn),
    ];
    assert_eq!((told(&run).join("\n"), run.code, run.stderr.as_str()), (expected.join("\n"), Some(0), ""));
    assert_eq!(service.bad_passwords(), 0);
    let left = std::fs::read_dir(samba().shared_folder(1)).unwrap();
    assert!(
        left.flatten().all(|entry| !entry.file_name().to_string_lossy().starts_with(libretto::homes::PROBE_PREFIX)),
        "a probe file is left"
    );
    // The stored one is the one that works, in a run of its own.
    let again = service.run(&["connections", "test", "corp", "--json"]);
    assert_eq!((told(&again).last().unwrap().as_str(), again.code), ("ok {\"ok\":1} exit 0", Some(0)));
}

#[test]
fn a_password_that_was_changed_elsewhere_is_stored_when_a_target_takes_it() {
    let service = Service::new("sto");
    service.set_password("Given-Password-3!");
    let program = service.program.clone().env("NEW", "Given-Password-3!");
    let run = program.args(["run", "reset_ad_creds", "connection=corp", "password=env:NEW"]).run();
    canary("Given-Password-3!").assert_absent("standard output", &run.stdout);
    canary("Given-Password-3!").assert_absent_below(service.program.home_path());
    let [one, ..] = addresses();
    let changed = format!(
        "changed:\n  credentials of corp: version 2 for {} is current, proven on {one}; stored only, nothing changed in the directory\n",
        service.upn
    );
    assert!(run.stdout.ends_with(&changed), "{}", run.stdout);
    let note = "version 2 waits to be proven; stored only, nothing changed in the directory\n";
    assert!(run.stdout.contains(note), "the step says so too: {}", run.stdout);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_wrong_password_is_tried_once_and_the_old_one_stays() {
    let service = Service::new("wro");
    crate::support::domain::lock_after(
        &crate::support::domain::User {
            name: service.name.clone(),
            upn: service.upn.clone(),
            dn: format!("CN={},CN=Users,{}", service.name, samba().base),
            password: FIRST.to_owned(),
        },
        5,
    );
    // So that it is known what the account can take.
    assert_eq!(service.run(&["connections", "test", "corp"]).code, Some(0));
    let program = service.program.clone().env("NEW", "Wrong-Password-2!");
    let run = program.args(["run", "reset_ad_creds", "connection=corp", "password=env:NEW", "--json"]).run();
    let [one, two, three] = addresses();
    let expected = [
        "Set the service-account credentials: ok".to_owned(),
        "  corp ok".to_owned(),
        "Test the connection targets: failed".to_owned(),
        format!("  {one} failed"),
        format!("  {two} not-started"),
        format!("  {three} not-started"),
        "Test the home-directory servers: not-started".to_owned(),
        "failed {\"not-started\":1,\"ok\":1,\"failed\":1} exit 1".to_owned(),
        "unchanged: credentials of corp: the old ones stay current; the new ones were refused (the name or the password is wrong)".to_owned(),
    ];
    let mut actual = told(&run);
    // The order of words in `counts` is the order of weight, as everywhere.
    if let Some(line) = actual.iter_mut().find(|line| line.starts_with("failed {")) {
        let counts: std::collections::BTreeMap<String, u64> =
            serde_json::from_str(line.trim_start_matches("failed ").trim_end_matches(" exit 1")).unwrap();
        assert_eq!(counts, [("failed".to_owned(), 1), ("not-started".to_owned(), 1), ("ok".to_owned(), 1)].into());
        line.clone_from(&expected[7]);
    }
    assert_eq!((actual.join("\n"), run.code), (expected.join("\n"), Some(1)));
    assert_eq!(service.bad_passwords(), 1, "one attempt in all, directory and file server together");
    let after = service.run(&["connections", "test", "corp", "--json"]);
    assert_eq!(after.code, Some(0), "the old password is still the one that is used: {}", after.stdout);
}

#[test]
fn without_rotate_and_without_a_password_the_stored_one_is_proven_again() {
    let service = Service::new("prv");
    let run = service.run(&["run", "reset_ad_creds", "connection=corp", "--json"]);
    assert_eq!(told(&run).last().unwrap(), "ok {\"ok\":3} exit 0");
    assert_eq!(run.code, Some(0));
}

#[test]
fn what_only_a_rotation_knows_is_not_silently_ignored() {
    let service = Service::new("ign");
    for given in ["length=20", "allow_down=true", "on_failure=undo"] {
        let run = service.run(&["run", "reset_ad_creds", "connection=corp", given]);
        let name = given.trim_end_matches("=20").trim_end_matches("=true");
        let said = format!("error[usage.parameter]: {name} needs rotate=true\n");
        assert!(run.stdout.contains(&said) && run.stdout.contains("nothing was changed"), "{}", run.stdout);
        assert_eq!(run.code, Some(1));
    }
}

#[test]
fn a_denied_grant_refuses_the_run_before_anything_is_done() {
    let service = Service::new("den");
    for grant in ["directory:test", "home:test", "directory:write"] {
        let run = service.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true", "--deny", grant]);
        let said = format!(
            "error[script.grant_denied]: reset_ad_creds declares {grant}, which this run denies; nothing was done\n"
        );
        assert!(run.stderr.contains(&said) && run.stdout.is_empty(), "{}", run.text());
        assert_eq!(run.code, Some(2));
    }
    assert_eq!(service.run(&["runs", "list"]).stdout, "");
    assert_eq!(service.run(&["connections", "test", "corp"]).code, Some(0), "the password is the old one");
}
