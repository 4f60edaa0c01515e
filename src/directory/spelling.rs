//! Which of many names may mean one account. The directory alone knows how it compares names, so it is asked; but with one
//! search for a hundred of them, as most mean somebody else.

use super::{
    filter,
    principal::{Form, Principal, form},
    session::Session,
    wire::Scope,
};
use crate::error::Result;

/// How many names one filter holds.
const AT_ONCE: usize = 100;

/// The places in `names` of those that may mean the account: [`resolve`](super::resolve) tells which do. Two connections
/// that share an account cost some ten searches more, and one that names it by a DN is always among the answers.
///
/// # Errors
/// Those of a search.
pub async fn may_mean(session: &Session, account: &Principal, names: &[&str]) -> Result<Vec<usize>> {
    let (mut found, mut asked) = (Vec::new(), Vec::new());
    for (place, name) in names.iter().enumerate() {
        match clause(name.trim(), account) {
            Clause::Means => found.push(place),
            Clause::Ask(clause) => asked.push((place, clause)),
            Clause::Other => {}
        }
    }
    let mut open: Vec<_> = asked.chunks(AT_ONCE).collect();
    while let Some(some) = open.pop() {
        if !any(session, account, some).await? {
            continue;
        }
        match some {
            [(place, _)] => found.push(*place),
            some => open.extend([&some[..some.len() / 2], &some[some.len() / 2..]]),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// What a name asks of the account.
enum Clause {
    /// It may be the account's.
    Means,
    /// It is if this matches.
    Ask(String),
    /// It is not.
    Other,
}

fn clause(name: &str, account: &Principal) -> Clause {
    let sam = |user: &str| filter::equals("sAMAccountName", user);
    match form(name) {
        _ if name.is_empty() => Clause::Other,
        Form::Dn => Clause::Means,
        Form::Guid(guid) if guid == account.guid => Clause::Means,
        Form::Guid(_) => Clause::Other,
        Form::Upn(user, _) => Clause::Ask(format!("{}{}", filter::equals("userPrincipalName", name), sam(user))),
        Form::Domain(_, user) => Clause::Ask(sam(user)),
        Form::Plain => Clause::Ask(sam(name)),
    }
}

async fn any(session: &Session, account: &Principal, clauses: &[(usize, String)]) -> Result<bool> {
    let clauses: String = clauses.iter().map(|(_, clause)| clause.as_str()).collect();
    let found = session.find(&account.dn, Scope::Base, &format!("(|{clauses})"), &["objectGUID"], 1).await?;
    Ok(!found.entries.is_empty())
}
