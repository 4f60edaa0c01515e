//! What has to be true once `recover` has ended: the store's current password is the one that the directory has, the
//! account is not locked, nothing is unfinished, and the store's files are sound.
//!
//! That a password signs in says little: for an hour the one before does as well. So the hash that each controller keeps is
//! compared, and that the account gets in with it is looked at besides.

use std::time::{Duration, Instant};

use md4::{Digest, Md4};

use libretto::{
    connection::{self, Scope, credentials},
    secret::seal::Identity,
    store::{Store, journal},
};

use super::subject::{Procedure, Subject};
use crate::support::{
    domain::{attribute, bind},
    program::Output,
    samba::{password_hash, samba},
};

/// A target that lags has it by then.
const PATIENCE: Duration = Duration::from_mins(2);

/// Of a rotation and its recoveries, on all controllers: each of the passwords that may be valid is tried once, and the
/// valid one takes back what was counted where it signs in.
const MOST_WRONG: u32 = 2;

/// What was found.
#[derive(Debug, Default)]
pub struct Judgement {
    /// The lockout budget was spent by sign-ins that crashes had cut short: `recover` needed `--insist`.
    pub insisted: bool,
    pub lost: bool,
    pub locked: bool,
    /// In words; empty where all is well.
    pub faults: Vec<String>,
}

impl Judgement {
    pub fn recovered(&self) -> bool {
        self.faults.is_empty()
    }
}

/// What is said of a password that was lost.
pub const NOT_THE_PRESENT_ONE: &str = "the store's current password is not the one that the directory has";

/// Recovers until nothing is left, and looks. `before` is the password before the rotation.
pub fn judge(subject: &Subject, procedure: Procedure, before: &str, rotation: &Output) -> Judgement {
    let mut found = Judgement::default();
    match settle(subject) {
        Ok(insisted) => found.insisted = insisted,
        Err(said) => {
            found.faults.push(format!("{said}\nafter a rotation that said:\n{}{}", rotation.stdout, rotation.stderr));
        }
    }
    if let Err(said) = consistent(subject) {
        found.faults.push(said);
    }
    // Before this judge signs in itself: the right password takes back what was counted.
    let wrong: u32 = subject.controllers.iter().map(|controller| counted(subject, *controller)).sum();
    if wrong > MOST_WRONG {
        found.faults.push(format!("{wrong} wrong passwords are counted\nrotation:\n{}", rotation.stdout));
    }
    let everywhere = |password: &str| subject.controllers.iter().all(|controller| has(subject, *controller, password));
    // A wrong one counts; the right one, which signs in next, takes that back.
    let now = current(subject, "corp");
    if procedure == Procedure::Revoke && now != before && everywhere(&now) && signs_in_anywhere(subject, before) {
        found.faults.push(format!("the password that was revoked signs in\nrotation:\n{}", rotation.stdout));
    }
    for name in &subject.connections {
        let password = current(subject, name);
        if !everywhere(&password) {
            found.lost = true;
            found.faults.push(format!("{name}: {NOT_THE_PRESENT_ONE}\nrotation:\n{}", rotation.stdout));
        } else if !signs_in(subject, &password) {
            found.faults.push(format!("{name}: the present password does not sign in\nrotation:\n{}", rotation.stdout));
        }
    }
    found.locked = subject.controllers.iter().any(|controller| is_locked(subject, *controller));
    if found.locked {
        found.faults.push("the account is locked".to_owned());
    }
    found
}

/// `recover` ends with 0; a target that lags may need it again. The trials of half an hour come within a minute, so the
/// sign-ins that were cut short may have spent the budget: a refusal because of that is right, and is insisted on. Whether it
/// was. A revocation of which one change is missing is made again, as `recover` says.
fn settle(subject: &Subject) -> Result<bool, String> {
    let deadline = Instant::now() + PATIENCE;
    let (mut insisted, mut revoked) = (false, false);
    loop {
        let recovered = subject.recover(None, insisted);
        match recovered.code {
            Some(0) => return Ok(insisted),
            // A target that may not be looked at for the same reason: it would be settled once the half hour is over.
            Some(4) if !insisted && recovered.stdout.contains("wrong passwords lock the account") => insisted = true,
            Some(4) if Instant::now() < deadline => {}
            // 3 where another transaction of the account waits for the one that was refused.
            Some(1 | 3) if !insisted && recovered.stdout.contains("or insist with --insist") => insisted = true,
            _ if !revoked && recovered.stdout.contains("revoke again") => {
                revoked = true;
                insisted |= revoke_again(subject)?;
            }
            code => return Err(format!("recover ended with {code:?}:\n{}{}", recovered.stdout, recovered.stderr)),
        }
    }
}

