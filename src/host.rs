//! The outside world in one value: environment, arguments, clock, randomness, streams, folders.
//!
//! Everything that a run takes from its surroundings comes through here, so that a test can give a program another world
//! and a reader can see at one place what Libretto looks at. It reads; only `cli` prints and only `main` exits.

pub mod dumps;
mod leash;
mod operator;
mod prompt;
pub mod terminal;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{BufRead, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::Command,
};

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// The code of the error that says that a question was answered with Ctrl-C.
pub const INTERRUPTED: &str = "usage.interrupted";

/// What the program was given when it started.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // four facts about a process; none says anything of another
pub struct Host {
    /// Arguments, the program's own name first.
    pub args: Vec<OsString>,
    /// The folder that relative paths start from.
    pub working_folder: PathBuf,
    /// Whether a person can answer questions.
    pub stdin_is_terminal: bool,
    /// Whether standard output is looked at by a person.
    pub stdout_is_terminal: bool,
    /// Whether standard error is looked at by a person.
    pub stderr_is_terminal: bool,
    /// Whether this process is Libretto's own program, which can be started again to become another one.
    is_program: bool,
    vars: BTreeMap<String, String>,
    data_folder: Option<PathBuf>,
}

/// A text from outside on one line: what could move the cursor, colour the terminal, turn the order of the characters round or
/// forge a line of what is shown is a space.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if controls(c) { ' ' } else { c }).collect()
}

/// Whether a character controls the terminal: the control characters, and those that turn the order of what is shown (Unicode
/// Standard Annex 9), with which a text can look like another.
#[must_use]
pub fn controls(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Host {
    /// The world that this process was started in.
    #[must_use]
    #[allow(clippy::disallowed_methods)] // this is the one place that looks
    pub fn real() -> Self {
        Self {
            args: std::env::args_os().collect(),
            working_folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            is_program: false,
            vars: std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
            data_folder: directories::ProjectDirs::from("", "", "libretto").map(|dirs| dirs.data_dir().to_path_buf()),
        }
    }

    /// The same, for Libretto's own program.
    #[must_use]
    pub fn of_program() -> Self {
        Self { is_program: true, ..Self::real() }
    }

    /// A program to be started in the working folder, by a thread that waits for its end. Where Libretto's own program starts
    /// it, on Linux, it ends with that one, however that ends.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = if self.is_program { leash::command(program) } else { Command::new(program) };
        command.current_dir(&self.working_folder);
        command
    }

    /// Becomes the program that [`Host::command`] was asked for, where this process was started for that; comes back, with the
    /// reason, only where that fails.
    #[must_use]
    pub fn become_other(&self) -> Option<std::io::Error> {
        leash::become_other(&self.args)
    }

    /// An environment variable; `None` when it is absent or empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The program's own file.
    #[must_use]
    pub fn program(&self) -> Option<PathBuf> {
        std::env::current_exe().ok()
    }

    /// The proxy for HTTPS, as `HTTPS_PROXY` names it.
    #[must_use]
    pub fn https_proxy(&self) -> Option<&str> {
        self.var("HTTPS_PROXY").or_else(|| self.var("https_proxy"))
    }

    /// The hosts that are reached without it, as `NO_PROXY` lists them.
    #[must_use]
    pub fn no_proxy(&self) -> Option<&str> {
        self.var("NO_PROXY").or_else(|| self.var("no_proxy"))
    }

    /// The time, UTC.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    /// Whether the clock can be worked with.
    ///
    /// # Errors
    /// `config.clock` when it tells a time that cannot be written as a date with a year of four digits.
    pub fn refuse_clock(&self) -> Result<()> {
        refuse_time(std::time::SystemTime::now())
    }

    /// Who runs the program, for the ledger and the audit trail: the user that the operating system says, where it does.
    #[must_use]
    pub fn operator(&self) -> String {
        operator::of_system()
            .unwrap_or_else(|| self.var("USERNAME").or(self.var("USER")).unwrap_or("unknown").to_owned())
    }

    /// The home folder: the one asked for, else `LIBRETTO_HOME`, else the platform's data folder.
    ///
    /// # Errors
    /// `config.no_home` when the platform tells none.
    pub fn home(&self, asked: Option<&Path>) -> Result<PathBuf> {
        let home = asked.map(Path::to_path_buf).or_else(|| self.var("LIBRETTO_HOME").map(PathBuf::from));
        match home.map(|home| self.working_folder.join(home)).or_else(|| self.data_folder.clone()) {
            Some(home) => Ok(home),
            None => Err(Error::new("config.no_home", "this account has no data folder")
                .hint("set LIBRETTO_HOME, or pass --home DIR")),
        }
    }

    /// Standard input, to be read.
    #[must_use]
    pub fn stdin(&self) -> impl Read {
        std::io::stdin().lock()
    }

    /// Asks on the terminal, without echo.
    ///
    /// # Errors
    /// `usage.no_terminal` when nobody can answer, [`INTERRUPTED`] when the answer is Ctrl-C.
    pub fn ask_secret(&self, question: &str) -> Result<Zeroizing<String>> {
        self.need_terminal(question)?;
        prompt::secret(&plain(question)).map(Zeroizing::new).map_err(|e| match e.kind() {
            std::io::ErrorKind::Interrupted => {
                Error::new(INTERRUPTED, format!("interrupted at the question \"{question}\"; nothing was done"))
            }
            _ => Error::new("usage.no_terminal", format!("no answer to \"{question}\": {e}")),
        })
    }

    /// Asks on the terminal; the question goes to standard error, so that standard output stays what it promises.
    ///
    /// # Errors
    /// `usage.no_terminal` when nobody can answer.
    pub fn ask(&self, question: &str) -> Result<String> {
        self.need_terminal(question)?;
        let failed = |e: std::io::Error| Error::new("usage.no_terminal", format!("no answer to \"{question}\": {e}"));
        let mut out = std::io::stderr().lock();
        // In one piece, so that nothing that is said meanwhile gets between.
        out.write_all(format!("{}: ", plain(question)).as_bytes()).and_then(|()| out.flush()).map_err(failed)?;
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
        Ok(line.trim().to_owned())
    }

    fn need_terminal(&self, question: &str) -> Result<()> {
        if self.stdin_is_terminal {
            return Ok(());
        }
        Err(Error::new(
            "usage.no_terminal",
            format!("nobody can answer \"{question}\": standard input is not a terminal"),
        )
        .hint("give the value as a parameter, or answer with --yes where it is a yes-or-no question"))
    }
}

