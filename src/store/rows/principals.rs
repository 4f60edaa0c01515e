//! Principals: the accounts that credentials belong to.

use rusqlite::{Connection, OptionalExtension};
use time::Duration;

use super::{ConnectionId, PrincipalId, account_name, credentials};
use crate::{
    error::{Error, Result},
    store::{failed, journal, locks::Holder, moment, query_one},
};

/// How long a replaced password still binds, over simple bind and NTLM (KB 906305).
pub const GRACE: Duration = Duration::hours(1);

/// By how much the clocks of a domain may differ (MS-KILE 3.1.1.2, the usual skew).
pub const SKEW: Duration = Duration::minutes(5);

/// Makes a provisional principal: one that no directory has been asked about yet.
pub(crate) fn insert(c: &Connection, kind: &str, domain: &str, label: &str) -> Result<PrincipalId> {
    c.prepare_cached("INSERT INTO principal (kind, domain, label) VALUES (?1, ?2, ?3)")
        .and_then(|mut insert| insert.insert((kind, domain, label)))
        .map(PrincipalId)
        .map_err(failed)
}

/// The principal of an app; made where there is none, with the domain of the connection that brings it.
pub(crate) fn of_app(c: &Connection, kind: &str, domain: &str, app: &str) -> Result<PrincipalId> {
    if let Some(known) = app_known(c, app)? {
        return Ok(known);
    }
    c.prepare_cached("INSERT INTO principal (kind, domain, label, app) VALUES (?1, ?2, ?3, ?3)")
        .and_then(|mut insert| insert.insert((kind, domain, app)))
        .map(PrincipalId)
        .map_err(failed)
}

/// The principal of an app, where there is one.
pub(crate) fn app_known(c: &Connection, app: &str) -> Result<Option<PrincipalId>> {
    c.prepare_cached("SELECT uid FROM principal WHERE app = ?1")
        .and_then(|mut query| query.query_row([app], |row| row.get(0)).optional())
        .map_err(failed)
}

/// The tenant that holds an app's application object, while it is known.
pub(crate) fn home_tenant(c: &Connection, principal: PrincipalId) -> Result<Option<String>> {
    query_one(c, "SELECT home_tenant FROM principal WHERE uid = ?1", [principal], |row| row.get(0)).map_err(failed)
}

/// An app's principal learns its home tenant, and that it is this app.
pub(crate) fn set_app(c: &Connection, principal: PrincipalId, app: &str, home_tenant: Option<&str>) -> Result<()> {
    let sql = "UPDATE principal SET app = ?2, home_tenant = coalesce(lower(?3), home_tenant) WHERE uid = ?1";
    c.execute(sql, (principal, app, home_tenant)).map(|_| ()).map_err(failed)
}

/// The principal itself, or the one that it was merged into.
pub(crate) fn surviving(c: &Connection, principal: PrincipalId) -> Result<PrincipalId> {
    let mut at = principal;
    while let Some(next) = query_one(c, "SELECT merged_into FROM principal WHERE uid = ?1", [at], |row| {
        row.get::<_, Option<PrincipalId>>(0)
    })
    .optional()
    .map_err(failed)?
    .flatten()
    {
        at = next;
    }
    Ok(at)
}

/// The principal that has this objectGUID (or cloud, tenant and app id).
pub(crate) fn by_guid(c: &Connection, guid: &str) -> Result<Option<PrincipalId>> {
    query_one(c, "SELECT uid FROM principal WHERE directory_guid = ?1", [guid], |row| row.get(0))
        .optional()
        .map_err(failed)
}

/// What the directory calls the principal; `None` while it is provisional.
pub(crate) fn guid(c: &Connection, principal: PrincipalId) -> Result<Option<String>> {
    query_one(c, "SELECT directory_guid FROM principal WHERE uid = ?1", [principal], |row| row.get(0)).map_err(failed)
}

/// What people call the account: the name that its current version signs in with, else the one that it came with.
pub(crate) fn account(c: &Connection, principal: PrincipalId) -> Result<String> {
    c.prepare_cached(
        "SELECT coalesce((SELECT username FROM credential WHERE principal = ?1 AND state = 'current'), label)
         FROM principal WHERE uid = ?1",
    )
    .and_then(|mut query| query.query_row([principal], |row| row.get(0)))
    .map_err(failed)
}

/// The domain that the principal is of, as its connection names it.
pub(crate) fn domain(c: &Connection, principal: PrincipalId) -> Result<String> {
    query_one(c, "SELECT domain FROM principal WHERE uid = ?1", [principal], |row| row.get(0)).map_err(failed)
}

