//! An account's state, decoded; and the three switches: unlock, enable, disable.

use serde::Serialize;
use time::OffsetDateTime;

use super::{
    entry::Entry,
    outcome::Operation,
    principal::{self, Principal},
    session::{Session, value},
    ticks,
    wire::Change,
};
use crate::error::{Error, Result};

/// Bits of `userAccountControl` and of its computed companion (MS-ADTS 2.2.16, 3.1.1.4.5.17).
mod flag {
    pub(super) const DISABLED: i64 = 0x2;
    pub(super) const LOCKED: i64 = 0x10;
    pub(super) const PASSWORD_NOT_REQUIRED: i64 = 0x20;
    pub(super) const PASSWORD_NEVER_EXPIRES: i64 = 0x1_0000;
    pub(super) const SMARTCARD_REQUIRED: i64 = 0x4_0000;
    pub(super) const PASSWORD_EXPIRED: i64 = 0x80_0000;
}

const STATE: &[&str] = &[
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "msDS-UserPasswordExpiryTimeComputed",
    "lockoutTime",
    "accountExpires",
    "pwdLastSet",
    "badPwdCount",
    "badPasswordTime",
];

/// An account's state on one controller. `null` stands for what may not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Who it is.
    #[serde(flatten)]
    pub principal: Principal,
    /// Switched off by an administrator.
    pub disabled: Option<bool>,
    /// Locked out now, after too many bad passwords.
    pub locked: Option<bool>,
    /// When the last lockout began, RFC 3339; `null` when there is none. It outlives the lockout.
    pub lockout_time: Option<String>,
    /// The account's expiry date has passed.
    pub expired: bool,
    /// The account's expiry date, RFC 3339; `null` for never.
    pub expires: Option<String>,
    /// The password must be changed before the next sign-in.
    pub must_change_password: Option<bool>,
    /// The password is older than the policy allows. Also true while it must be changed.
    pub password_expired: Option<bool>,
    /// When the password will be too old, RFC 3339; `null` for never or unknown.
    pub password_expires: Option<String>,
    /// The policy's maximum age does not apply.
    pub password_never_expires: Option<bool>,
    /// The account may have an empty password.
    pub password_not_required: Option<bool>,
    /// Only a smart card signs in; the password is random then.
    pub smartcard_required: Option<bool>,
    /// When the password was set, RFC 3339; `null` when it must be changed or may not be read.
    pub pwd_last_set: Option<String>,
    /// How old the password is, in seconds by this machine's clock; `null` as before.
    pub password_age: Option<i64>,
    /// Bad passwords counted on this controller since the last good one. Each controller counts its own.
    pub bad_pwd_count: Option<i64>,
    /// When the last bad password came to this controller, RFC 3339.
    pub bad_password_time: Option<String>,
}

/// Reads the state of the account `dn`.
pub async fn account(session: &Session, dn: &str) -> Result<Account> {
    let attributes: Vec<&str> = principal::ATTRIBUTES.iter().chain(STATE).copied().collect();
    let entry = session.read(dn, &attributes).await?.ok_or_else(|| gone(dn))?;
    let principal = Principal::from_entry(&entry).ok_or_else(|| gone(dn))?;
    Ok(decode(&entry, principal, OffsetDateTime::now_utc()))
}

/// The error for an object that is not there.
pub(super) fn gone(dn: &str) -> Error {
    Error::new("ad.not_found", format!("there is no object {dn}"))
        .hint("it may have been moved, deleted or hidden from the signed-in account; look it up by its name again")
}

fn decode(entry: &Entry, principal: Principal, now: OffsetDateTime) -> Account {
    let control = entry.number("userAccountControl");
    let computed = entry.number("msDS-User-Account-Control-Computed");
    let has = |bits: Option<i64>, flag: i64| bits.map(|bits| bits & flag != 0);
    let moment = |name: &str| entry.moment(name).map(ticks::text);
    let expires = entry.moment("accountExpires");
    Account {
        principal,
        disabled: has(control, flag::DISABLED),
        // Whether a lockout is over depends on a duration that may not be readable: the controller's own answer counts.
        locked: has(computed, flag::LOCKED).or((entry.number("lockoutTime") == Some(0)).then_some(false)),
        lockout_time: moment("lockoutTime"),
        expired: expires.is_some_and(|expires| expires <= now),
        expires: expires.map(ticks::text),
        must_change_password: entry.number("pwdLastSet").map(|set| set == 0),
        password_expired: has(computed, flag::PASSWORD_EXPIRED),
        password_expires: moment("msDS-UserPasswordExpiryTimeComputed"),
        password_never_expires: has(control, flag::PASSWORD_NEVER_EXPIRES),
        password_not_required: has(control, flag::PASSWORD_NOT_REQUIRED),
        smartcard_required: has(control, flag::SMARTCARD_REQUIRED),
        pwd_last_set: moment("pwdLastSet"),
        password_age: entry.moment("pwdLastSet").map(|set| (now - set).whole_seconds().max(0)),
        bad_pwd_count: entry.number("badPwdCount"),
        bad_password_time: moment("badPasswordTime"),
    }
}

/// Ends a lockout; `false` when this controller knows of none. It is sent all the same: another controller may know of one, and
/// `badPwdCount` becomes 0 on this one (MS-ADTS 3.1.1.5.3.2).
pub async fn unlock(session: &Session, dn: &str) -> Result<bool> {
    let entry = session.read(dn, &["lockoutTime"]).await?.ok_or_else(|| gone(dn))?;
    let was_locked = entry.number("lockoutTime").is_some_and(|since| since != 0);
    session.modify(Operation::Modify, dn, &[Change::Replace("lockoutTime", value("0"))]).await?;
    Ok(was_locked)
}

/// Switches the account on; `false` when it was on already.
pub async fn enable(session: &Session, dn: &str) -> Result<bool> {
    switch(session, dn, |control| control & !flag::DISABLED).await
}

/// Switches the account off; `false` when it was off already.
pub async fn disable(session: &Session, dn: &str) -> Result<bool> {
    switch(session, dn, |control| control | flag::DISABLED).await
}

/// Replaces `userAccountControl`, and only the value that was read: what somebody else changes meanwhile is not lost.
async fn switch(session: &Session, dn: &str, change: impl Fn(i64) -> i64) -> Result<bool> {
    let entry = session.read(dn, &["userAccountControl"]).await?.ok_or_else(|| gone(dn))?;
    let before = entry.number("userAccountControl").ok_or_else(|| {
        Error::new("ad.no_rights", format!("the account control flags of {dn} may not be read"))
            .hint("give the connection's account the right to read and write userAccountControl")
    })?;
    let after = change(before);
    if before == after {
        return Ok(false);
    }
    let changes = [
        Change::Delete("userAccountControl", value(before.to_string())),
        Change::Add("userAccountControl", value(after.to_string())),
    ];
    session.modify(Operation::Modify, dn, &changes).await.map(|()| true)
}
