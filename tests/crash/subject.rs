//! An account of the domain with a home of its own, and the program that rotates and recovers it, with a fault at a step.

use std::{collections::BTreeMap, time::Duration};

use super::steps_library;
use crate::support::{
    domain::User,
    program::{Output, Program},
    samba::{create_user, lock_after, samba, samba_tool, unique_name},
    world::words,
};

const FIRST: &str = "First-Password-1!";
/// Wrong passwords that lock the account.
const LOCKED_BY: u32 = 5;

/// What happens at a step, and from it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    KillBefore,
    KillAfter,
    Full,
    ReadOnly,
    Reset,
    Silent,
}

impl Fault {
    /// Kills come twice as often as the others.
    pub const ALL: [Self; 9] = [
        Self::KillBefore,
        Self::KillAfter,
        Self::Full,
        Self::KillBefore,
        Self::KillAfter,
        Self::ReadOnly,
        Self::KillBefore,
        Self::Reset,
        Self::Silent,
    ];

    /// As `steps.c` and the table call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::KillBefore => "kill-before",
            Self::KillAfter => "kill-after",
            Self::Full => "full",
            Self::ReadOnly => "read-only",
            Self::Reset => "reset",
            Self::Silent => "silent",
        }
    }
}

/// What is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Procedure {
    Rotate,
    /// The password is changed twice.
    Revoke,
    /// Something that depends on the account cannot take the new password, and the old one is put back.
    Undo,
}

impl Procedure {
    pub const ALL: [Self; 3] = [Self::Rotate, Self::Revoke, Self::Undo];

    /// As the table calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rotate => "rotate",
            Self::Revoke => "revoke",
            Self::Undo => "undo",
        }
    }

    /// Whether it came to the end that it has where nothing disturbs it.
    pub fn is_whole(self, output: &Output) -> bool {
        match self {
            Self::Rotate | Self::Revoke => output.code == Some(0),
            Self::Undo => output.code == Some(1) && output.stdout.contains("the old password is back"),
        }
    }

    fn line(self, wait: &str) -> String {
        let how = match self {
            Self::Rotate => "",
            Self::Revoke => "revoke=now",
            Self::Undo => "on_failure=undo",
        };
        format!("run reset_ad_creds connection=corp rotate=true {how} --wait {wait}")
    }
}

/// What depends on the account, and takes its new password or does not.
const TAKES: &str = "step(\"Take it\", || ());";
const REFUSES: &str =
    "step(\"Take it\", || throw #{ code: \"pool.stuck\", message: \"the pool does not stop\", hint: \"stop it\" });";

/// An account that is rotated again and again.
pub struct Subject {
    pub user: User,
    /// How its password is changed, on how many targets.
    pub about: String,
    /// Controllers that are its targets, from 1.
    pub controllers: Vec<usize>,
    /// Its connections.
    pub connections: Vec<&'static str>,
    /// Steps of a procedure that nothing disturbs.
    steps: BTreeMap<Procedure, u64>,
    program: Program,
}

impl Subject {
    /// Self-changes or resets over the administrator, with one target or two, by its number.
    pub fn new(number: u64) -> Self {
        let (over_administrator, two) = (number & 1 == 0, number & 2 != 0);
        let user = create_user(&unique_name("crash"), FIRST);
        lock_after(&user, LOCKED_BY);
        if !over_administrator {
            // Who changes the own password has to be able to read the policy: the domain's minimum age is not this one's.
            samba_tool(&["group", "addmembers", "Domain Admins", &user.name]);
        }
        let controllers: Vec<usize> = (1..=if two { 2 } else { 1 }).collect();
        let program =
            Program::new().env("FIRST", FIRST).env("ADMIN", &samba().admin_password).limit(Duration::from_mins(5));
        let how = if over_administrator { "reset" } else { "self-change" };
        let about = format!("{how} on {} targets", controllers.len());
        let connections = vec!["corp"];
        let subject = Self { about, user, controllers, connections, steps: BTreeMap::new(), program };
        let upn = subject.user.upn.clone();
        // Samba works at nothing for two minutes; the trials shall not wait for that.
        std::fs::create_dir(subject.home()).unwrap();
        std::fs::write(subject.home().join("config.toml"), "[recover]\nlate_seconds = 5\n").unwrap();
        subject.add("admin", &samba().admin, "env:ADMIN", "");
        subject.add("corp", &upn, "env:FIRST", if over_administrator { "--via admin" } else { "" });
        let first = subject.perform(&Procedure::Rotate.line("60s"), None, None);
        assert_eq!(first.code, Some(0), "{}{}", first.stdout, first.stderr);
        subject
    }

