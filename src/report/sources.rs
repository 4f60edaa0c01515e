//! The texts that errors are drawn in.

use std::borrow::Cow;

use crate::secret::redact::redact;

/// Names and texts of scripts and modules. Where their lines begin is looked up once, for a long script may have many errors.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<Source>);

#[derive(Debug, Clone)]
struct Source {
    name: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl From<Vec<(String, String)>> for Sources {
    fn from(texts: Vec<(String, String)>) -> Self {
        let source = |(name, text): (String, String)| {
            let lengths = text.split_inclusive('\n').map(str::len);
            let lines = lengths.scan(0, |at, length| Some(std::mem::replace(at, *at + length))).collect();
            Source { name, text, lines }
        };
        Self(texts.into_iter().map(source).collect())
    }
}

impl Sources {
    /// A line of a script, from 0; `None` where there is none. A secret may go on in the next one, where it is not known line
    /// by line.
    pub(super) fn line(&self, script: &str, number: usize) -> Option<&str> {
        let source = self.0.iter().find(|source| source.name == script)?;
        let line = source.text[*source.lines.get(number)?..].lines().next()?;
        match redact(&source.text) {
            Cow::Borrowed(_) => Some(line),
            Cow::Owned(clean) => Some(if clean.lines().any(|other| other == redact(line)) { line } else { "[secret]" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sources;

    #[test]
    fn lines_are_those_of_the_text() {
        for text in ["", "one", "one\n", "\n\n", "one\r\ntwo\r\n\r\nfour", "one\n\nthree\n"] {
            let sources = Sources::from(vec![("a".to_owned(), "other".to_owned()), ("it".to_owned(), text.to_owned())]);
            let all: Vec<_> = (0..6).filter_map(|number| sources.line("it", number)).collect();
            assert_eq!(all, text.lines().collect::<Vec<_>>(), "{text:?}");
        }
        assert_eq!(Sources::default().line("it", 0), None);
    }
}
