//! Who may use the Samba domain: many tests at once, or one that disturbs it.
//!
//! Tests run in threads. One that freezes a controller or holds back its replication would fail its neighbours, so it
//! waits until it is alone. A test's turn begins with its first look at the domain and ends with its thread; nobody has to
//! ask for it or give it back.

use std::{
    cell::RefCell,
    sync::{Condvar, Mutex},
    time::{Duration, Instant},
};

/// Longer than any test takes.
const PATIENCE: Duration = Duration::from_mins(5);

#[derive(Debug)]
struct Users {
    shared: usize,
    alone: bool,
    /// How many wait to be alone: newcomers let them go first.
    waiting: usize,
}

static USERS: Mutex<Users> = Mutex::new(Users { shared: 0, alone: false, waiting: 0 });
static CHANGED: Condvar = Condvar::new();

#[derive(Clone, Copy, PartialEq)]
enum Turn {
    Shared,
    Alone,
}

/// This thread's turn.
struct Held(Turn);

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

impl Drop for Held {
    fn drop(&mut self) {
        change(|users| match self.0 {
            Turn::Shared => users.shared -= 1,
            Turn::Alone => users.alone = false,
        });
    }
}

/// Takes part, beside other tests; returns at once where this thread has its turn already.
pub fn take_part() {
    HELD.with_borrow_mut(|held| {
        if held.is_none() {
            let enter = |users: &mut Users| users.shared += 1;
            wait_until(|users| !users.alone && users.waiting == 0, enter);
            *held = Some(Held(Turn::Shared));
        }
    });
}

/// Waits until no other test uses the domain, and keeps it alone until this thread ends.
pub fn be_alone() {
    HELD.with_borrow_mut(|held| {
        if held.as_ref().is_some_and(|held| held.0 == Turn::Alone) {
            return;
        }
        *held = None; // two that both waited for the other to leave would wait for ever
        change(|users| users.waiting += 1);
        let enter = |users: &mut Users| {
            users.waiting -= 1;
            users.alone = true;
        };
        wait_until(|users| !users.alone && users.shared == 0, enter);
        *held = Some(Held(Turn::Alone));
    });
}

fn change(how: impl FnOnce(&mut Users)) {
    how(&mut USERS.lock().unwrap());
    CHANGED.notify_all();
}

fn wait_until(free: impl Fn(&Users) -> bool, enter: impl FnOnce(&mut Users)) {
    let deadline = Instant::now() + PATIENCE;
    let mut users = USERS.lock().unwrap();
    while !free(&users) {
        let left = deadline.saturating_duration_since(Instant::now());
        let remedy = "call samba() on the test's own thread first";
        assert!(!left.is_zero(), "no turn at the Samba domain within {PATIENCE:?}: {remedy}");
        users = CHANGED.wait_timeout(users, left).unwrap().0;
    }
    enter(&mut users);
}
