//! `command:` references: the secret is what a program prints.
//!
//! A program is ended, with what it has started, when its time is up and when this process is told to end. Killed by SIGKILL,
//! this process can do nothing; then Linux ends the program, and what that has started goes on until it writes into a pipe that
//! nobody reads any more, or to its own end.

#[cfg(target_os = "linux")]
mod family;
mod said;

use std::{
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

use self::said::Said;
use super::{ROOM, as_line, at_most};
use crate::{
    error::{Error, Result},
    host::{
        Host, INTERRUPTED,
        terminal::{self, Borrowed},
    },
    secret::Secret,
};

/// How long a program may take; a vault's may ask its user.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a program that failed is taken to have met the Ctrl-C that ends this process too.
const TOGETHER: Duration = Duration::from_millis(100);

/// The programs that run now.
static RUNNING: Mutex<Running> = Mutex::new(Running { programs: Vec::new(), is_over: false });

struct Running {
    programs: Vec<Program>,
    /// Whether this process is about to end: no program is started any more.
    is_over: bool,
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends everything that a secret is still awaited from, programs and a question, and gives the terminal its settings back:
/// whoever waits is told that it was interrupted. For a process that is about to end itself; later ones do not begin. Answers
/// whether anything was awaited.
pub fn end_waiting() -> bool {
    let mut running = running();
    running.is_over = true;
    running.programs.iter().for_each(Program::end);
    // Only now, for a program that goes on could change them again.
    let borrowed = terminal::give_back();
    borrowed || !running.programs.is_empty()
}

/// What a program prints until it closes its output.
type Printed = mpsc::Receiver<Option<Zeroizing<Vec<u8>>>>;

/// A program that was started.
#[derive(Clone)]
struct Program {
    child: Arc<Mutex<Child>>,
    /// To whom its output is handed; nothing when it was ended.
    printed: mpsc::Sender<Option<Zeroizing<Vec<u8>>>>,
    /// Whether it has a process group of its own, in which everything is that it starts.
    leads: bool,
}

impl Program {
    /// Starts it. Where a person may be asked it stays in our process group, for another one may not read the terminal; a
    /// Ctrl-C there reaches both.
    fn start(mut command: Command, at_terminal: bool) -> std::io::Result<(Self, Printed, Said)> {
        let leads = cfg!(target_os = "linux") && !at_terminal;
        #[cfg(unix)]
        if leads {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let mut running = running();
        if running.is_over {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let mut child = command.spawn()?;
        let (pipe, said) = (child.stdout.take(), Said::listen(child.stderr.take()));
        let (printed, output) = mpsc::channel();
        let program = Self { child: Arc::new(Mutex::new(child)), printed: printed.clone(), leads };
        running.programs.push(program.clone());
        thread::spawn(move || {
            // A pipe that breaks ends the output; the exit status tells whether it was complete. Nobody may be waiting any more.
            let _ = printed.send(pipe.map(|pipe| at_most(pipe).unwrap_or_default()));
        });
        Ok((program, output, said))
    }

    /// How it has ended, if it has.
    fn status(&self) -> std::io::Result<Option<ExitStatus>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait()
    }

    /// Ends it, and what it has started. It may have ended by itself just now; then its number may be another's.
    fn end(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        #[cfg(target_os = "linux")]
        family::end(&child, self.leads);
        let _ = child.kill();
        let _ = child.wait();
        // What it has started may hold its output open.
        let _ = self.printed.send(None);
    }
}

/// Forgets a program when nobody waits for it any more.
struct Awaited<'a>(&'a Program);

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        running().programs.retain(|other| !Arc::ptr_eq(&other.child, &self.0.child));
    }
}

/// Runs the program without a shell (nothing in a connection's name or a file can become a command) and answers what it
/// prints, without the last line ending. What it says on its error stream is shown where it fails, else at debug level: it
/// may be anything. One that asks does so on the terminal (`/dev/tty`).
pub(super) fn run(host: &Host, line: &str, at_terminal: bool, what: &str) -> Result<Zeroizing<String>> {
    let failed = |said: String| {
        Error::new("secret.command_failed", format!("the program for the {what} {said}"))
            .hint("run it by hand: it must print the secret alone on standard output and exit with 0")
    };
    let words = words(line).ok_or_else(|| failed("is written with a quote that does not end".to_owned()))?;
    let (program, arguments) = words.split_first().ok_or_else(|| failed("has no name".to_owned()))?;
    let mut command = host.command(program);
    command.args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A program that asks may be ended before it has put the terminal right again. Not every process has one.
    let _borrowed = if at_terminal { Borrowed::new().ok() } else { None };
    let (program, printed, said) = match Program::start(command, at_terminal) {
        Err(e) if e.kind() == std::io::ErrorKind::Interrupted => return Err(interrupted(what)),
        started => started.map_err(|e| failed(format!("cannot be started: {e}")))?,
    };
    let _awaited = Awaited(&program);
    let begun = Instant::now();
    let not_text = || failed("printed something that is not UTF-8 text".to_owned());
    let bytes = printed.recv_timeout(PATIENCE).ok().flatten();
    if let Some(bytes) = bytes.as_ref().filter(|bytes| bytes.len() == ROOM) {
        program.end();
        return as_line(bytes).ok_or_else(not_text);
    }
    let ended = bytes.and_then(|bytes| Some((bytes, status(&program, begun + PATIENCE)?)));
    let Some((bytes, status)) = ended else {
        program.end();
        if running().is_over {
            return Err(interrupted(what));
        }
        let error = Error::inconclusive(
            "secret.command_timeout",
            format!("the program for the {what} did not end within {} s", PATIENCE.as_secs()),
        );
        return Err(said.told_by(error.hint("run it by hand and see what it waits for")));
    };
    let secret = as_line(&bytes);
    // Known from here on, for the program may have said it on its error stream too. Too short a one is none.
    let _ = secret.as_ref().map(|text| Secret::new(text.as_str()));
    if !status.success() {
        let failure = || said.told_by(failed(format!("ended with {status}")));
        return Err(if is_over_soon(at_terminal) { interrupted(what) } else { failure() });
    }
    for line in said.last_lines() {
        tracing::debug!("the program for the {what} says: {line}");
    }
    secret.ok_or_else(not_text)
}

fn interrupted(what: &str) -> Error {
    Error::new(INTERRUPTED, format!("interrupted while a program was to tell the {what}; nothing was done"))
}

/// Whether this process is told to end as well: at a terminal a Ctrl-C reaches both, and the program may be the quicker one.
fn is_over_soon(at_terminal: bool) -> bool {
    let until = Instant::now() + if at_terminal { TOGETHER } else { Duration::ZERO };
    loop {
        match running().is_over {
            false if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
            is_over => return is_over,
        }
    }
}

/// How the program ended; `None` when it has closed its output and goes on all the same.
fn status(program: &Program, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match program.status() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Words separated by spaces; single and double quotes keep what is between them together. A backslash is just one.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_person_reads_them() {
        assert_eq!(words("pass  show corp").unwrap(), ["pass", "show", "corp"]);
        assert_eq!(words(r#"vault get "a b" '' C:\x"#).unwrap(), ["vault", "get", "a b", "", r"C:\x"]);
        assert_eq!(words("pass 'open"), None);
    }
}
