//! A target that is a controller of another domain than the connection's: nothing signs in there.

use super::{Service, told};
use crate::support::samba::samba;

/// The codes of the errors of what a run has checked, with the servers that they are about.
fn refused(run: &crate::support::program::Output) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let failed = run.json_lines().into_iter().filter(|event| event["event"] == "check-finished");
    failed.map(|event| (text(&event["key"]), text(&event["error"]["code"]))).collect()
}

#[test]
fn no_credential_is_sent_to_a_controller_of_another_domain() {
    let service = Service::new("dom");
    let edited = service.run(&["connections", "edit", "corp", "--domain", "other.test"]);
    assert_eq!(edited.code, Some(0), "{}", edited.text());
    let mut expected: Vec<_> =
        samba().targets.iter().map(|(_, address)| (address.to_string(), "ad.wrong_domain".to_owned())).collect();
    expected.sort();
    let home = format!("//{}/homes$", samba().controller(1).1);
    for (args, also) in [
        (&["connections", "test", "corp", "--json"][..], (home.as_str(), "home.not_tried")),
        // The procedure stores the credential first, which is asked of nobody.
        (&["run", "reset_ad_creds", "connection=corp", "--json"], ("corp", "")),
    ] {
        let run = service.run(args);
        let mut found = refused(&run);
        found.sort();
        let mut expected = expected.clone();
        expected.push((also.0.to_owned(), also.1.to_owned()));
        expected.sort();
        assert_eq!((found, run.code), (expected, Some(1)), "{args:?} {}", run.text());
    }
    let rotated = service.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true", "allow_down=true"]);
    let [one, ..] = &samba().targets[..] else { panic!() };
    let words = format!("{} is a controller of lab.test, not of other.test (it calls itself {})", one.1, one.0);
    assert!(rotated.stdout.contains(&words), "{}", rotated.text());
    assert!(rotated.stdout.contains("not changed:\n") && !rotated.stdout.contains("\nchanged:"), "{}", rotated.text());
    assert_eq!(rotated.code, Some(1));
    let health = service.run(&["run", "health_check", "--json"]);
    assert!(told(&health).contains(&"Test the targets: failed".to_owned()), "{}", health.text());

    // Its other names do: in capitals, with a dot at its end, and that of NetBIOS, of which a rootDSE says nothing.
    for domain in ["LAB.Test", "lab.test.", "LAB"] {
        let edited = service.run(&["connections", "edit", "corp", "--domain", domain]);
        let tested = service.run(&["connections", "test", "corp"]);
        assert_eq!((edited.code, tested.code), (Some(0), Some(0)), "{domain} {} {}", edited.text(), tested.text());
    }
}

#[test]
fn a_connection_with_a_wrong_domain_is_not_added() {
    let service = Service::without_connection("dom");
    let (target, ca) = (samba().controller(1).1.to_string(), samba().ca.to_string_lossy());
    let added = service.run(&[
        "run",
        "add_ad",
        "name=corp",
        "domain=wrong.example",
        &format!("username={}", service.upn),
        "password=env:PW",
        &format!("targets={target}"),
        &format!("ca={ca}"),
    ]);
    assert_eq!(added.code, Some(1), "{}", added.text());
    assert!(added.stdout.contains("is a controller of lab.test, not of wrong.example"), "{}", added.text());
    assert!(added.stdout.contains("--domain lab.test"), "{}", added.text());
    assert_eq!(service.run(&["connections", "list"]).stdout.matches("corp").count(), 0);
}
