//! A read-only controller is not asked in place of the one that the change went to: it passes sign-ins on to others.

use super::*;
use crate::support::relay::Relay;

#[tokio::test]
async fn who_insists_does_not_ask_a_read_only_controller() {
    let rig = Rig::new(Flavour::Windows, &["target:1=hang:modify", "target:2=read-only", "replication=off"]);
    let relay = Relay::to(rig.lab.targets()[0].address).await;
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let mut targets = endpoints(rig.connection.ad().unwrap(), limits);
    targets.truncate(2);
    targets[0] = targets[0].at(Target::parse(&relay.address().to_string()).unwrap());
    let request = request(&rig.store, &rig.connection, targets.clone());
    assert_eq!(run(&request).await.unwrap_err().code(), "rotation.unsettled");
    relay.lead_to(gone::nobody().await);
    let before = [1, 2].map(|version| rig.lab.sign_ins(&rig.password(version)));
    let insisting = Recovery { insist: true, targets, ..recovery(&rig) };
    assert_eq!(settle(&insisting).await.unwrap_err().code(), "rotation.target_down");
    assert_eq!([1, 2].map(|version| rig.lab.sign_ins(&rig.password(version))), before);
    relay.lead_to(rig.lab.targets()[0].address);
    assert_eq!(settle(&insisting).await.unwrap().valid, Some(2));
}
