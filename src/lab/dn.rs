//! Distinguished names: reading and comparing them as a directory does (RFC 4514).

/// A distinguished name: the text as written, and its parts made comparable.
#[derive(Debug, Clone)]
pub(super) struct Dn {
    text: String,
    parts: Vec<(String, String)>,
}

impl Dn {
    /// Reads a name such as `CN=Alice,CN=Users,DC=lab,DC=test`; `None` when it is malformed. Empty is the root.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts = if text.trim().is_empty() {
            Vec::new()
        } else {
            split(text, ',').into_iter().map(|part| rdn(&part)).collect::<Option<_>>()?
        };
        Some(Self { text: text.to_owned(), parts })
    }

    /// The name as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The value of the first part in its own case, e.g. `Alice`.
    pub(super) fn name(&self) -> String {
        let first = split(&self.text, ',').into_iter().next().unwrap_or_default();
        unescape(first.split_once('=').map_or("", |(_, value)| value)).unwrap_or_default()
    }

    /// How many parts `self` has below `base`; `None` when it is not under it.
    pub(super) fn depth_below(&self, base: &Self) -> Option<usize> {
        let depth = self.parts.len().checked_sub(base.parts.len())?;
        (self.parts[depth..] == base.parts[..]).then_some(depth)
    }

    /// The canonical form, `lab.test/Users/Alice`, in lower case.
    pub(super) fn canonical(&self) -> String {
        let domain: Vec<_> = self.parts.iter().filter(|(kind, _)| kind == "dc").map(|(_, v)| v.as_str()).collect();
        let path: Vec<_> = self.parts.iter().rev().filter(|(kind, _)| kind != "dc").map(|(_, v)| v.as_str()).collect();
        format!("{}/{}", domain.join("."), path.join("/"))
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

/// Splits at a separator that is not escaped.
fn split(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut escaped) = (vec![String::new()], false);
    for c in text.chars() {
        if c == separator && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

fn rdn(part: &str) -> Option<(String, String)> {
    let (kind, value) = part.split_once('=')?;
    let (kind, value) = (kind.trim().to_lowercase(), unescape(value.trim())?.to_lowercase());
    (!kind.is_empty() && !value.is_empty()).then_some((kind, value))
}

/// Undoes `\,` and `\2C`.
fn unescape(value: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let digits = rest.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        if let Some(byte) = digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            bytes.push(byte);
            rest = &rest[2..];
        } else {
            let (&next, tail) = rest.split_first()?;
            bytes.push(next);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_spaces_and_way_of_escaping() {
        let one = Dn::parse(r"CN=Doe\, Jane, cn=Users,DC=Lab,dc=test").unwrap();
        let two = Dn::parse(r"cn=doe\2c jane,CN=users,dc=lab,DC=TEST").unwrap();
        assert!(one == two);
        assert_eq!(one.name(), "Doe, Jane");
        assert_eq!(one.depth_below(&Dn::parse("DC=lab,DC=test").unwrap()), Some(2));
        assert_eq!(one.depth_below(&Dn::parse("DC=other,DC=test").unwrap()), None);
        assert_eq!(one.canonical(), "lab.test/users/doe, jane");
    }

    #[test]
    fn malformed_names_are_told_apart() {
        for bad in ["alice", "CN=", "=x", r"CN=a\", "CN=a,,DC=b", r"CN=\ff"] {
            assert!(Dn::parse(bad).is_none(), "{bad}");
        }
    }
}
