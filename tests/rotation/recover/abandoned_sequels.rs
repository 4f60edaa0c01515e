//! Rotations with a second change, an undo or a revocation, that are dropped at any of their awaits, in the first change or in
//! the second; then what `recover` does.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::stream::{FuturesUnordered, StreamExt};
use libretto::rotation::{Dependent, OnFailure, recover::find};

use super::{abandoned::assert_once_each, *};
use crate::rotation::{
    abandoned::Cut,
    dependents::{Stand, broken, found, retry_over},
};

/// A rotation that was dropped, or ended, and the procedure that depends on its account.
struct Dropped {
    rig: Rig,
    stand: Arc<Stand>,
    request: Request,
    picture: String,
}

impl Dropped {
    /// What the directory has is what the store has, on all targets, and the dependent has it as well; nothing is open.
    async fn assert_settled(&self) {
        let (rig, picture) = (&self.rig, &self.picture);
        let current = credentials::current(&rig.store, &rig.connection).unwrap().unwrap();
        let taken = (current.version > 1).then(|| rig.password(current.version).expose().to_owned());
        assert_eq!(self.stand.took().pop(), taken, "{picture}: {}", rig.picture());
        assert_settled(rig).await;
        assert_valid(rig, &[1, 2, 3]).await;
    }

    /// As `libretto recover`: each that is open is settled once, and what is `ok` then is handed to the dependent. One that
    /// is settled with another is left alone. The codes of what is not `ok`.
    async fn recover(&self) -> Vec<String> {
        let (rig, picture) = (&self.rig, &self.picture);
        let mut left = Vec::new();
        for one in open(rig) {
            if find(&rig.store, &one.transaction, &Scope::all()).is_err() {
                continue;
            }
            let recovery = Recovery { transaction: one.transaction, ..recovery(rig) };
            let recovered = settle(&recovery).await.unwrap_or_else(|error| panic!("{picture}: {error:?}"));
            assert_once_each(&tried(rig), picture);
            let recovered = if recovered.verdict == Verdict::Ok {
                let stands = [Arc::clone(&self.stand) as Arc<dyn Dependent>];
                recovered.handed(retry_over(rig, &recovery, &stands).await)
            } else {
                recovered
            };
            assert_eq!(recovered.verdict == Verdict::Ok, recovered.error.is_none(), "{picture}: {recovered:?}");
            left.extend(recovered.error.map(|error| error.code));
        }
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"], "{picture}");
        left
    }
}

/// Worlds that are looked at beside each other: most of the time they wait.
const AT_ONCE: usize = 6;

/// Drops `request` after one look, after two, and so on, until it ends before it is dropped; `then` looks at each.
async fn sweep(
    request: impl Fn(&Rig, &Arc<Stand>) -> Request,
    stand: fn() -> Arc<Stand>,
    then: impl AsyncFn(&Dropped) -> String,
) -> BTreeSet<String> {
    let one = async |polls: usize| {
        let (rig, stand) = (Rig::new(Flavour::Windows, &["replication=30ms"]), stand());
        let request = request(&rig, &stand);
        let is_whole = Cut::after(run(&request), polls).await.is_some();
        unlocked(&rig).await;
        let picture = rig.picture();
        let dropped = Dropped { rig, stand, request, picture };
        let came = then(&dropped).await;
        (is_whole, format!("{} -> {came}", dropped.picture))
    };
    let mut seen = BTreeSet::new();
    for first in (1..4000).step_by(AT_ONCE) {
        let came = (first..first + AT_ONCE).map(&one).collect::<FuturesUnordered<_>>().collect::<Vec<_>>().await;
        let is_over = came.iter().any(|(is_whole, _)| *is_whole);
        seen.extend(came.into_iter().map(|(_, picture)| picture));
        if is_over {
            return seen;
        }
    }
    panic!("it never ends");
}

/// Sweeps until each of these was met: which awaits a machine under load meets is a matter of luck.
async fn sweep_until(met: &[&str], sweep: impl AsyncFn() -> BTreeSet<String>) {
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        seen.append(&mut sweep().await);
        if met.iter().all(|one| seen.iter().any(|picture| picture.contains(one))) {
            return;
        }
    }
    panic!("{met:?}: {seen:#?}");
}

#[tokio::test]
async fn whatever_a_dropped_undo_left_is_settled() {
    let met = [
        "v1 current; no journal -> 1",
        "v2 candidate sent, v1 current proven; change, unfinished -> 2",
        "v1 previous proven; promote, ended partial -> 2",
        "v3 candidate sent, v2 current sent proven, v1 previous proven; change, unfinished -> 3",
        "v3 candidate sent proven, v2 current sent proven, v1 previous proven; converge, unfinished -> 3",
    ];
    let undoing = |rig: &Rig, stand: &Arc<Stand>| Request {
        dependents: found(&[stand]),
        on_failure: OnFailure::Undo,
        ..rig.request()
    };
    sweep_until(&met, async || {
        sweep(
            undoing,
            || Stand::failing("task", &[broken]),
            async |dropped| {
                let mut left = dropped.recover().await;
                // Where the dependent was not asked before, this is when it fails.
                if left == ["rotation.dependents_failed"] {
                    left = dropped.recover().await;
                }
                assert!(left.is_empty(), "{}: {left:?}", dropped.picture);
                dropped.assert_settled().await;
                let current = credentials::current(&dropped.rig.store, &dropped.rig.connection).unwrap().unwrap();
                current.version.to_string()
            },
        )
        .await
    })
    .await;
}

#[tokio::test]
async fn whatever_a_dropped_revocation_left_is_settled() {
    let met = [
        "v1 current; no journal -> known",
        "v2 candidate sent, v1 current proven; change, unfinished -> not revoked",
        "v1 previous proven; promote, ended partial -> not revoked",
        "v3 candidate sent, v2 current sent proven, v1 previous proven; change, unfinished -> refused",
        "v3 candidate sent proven, v2 current sent proven, v1 previous proven; converge, unfinished -> refused",
    ];
    let revoking =
        |rig: &Rig, stand: &Arc<Stand>| Request { dependents: found(&[stand]), revoke: true, ..rig.request() };
    sweep_until(&met, async || sweep(revoking, || Stand::well("pool"), revoked).await).await;
}

/// The password that was known is refused, or somebody was told that it is not; then revoking again does it.
async fn revoked(dropped: &Dropped) -> String {
    let (rig, picture) = (&dropped.rig, &dropped.picture);
    let left = dropped.recover().await;
    if picture.ends_with("no journal") {
        // Nothing was begun, and whoever began it was told so.
        assert_eq!((left.len(), rig.has(1, rig.old()).await), (0, true), "{picture}");
        return "known".to_owned();
    }
    let came = if left.is_empty() {
        "refused"
    } else {
        assert!(left.iter().all(|code| code == "rotation.not_revoked"), "{picture}: {left:?}");
        assert_eq!(rig.says(1, rig.old()).await, "", "{picture}");
        let connection = connection::get(&rig.store, "corp", &Scope::all()).unwrap();
        let again = run(&Request { connection, ..dropped.request.clone() }).await.unwrap();
        assert_eq!(again.verdict, Verdict::Ok, "{picture}: {again:?}");
        "not revoked"
    };
    for target in 1..=3 {
        assert_eq!(rig.says(target, rig.old()).await, "52e", "target {target}: {picture}: {}", rig.picture());
    }
    dropped.assert_settled().await;
    came.to_owned()
}
