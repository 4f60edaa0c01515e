//! The account as the pinned target shows it, the policy that applies to it, and the password that is to be its next.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    books::Books,
    former, lockout,
    request::{Mode, Request},
    rules::Names,
    standing, stored,
    stored::Stored,
};
use crate::{
    connection::{credentials, same_account},
    directory::{self, Account, FineGrained, Policy, Principal, Session, filter},
    error::{Error, Result},
    store::rows::{ConnectionId, PrincipalId},
};

/// The code of: the connection has another current version than the one that has just signed in.
pub(super) const REPLACED: &str = "rotation.credential_replaced";

/// What is known of the account.
pub(super) struct Known {
    pub(super) account: Account,
    pub(super) names: Names,
    /// `None` when it may not be read.
    pub(super) policy: Option<Policy>,
    /// The name from now on.
    pub(super) username: String,
    /// Whether it is another account than the connection's.
    pub(super) other_account: bool,
    /// What could not be read, in words.
    pub(super) doubts: Vec<String>,
}

/// Resolves the account to its objectGUID, tells the store, and reads what is to be known.
pub(super) async fn read(session: &Session, request: &Request, stored: &mut Stored, books: &Books) -> Result<Known> {
    let own_name = stored.current.as_ref().map_or(&request.connection.username, |current| &current.username).clone();
    let username = request.username.clone().unwrap_or_else(|| own_name.clone());
    let found = directory::resolve(session, &username).await?;
    let other_account = !username.eq_ignore_ascii_case(&own_name) && !is(session, &own_name, &found.guid).await?;
    if other_account && request.via.is_none() {
        return Err(Error::new(
            "rotation.other_account",
            format!("{username} is another account than {own_name}, and only its present password could change it"),
        )
        .hint("name an administrative connection (via), which can reset it; or set its password in the directory and store it with conn::set_credentials"));
    }
    if other_account {
        bind_all(stored, books, &found, session).await?;
        refuse_strangers(request, books, &found.guid).await?;
    } else {
        learn(request, stored, books, &found, session).await?;
    }
    let account = directory::account(session, &found.dn).await?;
    let (policy, mut doubts) = policy(session, &found.dn).await?;
    doubts.extend(policy.as_ref().filter(|_| request.via.is_none()).and_then(|policy| age_in_doubt(&account, policy)));
    remember(policy.as_ref(), stored, books, other_account).await?;
    if let Some(via) = &request.via {
        lockout::look_at(session, via, books, stored.principal).await;
    }
    let names = Names { account: found.sam_account_name.clone(), display: display_name(session, &found).await? };
    Ok(Known { account, names, policy, username, other_account, doubts })
}

