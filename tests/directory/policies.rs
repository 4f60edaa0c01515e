//! The policy that applies: the domain's, a fine-grained one, or nobody may know.

use libretto::directory::{FineGrained, Session, policy};

use super::world::{Admin, PASSWORD, administrator, controller};

#[tokio::test]
async fn the_domains_policy_applies_to_most() {
    let user = Admin::new().await.user("domain").await;
    let own = Session::connect(&controller(1), &user.identity(PASSWORD)).await.unwrap();
    let found = policy(&administrator().await, &user.dn).await.unwrap();
    let guessed = policy(&own, &user.dn).await.unwrap();
    assert_eq!(guessed, found, "none applies: the account sees that itself");
    assert_eq!(
        serde_json::to_value(&found).unwrap(),
        serde_json::json!({
            "min_length": 7, "complexity": true, "history": 24, "min_age": 86400, "max_age": 3_628_800,
            "lockout_threshold": 0, "lockout_duration": 1800, "lockout_window": 1800,
            "fine_grained": { "state": "none" },
        })
    );
}

#[tokio::test]
async fn a_fine_grained_policy_takes_its_place_and_one_that_may_not_be_read_is_unknown() {
    let mut admin = Admin::new().await;
    let user = admin.user("fine").await;
    let dn = admin
        .policy_for(
            &user,
            &[
                ("msDS-MinimumPasswordLength", "21"),
                ("msDS-PasswordComplexityEnabled", "TRUE"),
                ("msDS-LockoutThreshold", "4"),
                ("msDS-LockoutDuration", "-9223372036854775808"),
                ("msDS-MaximumPasswordAge", "-9223372036854775808"),
            ],
        )
        .await;
    let found = policy(&administrator().await, &user.dn).await.unwrap();
    let name = dn.strip_prefix("CN=").unwrap().split(',').next().unwrap();
    assert_eq!(
        serde_json::to_value(&found).unwrap(),
        serde_json::json!({
            "min_length": 21, "complexity": true, "history": 0, "min_age": 0, "max_age": null,
            "lockout_threshold": 4, "lockout_duration": null, "lockout_window": 1800,
            "fine_grained": { "state": "applies", "dn": dn, "name": name },
        })
    );
    assert!(found.is_certain());

    let own = Session::connect(&controller(1), &user.identity(PASSWORD)).await.unwrap();
    let guessed = policy(&own, &user.dn).await.unwrap();
    assert!(matches!(&guessed.fine_grained, FineGrained::Unknown { dn: Some(of), .. } if *of == dn), "{guessed:?}");
    assert!(!guessed.is_certain());
    assert_eq!(guessed.rules.min_length, 7);
}
