//! The attempts of an account as the store has them, and what they leave.

use std::time::Duration;

use rusqlite::{Connection, named_params};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Answer, Ask, AttemptId, IN_FLIGHT};
use crate::{
    error::Result,
    store::{
        failed,
        lockout::{self, Applying, Rules},
        moment, query_one,
        rows::{PrincipalId, account_name, principals},
    },
};

/// More wrong passwords than any threshold (MS-ADTS allows 65,535, nobody more than some dozens); older ones change nothing.
const MOST: u32 = 1000;

/// Attempts of one account. Of several principals with the same name and domain one objectGUID at most is known: they may be
/// one account, and are counted as one. So may one that goes by a DN, or another name that does not tell whose it is, and any
/// other of its domain, as long as both are unknown.
const OF_ACCOUNT: &str = "(a.principal = :principal OR (a.domain = :domain
    AND (:provisional OR (SELECT directory_guid FROM principal WHERE uid = a.principal) IS NULL)
    AND (a.name = :name OR (:provisional AND (:opaque OR instr(a.name, '=') > 0)
        AND (SELECT directory_guid FROM principal WHERE uid = a.principal) IS NULL))))";

/// What counts against an account now.
pub(super) struct Counted {
    pub(super) rules: Rules,
    /// Whether attempts of others count too, which may be the same account.
    pub(super) shared: bool,
    /// Why the rules are assumed ones; `None`: they were read.
    pub(super) assumed: Option<&'static str>,
    /// How many wrong ones there may be; `None`: nothing locks the account.
    pub(super) allowed: Option<u32>,
    /// Whether the version that asks was accepted by a target, refused by none since, and replaced by no later one.
    proven: bool,
    /// Attempts that count.
    pub(super) open: u32,
    /// Those of them that may still be answered.
    flying: u32,
    /// Those that a target has forgiven. The PDC emulator may remember them.
    pub(super) forgiven: u32,
    last: Option<OffsetDateTime>,
}

#[allow(clippy::struct_excessive_bools)] // what the row says, each by itself
struct Attempt {
    at: OffsetDateTime,
    answered: bool,
    /// By another name.
    others: bool,
    forgiven: bool,
    /// Never answered, and it carried a version that a target accepts.
    harmless: bool,
}

impl Counted {
    pub(super) fn read(c: &Connection, ask: &Ask, now: OffsetDateTime) -> Result<Self> {
        let principal = principals::surviving(c, ask.principal)?;
        let Applying { rules, assumed } = lockout::applying_in(c, principal, ask.assumed)?;
        let mut counted = Self {
            rules,
            assumed,
            allowed: if may_be_anybody(c, ask, principal)? {
                rules.allowed().map(|most| most.min(1))
            } else {
                rules.allowed()
            },
            shared: false,
            proven: is_proven(c, ask)?,
            open: 0,
            flying: 0,
            forgiven: 0,
            last: None,
        };
        if counted.allowed.is_none() {
            return Ok(counted);
        }
        let mut after = now;
        for attempt in attempts(c, ask, rules.window, now)? {
            // One of the future counts as one of now: a clock that was set back must not make room, nor take it for longer.
            let sent = attempt.at.min(now);
            if after - sent > rules.window {
                break;
            }
            after = sent;
            counted.last = counted.last.or(Some(sent));
            counted.shared |= attempt.others;
            let flies = !attempt.answered && now - sent < IN_FLIGHT;
            match (attempt.forgiven, flies) {
                (true, _) => counted.forgiven += 1,
                (false, true) => (counted.open, counted.flying) = (counted.open + 1, counted.flying + 1),
                (false, false) => counted.open += 1,
            }
        }
        Ok(counted)
    }

    /// Whether one more may be sent.
    pub(super) fn room(&self, elsewhere: u32) -> bool {
        self.has_room(self.open + elsewhere, elsewhere)
    }