    /// The same with a procedure that depends on it, and for the even ones a second connection of the account; performed once
    /// undisturbed in every way, so that the steps are known.
    pub fn for_trials(number: u64) -> Self {
        let mut subject = Self::new(number);
        subject.pool(true);
        let declared = subject.perform("connections edit corp --dependent pool", None, None);
        assert_eq!(declared.code, Some(0), "{}{}", declared.stdout, declared.stderr);
        if number & 1 == 0 {
            let password = super::judge::current(&subject, "corp");
            let upn = subject.user.upn.clone();
            subject.program = subject.program.env("NOW", password);
            subject.add("branch", &upn, "env:NOW", "--via admin");
            subject.connections.push("branch");
            subject.about.push_str(", two connections");
        }
        let counted = subject.program.folder_path().join("steps");
        for procedure in Procedure::ALL {
            let whole = subject.change(procedure, None, Some(counted.to_str().unwrap()));
            assert!(procedure.is_whole(&whole), "{:?} {}{}", whole.code, whole.stdout, whole.stderr);
            let steps = std::fs::read_to_string(&counted).unwrap().trim().parse().unwrap();
            subject.steps.insert(procedure, steps);
            let settled = subject.recover(None, false);
            assert_eq!(settled.code, Some(0), "{}{}", settled.stdout, settled.stderr);
        }
        subject
    }

    /// Steps of a procedure that nothing disturbs.
    pub fn steps(&self, procedure: Procedure) -> u64 {
        self.steps[&procedure]
    }

    /// What depends on the account takes the new password, or does not.
    fn pool(&self, takes: bool) {
        let head = "//! A pool that runs as the account.\n\
                    const PARAMS = #{ connection: #{ type: \"connection\", help: \"whose account has a new password\" } };\n";
        let scripts = self.home().join("scripts");
        std::fs::create_dir_all(&scripts).unwrap();
        std::fs::write(scripts.join("pool.rhai"), format!("{head}{}\n", if takes { TAKES } else { REFUSES })).unwrap();
    }

    fn add(&self, name: &str, username: &str, password: &str, more: &str) {
        let targets: Vec<String> =
            self.controllers.iter().map(|number| format!("--target {}", self.address(*number))).collect();
        let line = format!(
            "connections add ad --name {name} --domain {} --username {username} --password {password} --ca '{}' {} {more}",
            samba().domain,
            samba().ca.display(),
            targets.join(" ")
        );
        let added = self.program.clone().args(words(&line)).run();
        assert_eq!(added.code, Some(0), "{}{}", added.stdout, added.stderr);
    }

    /// A procedure, with a fault at a step. What depends on the account takes the new password from then on.
    pub fn change(&self, procedure: Procedure, fault: Option<(Fault, u64)>, count: Option<&str>) -> Output {
        self.pool(procedure != Procedure::Undo);
        // Every look at a target that does not answer lasts for seconds.
        let wait = if fault.is_some_and(|(fault, _)| fault == Fault::Silent) { "2s" } else { "60s" };
        let changed = self.perform(&procedure.line(wait), fault, count);
        self.pool(true);
        changed
    }

    /// A recovery, with a fault at a step.
    pub fn recover(&self, fault: Option<(Fault, u64)>, insist: bool) -> Output {
        self.perform(if insist { "recover --insist" } else { "recover" }, fault, None)
    }

    /// A target as the connection has it.
    #[allow(clippy::unused_self)] // its targets are the domain's
    pub fn address(&self, controller: usize) -> String {
        samba().controller(controller).1.to_string()
    }

    /// Where its store is.
    pub fn home(&self) -> &std::path::Path {
        self.program.home_path()
    }

    /// The program with a command line, with a fault at a step, or with the steps counted in a file.
    pub fn perform(&self, line: &str, fault: Option<(Fault, u64)>, count: Option<&str>) -> Output {
        let mut program = self.program.clone().args(words(line));
        if let Some((fault, step)) = fault {
            program = program.env("LIBRETTO_TEST_FAULT", fault.word()).env("LIBRETTO_TEST_AT", step.to_string());
        }
        if let Some(path) = count {
            program = program.env("LIBRETTO_TEST_STEPS", path);
        }
        if fault.is_some() || count.is_some() {
            program = program.env("LD_PRELOAD", steps_library());
        }
        program.run()
    }
}
