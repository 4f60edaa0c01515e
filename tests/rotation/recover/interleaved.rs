//! Any interleaving of crash, recovery and a second operator keeps one recorded secret valid: what the whole room is for.
//!
//! Per seed six turns are taken, of one operator or of two at once. A turn is a rotation, a revocation (two changes), a rotation
//! that something cannot follow and that is undone, or a recovery, by the account itself or over an administrative connection, with or without insisting, for one of two connections of the account, of which the store
//! learns on the way that they are one. It is dropped at some await (a crash: what was sent stays sent, what was being stored
//! is stored), or goes to its end. While one operator alone recovers, the name of the first target, where changes go, may lead to
//! another server, which lags. After each turn a secret that the store has must be the present one there: not the one before,
//! which signs in for an hour as well. In the end one recovery per transaction, over the administrative connection and
//! insisting, settles all of them (where a revocation lacks its second change, revoking again does), both connections have the valid password, and the account is not locked.
//!
//! Not interleaved here: processes of their own, disks and networks that fail (`tests/crash`), passwords that are set outside
//! (`claims`).

use std::sync::Arc;

use libretto::rotation::{Dependent, OnFailure};

use super::*;
use crate::{
    rotation::{
        abandoned::Cut,
        dependents::{Stand, broken, found, retry_over},
    },
    support::{chance::Chance, relay::Relay},
};

/// A lab, two connections of one account, and the name that both have for the first target.
struct World {
    rig: Rig,
    branch: Connection,
    relay: Relay,
    via: Via,
}

impl World {
    async fn new(chance: &mut Chance) -> Self {
        let flavour = if chance.below(2) == 0 { Flavour::Samba } else { Flavour::Windows };
        let rig = Rig::new(flavour, &[["replication=10ms", "replication=300ms"][chance.below(2) as usize]]);
        let relay = Relay::to(rig.lab.targets()[0].address).await;
        let branch = rig.add("branch", "LAB\\svc-libretto", rig.lab.service_account().1);
        let via = rig.via();
        Self { rig, branch, relay, via }
    }

    /// Of one of the connections, over the name that may lead elsewhere.
    fn request(&self, of_branch: bool) -> Request {
        let connection = if of_branch { "branch" } else { "corp" };
        let connection = connection::get(&self.rig.store, connection, &Scope::all()).unwrap();
        let mut request = Request { connection, ..self.rig.request() };
        request.endpoints[0] = request.endpoints[0].at(Target::parse(&self.relay.address().to_string()).unwrap());
        request
    }

    /// Whether the server that the changes go to has this password. One that does not even sign in is not asked for, and one
    /// that signs in next takes back what a wrong one has counted.
    async fn takes(&self, password: &Secret) -> bool {
        self.rig.says(1, password.expose()).await.is_empty() && self.rig.has(1, password.expose()).await
    }

    /// Which recorded password it has, that of the newest version first, of whichever connection. Two versions may hold the same.
    async fn valid(&self) -> Option<Secret> {
        for connection in [&self.rig.connection, &self.branch] {
            for one in credentials::history(&self.rig.store, connection).unwrap() {
                let password = password(&self.rig.store, connection, one.version);
                if self.takes(&password).await {
                    return Some(password);
                }
            }
        }
        None
    }
}

/// An operator, who acts by chance.
struct Operator(Chance);

impl Operator {
    fn one_in(&mut self, times: u64) -> bool {
        self.0.below(times) == 0
    }

