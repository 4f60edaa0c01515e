//! Search filters (RFC 4515): escaping of what goes in, and parsing within bounds.

use ldap3::asn1::Tag;

use crate::error::{Error, Result};

/// A filter nested deeper is refused: the parser goes down with it and would run out of stack.
const DEEPEST: usize = 64;

/// A filter longer than this many bytes is refused.
const LONGEST: usize = 64 * 1024;

/// A text as a value in a filter: every character that means something there is escaped (RFC 4515, 3).
#[must_use]
pub fn escape(value: &str) -> String {
    ldap3::ldap_escape(value).into_owned()
}

/// `(attribute=value)` with the value escaped.
#[must_use]
pub fn equals(attribute: &str, value: &str) -> String {
    format!("({attribute}={})", escape(value))
}

/// Reads a filter.
///
/// # Errors
/// `ad.bad_filter`.
pub(super) fn parse(filter: &str) -> Result<Tag> {
    let bad = |why: &str| {
        Error::new("ad.bad_filter", format!("this is not a search filter ({why}): {filter:.200}"))
            .hint("write it as in (&(objectClass=user)(sAMAccountName=svc*)), and pass values through ad::escape")
    };
    if filter.len() > LONGEST {
        return Err(bad("too long"));
    }
    let mut depth = 0_usize;
    for byte in filter.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(bad("nested too deeply"));
        }
    }
    ldap3::parse_filter(filter).map_err(|()| bad("it does not parse"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_values_stay_values() {
        assert_eq!(equals("cn", "a*)(objectClass=*)\\\0"), "(cn=a\\2a\\29\\28objectClass=\\2a\\29\\5c\\00)");
        assert_eq!(escape("Müller, Jörg"), "Müller, Jörg");
    }

    #[test]
    fn a_filter_is_parsed_within_bounds() {
        for filter in ["(cn=a)", "(&(cn=a)(!(cn=b)))", "(member:1.2.840.113556.1.4.1941:=cn=x)", "(cn=\\ff\\00)"] {
            assert!(parse(filter).is_ok(), "{filter}");
        }
        let deep = "(!".repeat(100_000);
        for filter in ["", "(", "(cn=a", "(cn=a))", "cn=(", deep.as_str(), &deep[..1000]] {
            assert_eq!(parse(filter).unwrap_err().code(), "ad.bad_filter");
        }
    }
}
