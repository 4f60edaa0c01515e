//! One object as a search returns it.

use data_encoding::BASE64;
use serde::{Serialize, Serializer, ser::SerializeMap};
use time::OffsetDateTime;

use super::{sid, ticks, wire::Attributes};

/// A directory object: its DN and the attributes that were asked for and may be read.
///
/// Serialised it is a map of `dn` and the attributes: one value as text, several as a list; `objectGUID` and `objectSid`
/// in their usual notation, other values that are not UTF-8 in base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The distinguished name.
    pub dn: String,
    attributes: Attributes,
}

/// What a value takes beside its bytes.
const EACH: usize = 40;

impl Entry {
    pub(super) fn new((dn, attributes): (String, Attributes)) -> Self {
        Self { dn, attributes }
    }

    /// The memory that it takes, about.
    pub(super) fn weight(&self) -> usize {
        let attribute = |(name, values): &(String, Vec<Vec<u8>>)| {
            EACH * (2 + values.len()) + name.len() + values.iter().map(Vec::len).sum::<usize>()
        };
        EACH * 2 + self.dn.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }

    /// All values of an attribute, as they came; empty when it is not set or may not be read. Case does not matter.
    #[must_use]
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map_or(&[], |(_, values)| values)
    }

    /// The names of the attributes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }

    /// An attribute's first value as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.values(name).first().map(|value| shown(name, value))
    }

    /// All of an attribute's values as text.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.values(name).iter().map(|value| shown(name, value)).collect()
    }

    /// An attribute's first value as a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        std::str::from_utf8(self.values(name).first()?).ok()?.parse().ok()
    }

    /// The moment that a time attribute (ticks) names; `None` when it is not set or means "never".
    #[must_use]
    pub fn moment(&self, name: &str) -> Option<OffsetDateTime> {
        ticks::moment(self.number(name)?)
    }

    /// Whether the object is of a class.
    #[must_use]
    pub fn is_a(&self, class: &str) -> bool {
        self.values("objectClass").iter().any(|value| value.eq_ignore_ascii_case(class.as_bytes()))
    }
}

fn shown(name: &str, value: &[u8]) -> String {
    let special = match name {
        _ if name.eq_ignore_ascii_case("objectGUID") => sid::guid(value),
        _ if name.eq_ignore_ascii_case("objectSid") => sid::text(value),
        _ => None,
    };
    special.unwrap_or_else(|| match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => BASE64.encode(value),
    })
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.attributes.len() + 1))?;
        map.serialize_entry("dn", &self.dn)?;
        for (name, values) in &self.attributes {
            match values.as_slice() {
                [one] => map.serialize_entry(name, &shown(name, one))?,
                several => {
                    let texts: Vec<String> = several.iter().map(|value| shown(name, value)).collect();
                    map.serialize_entry(name, &texts)?;
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_as_people_write_it() {
        let entry = Entry::new((
            "CN=a".to_owned(),
            vec![
                ("objectGUID".to_owned(), vec![(0..16).collect()]),
                ("member".to_owned(), vec![b"CN=x".to_vec(), b"CN=y".to_vec()]),
                ("blob".to_owned(), vec![vec![0xff, 0]]),
                ("badPwdCount".to_owned(), vec![b"3".to_vec()]),
            ],
        ));
        assert_eq!(
            serde_json::to_string(&entry).unwrap(),
            r#"{"dn":"CN=a","objectGUID":"03020100-0504-0706-0809-0a0b0c0d0e0f","member":["CN=x","CN=y"],"blob":"/wA=","badPwdCount":"3"}"#
        );
        assert_eq!(entry.number("BADPWDCOUNT"), Some(3));
        assert_eq!(entry.values("absent").len(), 0);
    }
}