/// Whether that had to be insisted on.
fn revoke_again(subject: &Subject) -> Result<bool, String> {
    for insists in [false, true] {
        let line = "run revoke_access connections=corp --wait 60s";
        let revoked = subject.perform(&if insists { format!("{line} --insist") } else { line.to_owned() }, None, None);
        if revoked.code == Some(0) {
            return Ok(insists);
        }
        if insists || !revoked.stdout.contains("--insist") {
            return Err(format!("revoke_access ended with {:?}:\n{}{}", revoked.code, revoked.stdout, revoked.stderr));
        }
    }
    unreachable!("the second time returns")
}

fn consistent(subject: &Subject) -> Result<(), String> {
    let raw = rusqlite::Connection::open(subject.home().join("store.db")).unwrap();
    let said: String = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let broken: i64 = raw.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    // One that was recorded and never sent is nothing that the directory may have.
    let sent = "SELECT count(*) FROM credential WHERE state = 'candidate' AND sent_at IS NOT NULL";
    let candidates: i64 = raw.query_row(sent, [], |row| row.get(0)).unwrap();
    let unfinished = journal::unfinished(&Store::open(subject.home()).unwrap()).unwrap();
    if said == "ok" && broken == 0 && unfinished.is_empty() && candidates == 0 {
        return Ok(());
    }
    Err(format!(
        "integrity {said}, {broken} broken links, {candidates} sent candidates left, unfinished: {unfinished:?}"
    ))
}

/// What the store has as the current password of a connection.
pub fn current(subject: &Subject, name: &str) -> String {
    let store = Store::open(subject.home()).unwrap();
    let connection = connection::get(&store, name, &Scope::all()).unwrap();
    let current = credentials::current(&store, &connection).unwrap().unwrap();
    credentials::open(&store, &Identity::load(&store).unwrap(), &current).unwrap().expose().to_owned()
}

/// Whether a password is the present one on a controller. It is asked once it has what the first controller has.
fn has(subject: &Subject, controller: usize, password: &str) -> bool {
    let deadline = Instant::now() + PATIENCE;
    let set = |number| attribute(number, &subject.user.dn, "pwdLastSet");
    while set(controller) != set(1) {
        assert!(Instant::now() < deadline, "controller {controller} did not get the change within two minutes");
        std::thread::sleep(Duration::from_millis(50));
    }
    password_hash(&subject.user.name, controller) == nt_hash(password)
}

/// MD4 of the password in UTF-16LE (MS-NLMP 3.3.1, `NTOWFv1`).
fn nt_hash(password: &str) -> Vec<u8> {
    let wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Md4::digest(wide).to_vec()
}

/// Whether each controller takes a password, with one sign-in on each up to the first that does not.
pub fn signs_in(subject: &Subject, password: &str) -> bool {
    subject.controllers.iter().all(|controller| takes(subject, *controller, password))
}

/// Whether any controller takes a password, with one sign-in on each up to the first that does.
pub fn signs_in_anywhere(subject: &Subject, password: &str) -> bool {
    subject.controllers.iter().any(|controller| takes(subject, *controller, password))
}

fn takes(subject: &Subject, controller: usize, password: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bind(samba(), controller, &subject.user.upn, password)).is_ok()
}

/// The wrong passwords that a controller counts.
fn counted(subject: &Subject, controller: usize) -> u32 {
    attribute(controller, &subject.user.dn, "badPwdCount").map_or(0, |count| count.parse().unwrap())
}

fn is_locked(subject: &Subject, controller: usize) -> bool {
    attribute(controller, &subject.user.dn, "lockoutTime").is_some_and(|time| time != "0")
}