    /// Whether one more could be sent if all that fly were accepted.
    pub(super) fn room_without_flying(&self, elsewhere: u32) -> bool {
        self.has_room(self.open - self.flying + elsewhere, elsewhere)
    }

    /// Forgiven ones are no reason to go as far as the threshold: they count up to the one before it.
    fn has_room(&self, open: u32, elsewhere: u32) -> bool {
        let Some(allowed) = self.allowed else { return true };
        if self.proven {
            return open < allowed.max(1);
        }
        open < allowed && self.forgiven + self.open + elsewhere < self.rules.threshold - 1
    }

    /// When the count begins anew.
    pub(super) fn until(&self) -> Option<OffsetDateTime> {
        self.last.filter(|_| self.open > 0 || self.forgiven > 0).map(|last| last + self.rules.window)
    }
}

/// Attempts that may have been wrong, the latest first.
fn attempts(c: &Connection, ask: &Ask, window: Duration, now: OffsetDateTime) -> Result<Vec<Attempt>> {
    let principal = principals::surviving(c, ask.principal)?;
    let name = account_name::bare(&ask.name);
    let sql = format!(
        "SELECT CASE WHEN a.noted_at <= :now THEN max(a.noted_at, a.at) ELSE a.at END AS sent, a.answer IS NOT NULL, a.cleared_at IS NOT NULL,
            coalesce(k.accepted_at > :since AND coalesce(k.refused_at, '') < k.accepted_at, 0)
                AND a.answer IS NOT 'wrong', a.principal <> :principal AND a.name <> :name
         FROM attempt a LEFT JOIN credential k ON k.id = a.credential
         WHERE {OF_ACCOUNT} ORDER BY sent DESC LIMIT :most"
    );
    let mut query = c.prepare_cached(&sql).map_err(failed)?;
    let rows = query
        .query_map(
            named_params! {
                ":principal": principal,
                ":domain": principals::domain(c, principal)?.to_lowercase(),
                ":opaque": account_name::is_opaque(&name),
                ":name": name,
                ":provisional": principals::guid(c, principal)?.is_none(),
                ":now": moment::text(now),
                ":since": moment::text(now - window),
                ":most": MOST,
            },
            |row| {
                let at: String = row.get(0)?;
                Ok(Attempt {
                    at: OffsetDateTime::parse(&at, &Rfc3339).unwrap_or(now),
                    answered: row.get(1)?,
                    forgiven: row.get(2)?,
                    harmless: row.get(3)?,
                    others: row.get(4)?,
                })
            },
        )
        .map_err(failed)?;
    let all: Vec<Attempt> = rows.collect::<Result<_, _>>().map_err(failed)?;
    // An answer may still come to one that flies, whatever is known of its version.
    let counts = |one: &Attempt| !one.harmless || (!one.answered && now - one.at < IN_FLIGHT);
    Ok(all.into_iter().filter(counts).collect())
}

/// What a clock that was ahead has dated was sent by now at the latest. Kept, so that it ages from now on; and what that one
/// said is kept as well, for it may be the present one that is wrong: once the clock says so again, that counts. Until all of
/// a domain are older than any window, for then time has passed by a clock that went on.
pub(super) fn bring_back(c: &Connection, now: OffsetDateTime, window: Duration) -> Result<()> {
    let text = moment::text(now);
    c.prepare_cached("UPDATE attempt SET noted_at = coalesce(noted_at, at), at = ?1 WHERE at > ?1")
        .and_then(|mut update| update.execute([&text]))
        .map_err(failed)?;
    let longest = c
        .prepare_cached("SELECT coalesce(max(window), 0) FROM lockout")
        .and_then(|mut query| query.query_row([], |row| row.get::<_, i64>(0)))
        .map_err(failed)?;
    let since = now - window.max(Duration::from_secs(longest.unsigned_abs()));
    c.prepare_cached(
        "UPDATE attempt SET noted_at = NULL WHERE noted_at > ?1
            AND NOT EXISTS (SELECT 1 FROM attempt one WHERE one.domain = attempt.domain AND one.at >= ?2)",
    )
    .and_then(|mut update| update.execute([text, moment::text(since)]))
    .map(|_| ())
    .map_err(failed)
}

