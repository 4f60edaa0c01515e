//! Writing: what an administrator may do, what the owner of a password may do, and that a refused request changes nothing.

use libretto::lab::{Clock, Flavour};

use super::*;

const NEW: &str = "Correct-Horse-77";

#[tokio::test]
async fn the_service_account_changes_its_own_password_and_resets_others() {
    let lab = lab(Flavour::Windows, &[]);
    let (name, old) = lab.service_account();
    let mut service = signed_in(&lab, 1, name, old.expose()).await;
    change(&mut service, SERVICE, old.expose(), NEW).await.success().unwrap();
    assert_eq!(data(&lab, 1, name, NEW).await, "");
    reset(&mut service, ALICE, "Another-Horse-78").await.success().unwrap();
    assert_eq!(data(&lab, 1, "alice@lab.test", "Another-Horse-78").await, "");
}

#[tokio::test]
async fn a_wrong_old_password_counts_as_a_bad_one() {
    let lab = lab(Flavour::Windows, &[]);
    let mut admin = administrator(&lab, 1).await;
    let alice = password_of(&lab, "alice");
    let mut own = signed_in(&lab, 1, "alice@lab.test", alice).await;
    for _ in 0..5 {
        assert_eq!(change(&mut own, ALICE, "wrong-old", NEW).await.rc, 19);
    }
    assert_eq!(read(&mut admin, ALICE, "badPwdCount").await, "5");
    assert_eq!(data(&lab, 1, "alice@lab.test", alice).await, "775");
}

#[tokio::test]
async fn the_minimum_age_passes() {
    let clock = Clock::default();
    let lab = Lab::start(LabOptions { clock: clock.clone(), ..LabOptions::default() }).unwrap();
    let mut own = signed_in(&lab, 1, "alice@lab.test", password_of(&lab, "alice")).await;
    change(&mut own, ALICE, password_of(&lab, "alice"), NEW).await.success().unwrap();
    assert_eq!(change(&mut own, ALICE, NEW, "Another-Horse-78").await.rc, 19);
    clock.advance(Duration::from_hours(25));
    change(&mut own, ALICE, NEW, "Another-Horse-78").await.success().unwrap();
    clock.advance(Duration::from_hours(25));
    assert_eq!(change(&mut own, ALICE, "Another-Horse-78", NEW).await.rc, 19, "in the history");
}

#[tokio::test]
async fn a_refused_request_changes_nothing() {
    let lab = lab(Flavour::Windows, &[]);
    let mut admin = administrator(&lab, 1).await;
    let before = find(&mut admin, "(sAMAccountName=alice)", &["*"]).await[0].attrs.clone();
    let changes = vec![
        Mod::Replace(b"description".to_vec(), [b"changed".to_vec()].into()),
        Mod::Replace(b"unicodePwd".to_vec(), [wide(NEW)].into()),
        Mod::Replace(b"pwdLastSet".to_vec(), [b"5".to_vec()].into()),
    ];
    assert_eq!(write(&mut admin, ALICE, changes).await.rc, 53);
    assert_eq!(find(&mut admin, "(sAMAccountName=alice)", &["*"]).await[0].attrs, before);
    assert_eq!(data(&lab, 1, "alice@lab.test", NEW).await, "52e");
}

#[tokio::test]
async fn a_reset_that_asks_for_a_change_and_unlocks_is_one_request() {
    let lab = lab(Flavour::Windows, &[]);
    let mut admin = administrator(&lab, 1).await;
    let changes = vec![
        Mod::Replace(b"unicodePwd".to_vec(), [wide(NEW)].into()),
        Mod::Replace(b"pwdLastSet".to_vec(), [b"0".to_vec()].into()),
        Mod::Replace(b"lockoutTime".to_vec(), [b"0".to_vec()].into()),
    ];
    write(&mut admin, ALICE, changes).await.success().unwrap();
    assert_eq!(data(&lab, 1, "alice@lab.test", NEW).await, "773");
    // Who must change cannot sign in, so another signs in and proves the old password (and no age counts).
    change(&mut admin, ALICE, NEW, "Another-Horse-78").await.success().unwrap();
    assert_eq!(data(&lab, 1, "alice@lab.test", "Another-Horse-78").await, "");
}

#[tokio::test]
async fn members_come_and_go_and_rights_with_them() {
    let lab = lab(Flavour::Windows, &[]);
    let mut admin = administrator(&lab, 1).await;
    let mut alice = signed_in(&lab, 1, "alice@lab.test", password_of(&lab, "alice")).await;
    let group = "CN=Domain Admins,CN=Users,DC=lab,DC=test";
    let member = || [ALICE.as_bytes().to_vec()].into();
    assert_eq!(set(&mut alice, ALICE, "description", "x").await.rc, 50);
    write(&mut admin, group, vec![Mod::Add(b"member".to_vec(), member())]).await.success().unwrap();
    set(&mut alice, ALICE, "description", "x").await.success().unwrap();
    until("the membership arrives", || async {
        names(&mut administrator(&lab, 3).await, &format!("(memberOf={group})")).await.contains(&"alice".to_owned())
    })
    .await;
    write(&mut admin, group, vec![Mod::Delete(b"member".to_vec(), member())]).await.success().unwrap();
    assert_eq!(set(&mut alice, ALICE, "description", "y").await.rc, 50);
}
