//! Where no passwords are remembered the previous one is wrong at once: a recovery does not try it.

use super::{servers::unanswered_over, *};
use crate::support::relay::Relay;

const NO_HISTORY: [&str; 2] = ["policy=history:0", "replication=off"];

#[tokio::test]
async fn a_target_that_lagged_is_not_looked_at_with_it() {
    let rig = Rig::new(Flavour::Samba, &NO_HISTORY);
    let outcome = run(&Request { wait: Duration::from_millis(150), ..rig.request() }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    let before = rig.lab.sign_ins(&rig.password(1));
    let recovered = settle(&recovery(&rig)).await.unwrap();
    let notes: Vec<&str> = recovered.targets.iter().map(|target| target.note.as_str()).collect();
    assert_eq!(notes, ["without a history of passwords the previous one must not be tried"; 2]);
    assert_eq!((recovered.verdict, rig.lab.sign_ins(&rig.password(1))), (Verdict::Inconclusive, before));
    // Who reads there as somebody else may.
    let over_admin = Recovery { via: Some(rig.via()), wait: Duration::from_millis(150), ..recovery(&rig) };
    let looked = settle(&over_admin).await.unwrap();
    assert!(looked.targets[0].note.starts_with("it has not got the new password"), "{:?}", looked.targets);
}

/// Of one password that is remembered the present one is it.
#[tokio::test]
async fn a_history_of_the_present_one_alone_is_none() {
    let rig = Rig::new(Flavour::Samba, &["policy=history:1", "replication=off"]);
    let outcome = run(&Request { wait: Duration::from_millis(150), ..rig.request() }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    let before = rig.lab.sign_ins(&rig.password(1));
    let recovered = settle(&recovery(&rig)).await.unwrap();
    assert_eq!((recovered.verdict, rig.lab.sign_ins(&rig.password(1))), (Verdict::Inconclusive, before));
}

#[tokio::test]
async fn nor_is_a_server_that_the_pinned_ones_name_leads_to_now() {
    let rig = Rig::new(Flavour::Windows, &[&NO_HISTORY[..], &["target:1=hang:modify"]].concat());
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    unanswered_over(&relay, &rig).await;
    relay.lead_to(rig.lab.targets()[1].address);
    let before = rig.lab.sign_ins(&rig.password(1));
    assert_eq!(settle(&recovery(&rig)).await.unwrap_err().code(), "rotation.target_down");
    assert_eq!((rig.lab.sign_ins(&rig.password(1)), tried(&rig)), (before, Vec::new()));
    relay.lead_to(rig.lab.targets()[0].address);
    assert_eq!(settle(&recovery(&rig)).await.unwrap().valid, Some(2));
}
