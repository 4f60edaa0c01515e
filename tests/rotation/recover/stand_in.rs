//! The server that a rotation changed is gone for good when a target that lagged is looked at: a target that was proven tells
//! what the others should have.

use super::gone::{nobody, over, over_admin};
use super::*;
use crate::support::relay::Relay;

/// A rotation that reached two of three targets, and whose first one is gone since. The third is back, and has the change.
async fn one_was_down() -> (Rig, Recovery, Relay) {
    let rig = Rig::new(Flavour::Windows, &["replication=30ms"]);
    let first = Relay::to(rig.lab.targets()[0].address).await;
    let third = Relay::to(rig.lab.targets()[2].address).await;
    rig.goes_through(3, &third);
    third.lead_to(nobody().await);
    let mut endpoints = over(&rig, &first);
    endpoints[2] = endpoints[2].at(Target::parse(&third.address().to_string()).unwrap());
    let request = Request { allow_down: true, ..request(&rig.store, &rig.connection, endpoints.clone()) };
    assert_eq!(verdicts(&run(&request).await.unwrap()), ["ok", "ok", "inconclusive"]);
    let new = rig.password(2);
    crate::lab::until("it has come", || async { rig.says(3, new.expose()).await.is_empty() }).await;
    third.lead_to(rig.lab.targets()[2].address);
    first.cut();
    first.lead_to(nobody().await);
    let recovery = Recovery { targets: endpoints, ..recovery(&rig) };
    // The relays are led by address: the third has to live as long as the recovery.
    std::mem::forget(third);
    (rig, recovery, first)
}

#[tokio::test]
async fn a_target_that_was_proven_tells_what_a_lagging_one_should_have() {
    for via in [false, true] {
        let (rig, recovery, _first) = one_was_down().await;
        if via {
            rig.via();
        }
        let via = via.then(|| over_admin(&rig));
        let recovered = settle(&Recovery { via, ..recovery }).await.unwrap();
        assert_eq!((recovered.verdict, recovered.targets.len()), (Verdict::Ok, 1), "{recovered:?}");
        assert!(open(&rig).is_empty(), "{:?}", open(&rig));
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    }
}

/// Somebody has set another one since: the target that was proven refuses, once, and no other is asked.
#[tokio::test]
async fn where_it_refuses_the_password_by_now_no_other_is_asked() {
    let (rig, recovery, _first) = one_was_down().await;
    let mut second = administrator(&rig.lab, 2).await;
    for password in ["Somebody-Elses-1", "Somebody-Elses-2", "Somebody-Elses-3"] {
        crate::lab::reset(&mut second, SERVICE, password).await.success().unwrap();
    }
    crate::lab::until("it has come", || async { rig.says(3, "Somebody-Elses-3").await.is_empty() }).await;
    let before = rig.bad_counts(&[1, 2, 3]).await;
    let recovered = settle(&recovery).await.unwrap();
    let refusing = rig.lab.targets()[1].address.to_string();
    assert_eq!((recovered.verdict, &recovered.targets[0].target), (Verdict::Failed, &refusing), "{recovered:?}");
    let wrong = |counts: &[String]| counts.iter().map(|count| count.parse::<u32>().unwrap()).sum::<u32>();
    assert_eq!(wrong(&rig.bad_counts(&[1, 2, 3]).await) - wrong(&before), 1);
    // Nor is it asked again.
    let recovered = settle(&recovery).await.unwrap();
    assert!(recovered.targets[0].note.starts_with("it refused the password before"), "{recovered:?}");
    assert_eq!(wrong(&rig.bad_counts(&[1, 2, 3]).await) - wrong(&before), 1);
}
