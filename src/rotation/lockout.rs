//! What a rotation does about lockout: the rules are remembered whenever they are read, and every sign-in goes by them.

use std::time::Duration;

use super::{books::Books, request::Via};
use crate::{
    directory::{self, FineGrained, PasswordPolicy, Policy, Session, policy::Lockout},
    error::Result,
    store::{
        Store,
        lockout::{self, Rules},
        rows::PrincipalId,
    },
};

/// How careful a rotation is with sign-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutOptions {
    /// The rules to go by where none were ever seen.
    pub assumed: Rules,
    /// Sign in although the budget is spent.
    pub insist: bool,
}

impl Default for LockoutOptions {
    fn default() -> Self {
        Self { assumed: Rules::ASSUMED, insist: false }
    }
}

impl From<Lockout> for Rules {
    fn from(seen: Lockout) -> Self {
        Self::of_seconds(seen.threshold, seen.window, seen.duration)
    }
}

impl From<&PasswordPolicy> for Rules {
    fn from(policy: &PasswordPolicy) -> Self {
        Self::of_seconds(policy.lockout_threshold, policy.lockout_window, policy.lockout_duration)
    }
}

/// Remembers what a policy says of an account and of its domain. Where a fine-grained one applies, or may, that could not be
/// read, the domain's rules are not taken for the account's.
/// `of_domain`: any principal of the same domain, where the account itself is none that the store knows. Blocks.
pub fn learn(store: &Store, account: Option<PrincipalId>, of_domain: PrincipalId, policy: &Policy) -> Result<()> {
    let rules = Rules::from(&policy.rules);
    match (&policy.fine_grained, account) {
        (FineGrained::Applies { .. } | FineGrained::None, Some(account)) => {
            lockout::learn_principal(store, account, rules)?;
        }
        (FineGrained::Unknown { dn, .. }, Some(account)) => {
            lockout::doubt_principal(store, account, rules, dn.is_some())?;
        }
        (_, None) => {}
    }
    match policy.fine_grained {
        FineGrained::Applies { .. } => Ok(()),
        FineGrained::None | FineGrained::Unknown { .. } => lockout::learn_domain(store, of_domain, rules),
    }
}

/// Rules that were seen so recently are not asked for again.
const FRESH: Duration = Duration::from_hours(24);

/// The administrative account may have a policy of its own as well; looked at once a day, over whichever session there is.
pub(super) async fn look_at(session: &Session, via: &Via, books: &Books, of_domain: PrincipalId) {
    let principal = via.principal;
    let looked = async {
        if books.with(move |books| lockout::seen_within(&books.store, principal, FRESH)).await? {
            return Ok(());
        }
        let account = directory::resolve(session, &via.identity.name).await?;
        let policy = directory::policy(session, &account.dn).await?;
        books.with(move |books| learn(&books.store, Some(principal), of_domain, &policy)).await
    };
    // What may not be read is assumed.
    let looked: Result<()> = looked.await;
    if let Err(error) = looked {
        tracing::debug!(connection = via.connection, "the lockout rules are not known: {error}");
    }
}

/// The rules to go by where a controller's count is looked at: those of a policy that may be the wrong one, or the assumed
/// ones where they are stricter.
pub(super) fn going_by(policy: &Policy, assumed: Rules) -> Rules {
    let rules = Rules::from(&policy.rules);
    if policy.is_certain() { rules } else { rules.stricter(assumed) }
}
