//! The lockout budget: how many sign-ins that may have been wrong ones an account has behind it, and whether one more may go.
//!
//! An attempt is on the disk *before* it is sent, and goes when it was accepted. One whose answer never came counts as a
//! wrong one, also when the process that sent it is gone. All processes share the count. Rules are in [`super::lockout`].
//!
//! Directories count as long as no pause between two wrong passwords is longer than the observation window (MS-SAMR
//! 3.1.1.7.1): an old one counts on while younger ones follow it. So it is counted here.

mod rows;

use std::time::Duration;

use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use self::rows::Counted;
use super::{
    Store,
    lockout::Rules,
    rows::{CredentialId, PrincipalId},
};
use crate::error::{Error, Result};

/// An answer takes no longer; an attempt that is older and has none will never have one.
const IN_FLIGHT: Duration = Duration::from_secs(30);

/// The pauses between two looks whether an attempt in flight was answered.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(50);

/// What a sign-in was sent over; a wrong password counts in the directory either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A bind.
    Ldap,
    /// A session set-up at a file server.
    Smb,
}

impl Protocol {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Smb => "smb",
        }
    }
}

/// One attempt that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptId(i64);

/// A sign-in that somebody wants to send.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Whose.
    pub principal: PrincipalId,
    /// The name that signs in: other principals of the same name are the same account until the directory says otherwise.
    pub name: String,
    /// The version that it carries.
    pub credential: Option<CredentialId>,
    /// Where it goes.
    pub target: String,
    /// Over what.
    pub protocol: Protocol,
    /// The rules to go by where none were ever seen.
    pub assumed: Rules,
    /// Wrong passwords that a controller has counted and that are not in the store.
    pub counted_elsewhere: u32,
}

impl Ask {
    /// An LDAP sign-in with a version of which nothing else is known.
    #[must_use]
    pub fn ldap(principal: PrincipalId, name: &str, target: &str) -> Self {
        Self {
            principal,
            name: name.to_owned(),
            credential: None,
            target: target.to_owned(),
            protocol: Protocol::Ldap,
            assumed: Rules::ASSUMED,
            counted_elsewhere: 0,
        }
    }
}

/// What [`spend`] answers when it refuses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The attempt is on the disk and may be sent.
    Written(AttemptId),
    /// Others are under way whose answers decide.
    Wait,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The account was let in. The target begins its own count anew (seen on Samba 4.17), so what it had refused before
    /// counts no more.
    Accepted,
    /// The password was not found wrong; the account was kept out for another reason, or is locked and counts nothing.
    NotCounted,
    /// The password was refused.
    Wrong,
    /// There was none.
    None,
}

/// How an account's budget stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Attempts that count.
    pub open: u32,
    /// How many may; `None`: nothing locks the account.
    pub allowed: Option<u32>,
    /// The rules that say so.
    pub rules: Rules,
    /// Whether the rules are assumed.
    pub assumed: bool,
    /// When the count begins anew, RFC 3339 in UTC, if none is added; `None` when it is 0.
    pub until: Option<String>,
}

/// Writes the attempt of the proving bind after an acknowledged change, whatever the count is: without it nobody knows which
/// password the account has. Once a server has found that version wrong, what is spent counts as for any other.
///
/// # Errors
/// As [`spend`].
pub fn prove(store: &Store, ask: &Ask) -> Result<Spent> {
    if store.read(|c| rows::was_refused(c, ask))? {
        return spend(store, ask);
    }
    begin(store, ask).map(Spent::Written)
}

/// Writes an attempt, whatever the count is, for who insists. On the disk when it returns.
pub fn begin(store: &Store, ask: &Ask) -> Result<AttemptId> {
    store.write(|t| rows::insert(t, ask, OffsetDateTime::now_utc()))
}

/// Writes an attempt if the account's budget has room for a wrong one, over all targets and protocols: controllers pass
/// wrong passwords on to the PDC emulator, so one count per target would be too kind. Counting and writing are one
/// transaction, so two processes cannot both take the last one.
///
/// A version that a target has accepted and none has refused since is right until it is known to be wrong: it counts like
/// any other, and one at a time may go even where the rules leave nothing for unproven ones.
///
/// # Errors
/// `rotation.budget_spent`: nothing was written and nothing may be sent.
pub fn spend(store: &Store, ask: &Ask) -> Result<Spent> {
    spend_at(store, ask, OffsetDateTime::now_utc())
}

