//! What sessions tell of lockout is remembered: the next wrong password must be one that the account can take.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    connection::{Connection, credentials as stored},
    directory::{self, Account, Policy, Session, policy::Lockout},
    error::Result,
    rotation::lockout::learn,
    script::context::Context,
    store::{Store, lockout, rows::PrincipalId},
};

/// Rules that were seen so recently are not asked for again.
const FRESH: Duration = Duration::from_hours(24);

/// Whether the rules of a principal were looked at lately.
pub(super) fn is_fresh(store: &Store, principal: PrincipalId) -> Result<bool> {
    lockout::seen_within(store, principal, FRESH)
}

/// Remembers the rules of the connection's domain.
pub(super) async fn of_domain(context: &Context, connection: &Connection, seen: Option<Lockout>) -> Result<()> {
    let (Some(seen), principal) = (seen, connection.principal) else { return Ok(()) };
    context.blocking(move |context| lockout::learn_domain(&context.world.store, principal, seen.into())).await
}

/// Remembers the policy of an account of the connection's domain.
pub(super) async fn of_account(context: &Context, connection: &Connection, guid: &str, policy: &Policy) -> Result<()> {
    let (guid, policy, of_domain) = (guid.to_owned(), policy.clone(), connection.principal);
    context
        .blocking(move |context| {
            let store = &context.world.store;
            learn(store, stored::principal_of(store, &guid)?, of_domain, &policy)
        })
        .await
}

/// Reads the rules of the account that has signed in on this session, unless they were read lately.
pub(super) async fn look(context: &Context, connection: &Connection, session: &Session, name: &str) {
    let principal = connection.principal;
    let fresh = context.blocking(move |context| is_fresh(&context.world.store, principal));
    if fresh.await.unwrap_or(false) {
        return;
    }
    let is_its_own = name.eq_ignore_ascii_case(&connection.username);
    let looked = async {
        let account = directory::resolve(session, name).await?;
        let policy = directory::policy(session, &account.dn).await?;
        context
            .blocking(move |context| {
                let store = &context.world.store;
                let known = stored::principal_of(store, &account.guid)?.or(is_its_own.then_some(principal));
                learn(store, known, principal, &policy)
            })
            .await
    };
    // What may not be read is assumed.
    if let Err(error) = looked.await {
        tracing::debug!(connection = connection.name, "the lockout rules are not known: {error}");
    }
}

/// Remembers for this run how many wrong passwords a controller has counted, also those that others have sent.
pub(super) async fn counted(context: &Context, connection: &Connection, account: &Account) {
    let wrong = account.bad_pwd_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    let principal = connection.principal;
    let assumed = context.world.config.lockout.rules();
    let known = context.blocking(move |context| lockout::applying(&context.world.store, principal, assumed)).await;
    let rules = known.map_or(assumed, |known| known.rules);
    let last = account.bad_password_time.as_deref().and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok());
    // A count outlives its window in the directory, but counts no more.
    if last.is_none_or(|last| OffsetDateTime::now_utc() - last <= rules.window) {
        context.world.accounts.counted(&account.principal.guid, wrong);
    }
}
