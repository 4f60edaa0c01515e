//! Programs that end with this one, also when it is killed by SIGKILL and can end nobody any more.
//!
//! Linux ends a process together with its parent where the process itself has asked for it (`prctl(2)`, `PR_SET_PDEATHSIG`),
//! and keeps that over `exec`. So this program is started once more, asks for it and becomes the other one: the same process,
//! with the same number and group. It holds for that process alone, not for what it starts; elsewhere there is no such thing.

use std::process::Command;

/// What is said before the program and its arguments when this program is to become another one.
#[cfg(target_os = "linux")]
const BECOME: &str = "--become-and-end-with";

/// This program's own file, also when it was replaced or removed since it was started.
#[cfg(target_os = "linux")]
const MYSELF: &str = "/proc/self/exe";

/// A program to be started, by a thread that waits for its end: with that thread it ends.
#[cfg(target_os = "linux")]
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(MYSELF);
    command.args([BECOME, &std::process::id().to_string(), program]);
    command
}

/// A program to be started.
#[cfg(not(target_os = "linux"))]
pub(super) fn command(program: &str) -> Command {
    Command::new(program)
}

/// Becomes the program that the arguments name, where they say so; comes back, with the reason, only where that fails.
#[cfg(target_os = "linux")]
pub(super) fn become_other(args: &[std::ffi::OsString]) -> Option<std::io::Error> {
    use std::os::unix::process::CommandExt as _;

    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let [_, what, parent, program, arguments @ ..] = args else { return None };
    if what != BECOME {
        return None;
    }
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    // It may have ended before that was asked for.
    let still = getppid().is_some_and(|now| *parent == *now.as_raw_nonzero().to_string());
    if !still {
        return Some(std::io::ErrorKind::Interrupted.into());
    }
    Some(Command::new(program).args(arguments).exec())
}

/// Nobody is asked to become another program here.
#[cfg(not(target_os = "linux"))]
pub(super) fn become_other(_: &[std::ffi::OsString]) -> Option<std::io::Error> {
    None
}
