//! Groups: whose member an account is, and joining and leaving.

use serde::Serialize;

use super::{
    account::gone,
    entry::Entry,
    filter,
    outcome::Operation,
    principal::{self, Principal, PrincipalKind},
    session::{Session, value},
    wire::{Change, Scope},
};
use crate::error::{Error, Result};

/// The matching rule that follows membership through groups in groups (MS-ADTS 3.1.1.3.4.4.3).
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// More groups than any account can be in (1,015 fit into a token).
const MOST: usize = 10_000;

const ATTRIBUTES: &[&str] = &["sAMAccountName", "objectSid", "groupType"];

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Group {
    /// Its name, `DOMAIN\this`.
    pub name: String,
    /// Its DN.
    pub dn: String,
    /// Its SID.
    pub sid: Option<String>,
    /// Whether it gives rights; otherwise it is for mail only.
    pub security: bool,
    /// Whether it is the account's primary group, of which it is a member without being listed there.
    pub primary: bool,
}

/// The groups that the object `dn` is in, by name: directly, or with `nested` also through other groups.
pub async fn groups(session: &Session, dn: &str, nested: bool) -> Result<Vec<Group>> {
    let entry = session.read(dn, &["objectSid", "primaryGroupID"]).await?.ok_or_else(|| gone(dn))?;
    let base = session.base().await?.to_owned();
    let primary = primary_group(session, &base, &entry).await?;
    let rule = if nested { format!("member:{IN_CHAIN}:") } else { "member".to_owned() };
    let mut members = vec![filter::equals(&rule, &entry.dn)];
    if let Some(primary) = primary.as_ref().filter(|_| nested) {
        members.push(filter::equals(&rule, &primary.dn));
    }
    let filter = format!("(&(objectClass=group)(|{}))", members.concat());
    let found = session.find(&base, Scope::Subtree, &filter, ATTRIBUTES, MOST).await?;
    let mut groups: Vec<Group> = found.entries.iter().map(|entry| group(entry, false)).collect();
    if let Some(primary) = primary {
        groups.retain(|group| group.dn != primary.dn);
        groups.push(group(&primary, true));
    }
    groups.sort();
    Ok(groups)
}

async fn primary_group(session: &Session, base: &str, entry: &Entry) -> Result<Option<Entry>> {
    let Some(sid) = primary_sid(entry) else { return Ok(None) };
    let filter = filter::equals("objectSid", &sid);
    Ok(session.find(base, Scope::Subtree, &filter, ATTRIBUTES, 1).await?.entries.into_iter().next())
}

fn group(entry: &Entry, primary: bool) -> Group {
    /// `groupType`: a security group (MS-ADTS 2.2.12).
    const SECURITY: i64 = 0x8000_0000;
    Group {
        name: entry.text("sAMAccountName").unwrap_or_else(|| entry.dn.clone()),
        dn: entry.dn.clone(),
        sid: entry.text("objectSid"),
        security: entry.number("groupType").unwrap_or(0) & SECURITY != 0,
        primary,
    }
}

/// Finds the group that `name` means, in any way that [`principal::resolve`] takes.
///
/// # Errors
/// `ad.not_found`, `ad.not_a_group`.
pub async fn resolve_group(session: &Session, name: &str) -> Result<Principal> {
    let target = session.target().to_string();
    let found = principal::resolve(session, name).await.map_err(|error| match error.code() {
        "ad.not_found" => Error::new("ad.not_found", format!("there is no group '{name}' in the directory"))
            .hint("check the name; a group that the signed-in account may not see looks the same")
            .with("target", target.clone()),
        _ => error,
    })?;
    if found.kind == PrincipalKind::Other {
        return Ok(found);
    }
    Err(Error::new("ad.not_a_group", format!("'{name}' is an account, not a group: {}", found.dn))
        .hint("the group is named after the user: ad::add_to_group(conn, user, group)")
        .with("target", target))
}

/// Makes `member` a member of `group` (both DNs); `false` when it was one already.
pub async fn add_to_group(session: &Session, group: &str, member: &str) -> Result<bool> {
    write(session, group, Change::Add("member", value(member)), "ad.already_there").await
}

/// Takes `member` out of `group` (both DNs); `false` when it was not in it.
///
/// # Errors
/// `ad.primary_group`: it is in it without being listed, and nobody can be taken out of that one.
pub async fn remove_from_group(session: &Session, group: &str, member: &str) -> Result<bool> {
    let removed = write(session, group, Change::Delete("member", value(member)), "ad.not_there").await?;
    if !removed && is_primary(session, group, member).await? {
        return Err(Error::new("ad.primary_group", format!("{group} is the primary group of {member}"))
            .hint("make another group that it is in its primary group first (primaryGroupID), then take it out"));
    }
    Ok(removed)
}

/// Whether `group` is the primary group of `member` (both DNs).
async fn is_primary(session: &Session, group: &str, member: &str) -> Result<bool> {
    let Some(entry) = session.read(member, &["objectSid", "primaryGroupID"]).await? else { return Ok(false) };
    let Some(wanted) = primary_sid(&entry) else { return Ok(false) };
    let group = session.read(group, &["objectSid"]).await?;
    Ok(group.and_then(|group| group.text("objectSid")).is_some_and(|sid| sid == wanted))
}

/// The primary group is named by a relative identifier only; its SID is the domain's with that at the end.
fn primary_sid(entry: &Entry) -> Option<String> {
    let (sid, relative) = (entry.text("objectSid")?, entry.number("primaryGroupID")?);
    let (domain, _) = sid.rsplit_once('-')?;
    Some(format!("{domain}-{relative}"))
}

async fn write(session: &Session, group: &str, change: Change, nothing_to_do: &str) -> Result<bool> {
    match session.modify(Operation::Modify, group, &[change]).await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == nothing_to_do => Ok(false),
        Err(error) => Err(error),
    }
}
