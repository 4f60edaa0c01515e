//! What others say, fit to be quoted.

/// A server's words in one line, at most so many characters.
pub(crate) fn in_one_line(said: &str, most: usize) -> String {
    let line: String = said.split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
