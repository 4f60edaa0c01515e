//! `rollback` and `rotate_all` on real controllers.

use super::{Service, told};

#[test]
fn a_password_goes_back_on_real_controllers() {
    let service = Service::new("bck");
    let rotated = service.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true", "--json"]);
    assert_eq!(rotated.code, Some(0), "{}", rotated.text());
    // For an hour it signs in after it was replaced, which proves nothing: it is refused, until it is the present one again.
    let present = ["run", "reset_ad_creds", "connection=corp", "password=env:PW", "--json"];
    let former = service.run(&present);
    assert!(former.stdout.contains("connection.former_password"), "{}", former.text());
    let back = service.run(&["connections", "rollback", "corp", "--yes", "--json"]);
    let lines = told(&back);
    let changed = &lines[lines.len() - 1];
    let says =
        format!("changed: password of {} put back to that of version 1 (as version 3) in lab.test on ", service.upn);
    assert!(changed.starts_with(&says), "{}", back.text());
    assert_eq!((lines[lines.len() - 2].as_str(), back.code), ("ok {\"ok\":3} exit 0", Some(0)));
    // The very first password signs in everywhere, for somebody who knows nothing of Libretto's store.
    for number in 1..=3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let samba = crate::support::samba::samba();
        let bound = runtime.block_on(crate::support::domain::bind(samba, number, &service.upn, super::FIRST));
        assert!(bound.is_ok(), "controller {number} refuses the old password");
    }
    let again = service.run(&present);
    assert_eq!(again.code, Some(0), "{}", again.text());
    assert_eq!(service.bad_passwords(), 0);
    let verified = service.run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.text());
}

#[test]
fn all_accounts_are_rotated_on_real_controllers() {
    let service = Service::new("all");
    let run = service.run(&["run", "rotate_all", "connections=kind:ad", "length=30", "--json"]);
    let lines = told(&run);
    assert_eq!(run.code, Some(0), "{}", run.text());
    let done: Vec<&String> = lines.iter().filter(|line| line.starts_with("changed: ")).collect();
    assert_eq!(done.len(), 1, "{}", run.text());
    let young = service.run(&["run", "rotate_all", "connections=kind:ad", "older_than=60d", "--json"]);
    assert_eq!(young.code, Some(0), "{}", young.text());
    assert!(young.stdout.contains("its password is 0 minutes old (pwdLastSet)"), "{}", young.text());
    assert_eq!(service.bad_passwords(), 0);
}

/// A password that was given too early and refused was never in force: given again, once it is, it is no former one.
#[test]
fn a_password_that_was_refused_is_no_former_one() {
    const NEW: &str = "Given-Password-3!";
    let mut service = Service::new("early");
    service.program = service.program.clone().env("NEW", NEW);
    let rotated = service.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true"]);
    assert_eq!(rotated.code, Some(0), "{}", rotated.text());
    let given = ["run", "reset_ad_creds", "connection=corp", "password=env:NEW"];
    let early = service.run(&given);
    assert_eq!(early.code, Some(1), "{}", early.text());
    service.set_password(NEW);
    let in_time = service.run(&given);
    assert_eq!(in_time.code, Some(0), "{}", in_time.text());
}

/// The directory and the connection have the new password, and the file server has not been seen to take it.
#[test]
fn a_home_server_that_fails_its_test_makes_the_account_partial() {
    let service = Service::new("share");
    let missing = format!("//{}/nosuch$", crate::support::samba::samba().controller(1).1);
    assert_eq!(service.run(&["connections", "edit", "corp", "--home-server", &missing]).code, Some(0));
    let run = service.run(&["run", "rotate_all", "connections=kind:ad", "--json"]);
    let item = run
        .json_lines()
        .into_iter()
        .rfind(|line| line["event"] == "item-finished" && line["key"] == "corp")
        .unwrap_or_else(|| panic!("{}", run.text()));
    assert_eq!(item["verdict"], "partial", "{item}");
    let lines = told(&run);
    assert!(lines.contains(&format!("  {missing} failed")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("partial ")) && run.code == Some(1), "{lines:#?}");
}
