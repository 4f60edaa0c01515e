//! Rotations and recoveries that are dropped at any of their awaits.

use super::*;
use crate::rotation::abandoned::Cut;

#[tokio::test]
async fn whatever_a_dropped_rotation_left_is_settled() {
    let mut seen = std::collections::BTreeSet::new();
    for polls in 1.. {
        let rig = Rig::new(Flavour::Samba, &["replication=30ms"]);
        let request = rig.request();
        if Cut(Box::pin(run(&request)), polls).await.is_some() {
            break;
        }
        unlocked(&rig).await;
        let picture = rig.picture();
        if !open(&rig).is_empty() {
            let recovered = settle(&recovery(&rig)).await.unwrap_or_else(|error| panic!("{picture}: {error:?}"));
            assert_eq!(recovered.verdict.as_str(), "ok", "{picture}: {recovered:?}");
        }
        assert_frugal(&rig, &picture).await;
        seen.insert(format!(
            "{} -> {}",
            picture.split("; ").nth(1).unwrap(),
            rig.picture().split("; ").nth(1).unwrap()
        ));
        assert!(polls < 2000, "it never ends");
    }
    for stage in ["no journal -> no journal", "record, unfinished -> record, ended failed"] {
        assert!(seen.contains(stage), "{stage}: {seen:#?}");
    }
    for stage in ["change", "prove", "converge"] {
        assert!(seen.contains(&format!("{stage}, unfinished -> promote, ended ok")), "{stage}: {seen:#?}");
    }
}

/// Settled, the account untouched by lockout, and each secret signed in with once at most to find out.
async fn assert_frugal(rig: &Rig, picture: &str) {
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"], "{picture}");
    let tried = tried(rig);
    let mut once = tried.clone();
    once.dedup();
    assert_eq!(tried, once, "{picture}");
    assert_settled(rig).await;
}

/// A recovery that is dropped anywhere and begun again ends as one that was not.
async fn dropped_and_again(fault: &str, over_admin: bool, expected: &str) {
    for polls in 1.. {
        let rig = unanswered(Flavour::Windows, fault).await;
        let via = over_admin.then(|| rig.via());
        let recovery = Recovery { via, ..recovery(&rig) };
        let whole = Cut(Box::pin(settle(&recovery)), polls).await;
        unlocked(&rig).await;
        let picture = rig.picture();
        if whole.is_none() && !open(&rig).is_empty() {
            let again = settle(&recovery).await.unwrap_or_else(|error| panic!("{picture}: {error:?}"));
            assert_eq!(again.verdict.as_str(), "ok", "{picture}: {again:?}");
        }
        assert_eq!(rig.picture(), expected, "dropped at {picture}");
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"], "{picture}");
        assert_settled(&rig).await;
        if whole.is_some() {
            break;
        }
        assert!(polls < 2000, "it never ends");
    }
}

const NEW: &str = "v2 current sent proven, v1 previous proven; promote, ended ok";
const OLD: &str = "v2 retired sent, v1 current proven; change, ended failed";

#[tokio::test]
async fn a_recovery_of_a_change_that_was_made_may_be_dropped_anywhere() {
    dropped_and_again("close:modify", false, NEW).await;
}

#[tokio::test]
async fn a_recovery_over_an_administrative_account_may_be_dropped_anywhere() {
    dropped_and_again("close:modify", true, NEW).await;
}

#[tokio::test]
async fn a_recovery_of_a_change_that_was_not_made_may_be_dropped_anywhere() {
    dropped_and_again("lose:modify", false, OLD).await;
}
