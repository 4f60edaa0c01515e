//! Searches for scripts: by filter, and for one user by whatever name is at hand.

use serde::Serialize;

use super::{
    entry::Entry,
    filter,
    principal::{self, Principal},
    session::Session,
    wire::Scope,
};
use crate::error::Result;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SearchResult {
    /// The entries, at most as many as were asked for.
    pub entries: Vec<Entry>,
    /// Whether there are more.
    pub more: bool,
}

/// Searches below `base` (a DN; the domain when it is not given) for what matches `filter` (RFC 4515; values from outside
/// go through [`filter::escape`]). Without `attributes` all are returned that may be read. At most `limit` entries.
///
/// An attribute with more than 1,500 values comes as its first part, named e.g. `member;range=0-1499`
/// (MS-ADTS 3.1.1.3.1.3.3).
pub async fn search(
    session: &Session,
    base: Option<&str>,
    filter: &str,
    attributes: &[&str],
    limit: usize,
) -> Result<SearchResult> {
    let base = match base {
        Some(base) => base.to_owned(),
        None => session.base().await?.to_owned(),
    };
    let found = session.find(&base, Scope::Subtree, filter, attributes, limit).await?;
    Ok(SearchResult { entries: found.entries, more: found.more })
}

/// Finds one user by any name that [`principal::resolve`] takes, or else by mail address, common name or display name.
///
/// # Errors
/// `ad.not_found`, and `ad.ambiguous` when the name means several users.
pub async fn find_user(session: &Session, name: &str) -> Result<Principal> {
    match principal::resolve(session, name).await {
        Err(error) if error.code() == "ad.not_found" => {}
        outcome => return outcome,
    }
    let name = name.trim();
    let names: String = ["mail", "cn", "displayName"].iter().map(|attribute| filter::equals(attribute, name)).collect();
    let filter = format!("(&(objectCategory=person)(objectClass=user)(|{names}))");
    let found = principal::matching(session, &filter).await?;
    principal::only_one(&found, name, session)
}
