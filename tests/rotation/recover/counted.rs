//! Sign-ins as the directory counts them, not as the journal tells them.

use super::*;

/// How often each version of the password signed in, or tried to, at each target so far.
fn sign_ins(rig: &Rig) -> Vec<[usize; 3]> {
    let versions = credentials::history(&rig.store, &rig.connection).unwrap().len();
    let at = |version: usize| {
        let all = rig.lab.sign_ins(&rig.password(u32::try_from(version).unwrap()));
        [1, 2, 3].map(|target| all.iter().filter(|(at, _)| *at == target).count())
    };
    (1..=versions).map(at).collect()
}

/// What was added since.
fn since(rig: &Rig, before: &[[usize; 3]]) -> Vec<[usize; 3]> {
    let now = sign_ins(rig);
    now.iter().zip(before).map(|(now, before)| [0, 1, 2].map(|target| now[target] - before[target])).collect()
}

/// On the pinned target to find out, and as often as the journal says; on the others to look, and to prove.
#[tokio::test]
async fn each_secret_signs_in_once_at_most() {
    for (fault, over_admin, expected) in [
        ("hang:modify", false, [0, 1]),
        ("close:modify", false, [0, 1]),
        ("hang:modify", true, [0, 1]),
        ("lose:modify", true, [0, 0]),
    ] {
        let rig = unanswered(Flavour::Windows, fault).await;
        let via = over_admin.then(|| rig.via());
        let before = sign_ins(&rig);
        settle(&Recovery { via, ..recovery(&rig) }).await.unwrap();
        let about = format!("{fault} {over_admin}: {:?}", tried(&rig));
        let counted = since(&rig, &before);
        assert_eq!(counted.iter().map(|version| version[0]).collect::<Vec<_>>(), expected, "{about}");
        assert!(counted.iter().all(|version| version[1] <= 1 && version[2] <= 1), "{about}: {counted:?}");
        assert_eq!(tried(&rig).len(), expected.iter().sum::<usize>(), "{about}");
        assert_settled(&rig).await;
    }
}
