//! Colours, columns, and times as people read them.

use std::{fmt, time::Duration};

use anstyle::{AnsiColor, Style};

use crate::{host, secret::redact::redact, verdict::Verdict};

/// Columns of a verdict: the longest, `inconclusive`, and a gap.
pub const VERDICT: usize = 14;

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether colours are used.
    pub color: bool,
}

/// What a piece of text is, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// A verdict.
    Verdict(Verdict),
    /// A heading.
    Heading,
    /// What matters less.
    Faint,
    /// An error's first words.
    Error,
    /// Advice.
    Hint,
}

impl Paint {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Verdict(Verdict::Ok) => color(AnsiColor::Green),
            Self::Verdict(Verdict::Skipped | Verdict::NotStarted) | Self::Faint => Style::new().dimmed(),
            Self::Verdict(Verdict::Inconclusive | Verdict::Partial) => color(AnsiColor::Yellow),
            Self::Verdict(Verdict::InDoubt) => color(AnsiColor::Magenta).bold(),
            Self::Heading => Style::new().bold(),
            Self::Error | Self::Verdict(Verdict::Failed) => color(AnsiColor::Red).bold(),
            Self::Hint => color(AnsiColor::Cyan),
        }
    }
}

impl Look {
    /// `text` in its colour, when there are colours.
    #[must_use]
    pub fn paint(self, paint: Paint, text: impl fmt::Display) -> String {
        if self.color {
            let style = paint.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_string()
        }
    }

    /// A verdict in a column of its own, [`VERDICT`] wide.
    #[must_use]
    pub fn verdict(self, verdict: Verdict) -> String {
        self.paint(Paint::Verdict(verdict), format!("{verdict:<VERDICT$}"))
    }
}

/// A name or a sentence on one line, as a person is shown it: without secrets, and without what controls a terminal. In this
/// order, for what is replaced could be a part of a secret, which would not be known any more.
#[must_use]
pub fn plain(text: &str) -> String {
    host::plain(&redact(text))
}

/// The floor under everything that a person is shown: without secrets, in the same order, and what controls a terminal, and is
/// neither a line's end, a tab nor (where there are colours) a colour, is a space.
#[must_use]
pub fn shown(text: &str, color: bool) -> String {
    let text = redact(text);
    let harmless = |c: char| matches!(c, '\n' | '\t') || !host::controls(c);
    if text.chars().all(harmless) {
        return text.into_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(c) = rest.chars().next() {
        let length = if color { style(rest) } else { 0 };
        if length > 0 {
            shown.push_str(&rest[..length]);
        } else {
            shown.push(if harmless(c) { c } else { ' ' });
        }
        rest = &rest[length.max(c.len_utf8())..];
    }
    shown
}

/// The length of the colour that a text begins with.
fn style(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\u{1b}[") else { return 0 };
    let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    if rest[digits..].starts_with('m') { text.len() - rest.len() + digits + 1 } else { 0 }
}

/// `312 ms`, `1.24 s`, `2 min 3 s`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let ms = time.as_millis();
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{:02} s", ms / 1000, ms % 1000 / 10),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let text = |ms| duration(Duration::from_millis(ms));
        assert_eq!(
            [text(0), text(999), text(1240), text(123_000), text(7_260_000)],
            ["0 ms", "999 ms", "1.24 s", "2 min 3 s", "2 h 1 min"]
        );
    }
}