/// All principals that may be the same account as this one, itself among them, in the order of their numbers: while its
/// objectGUID is unknown, those whose connections in the domain use the same name.
pub(crate) fn namesakes(c: &Connection, principal: PrincipalId, name: &str) -> Result<Vec<PrincipalId>> {
    let mut found = vec![principal];
    if guid(c, principal)?.is_none() {
        let (domain, name) = (domain(c, principal)?, account_name::bare(name));
        let mut query = c
            .prepare_cached("SELECT DISTINCT principal, username FROM connection WHERE domain = ?1 AND kind = 'ad'")
            .map_err(failed)?;
        let rows = query.query_map([domain], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).map_err(failed)?;
        let all: Vec<(PrincipalId, String)> = rows.collect::<Result<_, _>>().map_err(failed)?;
        found.extend(
            all.into_iter()
                .filter(|(_, username)| account_name::bare(username) == name)
                .map(|(principal, _)| principal),
        );
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Connections of the principal's domain whose account nobody has asked the directory about yet.
pub(crate) fn unsettled(c: &Connection, principal: PrincipalId) -> Result<Vec<(ConnectionId, String)>> {
    let domain = domain(c, principal)?;
    let mut query = c
        .prepare_cached(
            "SELECT c.id, c.username FROM connection c JOIN principal p ON p.uid = c.principal
             WHERE c.domain = ?1 AND c.kind = 'ad' AND p.directory_guid IS NULL AND p.uid <> ?2 ORDER BY c.id",
        )
        .map_err(failed)?;
    let rows = query.query_map((domain, principal), |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Who took the principal's lock last and has not given it back.
pub(crate) fn holder(c: &Connection, principal: PrincipalId) -> Result<Option<Holder>> {
    query_one(c, "SELECT lock_holder, lock_since FROM principal WHERE uid = ?1", [principal], |row| {
        let (who, since): (Option<String>, Option<String>) = (row.get(0)?, row.get(1)?);
        Ok(who.zip(since).map(|(who, since)| Holder { who, since }))
    })
    .map_err(failed)
}

/// A principal learns its objectGUID; the one that has it already takes it in. Answers the one that goes on.
pub(crate) fn learn(c: &Connection, principal: PrincipalId, learned: &str) -> Result<PrincipalId> {
    let principal = surviving(c, principal)?;
    let learned = learned.to_ascii_lowercase();
    match (guid(c, principal)?, by_guid(c, &learned)?) {
        (_, Some(known)) if known == principal => Ok(principal),
        (Some(other), _) => Err(Error::new(
            "connection.other_principal",
            format!("the directory answers {learned} for this account, and the store knows it as {other}"),
        )
        .hint(
            "an account that was deleted and made anew is another one: remove the connection and add it again (what is \
             stored of the old one is kept)",
        )),
        (None, Some(known)) => merge(c, principal, known).map(|()| known),
        (None, None) => {
            let sql = "UPDATE principal SET directory_guid = ?2 WHERE uid = ?1";
            c.execute(sql, (principal, learned)).map_err(failed)?;
            Ok(principal)
        }
    }
}

/// Takes a provisional principal into another. All its credential rows go on there; of two current ones the one that was
/// proven last stays, else the newer; what the directory tells of them is weighed before (`connection::same_account`). A proof within the hour in which a replaced password still binds is none.
fn merge(c: &Connection, from: PrincipalId, to: PrincipalId) -> Result<()> {
    journal::refuse_unfinished(c, from)?;
    journal::refuse_unfinished(c, to)?;
    if let (Some(mine), Some(theirs)) = (credentials::current(c, from)?, credentials::current(c, to)?) {
        let age = |one: &credentials::Credential, other| (proof(one, other), one.created_at.clone());
        let loser = if age(&mine, &theirs) > age(&theirs, &mine) { theirs } else { mine };
        credentials::set_state(c, loser.id, credentials::State::Previous)?;
    }
    credentials::move_all(c, from, to)?;
    for sql in [
        "UPDATE connection SET principal = ?2 WHERE principal = ?1",
        "UPDATE attempt SET principal = ?2 WHERE principal = ?1",
        "UPDATE OR IGNORE lockout SET principal = ?2 WHERE principal = ?1",
        "UPDATE rotation SET principal = ?2 WHERE principal = ?1",
        "UPDATE principal SET merged_into = ?2, lock_holder = NULL, lock_since = NULL, app = NULL WHERE uid = ?1",
    ] {
        c.execute(sql, (from, to)).map_err(failed)?;
    }
    Ok(())
}

/// When `one` was proven, unless `other` may have been set in the directory less than an hour before: the password that a
/// change replaces still binds for that long, so its sign-in proves nothing. One that somebody else has set and that was
/// accepted was set by the time that it was stored.
fn proof(one: &credentials::Credential, other: &credentials::Credential) -> Option<String> {
    let proven = one.proven_at.as_ref()?;
    let set = other.sent_at.as_ref().or(other.proven_at.as_ref().map(|_| &other.created_at));
    let graced = set.is_some_and(|set| set < proven && moment::before(proven, GRACE + SKEW) < *set);
    (!graced).then(|| proven.clone())
}
