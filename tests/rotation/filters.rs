//! Password filters: they refuse what satisfies the policy.

use super::*;

#[tokio::test]
async fn a_generated_password_that_a_filter_refuses_is_replaced_once() {
    for flavour in [Flavour::Windows, Flavour::Samba] {
        for via in [false, true] {
            let rig = Rig::new(flavour, &["policy=filter:1"]);
            let request = Request { via: via.then(|| rig.via()), ..rig.request() };
            let witness = Witness::default();
            let outcome = rotate(&request, &witness).await.unwrap();
            assert_eq!((outcome.verdict.as_str(), outcome.version), ("ok", 3));
            assert_eq!(witness.announced.lock().unwrap().len(), 2);
            let proven = if via { "" } else { " proven" };
            let picture = format!("v3 current sent proven, v2 retired sent, v1 previous{proven}; promote, ended ok");
            assert_eq!(rig.picture(), picture);
            assert_eq!(rig.says(1, rig.password(3).expose()).await, "");
            let change = outcome.stages.iter().find(|stage| stage.stage.as_str() == "change").unwrap();
            assert!(
                change.note.ends_with("a password filter refused version 2, version 3 was taken"),
                "{}",
                change.note
            );
        }
    }
}

#[tokio::test]
async fn a_filter_that_refuses_two_is_named_and_not_asked_again() {
    let rig = Rig::new(Flavour::Windows, &["policy=filter:9"]);
    let witness = Witness::default();
    let error = rotate(&rig.request(), &witness).await.unwrap_err();
    assert_eq!(error.code(), "rotation.password_filter");
    assert!(error.message().starts_with("two generated passwords satisfied the password policy"), "{error}");
    assert_eq!(witness.told(), ["preflight ok", "record ok", "change failed"]);
    assert_eq!(rig.picture(), "v3 retired sent, v2 retired sent, v1 current proven; change, ended failed");
    assert_eq!(rig.says(1, rig.old()).await, "");
}

#[tokio::test]
async fn a_given_password_is_not_replaced() {
    let rig = Rig::new(Flavour::Windows, &["policy=filter:1"]);
    let given = Some(Secret::new("Given-By-Hand-2026!").unwrap());
    let error = run(&Request { password: given, ..rig.request() }).await.unwrap_err();
    assert_eq!(error.code(), "rotation.password_filter");
    assert_eq!(rig.picture(), "v2 retired sent, v1 current proven; change, ended failed");
}

#[tokio::test]
async fn a_policy_that_may_not_be_read_is_not_taken_for_a_filter() {
    let rig = Rig::new(Flavour::Windows, &["policy=filter:1", "policy=unreadable"]);
    assert_eq!(run(&rig.request()).await.unwrap_err().code(), "ad.password_policy");
    assert_eq!(rig.picture(), "v2 retired sent, v1 current proven; change, ended failed");
}
