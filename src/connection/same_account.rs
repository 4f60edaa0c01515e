//! Connections that turn out to be of one account, each with a password of its own: which one is the account's.
//!
//! That both were accepted tells little: for an hour after a change the password before it signs in as well. So it is weighed by
//! when the password was set in the directory (`pwdLastSet`), which whoever asks whose the account is reads as well. Where that
//! does not tell either, the two are left apart, each with its own password; after the hour only the valid one is accepted.

use rusqlite::Transaction;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    credentials::{self, Credential, GRACE, SKEW},
    trail,
};
use crate::{
    error::{Error, Result},
    secret::seal::Identity,
    store::{
        Store,
        rows::{
            ConnectionId, CredentialId, PrincipalId, connections,
            credentials::{self as rows, State},
            principals,
        },
    },
};

/// The connection's principal learns its objectGUID, as with [`credentials::bind_principal`]; `set` is when the account's
/// password was set, where that may be read. Of two current versions that one stays current which is the account's.
/// `identity` tells whether both hold the same secret.
///
/// # Errors
/// `connection.two_passwords` (inconclusive) where nobody can tell which it is: nothing is changed. Those of
/// [`credentials::bind_principal`].
pub fn bind(
    store: &Store,
    identity: Option<&Identity>,
    connection: ConnectionId,
    guid: &str,
    set: Option<OffsetDateTime>,
) -> Result<PrincipalId> {
    let pair = store.read(|c| currents(c, connection, guid))?;
    let same = match (&pair, identity) {
        (Some((mine, theirs)), Some(identity)) => hold_the_same(store, identity, mine, theirs)?,
        _ => false,
    };
    let compared = pair.filter(|_| same).map(|(mine, theirs)| (mine.id, theirs.id));
    store.write(|t| {
        if let Some((mine, theirs)) = currents(t, connection, guid)?
            && compared != Some((mine.id, theirs.id))
        {
            let loser = loser(t, &mine, &theirs, set)?.ok_or_else(|| two_passwords(&mine, &theirs, set))?;
            rows::set_state(t, loser, State::Previous)?;
        }
        learn(t, store, connection, guid)
    })
}

fn learn(t: &Transaction<'_>, store: &Store, connection: ConnectionId, guid: &str) -> Result<PrincipalId> {
    let Some(principal) = connections::principal(t, connection)? else {
        return Err(Error::new("connection.unknown", "the connection was removed in the meantime"));
    };
    let principal = principals::surviving(t, principal)?;
    let was_known = principals::guid(t, principal)?.is_some();
    let survivor = principals::learn(t, principal, guid)?;
    if !was_known {
        trail::learned(t, store.actor(), survivor, guid, (survivor != principal).then_some(principal))?;
    }
    Ok(survivor)
}

/// The current versions of the connection's principal and of the one that is known by this objectGUID, where they are two.
fn currents(
    c: &rusqlite::Connection,
    connection: ConnectionId,
    guid: &str,
) -> Result<Option<(Credential, Credential)>> {
    let Some(mine) = connections::principal(c, connection)? else { return Ok(None) };
    let mine = principals::surviving(c, mine)?;
    let known = principals::by_guid(c, &guid.to_ascii_lowercase())?.filter(|known| *known != mine);
    let Some(known) = known.filter(|_| principals::guid(c, mine).is_ok_and(|guid| guid.is_none())) else {
        return Ok(None);
    };
    Ok(rows::current(c, mine)?.zip(rows::current(c, known)?))
}

fn hold_the_same(store: &Store, identity: &Identity, mine: &Credential, theirs: &Credential) -> Result<bool> {
    if mine.reference.is_some() || theirs.reference.is_some() {
        return Ok(false);
    }
    let open = |one| credentials::open(store, identity, one);
    Ok(open(mine)?.expose() == open(theirs)?.expose())
}

/// Which of the two is not the account's; `None` where nobody can tell.
fn loser(
    c: &rusqlite::Connection,
    mine: &Credential,
    theirs: &Credential,
    set: Option<OffsetDateTime>,
) -> Result<Option<CredentialId>> {
    let (left, right) = (Known::of(c, mine)?, Known::of(c, theirs)?);
    let wins = match set {
        Some(set) => left.wins(&right, set),
        None => left.wins_untold(&right),
    };
    Ok(wins.map(|wins| if wins { theirs.id } else { mine.id }))
}

