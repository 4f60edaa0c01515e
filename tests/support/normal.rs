//! Texts made comparable: what differs each time gets a name, and a difference is shown line by line.

use std::path::Path;

/// Replaces times, run ids, ports, moments and temporary folders by `[time]`, `[run]`, `[port]`, `[when]`, `[home]`,
/// `[folder]`.
pub fn normal(text: &str, home: Option<&Path>, folder: Option<&Path>) -> String {
    let mut text = text.replace('\r', "");
    for (path, name) in [(home, "[home]"), (folder, "[folder]")] {
        if let Some(path) = path {
            text = text.replace(path.to_str().unwrap(), name);
        }
    }
    text.split_inclusive('\n').map(line).collect()
}

fn line(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let inside_word =
            out.chars().next_back().is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | '-'));
        let found = if inside_word {
            None
        } else {
            moment(rest).or_else(|| run(rest)).or_else(|| port(rest, &out)).or_else(|| time(rest))
        };
        if let Some((length, name)) = found {
            out.push_str(name);
            rest = &rest[length..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

type Found = Option<(usize, &'static str)>;

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `2026-11-23T04:25:17.123Z`.
fn moment(text: &str) -> Found {
    const SHAPE: &str = "dddd-dd-ddTdd:dd:dd";
    let fits = text.len() >= SHAPE.len()
        && text
            .bytes()
            .zip(SHAPE.bytes())
            .all(|(is, shape)| if shape == b'd' { is.is_ascii_digit() } else { is == shape });
    if !fits {
        return None;
    }
    let end = text[SHAPE.len()..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len() - SHAPE.len());
    let length = SHAPE.len() + end;
    text[length..].starts_with('Z').then_some((length + 1, "[when]"))
}

/// A run's id.
fn run(text: &str) -> Found {
    const LENGTH: usize = 12;
    let length = text.bytes().take_while(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)).count();
    let ends = !text[length..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (length == LENGTH && ends).then_some((LENGTH, "[run]"))
}

/// `127.0.0.1:40321`.
fn port(text: &str, before: &str) -> Found {
    let length = digits(text);
    let behind = ["127.0.0.1:", "localhost:", "port "].iter().any(|words| before.ends_with(words));
    (length >= 4 && behind).then_some((length, "[port]"))
}

/// `12 ms`, `1.24 s`, `2 min 3 s`, `350/s`, `"ms":12`.
fn time(text: &str) -> Found {
    if let Some(rest) = text.strip_prefix("\"ms\":") {
        let length = digits(rest);
        return (length > 0).then_some((5 + length, "\"ms\":[time]"));
    }
    let whole = digits(text);
    if whole == 0 {
        return None;
    }
    let rest = &text[whole..];
    let fraction = rest.strip_prefix('.').map_or(0, |rest| match digits(rest) {
        0 => 0,
        count => count + 1,
    });
    let unit = [" ms", " s", "/s", " min"].into_iter().find(|unit| {
        rest[fraction..].strip_prefix(unit).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric()))
    })?;
    Some((whole + fraction + unit.len(), "[time]"))
}

/// Panics with both texts, line by line, when they differ.
#[track_caller]
pub fn assert_same(actual: &str, expected: &str) {
    let (actual, expected) = (actual.trim_end(), expected.trim_end());
    if actual == expected {
        return;
    }
    panic!("what came (+) is not what was expected (-):\n{}", difference(expected, actual));
}

/// Both texts as one: lines of the expected one alone behind `-`, of the actual one alone behind `+`.
fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    // Lengths of the longest common rest from each pair of lines on.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, before) in old.iter().enumerate().rev() {
        for (j, after) in new.iter().enumerate().rev() {
            common[i][j] =
                if before == after { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        let (mark, line) = if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
            (' ', old[i - 1])
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ('-', old[i - 1])
        } else {
            j += 1;
            ('+', new[j - 1])
        };
        text.push_str(&format!("{mark} {line}\n"));
    }
    text
}

#[test]
fn what_differs_each_time_gets_a_name() {
    let text =
        "run 019ac1b2c3d4 ended 2026-11-23T04:25:17.5Z in 1.24 s, 12 ms, 75/s at 127.0.0.1:40321, \"ms\":3, 3 items";
    assert_eq!(
        normal(text, None, None),
        "run [run] ended [when] in [time], [time], [time] at 127.0.0.1:[port], \"ms\":[time], 3 items"
    );
    assert_eq!(
        normal("/tmp/a/home/store.db in /tmp/a\r\n", Some(Path::new("/tmp/a/home")), Some(Path::new("/tmp/a"))),
        "[home]/store.db in [folder]\n"
    );
}

#[test]
fn a_difference_is_shown_line_by_line() {
    assert_eq!(difference("a\nb\nc", "a\nx\nc\nd"), "  a\n- b\n+ x\n  c\n+ d\n");
}
