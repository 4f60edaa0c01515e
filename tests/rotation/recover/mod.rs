//! Recovery: whatever a rotation left, one call finds out which password is valid and settles it.

mod abandoned;
mod abandoned_sequels;
mod behind;
mod claims;
mod counted;
mod given;
mod gone;
mod interleaved;
mod judging;
mod leftovers;
mod named;
mod read_only;
mod reading;
mod revoked;
mod servers;
mod spent;
mod stand_in;
mod targets;
mod unkept;
mod unseen;

pub use libretto::rotation::recover::Request as Recovery;
use libretto::rotation::recover::{LATE, Onlooker, Recovered, Unfinished, recover, unfinished};

use super::*;

/// Keeps what it is told; says that time is up when something is waited for.
#[derive(Default)]
pub struct Ear {
    pub told: Mutex<Vec<String>>,
    pub notes: Mutex<Vec<String>>,
    pub settled: Mutex<Vec<String>>,
    pub hurry_at_wait: Option<CancellationToken>,
}

impl Onlooker for Ear {
    fn told(&self, what: &str, note: &str) {
        self.told.lock().unwrap().push(what.to_owned());
        self.notes.lock().unwrap().push(note.to_owned());
        if let Some(hurry) = self.hurry_at_wait.as_ref().filter(|_| what == "wait") {
            hurry.cancel();
        }
    }

    fn target_ended(&self, report: &TargetReport) {
        self.told.lock().unwrap().push(format!("target {}", report.verdict));
    }

    fn settling<'a>(&'a self, done: &'a str) -> BoxFuture<'a, Result<()>> {
        self.settled.lock().unwrap().push(done.to_owned());
        Box::pin(async { Ok(()) })
    }
}

/// What there is to recover.
pub fn open(rig: &Rig) -> Vec<Unfinished> {
    unfinished(&rig.store, None, &Scope::all()).unwrap()
}

/// The recovery of the only open transaction; a write can land no later than 300 ms after it was sent.
pub fn recovery(rig: &Rig) -> Recovery {
    let found = open(rig).into_iter().next().expect("nothing is to be recovered");
    let settings = rig.connection.ad().unwrap();
    Recovery {
        store: rig.store.clone(),
        identity: seal::Identity::load(&rig.store).unwrap(),
        transaction: found.transaction,
        connection: found.connection,
        connections: found.connections,
        like: endpoints(settings, Limits::default()).swap_remove(0),
        targets: endpoints(settings, Limits::default()),
        named: None,
        via: None,
        who: "bob, run 8a40".to_owned(),
        run: None,
        password: None,
        insist: false,
        lockout: LockoutOptions::default(),
        wait: Duration::from_secs(20),
        late: Duration::from_millis(300),
        hurry: CancellationToken::new(),
    }
}

pub async fn settle(recovery: &Recovery) -> Result<Recovered> {
    recover(recovery, &Ear::default()).await
}

/// A rotation whose write is not answered: `hang:modify` does it, `lose:modify` does not.
pub async fn unanswered(flavour: Flavour, fault: &str) -> Rig {
    let rig = Rig::new(flavour, &[&format!("target:1={fault}"), "replication=30ms"]);
    let limits = Limits { operation: Duration::from_millis(500), ..Limits::default() };
    let request = request(&rig.store, &rig.connection, endpoints(rig.connection.ad().unwrap(), limits));
    assert_eq!(run(&request).await.unwrap_err().code(), "rotation.unsettled");
    rig
}

/// What the journal has happened so many minutes earlier, the write too.
pub fn earlier(rig: &Rig, minutes: u32) {
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    for (table, time) in [("rotation_event", "at"), ("credential", "sent_at")] {
        let sql = format!("UPDATE {table} SET {time} = strftime('%Y-%m-%dT%H:%M:%fZ', {time}, '-{minutes} minutes')");
        raw.execute(&sql, ()).unwrap();
    }
}

/// The secrets that were tried on the pinned target, in order: `2 accepted`.
pub fn tried(rig: &Rig) -> Vec<String> {
    let principal = credentials::current(&rig.store, &rig.connection).unwrap().unwrap().principal;
    let Some(rotation) = journal::history(&rig.store, principal).unwrap().into_iter().next() else { return Vec::new() };
    let events = journal::events(&rig.store, &rotation.id).unwrap();
    let tried = events.iter().filter(|event| event.what == "tried");
    tried.map(|event| format!("{} {}", event.data["version"], event.data["answer"].as_str().unwrap())).collect()
}

/// The store and the directory agree: nothing is open, and the current password is the one that the directory has.
pub async fn assert_settled(rig: &Rig) {
    let picture = rig.picture();
    assert!(open(rig).is_empty(), "{picture}");
    assert_valid(rig, &[1]).await;
    let versions = credentials::history(&rig.store, &rig.connection).unwrap();
    assert!(versions.iter().all(|one| one.sent_at.is_none() || one.state.as_str() != "candidate"), "{picture}");
}

/// The current password is the one that these targets have. An hour passes first, in which the one before signs in as well:
/// a test ends with this.
pub async fn assert_valid(rig: &Rig, targets: &[usize]) {
    rig.clock.advance(Duration::from_mins(61));
    let current = credentials::current(&rig.store, &rig.connection).unwrap().unwrap();
    for target in targets {
        let said = rig.says(*target, rig.password(current.version).expose()).await;
        assert_eq!(said, "", "target {target}: {}", rig.picture());
    }
}

/// Waits until nobody holds the account's lock: a store call that was under way is done then.
pub async fn unlocked(rig: &Rig) {
    crate::lab::until("the lock is free", || async {
        libretto::store::locks::PrincipalLock::take(&rig.store, rig.connection.principal, "test").is_ok()
    })
    .await;
}

#[test]
fn a_late_write_is_waited_for_as_long_as_a_controller_works_at_one() {
    assert_eq!(LATE, Duration::from_secs(130));
}
