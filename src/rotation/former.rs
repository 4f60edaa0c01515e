//! Going back: the new password is that of an earlier version. All else is as in any rotation.

use super::{
    account::{self, Known},
    books::Books,
    request::Request,
    rules,
    stored::Stored,
};
use crate::{
    connection::{
        credentials::{self, Credential},
        former,
    },
    directory::{Policy, Session},
    error::{Error, Result},
    secret::Secret,
    store::rows::CredentialId,
};

/// Whether the directory surely, or perhaps, still remembers the password that is to come back. It forgets one after as
/// many changes as the policy's history is long; those that Libretto made are known.
pub(super) async fn is_remembered(request: &Request, policy: &Policy, books: &Books) -> Result<bool> {
    let Some(id) = request.candidate_of.filter(|_| policy.rules.history > 0) else { return Ok(false) };
    let (connection, length) = (request.connection.clone(), policy.rules.history as usize);
    books
        .with(move |books| {
            let back = credentials::by_id(&books.store, id)?;
            let versions = credentials::history(&books.store, &connection)?;
            let set_since =
                |one: &&Credential| one.version > back.version && one.sent_at.is_some() && one.proven_at.is_some();
            Ok(versions.iter().filter(set_since).count() < length)
        })
        .await
}

/// The earlier password, checked as a given one is, and its version's number.
pub(super) async fn password(
    id: CredentialId,
    known: &Known,
    request: &Request,
    stored: &Stored,
    books: &Books,
    session: &Session,
) -> Result<(Secret, u32)> {
    let (current, principal) = (stored.current.clone(), stored.principal);
    let (version, secret) = books
        .with(move |books| {
            let version = credentials::by_id(&books.store, id)?;
            if version.principal != principal {
                return Err(other_account(&version));
            }
            let secret = former::open(&books.store, &books.identity, &version, current.as_ref())?;
            Ok((version, secret))
        })
        .await?;
    refuse_other_account(&version, known, session).await?;
    let policy = known.policy.as_ref().filter(|policy| account::binds(policy, request));
    if let Some(why) = policy.and_then(|policy| rules::broken(secret.expose(), &policy.rules, &known.names)) {
        return Err(Error::new(
            "rotation.password_policy",
            format!("the password of version {} breaks the policy that applies now: {why}", version.version),
        )
        .hint("choose another version, or let a new password be made: libretto run reset_ad_creds rotate=true"));
    }
    Ok((secret, version.version))
}

/// A version of another user name is of the same account when that name still means it, or nobody any more: an account may
/// have been renamed, or be spelt in another way. Its name stays as it is now.
async fn refuse_other_account(version: &Credential, known: &Known, session: &Session) -> Result<()> {
    if version.username.eq_ignore_ascii_case(&known.username)
        || !account::means_another(session, &version.username, &known.account.principal.guid).await?
    {
        return Ok(());
    }
    Err(other_account(version))
}

fn other_account(version: &Credential) -> Error {
    Error::new(
        "rotation.other_account",
        format!("version {} is the password of {}, which is another account now", version.version, version.username),
    )
    .hint("choose a version of this account")
}

/// What to do where the current version, which was only given, does not sign in, and this one was proven.
pub(super) fn remedy(connection: &str, version: u32) -> String {
    format!(
        "the current version was never proven, and version {version} was: go back to it with `libretto connections rollback \
         {connection} --to {version}`, which changes nothing in the directory; or give the right password"
    )
}

/// The refusal of a change that the directory would refuse.
pub(super) fn remembered(request: &Request, policy: &Policy) -> Error {
    Error::new(
        "rotation.password_history",
        format!(
            "the directory remembers the last {} passwords of this account and lets its owner take none of them again",
            policy.rules.history
        ),
    )
    .hint(format!(
        "name an administrative connection, whose reset may: libretto connections edit {} --via ADMIN",
        request.connection.name
    ))
}
