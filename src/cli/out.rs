//! Standard output and standard error: the only two doors, and the redactor stands in both.

use std::{
    borrow::Cow,
    io::{self, Write},
    sync::OnceLock,
};

use super::args::{ColorChoice, Global};
use crate::{
    host::Host,
    report::{Look, shown},
    secret::{Secret, redact::redact},
};

/// Where everything that Libretto says goes out.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    /// How standard output looks.
    pub look: Look,
    /// How standard error looks.
    pub error_look: Look,
    /// Whether machines read standard output.
    pub json: bool,
    /// Whether only what went wrong is told.
    pub quiet: bool,
}

// The doors are methods so that nobody prints without the value that says how.
#[allow(clippy::unused_self)]
impl Out {
    /// As the command line and the terminal want it. `NO_COLOR` (no-color.org) and a dumb terminal have no colours.
    pub fn new(host: &Host, global: &Global) -> Self {
        let color = |terminal: bool| match global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && host.var("NO_COLOR").is_none() && host.var("TERM") != Some("dumb"),
        };
        Self {
            look: Look { color: color(host.stdout_is_terminal) },
            error_look: Look { color: color(host.stderr_is_terminal) },
            json: global.json,
            quiet: global.quiet,
        }
    }

    /// Says `text`, which brings its own line endings, on standard output.
    pub fn say(self, text: &str) {
        note(write(&mut io::stdout().lock(), &self.safe(text, self.look)));
    }

    /// Says one line on standard output.
    pub fn line(self, text: &str) {
        self.say(&format!("{text}\n"));
    }

    /// Says one line of a run's events, whose texts went through the redactor one by one: a line that is redacted as a whole
    /// could lose a time or a number that looks like a secret.
    pub fn event(self, line: &str) {
        let mut out = io::stdout().lock();
        note(writeln!(out, "{line}").and_then(|()| out.flush()));
    }

    /// Says a secret on standard output, alone on a line and as it is: for a command that was asked for nothing else.
    pub fn reveal(self, secret: &Secret) {
        let mut out = io::stdout().lock();
        note(writeln!(out, "{}", secret.expose()).and_then(|()| out.flush()));
    }

    /// What nobody has looked at more closely must not reach a terminal as it is. Machines get what there is, but for secrets.
    fn safe(self, text: &str, look: Look) -> Cow<'_, str> {
        if self.json { redact(text) } else { Cow::Owned(shown(text, look.color)) }
    }

    /// Says `text` on standard error.
    pub fn complain(self, text: &str) {
        // Nobody is left to be told.
        let _ = write(&mut io::stderr().lock(), &self.safe(text, self.error_look));
    }
}

fn write(to: &mut impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes()).and_then(|()| to.flush())
}

/// What the system said when something that was meant for standard output was lost for the first time.
static LOST: OnceLock<String> = OnceLock::new();

/// Notes what became of a write to standard output. A reader that went away (`libretto list | head -1`) is no fault.
pub(super) fn note(written: io::Result<()>) {
    if let Err(e) = written
        && e.kind() != io::ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| e.to_string());
    }
}

/// Why standard output is not complete.
pub(super) fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}
