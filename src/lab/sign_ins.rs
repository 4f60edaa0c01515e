//! What was signed in with, and where: for tests that count it.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use zeroize::Zeroizing;

use crate::secret::Secret;

/// So many are kept: a lab may run for days.
const KEPT: usize = 10_000;

/// One sign-in.
struct SignIn {
    target: usize,
    password: Zeroizing<String>,
    accepted: bool,
}

/// The latest sign-ins of all targets, the oldest first.
#[derive(Clone, Default)]
pub(super) struct SignIns(Arc<Mutex<VecDeque<SignIn>>>);

impl fmt::Debug for SignIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIns")
    }
}

impl SignIns {
    pub(super) fn add(&self, target: usize, password: Zeroizing<String>, accepted: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == KEPT {
            all.pop_front();
        }
        all.push_back(SignIn { target, password, accepted });
    }

    pub(super) fn of(&self, password: &Secret) -> Vec<(usize, bool)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let with = all.iter().filter(|one| one.password.as_str() == password.expose());
        with.map(|one| (one.target, one.accepted)).collect()
    }
}
