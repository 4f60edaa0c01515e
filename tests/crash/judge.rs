//! What has to be true once `recover` has ended: the store's current password is the one that the directory takes, the
//! account is not locked, nothing is unfinished, and the store's files are sound.

use std::time::{Duration, Instant};

use libretto::{
    connection::{self, Scope, credentials},
    secret::seal::Identity,
    store::{Store, journal},
};

use super::subject::Subject;
use crate::support::{
    domain::{attribute, bind},
    program::Output,
    samba::samba,
};

/// A target that lags has it by then.
const PATIENCE: Duration = Duration::from_mins(2);

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

/// Recovers until nothing is left, and looks.
pub fn judge(subject: &Subject, rotation: &Output) -> Judgement {
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
    let password = current(subject);
    let everywhere = subject.controllers.iter().all(|controller| takes(subject, *controller, &password));
    if !everywhere {
        found.lost = true;
        found.faults.push(format!("the store's current password is not valid\nrotation:\n{}", rotation.stdout));
    }
    found.locked = subject.controllers.iter().any(|controller| is_locked(subject, *controller));
    if found.locked {
        found.faults.push("the account is locked".to_owned());
    }
    found
}

/// `recover` ends with 0; a target that lags may need it again. The trials of half an hour come within a minute, so the
/// sign-ins that were cut short may have spent the budget: a refusal because of that is right, and is insisted on. Whether it
/// was.
fn settle(subject: &Subject) -> Result<bool, String> {
    let deadline = Instant::now() + PATIENCE;
    let mut insisted = false;
    loop {
        let recovered = subject.recover(None, insisted);
        match recovered.code {
            Some(0) => return Ok(insisted),
            Some(4) if Instant::now() < deadline => {}
            Some(1) if !insisted && recovered.stdout.contains("or insist with --insist") => insisted = true,
            code => return Err(format!("recover ended with {code:?}:\n{}{}", recovered.stdout, recovered.stderr)),
        }
    }
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

/// What the store has as the current password.
fn current(subject: &Subject) -> String {
    let store = Store::open(subject.home()).unwrap();
    let connection = connection::get(&store, "corp", &Scope::all()).unwrap();
    let current = credentials::current(&store, &connection).unwrap().unwrap();
    credentials::open(&store, &Identity::load(&store).unwrap(), &current).unwrap().expose().to_owned()
}

/// Whether a controller takes a password, with one sign-in. It is asked once it has what the first controller has.
fn takes(subject: &Subject, controller: usize, password: &str) -> bool {
    let deadline = Instant::now() + PATIENCE;
    let set = |number| attribute(number, &subject.user.dn, "pwdLastSet");
    while set(controller) != set(1) {
        assert!(Instant::now() < deadline, "controller {controller} did not get the change within two minutes");
        std::thread::sleep(Duration::from_millis(50));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bind(samba(), controller, &subject.user.upn, password)).is_ok()
}

fn is_locked(subject: &Subject, controller: usize) -> bool {
    attribute(controller, &subject.user.dn, "lockoutTime").is_some_and(|time| time != "0")
}
