//! An account of the domain with a home of its own, and the program that rotates and recovers it, with a fault at a step.

use std::time::Duration;

use super::steps_library;
use crate::support::{
    domain::User,
    program::{Output, Program},
    samba::{create_user, lock_after, samba, samba_tool, unique_name},
    world::words,
};

const FIRST: &str = "First-Password-1!";
/// Wrong passwords that lock the account.
const LOCKED_BY: u32 = 10;

/// What happens at a step, and from it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    KillBefore,
    KillAfter,
    Full,
    ReadOnly,
    Reset,
}

impl Fault {
    /// Kills come twice as often as the others.
    pub const ALL: [Self; 8] = [
        Self::KillBefore,
        Self::KillAfter,
        Self::Full,
        Self::KillBefore,
        Self::KillAfter,
        Self::ReadOnly,
        Self::KillBefore,
        Self::Reset,
    ];

    /// As `steps.c` and the table call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::KillBefore => "kill-before",
            Self::KillAfter => "kill-after",
            Self::Full => "full",
            Self::ReadOnly => "read-only",
            Self::Reset => "reset",
        }
    }
}

/// An account that is rotated again and again.
pub struct Subject {
    pub user: User,
    /// How its password is changed, on how many targets.
    pub about: String,
    /// Controllers that are its targets, from 1.
    pub controllers: Vec<usize>,
    /// Steps of a rotation that nothing disturbs.
    pub steps: u64,
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
        let mut subject =
            Self { about: format!("{how} on {} targets", controllers.len()), user, controllers, steps: 0, program };
        let upn = subject.user.upn.clone();
        // Samba works at nothing for two minutes; the trials shall not wait for that.
        std::fs::create_dir(subject.home()).unwrap();
        std::fs::write(subject.home().join("config.toml"), "[recover]\nlate_seconds = 5\n").unwrap();
        subject.add("admin", &samba().admin, "env:ADMIN", "");
        subject.add("corp", &upn, "env:FIRST", if over_administrator { "--via admin" } else { "" });
        let counted = subject.program.folder_path().join("steps");
        let first = subject.perform(ROTATE, None, Some(counted.to_str().unwrap()));
        assert_eq!(first.code, Some(0), "{}{}", first.stdout, first.stderr);
        subject.steps = std::fs::read_to_string(counted).unwrap().trim().parse().unwrap();
        subject
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

    /// A rotation, with a fault at a step.
    pub fn rotate(&self, fault: Option<(Fault, u64)>) -> Output {
        self.perform(ROTATE, fault, None)
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

const ROTATE: &str = "run reset_ad_creds connection=corp rotate=true --wait 60s";
