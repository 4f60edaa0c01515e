//! Targets that lagged when a rotation ended: every later program knows of them, for the new password is a wrong one there.

use super::*;
use crate::lab::SERVICE;

/// A rotation that ended with two of three targets behind, where nothing ever arrives.
fn lagging() -> Rig {
    let rig = Rig::new(3, &["replication=off"]);
    rig.add("corp", rig.lab.service_account().0, "env:SERVICE", &rig.addresses());
    let rotated = rig.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true", "--wait", "300ms"]);
    assert_eq!(rotated.code, Some(4), "{}", rotated.text());
    rig
}

/// The wrong passwords that each target has counted for the service account.
async fn counted(rig: &Rig) -> Vec<String> {
    let mut counted = Vec::new();
    for target in 1..=3 {
        counted.push(read(&mut administrator(&rig.lab, target).await, SERVICE, "badPwdCount").await);
    }
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_run_does_not_sign_in_where_the_password_never_arrived() {
    let rig = lagging();
    for line in [&["connections", "test", "corp", "--json"][..], &["run", "health_check", "--json"]] {
        let tested = rig.run(line);
        assert_eq!(
            (codes(&tested, "check-finished"), tested.code),
            (vec!["rotation.not_converged".to_owned(); 2], Some(4))
        );
        let refused =
            tested.json_lines().into_iter().find(|line| line["error"]["code"] == "rotation.not_converged").unwrap();
        let hint = refused["error"]["hint"].as_str().unwrap().to_owned();
        assert!(hint.contains("libretto recover --connection corp"), "{hint}");
    }
    assert_eq!(counted(&rig).await, ["0"; 3]);
    // Whoever insists is believed; once, for the first refusal ends it.
    let insisted = rig.run(&["connections", "test", "corp", "--insist", "--json"]);
    assert!(codes(&insisted, "check-finished").contains(&"ad.wrong_password".to_owned()), "{}", insisted.text());
}

/// However the target is written by then.
#[tokio::test(flavor = "multi_thread")]
async fn nor_where_its_target_is_written_in_another_way() {
    let rig = lagging();
    let spelled: Vec<String> = rig.addresses().iter().map(|one| one.replace("127.0.0.1:", "127.0.0.1:0")).collect();
    let targets =
        [&["connections", "edit", "corp"][..], &spelled.iter().flat_map(|one| ["--target", one]).collect::<Vec<_>>()];
    assert_eq!(rig.run(&targets.concat()).code, Some(0));
    let tested = rig.run(&["connections", "test", "corp", "--json"]);
    assert_eq!(codes(&tested, "check-finished"), ["rotation.not_converged"; 2], "{}", tested.text());
    assert_eq!(counted(&rig).await, ["0"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_rotation_does_not_sign_in_there_either() {
    let rig = lagging();
    let again = rig.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true", "--json"]);
    let step = again.json_lines().into_iter().find(|line| line["event"] == "step-finished").unwrap();
    assert_eq!((&step["error"]["code"], again.code), (&"rotation.not_converged".into(), Some(4)), "{}", again.text());
    assert!(step["error"]["hint"].as_str().unwrap().contains("libretto recover --connection corp"), "{step}");
    assert_eq!(counted(&rig).await, ["0"; 3]);
    // Another password has nothing to do with it.
    let reset = rig.run(&["connections", "edit", "corp", "--password", "env:SERVICE"]);
    assert_eq!(reset.code, Some(0), "{}", reset.text());
    let tested = rig.run(&["connections", "test", "corp", "--json"]);
    assert!(!codes(&tested, "check-finished").contains(&"rotation.not_converged".to_owned()), "{}", tested.text());
}

/// Once it has come, whoever insists proves that it has, and nobody has to insist again.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_was_accepted_settles_where_it_had_not_arrived() {
    let rig = Rig::new(3, &["replication=2s"]);
    rig.add("corp", rig.lab.service_account().0, "env:SERVICE", &rig.addresses());
    let rotated = rig.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true", "--wait", "300ms"]);
    assert_eq!(rotated.code, Some(4), "{}", rotated.text());
    let set = read(&mut administrator(&rig.lab, 1).await, SERVICE, "pwdLastSet").await;
    for target in [2, 3] {
        let has_it = async || read(&mut administrator(&rig.lab, target).await, SERVICE, "pwdLastSet").await == set;
        crate::lab::until("it has come", has_it).await;
    }
    let tested = rig.run(&["connections", "test", "corp", "--json"]);
    assert_eq!(tested.code, Some(4), "nobody knows that it has: {}", tested.text());
    let insisted = rig.run(&["connections", "test", "corp", "--insist", "--json"]);
    assert_eq!(insisted.code, Some(0), "{}", insisted.text());
    let tested = rig.run(&["connections", "test", "corp", "--json"]);
    assert_eq!(tested.code, Some(0), "{}", tested.text());
    let nothing = rig.run(&["recover", "--json"]);
    assert!(!nothing.text().contains("settled") && nothing.code == Some(0), "{}", nothing.text());
    assert_eq!(counted(&rig).await, ["0"; 3]);
}
