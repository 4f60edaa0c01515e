//! Passwords that are given, and the policy that they and the generated ones meet.

use super::*;

fn with(rig: &Rig, password: &str) -> Request {
    Request { password: Some(Secret::new(password).unwrap()), ..rig.request() }
}

#[tokio::test]
async fn a_given_password_is_checked_before_the_directory_sees_it() {
    let rig = Rig::new(Flavour::Samba, &[]);
    for (password, code, says) in [
        ("Short-1", "rotation.password_policy", "it has 7 characters, and 12 are the fewest"),
        ("all lower case", "rotation.password_policy", "it needs three of"),
        ("The-Service-Account-1", "rotation.password_policy", "it holds a part of the account's display name"),
        (rig.old(), "rotation.password_history", "that of version 1"),
    ] {
        let error = run(&with(&rig, password)).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(says), "{error}");
        assert!(!error.message().contains(password));
    }
    assert_eq!(rig.picture(), "v1 current proven; no journal");
    assert_eq!(run(&with(&rig, "Correct-Horse-77")).await.unwrap().version, 2);
    assert_eq!(rig.says(3, "Correct-Horse-77").await, "");
}

#[tokio::test]
async fn a_generated_password_is_as_long_as_a_strict_policy_asks() {
    let rig = Rig::new(Flavour::Windows, &["policy=strict"]);
    run(&rig.request()).await.unwrap();
    assert_eq!(rig.password(2).expose().len(), 64);
    assert_eq!(rig.says(2, rig.password(2).expose()).await, "");
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_is_said_and_the_directory_decides() {
    let rig = Rig::new(Flavour::Windows, &["policy=unreadable"]);
    let outcome = run(&rig.request()).await.unwrap();
    assert!(outcome.stages[0].note.contains("policy may not be read"), "{}", outcome.stages[0].note);
    assert_eq!(rig.password(2).expose().len(), 24);
}

/// The directory refuses what preflight could not foresee: the candidate is retired, the old password stays.
#[tokio::test]
async fn a_password_that_the_directory_refuses_changes_nothing() {
    for flavour in [Flavour::Samba, Flavour::Windows] {
        for over_admin in [false, true] {
            let rig = Rig::new(flavour, &["policy=unreadable"]);
            let request = Request { via: over_admin.then(|| rig.via()), ..with(&rig, "short-one") };
            let witness = Witness::default();
            let error = rotate(&request, &witness).await.unwrap_err();
            assert_eq!((error.code(), error.verdict().as_str()), ("ad.password_policy", "failed"), "{error}");
            assert_eq!(witness.told(), ["preflight ok", "record ok", "change failed"]);
            let proven = if over_admin { "" } else { " proven" };
            assert_eq!(rig.picture(), format!("v2 retired sent, v1 current{proven}; change, ended failed"));
            assert_eq!(rig.events(), ["change-sent", "change-refused"]);
            assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
            assert_eq!(rig.says(1, rig.old()).await, "");
            assert_eq!(rig.says(1, "short-one").await, "52e");
        }
    }
}

#[tokio::test]
async fn a_generated_password_is_as_the_recipe_says_or_nothing_is_touched() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let with = |recipe: Recipe| Request { generate: recipe, ..rig.request() };
    let letters = Recipe { alphabet: Some("abcdefghijkmnpqrstuvwxyz".to_owned()), ..Recipe::default() };
    let digits = Recipe { alphabet: Some("23456789".to_owned()), length: Some(20), ..Recipe::default() };
    for (recipe, code) in [
        (letters, "secret.policy_impossible"),
        (digits, "secret.too_weak"),
        (Recipe { length: Some(10), insist: true, ..Recipe::default() }, "secret.policy_impossible"),
        (Recipe { length: Some(500), ..Recipe::default() }, "secret.recipe"),
    ] {
        let error = run(&with(recipe)).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.remedy().is_some());
    }
    assert_eq!(rig.picture(), "v1 current proven; no journal");
    let recipe = Recipe { alphabet: Some("abcdefgABCDEFG2345!".to_owned()), length: Some(40), ..Recipe::default() };
    run(&with(recipe)).await.unwrap();
    let made = rig.password(2);
    assert!(made.expose().len() == 40 && made.expose().chars().all(|c| "abcdefgABCDEFG2345!".contains(c)));
    assert_eq!(rig.says(2, made.expose()).await, "");
}