/// Whether the account that is asked for may be any of its domain: then one wrong password at most is sent for all of them.
fn may_be_anybody(c: &Connection, ask: &Ask, principal: PrincipalId) -> Result<bool> {
    Ok(account_name::is_opaque(&account_name::bare(&ask.name)) && principals::guid(c, principal)?.is_none())
}

fn is_proven(c: &Connection, ask: &Ask) -> Result<bool> {
    let Some(credential) = ask.credential else { return Ok(false) };
    query_one(
        c,
        "SELECT coalesce(proven_at, '') <> '' AND coalesce(refused_at, '') <= max(proven_at, coalesce(accepted_at, ''))
            AND NOT EXISTS (SELECT 1 FROM credential later WHERE later.principal = credential.principal
                AND later.version > credential.version AND later.state = 'current')
         FROM credential WHERE id = ?1",
        [credential],
        |row| row.get(0),
    )
    .map_err(failed)
}

/// Whether a server has refused the version and none has accepted it since.
pub(super) fn was_refused(c: &Connection, ask: &Ask) -> Result<bool> {
    let Some(credential) = ask.credential else { return Ok(false) };
    let sql = "SELECT coalesce(refused_at > coalesce(accepted_at, ''), 0) FROM credential WHERE id = ?1";
    query_one(c, sql, [credential], |row| row.get(0)).map_err(failed)
}

pub(super) fn insert(c: &Connection, ask: &Ask, at: OffsetDateTime) -> Result<AttemptId> {
    let principal = principals::surviving(c, ask.principal)?;
    let domain = principals::domain(c, principal)?.to_lowercase();
    c.prepare_cached(
        // One that was sent before this one and is dated later: the clock was put back in between.
        "INSERT INTO attempt (principal, target, protocol, at, credential, domain, name, noted_at) VALUES (?1, ?2, ?3, ?4, ?5,
            ?6, ?7, (SELECT max(coalesce(noted_at, at)) FROM attempt WHERE coalesce(noted_at, at) > ?4))",
    )
    .and_then(|mut insert| {
        let row = (
            principal,
            &ask.target,
            ask.protocol.as_str(),
            moment::text(at),
            ask.credential,
            domain,
            account_name::bare(&ask.name),
        );
        insert.insert(row)
    })
    .map(AttemptId)
    .map_err(failed)
}

pub(super) fn settle(c: &Connection, attempt: AttemptId, answer: Answer) -> Result<()> {
    let now = moment::now();
    let steps: &[&str] = match answer {
        Answer::Accepted => &[
            "UPDATE credential SET accepted_at = ?2 WHERE id = (SELECT credential FROM attempt WHERE id = ?1)",
            "UPDATE attempt SET cleared_at = ?2 WHERE answer IS NOT NULL AND cleared_at IS NULL
                AND (principal, target) = (SELECT principal, target FROM attempt WHERE id = ?1)",
            "DELETE FROM attempt WHERE id = ?1 AND ?2 <> ''",
        ],
        Answer::NotCounted => &["DELETE FROM attempt WHERE id = ?1 AND ?2 <> ''"],
        Answer::Wrong => &[
            "UPDATE credential SET refused_at = ?2 WHERE id = (SELECT credential FROM attempt WHERE id = ?1)",
            "UPDATE attempt SET answer = 'wrong' WHERE id = ?1 AND ?2 <> ''",
        ],
        Answer::None => &["UPDATE attempt SET answer = 'none' WHERE id = ?1 AND ?2 <> ''"],
    };
    for sql in steps {
        c.prepare_cached(sql).and_then(|mut step| step.execute((attempt.0, &now))).map_err(failed)?;
    }
    Ok(())
}