fn refuse_time(now: std::time::SystemTime) -> Result<()> {
    /// The first second of the year 9900: what is still valid for some years is a date then too.
    const LATEST: u64 = 250_246_627_200;
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    if since < LATEST {
        return Ok(());
    }
    Err(Error::new("config.clock", "the clock of this machine tells a year after 9899")
        .hint("set the clock; nothing was done, for every time that is written down would be wrong"))
}

/// Counts what the program has allocated, for the scripts' memory limit; it limits nothing itself. It lets the system grow a
/// block where it lies: an allocator that always copies makes every text quadratic that grows by single characters.
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// Bytes that the program has allocated now.
#[must_use]
pub fn memory_in_use() -> usize {
    ALLOCATOR.allocated()
}

/// The system's folder for temporary files; `TMPDIR` names another one.
#[must_use]
#[allow(clippy::disallowed_methods)] // of the environment, which this room reads
pub fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}

/// Hears when somebody asks the program to stop: Ctrl-C, or on Unix also SIGTERM, and SIGHUP, which says that the terminal or
/// the connection to it is gone. From the moment it is made on, none of them ends the program by itself.
pub struct StopSignals {
    #[cfg(unix)]
    heard: Vec<tokio::signal::unix::Signal>,
}

impl StopSignals {
    /// Begins to listen. Needs a tokio runtime around it.
    #[must_use]
    pub fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
            // `nohup` asks that a terminal that goes away be no reason to stop.
            if !is_hangup_ignored() {
                kinds.push(SignalKind::hangup());
            }
            Self { heard: kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect() }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// Waits for the next one. Never returns when the system offers no way to hear of it.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        std::future::poll_fn(|context| {
            let heard = self.heard.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if heard { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether the program was started with SIGHUP ignored. Linux tells; elsewhere `nohup` is not known of.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[test]
    fn a_clock_that_is_centuries_ahead_is_refused() {
        assert!(refuse_time(SystemTime::now()).is_ok());
        let year_10000 = UNIX_EPOCH + Duration::from_hours(70_389_528);
        assert_eq!(refuse_time(year_10000).unwrap_err().code(), "config.clock");
    }
}
