//! The program as a person at a terminal sees it: a pseudo-terminal of 100 columns and 40 rows, typed to and looked at.
//!
//! The pseudo-terminal comes from `script`, which every Linux has: a crate for it needs unsafe code for the child's side. What
//! the person sees comes from a terminal emulator, so that a live view can be compared as it looks, not as it is drawn.

use std::{
    io::Write,
    num::NonZero,
    process::{ChildStdin, Command},
};

use super::program::{Output, Program, Running};

const ROWS: NonZero<u16> = NonZero::new(40).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();

/// The program, running at a terminal.
#[derive(Debug)]
pub struct Terminal {
    pub(super) running: Running,
    keyboard: ChildStdin,
}

impl Program {
    /// Starts it at a terminal; what was given as standard input is not used.
    pub fn on_terminal(&self) -> Terminal {
        let quoted = std::iter::once(self.executable.as_os_str()).chain(self.args.iter().map(AsRef::as_ref));
        let quoted: Vec<String> = quoted.map(|word| quote(&word.to_string_lossy())).collect();
        let line = format!("stty rows {ROWS} cols {COLUMNS}; exec {}", quoted.join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--flush", "--echo", "always", "--command", &line, "/dev/null"]);
        command.current_dir(&self.folder).env_clear().envs(&self.vars).env("SHELL", "/bin/sh");
        let mut running = self.spawn(command);
        let keyboard = running.child.stdin.take().unwrap();
        Terminal { running, keyboard }
    }
}

/// One word for the shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Terminal {
    /// What the screen shows now: its lines without trailing spaces, without empty lines at the end.
    pub fn screen(&self) -> String {
        seen(&self.running.stdout.bytes.lock().unwrap())
    }

    /// Everything that was ever sent to the terminal, control sequences and all.
    pub fn sent(&self) -> Vec<u8> {
        self.running.stdout.bytes.lock().unwrap().clone()
    }

    /// Waits until the screen shows `text`.
    pub fn await_screen(&mut self, text: &str) {
        self.running.poll(&format!("show \"{text}\""), |running| {
            seen(&running.stdout.bytes.lock().unwrap()).contains(text).then_some(())
        });
    }

    /// Types a line and the Enter key.
    pub fn type_line(&mut self, line: &str) {
        self.type_keys(&format!("{line}\r"));
    }

    /// Types keys; `\x03` is Ctrl-C.
    pub fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits for the program's end. `stdout` is the screen as it was left; a terminal has no standard error of its own.
    pub fn finish(self) -> Output {
        let Self { running, keyboard } = self;
        let mut output = running.finish();
        drop(keyboard); // only now: its end would be the program's end of input
        output.stdout = seen(output.stdout.as_bytes());
        output
    }
}

fn seen(sent: &[u8]) -> String {
    let mut emulator = vt100::Parser::new(ROWS, COLUMNS, 10_000);
    emulator.process(sent);
    let lines: Vec<String> = emulator.screen().contents().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n").trim_end().to_owned()
}
