//! Rotations and recoveries that are dropped at any of their awaits.

use super::*;
use crate::rotation::abandoned::Cut;

#[tokio::test]
async fn whatever_a_dropped_rotation_left_is_settled() {
    let stages = ["change", "prove", "converge"].map(|stage| format!("{stage}, unfinished -> promote, ended ok"));
    let others = ["no journal -> no journal", "record, unfinished -> record, ended failed"].map(str::to_owned);
    let mut seen = std::collections::BTreeSet::new();
    // Which awaits a machine under load meets is a matter of luck: a sweep that missed one is done again.
    for _ in 0..5 {
        sweep(&mut seen).await;
        if stages.iter().chain(&others).all(|stage| seen.contains(stage)) {
            return;
        }
    }
    panic!("{stages:?} {others:?}: {seen:#?}");
}

/// A rotation that is dropped after one look, after two, and so on, and a recovery after each.
async fn sweep(seen: &mut std::collections::BTreeSet<String>) {
    for polls in 1.. {
        let rig = Rig::new(Flavour::Samba, &["replication=30ms"]);
        let request = rig.request();
        if Cut::after(run(&request), polls).await.is_some() {
            break;
        }
        unlocked(&rig).await;
        let picture = rig.picture();
        if !open(&rig).is_empty() {
            let recovered = settle(&recovery(&rig)).await.unwrap_or_else(|error| panic!("{picture}: {error:?}"));
            assert_eq!(recovered.verdict.as_str(), "ok", "{picture}: {recovered:?}");
        }
        assert_frugal(&rig, &picture).await;
        let words = |picture: &str| picture.split("; ").nth(1).unwrap().to_owned();
        seen.insert(format!("{} -> {}", words(&picture), words(&rig.picture())));
        assert!(polls < 2000, "it never ends");
    }
}

/// Settled, the account untouched by lockout, and each secret signed in with once at most to find out: but the candidate twice
/// where it was refused at first, when its write could still land.
async fn assert_frugal(rig: &Rig, picture: &str) {
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"], "{picture}");
    assert_once_each(&tried(rig), picture);
    assert_settled(rig).await;
}

/// No version was tried twice, by `3 accepted` and the like; but for the last one, which may be tried again after a refusal.
pub fn assert_once_each(tried: &[String], picture: &str) {
    let mut answers: std::collections::BTreeMap<u32, Vec<&str>> = std::collections::BTreeMap::new();
    for one in tried {
        let (version, answer) = one.split_once(' ').unwrap();
        answers.entry(version.parse().unwrap()).or_default().push(answer);
    }
    let last = answers.keys().next_back().copied();
    for (version, answers) in &answers {
        let is_again = Some(*version) == last && matches!(answers[..], ["refused", _]);
        assert!(answers.len() == 1 || is_again, "{tried:?}: {picture}");
    }
}

#[test]
fn a_secret_that_was_tried_twice_is_seen() {
    let fits = |tried: &[&str]| {
        let tried: Vec<String> = tried.iter().map(|one| (*one).to_owned()).collect();
        std::panic::catch_unwind(|| assert_once_each(&tried, "")).is_ok()
    };
    assert!(fits(&[]) && fits(&["2 refused", "1 accepted"]) && fits(&["2 refused", "1 accepted", "2 accepted"]));
    assert!(!fits(&["2 accepted", "1 accepted", "2 accepted"]), "not refused before");
    assert!(!fits(&["2 refused", "1 accepted", "2 refused", "2 accepted"]), "three times");
    assert!(!fits(&["1 refused", "2 refused", "1 accepted"]), "not the last one");
}

/// A recovery that is dropped anywhere and begun again ends as one that was not.
async fn dropped_and_again(fault: &str, over_admin: bool, expected: &str) {
    for polls in 1.. {
        let rig = unanswered(Flavour::Windows, fault).await;
        let via = over_admin.then(|| rig.via());
        let recovery = Recovery { via, ..recovery(&rig) };
        let whole = Cut::after(settle(&recovery), polls).await;
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
