//! Whole texts, compared: what differs from run to run is replaced first, then a difference is shown line by line.

use std::{path::Path, process::Command, sync::LazyLock};

use regex::Regex;
use similar::TextDiff;

/// What differs each time, and what stands for it. In this order: a time is not taken for an id, nor an id for a duration.
static CHANGING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC|[+-]\d\d:\d\d)?", "[when]"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[id]"),
        (r"\b[0-9a-f]{12}\b", "[run]"),
        (r#""ms":\d+(\.\d+)?"#, r#""ms":[time]"#),
        (r"\b(\d+ (h|min) )*\d+(\.\d+)? ?(µs|ms|s|min|h)\b", "[time]"),
        (r"\b\d+/s\b", "[time]"),
        (r"\bport (3[2-9]\d{3}|[4-6]\d{4})\b", "port [port]"),
        // those that the system hands out; the agent's 40002 and the directory's 636 are the program's own words
        (
            r"(127\.\d+\.\d+\.\d+|localhost|\[::1\]):(3[2-9]\d{3}|4(?:[1-9]\d{3}|0(?:[1-9]\d\d|0[1-9]\d|00[0134-9]))|[56]\d{4})\b",
            "$1:[port]",
        ),
    ];
    let who = (Regex::new(&format!(r"\bby {}\b", regex::escape(operator()))).unwrap(), "by tester");
    rules.into_iter().map(|(pattern, name)| (Regex::new(pattern).unwrap(), name)).chain([who]).collect()
});

/// Whom the operating system says that the tests run as; in a normalised text it is `by tester`.
pub fn operator() -> &'static str {
    static OPERATOR: LazyLock<String> = LazyLock::new(|| {
        let named = Command::new("id").arg("-un").output().unwrap();
        String::from_utf8(named.stdout).unwrap().trim().to_owned()
    });
    &OPERATOR
}

/// `text` with times, durations, run ids, ids and ports of the system's choice replaced by their names, and each of
/// `folders` (path, name) by its own.
pub fn normalised(text: &str, folders: &[(&Path, &str)]) -> String {
    let mut text = text.to_owned();
    for (folder, name) in folders {
        text = text.replace(&*folder.to_string_lossy(), name);
    }
    CHANGING.iter().fold(text, |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned())
}

/// The lines in which two texts differ, with three lines around each; empty when they are equal.
pub fn difference(expected: &str, actual: &str) -> String {
    if expected == actual {
        return String::new();
    }
    TextDiff::from_lines(expected, actual).unified_diff().context_radius(3).header("expected", "actual").to_string()
}

/// Fails with the difference unless the texts are equal.
#[track_caller]
pub fn assert_same(what: &str, expected: &str, actual: &str) {
    let difference = difference(expected, actual);
    assert!(difference.is_empty(), "{what} is not as expected:\n{difference}\nThe whole text:\n{actual}");
}
