//! Any interleaving of crash, recovery and a second operator keeps one recorded secret valid.

use super::*;
use crate::{rotation::abandoned::Cut, support::chance::Chance};

/// An operator, who acts by chance.
struct Operator(Chance);

impl Operator {
    /// An operator's act, which may be cut short.
    async fn act(&mut self, rig: &Rig, via: &Via) -> String {
        let (polls, over_admin) = (self.0.below(90) as usize + 1, self.0.below(2) == 0);
        let via = over_admin.then(|| via.clone());
        let (what, ended) = match open(rig).first() {
            Some(_) if self.0.below(3) > 0 => {
                let recovery = Recovery { via, ..recovery(rig) };
                ("recover", Cut::after(settle(&recovery), polls).await.map(|ended| ended.map(drop)))
            }
            _ => {
                let request = Request { via, ..rig.request() };
                ("rotate", Cut::after(run(&request), polls).await.map(|ended| ended.map(drop)))
            }
        };
        let ended = match ended {
            None => "cut".to_owned(),
            Some(Ok(())) => "done".to_owned(),
            Some(Err(error)) => error.code().to_owned(),
        };
        format!("{what} {polls} {over_admin}: {ended}")
    }
}

/// Which version the pinned target takes, the newest first.
async fn valid(rig: &Rig) -> Option<u32> {
    for one in credentials::history(&rig.store, &rig.connection).unwrap() {
        if rig.says(1, rig.password(one.version).expose()).await.is_empty() {
            return Some(one.version);
        }
    }
    None
}

async fn interleave(seed: u64) {
    let mut chance = Chance(seed);
    let rig = Rig::new(Flavour::Samba, &["replication=10ms"]);
    let via = rig.via();
    let mut history = Vec::new();
    for _ in 0..6 {
        let (mut one, mut other) = (Operator(Chance(chance.below(u64::MAX))), Operator(Chance(chance.below(u64::MAX))));
        if chance.below(3) == 0 {
            let (one, other) = tokio::join!(one.act(&rig, &via), other.act(&rig, &via));
            history.push(format!("{one} beside {other}"));
        } else {
            history.push(one.act(&rig, &via).await);
        }
        unlocked(&rig).await;
        history.push(rig.picture());
        assert!(valid(&rig).await.is_some(), "seed {seed}: no recorded secret is valid: {history:#?}");
    }
    // One that was cut short, and what an earlier one left of its targets.
    for _ in open(&rig) {
        if open(&rig).is_empty() {
            break;
        }
        let recovery = Recovery { via: Some(via.clone()), ..recovery(&rig) };
        let recovered = settle(&recovery).await;
        assert!(recovered.is_ok_and(|one| one.verdict == Verdict::Ok), "seed {seed}: {}: {history:#?}", rig.picture());
    }
    let current = credentials::current(&rig.store, &rig.connection).unwrap().unwrap().version;
    assert_eq!(valid(&rig).await, Some(current), "seed {seed}: {}: {history:#?}", rig.picture());
    assert_settled(&rig).await;
}

#[tokio::test]
async fn any_interleaving_keeps_one_recorded_secret_valid() {
    let begin: u64 = std::env::var("LIBRETTO_SEED").map_or(20_260_301, |seed| seed.parse().unwrap());
    for seed in begin..begin + 40 {
        interleave(seed).await;
    }
}
