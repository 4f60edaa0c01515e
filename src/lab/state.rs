//! The directory's state: one copy per target, and the writes that travel between them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicU32},
    time::Duration,
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::Instant,
};
use uuid::Uuid;

use super::{
    Flavour,
    clock::{Clock, generalised},
    dn::Dn,
    entry::{Entry, Password, Values},
    sign_ins::SignIns,
};

/// The whole directory. All targets live in one process, so one lock serves them all; it is never held over an await.
pub(super) struct Directory {
    pub flavour: Flavour,
    pub clock: Clock,
    /// Whether a target asks the first one, the PDC emulator, before it refuses a password.
    pub pdc_forward: bool,
    /// Whether the policy's attributes are hidden.
    pub policy_hidden: bool,
    /// The targets, from 0, that are read-only controllers.
    pub read_only: Vec<usize>,
    /// What was signed in with so far.
    pub sign_ins: SignIns,
    /// How many more new passwords a password filter refuses.
    pub filter_refuses: AtomicU32,
    /// How long a write takes to the other targets; `None`: for ever.
    delay: Option<Duration>,
    outbox: UnboundedSender<Shipment>,
    world: Mutex<World>,
}

/// What the lock guards.
pub(super) struct World {
    /// Each target's own copy of all objects, in the same order.
    pub copies: Vec<Vec<Entry>>,
    stamp: u64,
}

/// One changed thing of one object, as it travels.
#[derive(Clone)]
pub(super) enum Change {
    /// An attribute's new values.
    Set(&'static str, Values),
    /// A name that joined or left a linked attribute such as `member`.
    Link(&'static str, String, bool),
    /// The passwords, the current one first, and how many times one was set.
    Passwords(Vec<Password>, u32),
}

/// Changes on their way to the other targets.
pub(super) struct Shipment {
    due: Instant,
    origin: usize,
    object: Uuid,
    stamp: u64,
    changes: Vec<Change>,
}

impl Directory {
    /// A directory whose targets all start with the same objects, and what [`Directory::replicate`] needs.
    pub(super) fn new(
        flavour: Flavour,
        clock: Clock,
        delay: Option<Duration>,
        objects: &[Entry],
        targets: usize,
    ) -> (Self, UnboundedReceiver<Shipment>) {
        let (outbox, inbox) = unbounded_channel();
        let world = Mutex::new(World { copies: vec![objects.to_vec(); targets], stamp: 0 });
        let filter_refuses = AtomicU32::new(0);
        let (read_only, sign_ins) = (Vec::new(), SignIns::default());
        let directory = Self {
            flavour,
            clock,
            pdc_forward: false,
            policy_hidden: false,
            read_only,
            sign_ins,
            filter_refuses,
            delay,
            outbox,
            world,
        };
        (directory, inbox)
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        // A panic in one connection's task must not take the directory from the others.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies changes to an object on one target and sends them on their way to the others.
    pub(super) fn write(&self, world: &mut World, target: usize, object: Uuid, changes: Vec<Change>) {
        world.stamp += 1;
        let stamp = world.stamp;
        let now = self.clock.ticks();
        world.apply(target, object, &changes, stamp, now);
        if let Some(delay) = self.delay {
            let due = Instant::now() + delay;
            // The receiver is gone only when the lab is ending.
            let _ = self.outbox.send(Shipment { due, origin: target, object, stamp, changes });
        }
    }

    /// Delivers what is on its way, each when it is due. The delay is the same for all, so the queue is in order.
    pub(super) async fn replicate(&self, mut inbox: UnboundedReceiver<Shipment>) {
        while let Some(shipment) = inbox.recv().await {
            tokio::time::sleep_until(shipment.due).await;
            let now = self.clock.ticks();
            let mut world = self.world();
            for target in (0..world.copies.len()).filter(|target| *target != shipment.origin) {
                world.apply(target, shipment.object, &shipment.changes, shipment.stamp, now);
            }
        }
    }
}

impl World {
    /// The number of the latest write, for `highestCommittedUSN`.
    pub(super) fn stamp(&self) -> u64 {
        self.stamp
    }

    fn apply(&mut self, target: usize, object: Uuid, changes: &[Change], stamp: u64, now: i64) {
        let Some(entry) = self.copies[target].iter_mut().find(|entry| entry.guid == object) else { return };
        for change in changes {
            match change {
                Change::Set(name, values) => entry.set(name, values.clone(), stamp),
                Change::Link(name, value, present) => entry.link(name, value, *present),
                Change::Passwords(passwords, changes) => {
                    if let Some(login) = entry.login.as_mut().filter(|login| login.password_stamp <= stamp) {
                        login.passwords.clone_from(passwords);
                        login.password_stamp = stamp;
                        login.password_changes = *changes;
                    }
                }
            }
        }
        entry.set("whenChanged", vec![generalised(now).into_bytes()], stamp);
        entry.set("uSNChanged", vec![stamp.to_string().into_bytes()], stamp);
    }
}

/// The object with this name, in one copy.
pub(super) fn find<'a>(copy: &'a [Entry], dn: &Dn) -> Option<&'a Entry> {
    copy.iter().find(|entry| entry.dn == *dn)
}

/// All groups that an account is in, directly or through others, its primary group included.
pub(super) fn groups_of<'a>(copy: &'a [Entry], account: &Entry) -> Vec<&'a Entry> {
    let primary = account.text("primarygroupid").unwrap_or_default();
    let mut found: Vec<&Entry> = copy
        .iter()
        .filter(|entry| entry.is_a("group"))
        .filter(|group| has_member(group, &account.dn) || is_primary(group, primary))
        .collect();
    let mut next = 0;
    while let Some(inner) = found.get(next).copied() {
        next += 1;
        for group in copy.iter().filter(|entry| entry.is_a("group") && has_member(entry, &inner.dn)) {
            if !found.iter().any(|known| known.guid == group.guid) {
                found.push(group);
            }
        }
    }
    found
}

/// Whether a group names an object as its member.
pub(super) fn has_member(group: &Entry, dn: &Dn) -> bool {
    group
        .values("member")
        .iter()
        .any(|value| std::str::from_utf8(value).ok().and_then(Dn::parse).is_some_and(|member| member == *dn))
}

/// A primary group is named by the last part of its identifier and not listed in `member` (MS-ADTS 3.1.1.4.5.19).
pub(super) fn is_primary(group: &Entry, rid: &str) -> bool {
    let Ok(rid) = rid.parse::<u32>() else { return false };
    group.values("objectsid").iter().any(|sid| sid.len() == 28 && sid.ends_with(&rid.to_le_bytes()))
}
