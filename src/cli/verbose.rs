//! `-v`: what is done, logged to standard error.

use std::io::{self, Write};

use tracing_subscriber::{filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::report::plain;

/// Installs the log. Only Libretto's own targets are in it: libraries log what they send, passwords included.
pub(super) fn install(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(Redacted).with_ansi(false).with_target(false);
    let filter = Targets::new().with_target("libretto", level);
    // A second subscriber in the same process (a test's) keeps its place.
    let _ = tracing_subscriber::registry().with(layer).with(filter).try_init();
}

/// Standard error behind the redactor. The subscriber writes one event at a time, which is one line whatever texts are in it: a
/// step's name or a server's words must not look like an event of their own.
struct Redacted;

impl<'a> MakeWriter<'a> for Redacted {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Redacted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = plain(text.strip_suffix('\n').unwrap_or(&text));
        io::stderr().lock().write_all(format!("{line}\n").as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
