//! Password resets and changes, what the policy refuses, and the switches of an account.

use libretto::{
    directory::{
        PrincipalKind, Session, account, change_password, disable, enable, password_version, pwd_last_set, resolve,
        set_password,
    },
    verdict::Verdict,
};

use super::world::{Admin, PASSWORD, User, administrator, administrator_at, controller, secret, until};
use crate::support::samba::samba;

const NEW: &str = "Battery-Staple-2?";

async fn signs_in(user: &User, password: &str) -> bool {
    Session::connect(&controller(1), &user.identity(password)).await.is_ok()
}

#[tokio::test]
async fn a_reset_sets_the_password_and_arrives_everywhere() {
    let user = Admin::new().await.user("reset").await;
    let session = administrator().await;
    let before = pwd_last_set(&session, &user.dn).await.unwrap();
    set_password(&session, &user.dn, &secret(NEW)).await.unwrap();
    let after = pwd_last_set(&session, &user.dn).await.unwrap();
    assert!(after > before);
    assert!(signs_in(&user, NEW).await);
    let other = administrator_at(3).await;
    until("the change is on controller 3", || async {
        pwd_last_set(&other, &user.dn).await.is_ok_and(|ticks| ticks == after)
    })
    .await;
}

/// By replication metadata, which an account may read of itself.
#[tokio::test]
async fn how_often_a_password_was_set_is_told() {
    let user = Admin::new().await.user("often").await;
    let session = administrator().await;
    let before = password_version(&session, &user.dn).await.unwrap().expect("it may be read");
    set_password(&session, &user.dn, &secret(NEW)).await.unwrap();
    assert_eq!(password_version(&session, &user.dn).await.unwrap(), Some(before + 1));
    let own = Session::connect(&controller(1), &user.identity(NEW)).await.unwrap();
    assert_eq!(password_version(&own, &user.dn).await.unwrap(), Some(before + 1));
}

#[tokio::test]
async fn a_reset_is_refused_by_name() {
    let mut admin = Admin::new().await;
    let (user, plain) = (admin.user("refused").await, admin.user("plain").await);
    let session = administrator().await;
    let short = set_password(&session, &user.dn, &secret("Ab1!")).await.unwrap_err();
    assert_eq!((short.code(), short.verdict()), ("ad.password_policy", Verdict::Failed));
    assert!(short.message().contains("too short"), "{short}");
    let simple = set_password(&session, &user.dn, &secret("aaaaaaaaaaaa")).await.unwrap_err();
    assert_eq!(simple.code(), "ad.password_policy");
    let nobody = set_password(&session, &format!("CN=nobody,{}", samba().base), &secret(NEW)).await.unwrap_err();
    assert_eq!((nobody.code(), nobody.verdict()), ("ad.not_found", Verdict::Failed));

    let weak = Session::connect(&controller(1), &plain.identity(PASSWORD)).await.unwrap();
    let refused = set_password(&weak, &user.dn, &secret(NEW)).await.unwrap_err();
    assert_eq!((refused.code(), refused.verdict()), ("ad.no_rights", Verdict::Failed));
    assert!(signs_in(&user, PASSWORD).await);
}

#[tokio::test]
async fn a_change_asks_for_the_old_password_and_the_whole_policy() {
    let mut admin = Admin::new().await;
    let user = admin.user("change").await;
    let rules =
        [("msDS-PasswordHistoryLength", "5"), ("msDS-MinimumPasswordLength", "9"), ("msDS-LockoutThreshold", "9")];
    admin.policy_for(&user, &rules).await;
    let own = Session::connect(&controller(1), &user.identity(PASSWORD)).await.unwrap();

    let wrong = change_password(&own, &user.dn, &secret("Wrong-Horse-1!"), &secret(NEW)).await.unwrap_err();
    assert_eq!((wrong.code(), wrong.verdict()), ("ad.wrong_old_password", Verdict::Failed));
    let session = administrator().await;
    assert_eq!(account(&session, &user.dn).await.unwrap().bad_pwd_count, Some(1));

    let short = change_password(&own, &user.dn, &secret(PASSWORD), &secret("Abcde-1!")).await.unwrap_err();
    assert_eq!(short.code(), "ad.password_policy");
    change_password(&own, &user.dn, &secret(PASSWORD), &secret(NEW)).await.unwrap();
    let again = change_password(&own, &user.dn, &secret(NEW), &secret(PASSWORD)).await.unwrap_err();
    assert_eq!((again.code(), again.verdict()), ("ad.password_history", Verdict::Failed));
    assert!(signs_in(&user, NEW).await);
}

#[tokio::test]
async fn the_minimum_age_is_told_from_the_rest() {
    let mut admin = Admin::new().await;
    let user = admin.user("young").await;
    admin.policy_for(&user, &[("msDS-MinimumPasswordAge", "-864000000000")]).await;
    let own = Session::connect(&controller(1), &user.identity(PASSWORD)).await.unwrap();
    let young = change_password(&own, &user.dn, &secret(PASSWORD), &secret(NEW)).await.unwrap_err();
    assert_eq!(young.code(), "ad.password_too_young");
}

#[tokio::test]
async fn an_account_is_switched_off_and_on_once() {
    let user = Admin::new().await.user("switch").await;
    let session = administrator().await;
    assert!(disable(&session, &user.dn).await.unwrap());
    assert!(!disable(&session, &user.dn).await.unwrap());
    assert_eq!(account(&session, &user.dn).await.unwrap().disabled, Some(true));
    assert!(enable(&session, &user.dn).await.unwrap());
    assert!(!enable(&session, &user.dn).await.unwrap());
    assert!(signs_in(&user, PASSWORD).await);
    assert_eq!(enable(&session, "CN=nobody,DC=lab,DC=test").await.unwrap_err().code(), "ad.not_found");
}

#[tokio::test]
async fn accounts_that_are_not_rotated_are_recognised() {
    let session = administrator().await;
    for (name, kind) in [
        ("administrator", PrincipalKind::BuiltInAdministrator),
        ("krbtgt", PrincipalKind::Krbtgt),
        ("DC1$", PrincipalKind::Computer),
        ("Guest", PrincipalKind::User),
        ("Domain Admins", PrincipalKind::Other),
    ] {
        assert_eq!(resolve(&session, name).await.unwrap().kind, kind, "{name}");
    }
}

#[tokio::test]
async fn a_change_by_an_account_that_is_barred_says_why() {
    let mut admin = Admin::new().await;
    let user = admin.user("barred").await;
    admin.policy_for(&user, &[("msDS-LockoutThreshold", "2")]).await;
    let own = Session::connect(&controller(1), &user.identity(PASSWORD)).await.unwrap();
    let wrong = secret("Wrong-Horse-1!");
    for _ in 0..2 {
        let refused = change_password(&own, &user.dn, &wrong, &secret(NEW)).await.unwrap_err();
        assert_eq!(refused.code(), "ad.wrong_old_password");
    }
    for old in [secret(PASSWORD), wrong] {
        let locked = change_password(&own, &user.dn, &old, &secret(NEW)).await.unwrap_err();
        assert_eq!((locked.code(), locked.verdict()), ("ad.account_locked", Verdict::Failed));
        assert!(locked.remedy().is_some_and(|remedy| remedy.contains("ad::unlock")), "{locked:?}");
    }
}
