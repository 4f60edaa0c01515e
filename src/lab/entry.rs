//! One object of the directory: its attributes, and what only the server knows of its password.

use std::collections::BTreeMap;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::dn::Dn;

/// The values of one attribute, as bytes on the wire.
pub(super) type Values = Vec<Vec<u8>>;

/// The domain's own part of every security identifier: `S-1-5-21-...`.
const DOMAIN_SID: [u32; 4] = [21, 1_004_336_348, 1_177_238_915, 682_003_330];

/// `userAccountControl` bits (MS-ADTS 2.2.16).
pub(super) mod uac {
    pub const DISABLED: i64 = 0x2;
    pub const LOCKED: i64 = 0x10;
    pub const NORMAL: i64 = 0x200;
    pub const NEVER_EXPIRES: i64 = 0x1_0000;
    pub const PASSWORD_EXPIRED: i64 = 0x80_0000;
    /// A domain controller's computer account: trusted for delegation, server trust.
    pub const CONTROLLER: i64 = 0x8_2000;
}

/// An object. The attributes replicate; `badPwdCount` and its like, in [`Login`], are each target's own.
#[derive(Clone)]
pub(super) struct Entry {
    pub guid: Uuid,
    pub dn: Dn,
    attributes: BTreeMap<String, Attribute>,
    pub login: Option<Login>,
}

#[derive(Clone)]
struct Attribute {
    name: String,
    values: Values,
    /// Which write of the whole lab it came from: the later one wins.
    stamp: u64,
}

/// What a target knows of an account's sign-ins.
#[derive(Clone, Default)]
pub(super) struct Login {
    /// The current password first, then its predecessors.
    pub passwords: Vec<Password>,
    pub password_stamp: u64,
    /// How many times the password was set, besides the first.
    pub password_changes: u32,
    pub bad_count: i64,
    pub bad_time: i64,
    pub last_logon: i64,
    /// Whether nobody may read when the password was set.
    pub age_hidden: bool,
}

/// A password and since when it was the current one, in ticks.
#[derive(Clone)]
pub(super) struct Password {
    pub text: Zeroizing<String>,
    pub since: i64,
}

impl Entry {
    pub(super) fn new(dn: Dn, classes: &[&str], category: &str, base: &str) -> Self {
        let guid = Uuid::new_v4();
        let mut entry = Self { guid, dn, attributes: BTreeMap::new(), login: None };
        let name = entry.dn.name();
        entry.set("objectClass", classes.iter().map(|class| class.as_bytes().to_vec()).collect(), 0);
        entry.put("objectCategory", format!("CN={category},CN=Schema,CN=Configuration,{base}"));
        entry.put("distinguishedName", entry.dn.as_str().to_owned());
        entry.put("name", name.clone());
        entry.put(if entry.dn.as_str().starts_with("OU") { "ou" } else { "cn" }, name);
        // MS-DTYP 2.3.4.2: the first three fields of a GUID are little-endian on the wire.
        entry.set("objectGUID", vec![guid.to_bytes_le().to_vec()], 0);
        entry.put("instanceType", 4);
        entry
    }

    /// Sets an attribute to one value that is a text or a number.
    #[allow(clippy::needless_pass_by_value)] // so that calls read `put(name, 5)`
    pub(super) fn put(&mut self, name: &str, value: impl ToString) {
        self.set(name, vec![value.to_string().into_bytes()], 0);
    }

    /// Sets an attribute, or removes it when there are no values, unless a later write was here already.
    pub(super) fn set(&mut self, name: &str, values: Values, stamp: u64) {
        let key = name.to_lowercase();
        if self.attributes.get(&key).is_some_and(|attribute| attribute.stamp > stamp) {
            return;
        }
        self.attributes.insert(key, Attribute { name: name.to_owned(), values, stamp });
    }

    /// Adds or removes one name among the values, e.g. of `member`.
    pub(super) fn link(&mut self, name: &str, value: &str, present: bool) {
        let attribute = self.attributes.entry(name.to_lowercase()).or_insert_with(|| Attribute {
            name: name.to_owned(),
            values: Vec::new(),
            stamp: 0,
        });
        attribute.values.retain(|old| !old.eq_ignore_ascii_case(value.as_bytes()));
        if present {
            attribute.values.push(value.as_bytes().to_vec());
        }
    }

    /// The stored values by lower-case name; empty when there are none.
    pub(super) fn values(&self, key: &str) -> &[Vec<u8>] {
        self.attributes.get(key).map_or(&[], |attribute| &attribute.values)
    }

    /// The first stored value as text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.values(key).first().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first stored value as a number; 0 when there is none, as the directory itself reads it.
    pub(super) fn number(&self, key: &str) -> i64 {
        self.text(key).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Names of all stored attributes that have values, in their own case.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.values().filter(|attribute| !attribute.values.is_empty()).map(|a| a.name.as_str())
    }

    /// Whether the object is of the class, e.g. `group`.
    pub(super) fn is_a(&self, class: &str) -> bool {
        self.values("objectclass").iter().any(|value| value.eq_ignore_ascii_case(class.as_bytes()))
    }
}

/// A security identifier of the domain on the wire (MS-DTYP 2.4.2.2); `None` gives the domain's own.
pub(super) fn domain_sid(rid: Option<u32>) -> Vec<u8> {
    let parts: Vec<u32> = DOMAIN_SID.into_iter().chain(rid).collect();
    sid(&parts)
}

/// `S-1-5-` and these parts, on the wire.
pub(super) fn sid(parts: &[u32]) -> Vec<u8> {
    let mut bytes = vec![1, parts.len() as u8, 0, 0, 0, 0, 0, 5];
    bytes.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
    bytes
}

/// Reads `S-1-5-21-...`; `None` when it is not one.
pub(super) fn parse_sid(text: &str) -> Option<Vec<u8>> {
    let parts =
        text.to_uppercase().strip_prefix("S-1-5-")?.split('-').map(|p| p.parse().ok()).collect::<Option<Vec<_>>>()?;
    (parts.len() <= 15).then(|| sid(&parts))
}

/// Reads a GUID as `xxxxxxxx-xxxx-...` or as 32 digits in wire order, the two forms of `<GUID=...>` (MS-ADTS 3.1.1.3.1.2.4).
pub(super) fn parse_guid(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok()?;
    Some(if text.contains('-') { uuid } else { Uuid::from_bytes_le(uuid.into_bytes()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read_in_every_form() {
        let guid = Uuid::try_parse("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        assert_eq!(parse_guid("00112233-4455-6677-8899-aabbccddeeff"), Some(guid));
        assert_eq!(parse_guid("33221100554477668899aabbccddeeff"), Some(guid));
        assert_eq!(parse_sid("S-1-5-32-544"), Some(vec![1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]));
        assert_eq!(parse_sid("S-1-5-x"), None);
    }

    #[test]
    fn the_later_write_wins() {
        let mut entry = Entry::new(Dn::parse("CN=a,DC=b").unwrap(), &["top"], "Person", "DC=b");
        entry.set("description", vec![b"new".to_vec()], 7);
        entry.set("Description", vec![b"old".to_vec()], 6);
        assert_eq!(entry.text("description"), Some("new"));
    }
}