/// What the store knows of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    created: OffsetDateTime,
    /// When a write with it was sent last.
    sent: Option<OffsetDateTime>,
    /// When a target was known to accept it.
    proven: Option<OffsetDateTime>,
    /// When one accepted it last.
    accepted: Option<OffsetDateTime>,
}

impl Known {
    fn of(c: &rusqlite::Connection, one: &Credential) -> Result<Self> {
        let moment = |text: Option<&String>| text.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let proven = moment(one.proven_at.as_ref());
        Ok(Self {
            created: moment(Some(&one.created_at)).unwrap_or(OffsetDateTime::UNIX_EPOCH),
            sent: moment(one.sent_at.as_ref()),
            proven,
            accepted: proven.max(moment(rows::accepted_at(c, one.id)?.as_ref())),
        })
    }

    /// Whether this one is the account's and not the other, whose password was set at that moment.
    fn wins(&self, other: &Self, set: OffsetDateTime) -> Option<bool> {
        // No grace lets another one in so long after a change.
        let is_sure = |one: &Self| one.accepted.is_some_and(|at| at > set.saturating_add(GRACE + SKEW));
        // A write of Libretto's own set it, or came after that.
        let was_sent = |one: &Self| one.sent.filter(|sent| sent.saturating_add(SKEW) > set);
        // It was valid before, and has not been sent since.
        let is_former =
            |one: &Self| was_sent(one).is_none() && one.proven.is_some_and(|at| at.saturating_add(SKEW) < set);
        let accepted_since = |one: &Self| one.accepted.is_some_and(|at| at.saturating_add(SKEW) > set);
        match (is_sure(self), is_sure(other)) {
            (true, true) => return None,
            (false, false) => {}
            (sure, _) => return Some(sure),
        }
        match (was_sent(self), was_sent(other)) {
            (None, None) => {}
            (mine, theirs) => return (mine != theirs).then_some(mine > theirs),
        }
        match (is_former(self), is_former(other)) {
            // Nobody has tried either of them: the later claim.
            _ if self.accepted.is_none() && other.accepted.is_none() => Some(self.created > other.created),
            (true, false) if accepted_since(other) => Some(false),
            (false, true) if accepted_since(self) => Some(true),
            _ => None,
        }
    }

    /// The same, where nobody can tell when the password was set: what was accepted last, or is newer where none was. An
    /// acceptance within an hour of when the other was stored, or sent, may be by grace.
    fn wins_untold(&self, other: &Self) -> Option<bool> {
        let within_grace = |at: OffsetDateTime, since: OffsetDateTime| at > since && at - since < GRACE + SKEW;
        let graced_by = |one: &Self, since: Option<OffsetDateTime>| {
            one.proven.zip(since).is_some_and(|(proven, since)| within_grace(proven, since))
        };
        let (mine, theirs) = (graced_by(self, other.sent), graced_by(other, self.sent));
        match (self.proven, other.proven) {
            (None, None) => Some(self.created > other.created),
            (Some(_), None) | (None, Some(_)) => Some(self.proven.is_some()),
            _ if mine != theirs => Some(theirs),
            _ if graced_by(self, Some(other.created)) || graced_by(other, Some(self.created)) => None,
            (mine, theirs) => Some(mine > theirs),
        }
    }
}

fn two_passwords(mine: &Credential, theirs: &Credential, set: Option<OffsetDateTime>) -> Error {
    let until = set.map(|set| set.saturating_add(GRACE + SKEW)).filter(|until| *until > OffsetDateTime::now_utc());
    let until = until
        .and_then(|until| until.saturating_add(Duration::seconds(1)).replace_nanosecond(0).ok()?.format(&Rfc3339).ok());
    let error = Error::inconclusive(
        "connection.two_passwords",
        format!(
            "{} and {} are one account, for which the store has two passwords, and nothing tells which is the valid one: \
             for an hour after a change the one before signs in too",
            mine.username, theirs.username
        ),
    );
    let wait = until.as_ref().map_or_else(String::new, |until| format!("; or test both again after {until}"));
    let error = error.hint(format!("give both connections the same password (libretto connections edit){wait}"));
    until.into_iter().fold(error, |error, until| error.with("until", until)).retryable()
}

#[cfg(test)]
mod tests;
