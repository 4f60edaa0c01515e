//! A rotation that is dropped at any of its awaits: whatever is left, the store has the password that the directory has.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use libretto::{connection::credentials::State, store::locks::PrincipalLock};

use super::*;

/// Ends with `None` when the future inside was polled so many times without being done.
pub struct Cut<F>(Pin<Box<F>>, usize);

impl<F: Future> Cut<F> {
    pub fn after(future: F, polls: usize) -> Self {
        Self(Box::pin(future), polls)
    }
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.1 == 0 {
            return Poll::Ready(None);
        }
        self.1 -= 1;
        match self.0.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            // After the last poll there is no waker to wait for.
            Poll::Pending if self.1 == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn wherever_it_is_dropped_the_store_has_the_valid_password() {
    const STAGES: [&str; 4] = ["no journal", "change, unfinished", "prove, unfinished", "converge, unfinished"];
    let mut seen = std::collections::BTreeSet::new();
    // Every stage must be met; how many polls each takes is the machine's, so that one may be stepped over.
    let missed = |seen: &std::collections::BTreeSet<String>| {
        STAGES.into_iter().find(|stage| !seen.iter().any(|picture| picture.ends_with(stage)))
    };
    for _ in 0..10 {
        sweep(&mut seen).await;
        if missed(&seen).is_none() {
            return;
        }
    }
    panic!("{:?} was never met: {seen:#?}", missed(&seen));
}

/// Drops a rotation at each of its awaits.
async fn sweep(seen: &mut std::collections::BTreeSet<String>) {
    for polls in 1..2000 {
        let rig = Rig::new(Flavour::Samba, &["replication=30ms"]);
        let request = rig.request();
        let cut = Cut::after(run(&request), polls).await;
        if let Some(outcome) = cut {
            assert_eq!(outcome.unwrap().verdict.as_str(), "ok");
            return;
        }
        seen.insert(settled(&rig).await);
    }
    panic!("it never ends");
}

/// Waits until the store call that was under way is done, then compares the store with the directory.
async fn settled(rig: &Rig) -> String {
    crate::lab::until("the lock is free", || async {
        PrincipalLock::take(&rig.store, rig.connection.principal, "test").is_ok()
    })
    .await;
    let counts = rig.bad_counts(&[1, 2, 3]).await;
    assert_eq!(counts, ["0", "0", "0"], "{}", rig.picture());
    let picture = rig.picture();
    let versions = credentials::history(&rig.store, &rig.connection).unwrap();
    let candidate = versions.iter().find(|one| one.version == 2);
    let principal = versions[0].principal;
    let unfinished = journal::unfinished_of(&rig.store, principal).unwrap();
    let changed = match candidate {
        // A write that was under way may land late; when it has not landed here, the old password is the valid one.
        Some(candidate) => rig.says(1, rig.password(candidate.version).expose()).await.is_empty(),
        None => false,
    };
    match candidate {
        Some(candidate) if changed => {
            assert!(candidate.sent_at.is_some(), "sent and not marked: {picture}");
            assert!(unfinished.is_some() || candidate.state == State::Current, "changed and forgotten: {picture}");
        }
        _ => assert_eq!(rig.says(1, rig.old()).await, "", "{picture}"),
    }
    if let Some(rotation) = unfinished {
        assert_eq!(rotation.candidate, candidate.map(|candidate| candidate.id), "{picture}");
        assert!(rotation.pinned_target.is_some() && rotation.before["targets"].as_array().unwrap().len() == 3);
    }
    assert_eq!(rig.password(1).expose(), rig.old(), "the old one is kept: {picture}");
    picture
}