fn spend_at(store: &Store, ask: &Ask, at: OffsetDateTime) -> Result<Spent> {
    // What is found out about the clock is kept, also when nothing may be sent.
    store.write(|t| {
        rows::bring_back(t, at, ask.assumed.window)?;
        let counted = Counted::read(t, ask, at)?;
        if counted.room(ask.counted_elsewhere) {
            return rows::insert(t, ask, at).map(|attempt| Ok(Spent::Written(attempt)));
        }
        if counted.room_without_flying(ask.counted_elsewhere) {
            return Ok(Ok(Spent::Wait));
        }
        Ok(Err(spent(ask, &counted)))
    })?
}

/// Asks again and again, without blocking, until attempts in flight have made room or have taken it.
pub async fn patiently<A>(mut ask: impl FnMut() -> A) -> Result<AttemptId>
where
    A: Future<Output = Result<Spent>>,
{
    let mut pause = SHORTEST;
    loop {
        match ask().await? {
            Spent::Written(attempt) => return Ok(attempt),
            Spent::Wait => tokio::time::sleep(pause).await,
        }
        pause = LONGEST.min(2 * pause);
    }
}

/// Notes how an attempt ended.
pub fn answered(store: &Store, attempt: AttemptId, answer: Answer) -> Result<()> {
    store.write(|t| rows::settle(t, attempt, answer))
}

/// An attempt that succeeded; it counts no more.
pub fn clear(store: &Store, attempt: AttemptId) -> Result<()> {
    answered(store, attempt, Answer::Accepted)
}

/// How the account stands that `name` and `principal` mean.
pub fn standing(store: &Store, principal: PrincipalId, name: &str, assumed: Rules) -> Result<Standing> {
    let ask = Ask { assumed, ..Ask::ldap(principal, name, "") };
    store.read(|c| {
        let counted = Counted::read(c, &ask, OffsetDateTime::now_utc())?;
        Ok(Standing {
            open: counted.open,
            allowed: counted.rules.allowed(),
            rules: counted.rules,
            assumed: counted.assumed.is_some(),
            until: counted.until().map(whole_seconds),
        })
    })
}

fn whole_seconds(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}

fn spent(ask: &Ask, counted: &Counted) -> Error {
    let minutes = counted.rules.window.as_secs().div_ceil(60);
    let threshold = counted.rules.threshold;
    let wrong =
        if threshold == 1 { "1 wrong password locks".to_owned() } else { format!("{threshold} wrong passwords lock") };
    let allowed = counted.allowed.unwrap_or(0);
    let open = counted.open + ask.counted_elsewhere;
    let whose = if counted.shared {
        " (or of an account that may be the same: the directory has not been asked yet)"
    } else {
        ""
    };
    let known = counted.assumed.map_or_else(String::new, |why| format!(" (assumed: {why})"));
    let unaccepted = |count: u32| {
        let (sign_ins, were) = if count == 1 { ("sign-in", "was") } else { ("sign-ins", "were") };
        format!("in the last {minutes} minutes {count} {sign_ins} of {}{whose} {were} not accepted", ask.name)
    };
    let message = match (allowed, open) {
        (0, 0) => format!("not tried: {wrong} {}{known}, so no password is tried there that is not proven", ask.name),
        _ if open < allowed => format!(
            "not tried: {}, {} of them on targets that have accepted one since, of which other targets may not know; {wrong} \
             the account{known}",
            unaccepted(open + counted.forgiven),
            counted.forgiven
        ),
        _ => format!(
            "not tried: {}, and Libretto allows no more than {allowed}, because {wrong} the account{known}",
            unaccepted(open)
        ),
    };
    let until = counted.until().map(whole_seconds);
    let wait = until.as_ref().map_or_else(String::new, |until| format!("wait until {until}, or "));
    let tell = if counted.assumed.is_some() {
        "; `[lockout] threshold` in config.toml says what the directory allows"
    } else {
        ""
    };
    let error = Error::new("rotation.budget_spent", message)
        .hint(format!("see that the password is right, then {wait}insist with --insist{tell}"))
        .with("target", ask.target.clone());
    until.into_iter().fold(error, |error, until| error.with("until", until))
}

#[cfg(test)]
mod tests;
