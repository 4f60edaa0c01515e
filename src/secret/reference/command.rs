//! `command:` references: the secret is what a program prints.

use std::{
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

use super::{ROOM, as_line, at_most};
use crate::error::{Error, Result};

/// How long a program may take; a vault's may ask its user.
const PATIENCE: Duration = Duration::from_secs(30);

/// The programs that run now.
static RUNNING: Mutex<Vec<Program>> = Mutex::new(Vec::new());

/// Ends every program that a secret is still awaited from: whoever waits is told that it was ended. For a process that is
/// about to end itself.
pub fn end_programs() {
    for program in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        program.end();
    }
}

/// A program that was started.
#[derive(Clone)]
struct Program {
    child: Arc<Mutex<Child>>,
    /// Whether it has a process group of its own, in which everything is that it starts.
    leads: bool,
}

impl Program {
    /// Starts it. Where a person may be asked it stays in our process group, for another one may not read the terminal; a
    /// Ctrl-C there reaches both.
    fn start(mut command: Command, at_terminal: bool) -> std::io::Result<(Self, Option<ChildStdout>)> {
        let leads = cfg!(target_os = "linux") && !at_terminal;
        #[cfg(unix)]
        if leads {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let mut child = command.spawn()?;
        let output = child.stdout.take();
        let program = Self { child: Arc::new(Mutex::new(child)), leads };
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(program.clone());
        Ok((program, output))
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
        if self.leads {
            let _ = rustix::process::kill_process_group(
                rustix::process::Pid::from_child(&child),
                rustix::process::Signal::KILL,
            );
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Forgets a program when nobody waits for it any more.
struct Awaited<'a>(&'a Program);

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|other| !Arc::ptr_eq(&other.child, &self.0.child));
    }
}

/// Runs the program without a shell (nothing in a connection's name or a file can become a command) and answers what it
/// prints, without the last line ending. Its error stream goes where ours goes, so that it can ask.
pub(super) fn run(line: &str, folder: &Path, at_terminal: bool, what: &str) -> Result<Zeroizing<String>> {
    let failed = |said: String| {
        Error::new("secret.command_failed", format!("the program for the {what} {said}"))
            .hint("run it by hand: it must print the secret alone on standard output and exit with 0")
    };
    let words = words(line).ok_or_else(|| failed("is written with a quote that does not end".to_owned()))?;
    let (program, arguments) = words.split_first().ok_or_else(|| failed("has no name".to_owned()))?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let (program, pipe) =
        Program::start(command, at_terminal).map_err(|e| failed(format!("cannot be started: {e}")))?;
    let _awaited = Awaited(&program);
    let begun = Instant::now();
    let not_text = || failed("printed something that is not UTF-8 text".to_owned());
    let bytes = pipe.and_then(output);
    if let Some(bytes) = bytes.as_ref().filter(|bytes| bytes.len() == ROOM) {
        program.end();
        return as_line(bytes).ok_or_else(not_text);
    }
    let ended = bytes.and_then(|bytes| Some((bytes, status(&program, begun + PATIENCE)?)));
    let Some((bytes, status)) = ended else {
        program.end();
        return Err(Error::inconclusive(
            "secret.command_timeout",
            format!("the program for the {what} did not end within {} s", PATIENCE.as_secs()),
        )
        .hint("run it by hand and see what it waits for"));
    };
    if !status.success() {
        return Err(failed(format!("ended with {status}")));
    }
    as_line(&bytes).ok_or_else(not_text)
}

/// All that the program prints until it closes its output; `None` when that takes too long.
fn output(mut pipe: ChildStdout) -> Option<Zeroizing<Vec<u8>>> {
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || {
        // A pipe that breaks ends the output; the exit status tells whether it was complete. Nobody may be waiting any more.
        let _ = done.send(at_most(&mut pipe).unwrap_or_default());
    });
    waiting.recv_timeout(PATIENCE).ok()
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
