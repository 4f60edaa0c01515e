//! Who may sign in, and every reason that Samba gives for refusing.

use libretto::directory::{Session, account, resolve, unlock};

use super::world::{Admin, PASSWORD, User, administrator, age_password, controller, identity};
use crate::support::samba::samba;

async fn refusal(name: &str, password: &str) -> String {
    match Session::connect(&controller(1), &identity(name, password)).await {
        Ok(_) => "signed in".to_owned(),
        Err(error) => {
            assert!(error.remedy().is_some());
            error.code().to_owned()
        }
    }
}

async fn with(user: &User, password: &str) -> String {
    refusal(&user.upn(), password).await
}

#[tokio::test]
async fn every_form_of_name_signs_in_and_resolves_to_the_same_account() {
    let user = Admin::new().await.user("form").await;
    let names = [user.upn(), format!("LAB\\{}", user.name), user.dn.clone()];
    let session = administrator().await;
    let account = resolve(&session, &user.name).await.unwrap();
    for name in names.iter().chain([&account.guid, &format!("lab.test\\{}", user.name)]) {
        assert_eq!(resolve(&session, name).await.unwrap(), account, "{name}");
    }
    for name in &names {
        assert_eq!(refusal(name, PASSWORD).await, "signed in", "{name}");
    }
    assert_eq!(refusal(&user.name, PASSWORD).await, "ad.wrong_password");
    assert_eq!(refusal(" ", PASSWORD).await, "ad.bad_name");
    assert_eq!(resolve(&session, &format!("OTHER\\{}", user.name)).await.unwrap_err().code(), "ad.not_found");
    assert_eq!(resolve(&session, "nobody-at-all").await.unwrap_err().code(), "ad.not_found");
}

#[tokio::test]
async fn each_state_of_an_account_has_its_own_error() {
    let mut admin = Admin::new().await;
    let user = admin.user("state").await;
    assert_eq!(with(&user, "Wrong-Horse-1!").await, "ad.wrong_password");
    assert_eq!(refusal("no-such-user@lab.test", PASSWORD).await, "ad.wrong_password");

    admin.set(&user.dn, "userAccountControl", "514").await;
    assert_eq!(with(&user, PASSWORD).await, "ad.account_disabled");
    admin.set(&user.dn, "userAccountControl", "512").await;

    admin.set(&user.dn, "pwdLastSet", "0").await;
    assert_eq!(with(&user, PASSWORD).await, "ad.must_change_password");
    admin.set(&user.dn, "pwdLastSet", "-1").await;
    assert_eq!(with(&user, PASSWORD).await, "signed in");

    // One hour of 1601 is long ago.
    admin.set(&user.dn, "accountExpires", "36000000000").await;
    assert_eq!(with(&user, PASSWORD).await, "ad.account_expired");
    admin.set(&user.dn, "accountExpires", "0").await;

    admin.set(&user.dn, "logonHours", [0; 21]).await;
    assert_eq!(with(&user, PASSWORD).await, "ad.logon_hours");
    admin.set(&user.dn, "logonHours", [255; 21]).await;
    assert_eq!(with(&user, PASSWORD).await, "signed in");

    admin.set(&user.dn, "userWorkstations", "ELSEWHERE").await;
    assert_eq!(with(&user, PASSWORD).await, "ad.logon_workstation");
}

#[tokio::test]
async fn an_expired_password_is_told_from_a_wrong_one() {
    let user = Admin::new().await.user("expire").await;
    age_password(&user.dn);
    assert_eq!(with(&user, PASSWORD).await, "ad.password_expired");
    assert_eq!(with(&user, "Wrong-Horse-1!").await, "ad.wrong_password");
    let session = administrator().await;
    let state = account(&session, &user.dn).await.unwrap();
    assert_eq!((state.password_expired, state.must_change_password), (Some(true), Some(false)));
    assert_eq!(state.pwd_last_set.as_deref(), Some("1970-01-01T00:00:00Z"));
    assert!(state.password_expires.is_some_and(|time| time.as_str() < "1980"));
}

#[tokio::test]
async fn the_attempt_that_locks_says_wrong_and_the_next_says_locked() {
    let mut admin = Admin::new().await;
    let user = admin.user("lock").await;
    admin.policy_for(&user, &[("msDS-LockoutThreshold", "2")]).await;
    assert_eq!(with(&user, "Wrong-Horse-1!").await, "ad.wrong_password");
    assert_eq!(with(&user, "Wrong-Horse-2!").await, "ad.wrong_password");
    assert_eq!(with(&user, PASSWORD).await, "ad.account_locked");

    let session = administrator().await;
    let locked = account(&session, &user.dn).await.unwrap();
    assert_eq!((locked.locked, locked.bad_pwd_count, locked.disabled), (Some(true), Some(2), Some(false)));
    assert!(locked.lockout_time.is_some_and(|time| time.ends_with('Z')));

    assert!(unlock(&session, &user.dn).await.unwrap());
    assert!(!unlock(&session, &user.dn).await.unwrap(), "it is not locked any more");
    assert_eq!(with(&user, PASSWORD).await, "signed in");
    let free = account(&session, &user.dn).await.unwrap();
    assert_eq!((free.locked, free.lockout_time, free.bad_pwd_count), (Some(false), None, Some(0)));
}

#[tokio::test]
async fn who_is_not_signed_in_sees_the_root_and_nothing_else() {
    let session = Session::open(&controller(2)).await.unwrap();
    let root = session.root_dse().await.unwrap();
    assert_eq!(root.default_naming_context, samba().base);
    assert_eq!(root.dns_host_name.as_deref(), Some("dc2.lab.test"));
    assert_eq!((root.site(), root.domain().as_str()), (Some("Default-First-Site-Name"), "lab.test"));
    assert_eq!((root.is_read_only(), root.synchronized), (false, Some(true)));
    let error = resolve(&session, "administrator").await.unwrap_err();
    assert_eq!(error.code(), "ad.not_signed_in");
}