    /// An operator's act, which may be cut short.
    async fn act(&mut self, world: &World, alone: bool) -> String {
        let (polls, over_admin, insist) = (self.0.below(90) as usize + 1, self.one_in(2), self.one_in(4));
        let via = over_admin.then(|| world.via.clone());
        let lockout = LockoutOptions { insist, ..LockoutOptions::default() };
        let (what, ended) = match open(&world.rig).first() {
            Some(_) if !self.one_in(3) => {
                let leads_to = usize::from(alone && self.one_in(2));
                world.relay.lead_to(world.rig.lab.targets()[leads_to].address);
                let recovery = Recovery { via, insist, lockout, ..recovery(&world.rig) };
                (
                    ["recover", "recover elsewhere"][leads_to],
                    Cut::after(settle(&recovery), polls).await.map(|ended| ended.map(drop)),
                )
            }
            _ => {
                let kind = self.0.below(4) as usize;
                let (pool, on_failure) = match kind {
                    0 => (Stand::failing("pool", &[broken]), OnFailure::Undo),
                    _ => (Stand::well("pool"), OnFailure::Keep),
                };
                let request = Request {
                    via,
                    insist,
                    lockout,
                    dependents: found(&[&pool]),
                    on_failure,
                    revoke: kind == 1,
                    ..world.request(self.one_in(2))
                };
                let polls = if kind < 2 { 2 * polls } else { polls };
                (
                    ["undo", "revoke", "rotate", "rotate"][kind],
                    Cut::after(run(&request), polls).await.map(|ended| ended.map(drop)),
                )
            }
        };
        world.relay.lead_to(world.rig.lab.targets()[0].address);
        let ended = match ended {
            None => "cut".to_owned(),
            Some(Ok(())) => "done".to_owned(),
            Some(Err(error)) => error.code().to_owned(),
        };
        format!("{what} {polls} {over_admin} {insist}: {ended}")
    }
}

async fn interleave(seed: u64) {
    let mut chance = Chance(seed);
    let world = World::new(&mut chance).await;
    let mut history = Vec::new();
    for _ in 0..6 {
        let (mut one, mut other) = (Operator(Chance(chance.below(u64::MAX))), Operator(Chance(chance.below(u64::MAX))));
        let said = if chance.below(3) == 0 {
            let (one, other) = tokio::join!(one.act(&world, false), other.act(&world, false));
            format!("{one} beside {other}")
        } else {
            one.act(&world, true).await
        };
        history.push(said);
        unlocked(&world.rig).await;
        history.push(world.rig.picture());
        assert!(world.valid().await.is_some(), "seed {seed}: no recorded secret is valid: {history:#?}");
    }
    settle_all(&world, seed, &history).await;
}

/// One that was cut short, and what an earlier one left of its targets.
async fn settle_all(world: &World, seed: u64, history: &[String]) {
    let rig = &world.rig;
    // Once per transaction, and once more for each that a revocation adds.
    for _ in 0..2 * open(rig).len() {
        if open(rig).is_empty() {
            break;
        }
        // Turns that were cut short may have spent the budget.
        let lockout = LockoutOptions { insist: true, ..LockoutOptions::default() };
        let recovery = Recovery { via: Some(world.via.clone()), lockout, ..recovery(rig) };
        let mut recovered = settle(&recovery).await;
        if recovered.as_ref().is_ok_and(|one| one.verdict == Verdict::Ok) {
            let pool = [Stand::well("pool") as Arc<dyn Dependent>];
            let handed = retry_over(rig, &recovery, &pool).await;
            recovered = recovered.map(|one| one.handed(handed));
        }
        // The second of two changes was not made.
        let error = recovered.as_ref().ok().and_then(|one| one.error.as_ref());
        if error.is_some_and(|error| error.code == "rotation.not_revoked") {
            revoke_again(world, seed, history).await;
            continue;
        }
        let is_settled = recovered.as_ref().is_ok_and(|one| one.verdict == Verdict::Ok);
        assert!(is_settled, "seed {seed}: {}: {recovered:?}: {history:#?}", rig.picture());
    }
    let valid = world.valid().await.unwrap();
    for connection in [&rig.connection, &world.branch] {
        let current = credentials::current(&rig.store, connection).unwrap().unwrap().version;
        let current = password(&rig.store, connection, current);
        assert_eq!(current.expose(), valid.expose(), "seed {seed}: {}: {history:#?}", rig.picture());
    }
    assert_settled(rig).await;
}

async fn revoke_again(world: &World, seed: u64, history: &[String]) {
    let request = Request {
        via: Some(world.via.clone()),
        insist: true,
        lockout: LockoutOptions { insist: true, ..LockoutOptions::default() },
        dependents: found(&[&Stand::well("pool")]),
        revoke: true,
        ..world.request(false)
    };
    let again = run(&request).await;
    assert!(again.as_ref().is_ok_and(|one| one.verdict == Verdict::Ok), "seed {seed}: {again:?}: {history:#?}");
}

#[tokio::test]
async fn any_interleaving_keeps_one_recorded_secret_valid() {
    let begin: u64 = std::env::var("LIBRETTO_SEED").map_or(20_260_301, |seed| seed.parse().unwrap());
    for seed in begin..begin + 60 {
        interleave(seed).await;
    }
}
