//! Signing in: names, lockout and its end, the hour of grace, whose password counts.

use libretto::lab::{Clock, Flavour, Lab, LabOptions};

use super::*;

fn with_clock(flavour: Flavour) -> (Lab, Clock) {
    let clock = Clock::default();
    (Lab::start(LabOptions { flavour, clock: clock.clone(), ..LabOptions::default() }).unwrap(), clock)
}

#[tokio::test]
async fn every_form_of_a_name_signs_in() {
    let lab = lab(Flavour::Windows, &[]);
    let alice = password_of(&lab, "alice");
    for name in
        ["alice@lab.test", "ALICE@LAB.TEST", r"LAB\alice", r"lab.test\Alice", ALICE, "lab.test/Users/Alice Ahlgren"]
    {
        assert_eq!(data(&lab, 1, name, alice).await, "", "{name}");
    }
    for name in
        ["alice", r"OTHER\alice", "alice@other.test", "CN=Staff,CN=Users,DC=lab,DC=test", "lab.test/Users", "x=y=z"]
    {
        assert_eq!(data(&lab, 1, name, alice).await, "52e", "{name}");
    }
}

#[tokio::test]
async fn an_empty_password_succeeds_and_is_nobody() {
    let lab = lab(Flavour::Windows, &[]);
    let mut ldap = connect(&lab, 1).await;
    assert_eq!(ldap.simple_bind("alice@lab.test", "").await.unwrap().rc, 0);
    let found = ldap.search(BASE, Scope::Base, "(objectClass=*)", vec!["cn"]).await.unwrap();
    assert_eq!(found.1.rc, 1);
}

#[tokio::test]
async fn a_failed_bind_takes_the_earlier_identity_away() {
    let lab = lab(Flavour::Windows, &[]);
    let mut ldap = administrator(&lab, 1).await;
    assert_eq!(ldap.simple_bind("alice@lab.test", "wrong").await.unwrap().rc, 49);
    assert_eq!(ldap.search(BASE, Scope::Base, "(objectClass=*)", vec!["cn"]).await.unwrap().1.rc, 1);
}

#[tokio::test]
async fn five_wrong_passwords_lock_for_half_an_hour() {
    let (lab, clock) = with_clock(Flavour::Windows);
    let alice = password_of(&lab, "alice");
    let mut admin = administrator(&lab, 1).await;
    for count in 1..=4 {
        assert_eq!(data(&lab, 1, "alice@lab.test", "wrong").await, "52e");
        assert_eq!(read(&mut admin, ALICE, "badPwdCount").await, count.to_string());
    }
    assert_eq!(read(&mut admin, ALICE, "lockoutTime").await, "0");
    assert_eq!(data(&lab, 1, "alice@lab.test", "wrong").await, "52e");
    assert_eq!(data(&lab, 1, "alice@lab.test", alice).await, "775");
    assert_eq!(read(&mut admin, ALICE, "msDS-User-Account-Control-Computed").await, "16");
    clock.advance(Duration::from_mins(31));
    assert_eq!(read(&mut admin, ALICE, "msDS-User-Account-Control-Computed").await, "0");
    assert_eq!(data(&lab, 1, "alice@lab.test", alice).await, "");
    assert_eq!(read(&mut admin, ALICE, "badPwdCount").await, "0");
    assert_eq!(read(&mut admin, ALICE, "lockoutTime").await, "0");
}

#[tokio::test]
async fn the_count_is_forgotten_after_the_window_and_by_a_right_password() {
    let (lab, clock) = with_clock(Flavour::Windows);
    let alice = password_of(&lab, "alice");
    let mut admin = administrator(&lab, 1).await;
    for _ in 0..4 {
        data(&lab, 1, "alice@lab.test", "wrong").await;
    }
    clock.advance(Duration::from_mins(31));
    data(&lab, 1, "alice@lab.test", "wrong").await;
    assert_eq!(read(&mut admin, ALICE, "badPwdCount").await, "1");
    assert_eq!(data(&lab, 1, "alice@lab.test", alice).await, "");
    assert_eq!(read(&mut admin, ALICE, "badPwdCount").await, "0");
}

#[tokio::test]
async fn an_administrator_unlocks() {
    let lab = lab(Flavour::Windows, &["account=locked"]);
    let (name, password) = lab.service_account();
    assert_eq!(data(&lab, 1, name, password.expose()).await, "775");
    let mut admin = administrator(&lab, 1).await;
    set(&mut admin, SERVICE, "lockoutTime", "0").await.success().unwrap();
    assert_eq!(data(&lab, 1, name, password.expose()).await, "");
}

#[tokio::test]
async fn a_fine_grained_policy_locks_earlier() {
    let lab = lab(Flavour::Windows, &[]);
    for _ in 0..3 {
        assert_eq!(data(&lab, 1, "carol@lab.test", "wrong").await, "52e");
    }
    assert_eq!(data(&lab, 1, "carol@lab.test", password_of(&lab, "carol")).await, "775");
}

#[tokio::test]
async fn the_previous_password_has_an_hour_of_grace_and_no_other_has() {
    for (flavour, counted) in [(Flavour::Samba, "0"), (Flavour::Windows, "1")] {
        let (lab, clock) = with_clock(flavour);
        let oldest = password_of(&lab, "alice");
        let mut admin = administrator(&lab, 1).await;
        reset(&mut admin, ALICE, "Second-Horse-22").await.success().unwrap();
        assert_eq!(data(&lab, 1, "alice@lab.test", oldest).await, "", "N-1 within the hour");
        reset(&mut admin, ALICE, "Third-Horse-333").await.success().unwrap();
        assert_eq!(data(&lab, 1, "alice@lab.test", "Second-Horse-22").await, "", "N-1 within the hour");
        assert_eq!(data(&lab, 1, "alice@lab.test", oldest).await, "52e", "N-2");
        clock.advance(Duration::from_mins(61));
        assert_eq!(data(&lab, 1, "alice@lab.test", "Second-Horse-22").await, "52e", "N-1 after the hour");
        // The window of the first stale password has passed as well, so Windows counts from one again.
        assert_eq!(read(&mut admin, ALICE, "badPwdCount").await, counted, "{flavour:?}");
        assert_eq!(data(&lab, 1, "alice@lab.test", "Third-Horse-333").await, "");
    }
}

#[tokio::test]
async fn the_states_of_the_service_account_can_be_had_as_faults() {
    for (fault, told) in [
        ("account=disabled", "533"),
        ("account=expired", "701"),
        ("account=must-change", "773"),
        ("account=password-expired", "532"),
    ] {
        let lab = lab(Flavour::Windows, &[fault]);
        let (name, password) = lab.service_account();
        assert_eq!(data(&lab, 1, name, password.expose()).await, told, "{fault}");
        assert_eq!(data(&lab, 1, name, "wrong").await, "52e", "{fault}");
        let (name, password) = lab.administrator();
        assert_eq!(data(&lab, 1, name, password.expose()).await, "", "{fault}");
    }
}

#[tokio::test]
async fn who_am_i_is_known_on_windows_only() {
    use ldap3::exop::WhoAmI;
    let windows = lab(Flavour::Windows, &[]);
    let mut ldap = administrator(&windows, 1).await;
    let (answer, _) = ldap.extended(WhoAmI).await.unwrap().success().unwrap();
    assert_eq!(answer.val.unwrap(), br"u:LAB\Administrator");
    let samba = lab(Flavour::Samba, &[]);
    let mut ldap = administrator(&samba, 1).await;
    assert_eq!(ldap.extended(WhoAmI).await.unwrap().1.rc, 2);
}
