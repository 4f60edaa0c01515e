//! Read-only controllers among the targets: nothing is ever sent there.

use super::*;

fn address(rig: &Rig, target: usize) -> String {
    rig.lab.targets()[target - 1].address.to_string()
}

#[tokio::test]
async fn the_change_goes_to_the_first_target_that_is_not_read_only() {
    for over_admin in [false, true] {
        let rig = Rig::new(Flavour::Windows, &["target:1=read-only", "replication=30ms"]);
        let via = over_admin.then(|| rig.via());
        let outcome = run(&Request { via, ..rig.request() }).await.unwrap();
        assert_eq!((outcome.verdict, outcome.pinned.clone()), (Verdict::Ok, address(&rig, 2)), "{:?}", outcome.targets);
        // It is followed like every other one, and proven once it has the change.
        let mut proven: Vec<String> = outcome.targets.iter().map(|target| target.target.clone()).collect();
        proven.sort();
        let mut all = [1, 2, 3].map(|target| address(&rig, target));
        all.sort();
        assert_eq!((verdicts(&outcome), proven), (vec!["ok"; 3], all.to_vec()));
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    }
}

#[tokio::test]
async fn without_any_other_target_nothing_is_done() {
    let faults = ["target:1=read-only", "target:2=read-only", "target:3=read-only"];
    let rig = Rig::new(Flavour::Windows, &faults);
    let witness = Witness::default();
    let error = rotate(&rig.request(), &witness).await.unwrap_err();
    assert_eq!(error.code(), "rotation.no_writable_target", "{error}");
    assert_eq!((witness.told(), rig.picture()), (vec!["preflight failed".into()], "v1 current; no journal".into()));
    let asked = rig.lab.sign_ins(rig.lab.service_account().1);
    assert_eq!(asked, [], "nobody signed in anywhere");
}
