//! What a program says on its error stream: kept at its end alone, and shown where it fails.

use std::{
    io::Read,
    process::ChildStderr,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use zeroize::Zeroizing;

use crate::{error::Error, host::plain, secret::redact::redact};

/// Bytes of it that are kept, about. What comes before them is read as well, so that the program does not wait.
const KEPT: usize = 4096;
/// Lines that are shown, and characters of each.
const LINES: usize = 5;
const LINE: usize = 200;
/// How long the end of the stream is waited for when the program has ended: what it has started may hold it open.
const PATIENCE: Duration = Duration::from_millis(200);

/// The end of an error stream, while it is read.
pub(super) struct Said {
    kept: Arc<Mutex<Kept>>,
    /// Closed when the stream has ended.
    open: mpsc::Receiver<()>,
}

struct Kept {
    bytes: Zeroizing<Vec<u8>>,
    /// Whether the beginning is missing.
    is_cut: bool,
}

impl Said {
    /// Reads a stream in a thread of its own.
    pub(super) fn listen(stream: Option<ChildStderr>) -> Self {
        // It does not grow, so that no part stays behind elsewhere in memory.
        let bytes = Zeroizing::new(Vec::with_capacity(2 * KEPT));
        let kept = Arc::new(Mutex::new(Kept { bytes, is_cut: false }));
        let (ending, open) = mpsc::channel::<()>();
        let of_thread = Arc::clone(&kept);
        thread::spawn(move || {
            let _ending = ending;
            let Some(mut stream) = stream else { return };
            let mut chunk = Zeroizing::new([0; KEPT]);
            while let Ok(count @ 1..) = stream.read(&mut *chunk) {
                of_thread.lock().unwrap_or_else(PoisonError::into_inner).add(&chunk[..count]);
            }
        });
        Self { kept, open }
    }

    /// The error, with the last lines as details.
    pub(super) fn told_by(&self, error: Error) -> Error {
        self.last_lines().into_iter().fold(error, |error, line| error.with("it_says", line))
    }

    /// The last lines, without secrets that are known and without what controls a terminal.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let _ = self.open.recv_timeout(PATIENCE);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).last_lines()
    }
}

impl Kept {
    fn add(&mut self, more: &[u8]) {
        if self.bytes.len() + more.len() > 2 * KEPT {
            let surplus = self.bytes.len().saturating_sub(KEPT);
            self.bytes.drain(..surplus);
            self.is_cut = true;
        }
        self.bytes.extend_from_slice(more);
    }

    fn last_lines(&self) -> Vec<String> {
        let whole = match self.bytes.iter().position(|byte| *byte == b'\n') {
            // Of a secret in a line that is cut a part would stay, which nobody knows.
            Some(end) if self.is_cut => &self.bytes[end..],
            None if self.is_cut => &[],
            _ => &self.bytes[..],
        };
        let text = Zeroizing::new(String::from_utf8_lossy(whole).into_owned());
        let lines = redact(&text);
        let lines = lines.lines().map(|line| plain(line).trim().chars().take(LINE).collect::<String>());
        let mut lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
        lines.split_off(lines.len().saturating_sub(LINES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(parts: &[&[u8]]) -> Vec<String> {
        let mut kept = Kept { bytes: Zeroizing::new(Vec::new()), is_cut: false };
        for part in parts {
            kept.add(part);
        }
        kept.last_lines()
    }

    #[test]
    fn the_last_lines_are_shown_without_what_controls_a_terminal() {
        assert_eq!(
            said(&[b"\x1b[2J\x1b[31mno such entry\r\n\n", b"a\nb\nc\nd\xff"]),
            ["[2J [31mno such entry", "a", "b", "c", "d\u{fffd}"]
        );
        assert_eq!(said(&[b"one\ntwo\nthree\nfour\nfive\nsix\n"]), ["two", "three", "four", "five", "six"]);
        assert_eq!(said(&[&[b'x'; 3000]]), ["x".repeat(LINE)]);
        assert_eq!(said(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_line_whose_beginning_is_gone_is_not_shown() {
        let long = [b'x'; KEPT];
        assert_eq!(said(&[&long, &long, &long, b"\nthe end\n"]), ["the end"]);
        assert_eq!(said(&[&long, &long, &long]), Vec::<String>::new());
    }
}