/// Whether `name` is a name of this account; one that means nobody any more is not.
async fn is(session: &Session, name: &str, guid: &str) -> Result<bool> {
    match directory::resolve(session, name).await {
        Ok(account) => Ok(account.guid == guid),
        Err(error) if error.code() == "ad.not_found" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether `name` is a name of some other account.
pub(super) async fn means_another(session: &Session, name: &str, guid: &str) -> Result<bool> {
    match directory::resolve(session, name).await {
        Ok(account) => Ok(account.guid != guid),
        Err(error) if error.code() == "ad.not_found" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Connections that nobody has asked about yet may be of the other account: they are, once the directory says so. One that
/// somebody is at work on ends it, for that is work on the same account.
async fn bind_all(stored: &Stored, books: &Books, account: &Principal, session: &Session) -> Result<()> {
    let same = of_the_same(stored, books, account, session).await?;
    let (guid, set) = (account.guid.clone(), set(session, account).await);
    books
        .with(move |books| {
            if let Some(known) = credentials::principal_of(&books.store, &guid)?.filter(|_| !same.is_empty()) {
                books.lock(known)?;
            }
            for (connection, principal) in same {
                books.lock(principal)?;
                same_account::bind(&books.store, Some(&books.identity), connection, &guid, set)?;
            }
            Ok(())
        })
        .await
}

/// Another account than the connection's may be somebody's as well: all its connections get the new password.
async fn refuse_strangers(request: &Request, books: &Books, guid: &str) -> Result<()> {
    let (guid, scope, insist) = (guid.to_owned(), request.scope.clone(), request.insist);
    books
        .with(move |books| match credentials::principal_of(&books.store, &guid)? {
            Some(principal) => {
                let principal = books.lock(principal)?;
                stored::refuse_bystanders(books, principal, &scope, insist)
            }
            None => Ok(()),
        })
        .await
}

/// Tells the store whose account it is. The password that has just signed in is noted as proven first, so that it stays
/// the current one where two principals turn out to be one.
async fn learn(
    request: &Request,
    stored: &mut Stored,
    books: &Books,
    account: &Principal,
    session: &Session,
) -> Result<()> {
    let (connection, guid, scope, insist) =
        (request.connection.clone(), account.guid.clone(), request.scope.clone(), request.insist);
    let set = set(session, account).await;
    let proven = stored.old.as_ref().and(stored.current.as_ref()).map(|current| current.id);
    let on = session.target().to_string();
    let same = of_the_same(stored, books, account, session).await?;
    let mut learning = Stored { principal: stored.principal, current: stored.current.clone(), old: None };
    let learned = books
        .with(move |books| {
            if let Some(id) = proven {
                credentials::mark_proven(&books.store, id, &on)?;
            }
            for (connection, principal) in same {
                // One that somebody is at work on, that is another account by now, or whose password may be the valid one, is
                // left as it is.
                if books.lock(principal).is_ok() {
                    let _ = same_account::bind(&books.store, Some(&books.identity), connection, &guid, set);
                }
            }
            stored::learn(books, &mut learning, &connection, (&guid, set), &scope, insist)?;
            Ok(learning)
        })
        .await?;
    (stored.principal, stored.current) = (learned.principal, learned.current);
    match (proven, stored.current.as_ref().map(|current| current.id)) {
        (Some(signed_in), Some(current)) if signed_in != current => Err(Error::new(
            REPLACED,
            "the account is that of another connection, whose credential is newer and is used from now on",
        )
        .hint("do the same again")
        .retryable()),
        _ => Ok(()),
    }
}

/// When the account's password was set; what may not be read is not known.
async fn set(session: &Session, account: &Principal) -> Option<OffsetDateTime> {
    directory::pwd_last_set(session, &account.dn).await.ok().and_then(directory::ticks::moment)
}

/// Other connections of the domain that turn out to be of this account, however they spell its name: they get the new password
/// too, instead of being left with one that is no longer valid. All are asked about at once: there may be thousands that are
/// somebody else's.
async fn of_the_same(
    stored: &Stored,
    books: &Books,
    account: &Principal,
    session: &Session,
) -> Result<Vec<(ConnectionId, PrincipalId)>> {
    let principal = stored.principal;
    let maybe = books.with(move |books| credentials::unsettled(&books.store, principal)).await?;
    let names: Vec<&str> = maybe.iter().map(|(_, username)| username.as_str()).collect();
    let places = directory::may_mean(session, account, &names).await.unwrap_or_default();
    let mut same = Vec::new();
    for place in places {
        let (connection, ref username) = maybe[place];
        if is(session, username, &account.guid).await.unwrap_or(false) {
            let of = books.with(move |books| Ok(crate::connection::by_id(&books.store, connection)?.principal)).await?;
            same.push((connection, of));
        }
    }
    Ok(same)
}

async fn policy(session: &Session, dn: &str) -> Result<(Option<Policy>, Vec<String>)> {
    match directory::policy(session, dn).await {
        Ok(policy) => {
            let doubt = match &policy.fine_grained {
                FineGrained::Unknown { why, .. } => {
                    Some(format!("checked against the domain's password policy, which may not be the right one: {why}"))
                }
                FineGrained::None | FineGrained::Applies { .. } => None,
            };
            Ok((Some(policy), doubt.into_iter().collect()))
        }
        Err(error) if error.code() == "ad.no_rights" => Ok((
            None,
            vec!["the password policy may not be read, so the password is made for the strictest usual one".to_owned()],
        )),
        Err(error) => Err(error),
    }
}

/// What is said where the policy that is known forbids a change so soon, and is perhaps not the one that applies.
fn age_in_doubt(account: &Account, policy: &Policy) -> Option<String> {
    let from =
        standing::not_before(account, &policy.rules, OffsetDateTime::now_utc()).filter(|_| !policy.is_certain())?;
    Some(format!("by that policy its owner may change the password from {} on; the directory decides", text(from)))
}

/// Tells the store what wrong passwords do to the account, before the next is tried.
async fn remember(policy: Option<&Policy>, stored: &Stored, books: &Books, other_account: bool) -> Result<()> {
    let Some(policy) = policy.cloned() else { return Ok(()) };
    let principal = stored.principal;
    let account = (!other_account).then_some(principal);
    books.with(move |books| lockout::learn(&books.store, account, principal, &policy)).await
}

async fn display_name(session: &Session, account: &Principal) -> Result<Option<String>> {
    let Some(name) = &account.sam_account_name else { return Ok(None) };
    let filter = filter::equals("sAMAccountName", name);
    let found = directory::search(session, Some(&account.dn), &filter, &["displayName"], 1).await?;
    Ok(found.entries.first().and_then(|entry| entry.text("displayName")))
}

/// Refuses what preflight refuses of the account itself; else tells how its password is to be written.
///
/// An account that is younger than the minimum age and a domain administrator, as the article wants service accounts to
/// be, resets itself. Any other has to wait, or needs an administrative connection.
pub(super) async fn judge(known: &Known, request: &Request, books: &Books, session: &Session) -> Result<Mode> {
    refuse(known, request, session)?;
    if request.via.is_some() {
        return Ok(Mode::Reset);
    }
    let Some(policy) = known.policy.as_ref().filter(|policy| binds(policy, request)) else {
        return Ok(Mode::SelfChange);
    };
    let remembered = former::is_remembered(request, policy, books).await?;
    match standing::not_before(&known.account, &policy.rules, OffsetDateTime::now_utc()) {
        None if !remembered => Ok(Mode::SelfChange),
        _ if is_administrator(session, &known.account.principal.dn).await? => Ok(Mode::OwnReset),
        // What the domain's policy forbids, the one that applies may allow; a refusal of the directory loses nothing.
        _ if !policy.is_certain() => Ok(Mode::SelfChange),
        _ if remembered => Err(former::remembered(request, policy)),
        Some(from) => Err(too_young(from)),
        None => Ok(Mode::SelfChange),
    }
}

/// Whether the account is a domain administrator or an administrator of the domain's controllers, also through other
/// groups (well-known SIDs: MS-DTYP 2.4.2.4).
pub(super) async fn is_administrator(session: &Session, dn: &str) -> Result<bool> {
    const DOMAIN_ADMINS: u32 = 512;
    const ADMINISTRATORS: &str = "S-1-5-32-544";
    let groups = directory::groups(session, dn, true).await?;
    let sids = groups.iter().filter_map(|group| group.sid.as_deref());
    Ok(sids.into_iter().any(|sid| {
        sid == ADMINISTRATORS || (sid.starts_with("S-1-5-21-") && directory::sid::relative(sid) == Some(DOMAIN_ADMINS))
    }))
}

/// Refuses what is never rotated, what no password opens, and what a wrong one more would lock.
pub(super) fn refuse(known: &Known, request: &Request, session: &Session) -> Result<()> {
    let target = &session.target().to_string();
    standing::refuse_never_rotated(&known.account.principal, &known.username, request.insist)?;
    standing::refuse_barred(&known.account, request.via.is_some())?;
    let Some(policy) = &known.policy else { return Ok(()) };
    let rules = lockout::going_by(policy, request.lockout.assumed);
    standing::refuse_near_lockout(&known.account, &rules, target, (OffsetDateTime::now_utc(), spares(request)))
}

/// Whether a single wrong password that locks the account is no reason to leave it alone.
pub(super) fn spares(request: &Request) -> bool {
    request.via.is_some() || request.lockout.insist
}

/// Whether what breaks the policy is refused here. Where a fine-grained policy may apply that cannot be read, a run that
/// insists leaves it to the directory.
pub(super) fn binds(policy: &Policy, request: &Request) -> bool {
    policy.is_certain() || !request.insist
}

fn too_young(from: OffsetDateTime) -> Error {
    let from = text(from);
    Error::new(
        "rotation.too_young",
        format!("the password is younger than the policy's minimum age: its owner may change it from {from} on"),
    )
    .hint("wait until then, or name an administrative connection (via), whose reset does not wait")
    .with("not_before", from)
}

fn text(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}
