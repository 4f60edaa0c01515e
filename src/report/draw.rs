//! Errors, drawn at the script's line with the calls that led there, the cause and the remedy.

use std::{borrow::Cow, fmt::Write as _};

use super::{
    beside,
    look::{Look, Paint, plain, shown},
    sources::Sources,
};
use crate::{
    error::Error,
    secret::redact::redact,
    store::events::{Failure, Place},
};

/// Details that the message says already, that are for machines, or that the checks of a step have told one by one.
const NOT_DRAWN: &[&str] = &["target", "cause", "reason", "holder", "since", beside::DETAIL];

/// Characters of a script's line that are drawn.
const LONGEST_LINE: usize = 240;

/// A failure with its place.
#[must_use]
pub fn failure(look: Look, sources: &Sources, failure: &Failure) -> String {
    drawn(look, sources, failure, "error")
}

fn drawn(look: Look, sources: &Sources, failure: &Failure, word: &str) -> String {
    let mut text = heading(look, word, &plain(&failure.code), &plain(&failure.message));
    if let Some(place) = &failure.place {
        draw_place(&mut text, look, sources, place, failure.operation.as_deref());
    }
    for frame in &failure.chain {
        let from = format!("in {}, called at {}", plain(&frame.function), position(&frame.place));
        let _ = writeln!(text, "  {} {from}", look.paint(Paint::Faint, "="));
    }
    for (name, value) in failure.details.iter().filter(|(name, _)| !NOT_DRAWN.contains(&name.as_str())) {
        for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let name = plain(&name.replace('_', " "));
            let _ = writeln!(text, "  {} {name}: {}", look.paint(Paint::Faint, "="), plain(value.trim_end()));
        }
    }
    hint(&mut text, look, failure.hint.as_deref().map(plain).as_deref());
    redact(&text).into_owned()
}

/// An error that has no place in a script.
#[must_use]
pub fn error(look: Look, error: &Error) -> String {
    failure(look, &Sources::default(), &Failure::from(error))
}

/// Advice about a script: drawn like a failure, called a warning.
#[must_use]
pub fn warning(look: Look, sources: &Sources, advice: &Failure) -> String {
    drawn(look, sources, advice, "warning")
}

fn heading(look: Look, word: &str, code: &str, message: &str) -> String {
    let paint = if word == "error" { Paint::Error } else { Paint::Hint };
    format!("{}: {}\n", look.paint(paint, format!("{word}[{code}]")), look.paint(Paint::Heading, message))
}

fn hint(text: &mut String, look: Look, hint: Option<&str>) {
    if let Some(hint) = hint {
        let _ = writeln!(text, "  {} {hint}", look.paint(Paint::Hint, "help:"));
    }
}

/// `script:line:column`.
pub(super) fn position(place: &Place) -> String {
    let script = plain(&place.script);
    if place.column > 0 {
        format!("{script}:{}:{}", place.line, place.column)
    } else {
        format!("{script}:{}", place.line)
    }
}

fn draw_place(text: &mut String, look: Look, sources: &Sources, place: &Place, operation: Option<&str>) {
    let faint = |mark: &str| look.paint(Paint::Faint, mark);
    let _ = writeln!(text, "  {} {}", faint("-->"), position(place));
    let Some(line) = sources.line(&place.script, place.line.wrapping_sub(1)) else { return };
    let number = place.line.to_string();
    let gap = " ".repeat(number.len());
    let (line, column) = around(line.trim_end(), place.column);
    let _ = writeln!(text, "{gap} {}", faint("|"));
    let _ = writeln!(text, "{number} {} {}", faint("|"), shown(&line, false));
    if column > 0 {
        // Tabs keep their width when the line above them is indented by the same tabs.
        let before: String = line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let width = operation
            .filter(|name| line.chars().skip(column - 1).collect::<String>().starts_with(last_word(name)))
            .map_or(1, |name| last_word(name).chars().count());
        let _ = writeln!(text, "{gap} {} {before}{}", faint("|"), look.paint(Paint::Error, "^".repeat(width)));
    }
}

/// What is drawn of a line, and the column there: of a very long one (data, or a script that something has packed) the part
/// around the place.
fn around(line: &str, column: usize) -> (Cow<'_, str>, usize) {
    if line.chars().count() <= LONGEST_LINE {
        return (line.into(), column);
    }
    // Before it is cut, for of a secret at the edge a part would stay that is not known any more.
    let line = redact(line);
    let count = line.chars().count();
    if count <= LONGEST_LINE {
        return (line, column.min(count));
    }
    let from = column.saturating_sub(LONGEST_LINE / 2).min(count - LONGEST_LINE);
    let (before, after) = (if from > 0 { "…" } else { "" }, if from + LONGEST_LINE < count { "…" } else { "" });
    let part: String = line.chars().skip(from).take(LONGEST_LINE).collect();
    let moved = if column > 0 { column - from + before.chars().count() } else { 0 };
    (format!("{before}{part}{after}").into(), moved)
}

/// The position of `ad::policy(..)` is that of `policy`.
fn last_word(operation: &str) -> &str {
    operation.rsplit("::").next().unwrap_or(operation)
}
