//! `command:` references: the secret is what a program prints.

use std::{
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

use super::{ROOM, as_line, at_most};
use crate::error::{Error, Result};

/// How long a program may take; a vault's may ask its user.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the program without a shell (nothing in a connection's name or a file can become a command) and answers what it
/// prints, without the last line ending. Its error stream goes where ours goes, so that it can ask.
pub(super) fn run(line: &str, folder: &Path, what: &str) -> Result<Zeroizing<String>> {
    let failed = |said: String| {
        Error::new("secret.command_failed", format!("the program for the {what} {said}"))
            .hint("run it by hand: it must print the secret alone on standard output and exit with 0")
    };
    let words = words(line).ok_or_else(|| failed("is written with a quote that does not end".to_owned()))?;
    let (program, arguments) = words.split_first().ok_or_else(|| failed("has no name".to_owned()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| failed(format!("cannot be started: {e}")))?;
    let begun = Instant::now();
    let not_text = || failed("printed something that is not UTF-8 text".to_owned());
    let stop = |mut child: Child| {
        // It may have ended by itself just now.
        let _ = child.kill();
        let _ = child.wait();
    };
    let bytes = output(&mut child);
    if let Some(bytes) = bytes.as_ref().filter(|bytes| bytes.len() == ROOM) {
        stop(child);
        return as_line(bytes).ok_or_else(not_text);
    }
    let ended = bytes.and_then(|bytes| Some((bytes, end(&mut child, begun + PATIENCE)?)));
    let Some((bytes, status)) = ended else {
        stop(child);
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
fn output(child: &mut Child) -> Option<Zeroizing<Vec<u8>>> {
    let mut pipe = child.stdout.take()?;
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || {
        // A pipe that breaks ends the output; the exit status tells whether it was complete. Nobody may be waiting any more.
        let _ = done.send(at_most(&mut pipe).unwrap_or_default());
    });
    waiting.recv_timeout(PATIENCE).ok()
}

/// How the program ended; `None` when it has closed its output and goes on all the same.
fn end(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
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
