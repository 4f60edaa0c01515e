//! Attributes that a directory computes when asked: back-links, per-target counters, decoded states (MS-ADTS 3.1.1.4.5).

use super::{
    Flavour,
    entry::{Entry, Login, Values, uac},
    policy::{Policy, resultant},
    state::{groups_of, has_member},
};

/// Attributes that are shown only when they are asked for by name.
const ON_REQUEST: &[&str] = &[
    "canonicalName",
    "msDS-PSOApplied",
    "msDS-ReplAttributeMetaData",
    "msDS-ResultantPSO",
    "msDS-User-Account-Control-Computed",
    "msDS-UserPasswordExpiryTimeComputed",
    "replPropertyMetaData",
    "tokenGroups",
];

/// Attributes that are computed and shown with all others.
const ALWAYS: &[&str] = &["badPasswordTime", "badPwdCount", "lastLogon", "memberOf"];

/// What one search sees: a target's copy, the time, and what is hidden from whom asks.
pub(super) struct View<'a> {
    pub copy: &'a [Entry],
    pub flavour: Flavour,
    pub now: i64,
    pub policy_hidden: bool,
    pub administrator: bool,
}

impl View<'_> {
    /// The values of an attribute by any spelling of its name; empty when there are none or they are hidden.
    pub(super) fn values(&self, entry: &Entry, name: &str) -> Values {
        let key = name.to_lowercase();
        if self.hidden(entry, &key) {
            return Vec::new();
        }
        match key.as_str() {
            "memberof" => names(self.copy.iter().filter(|group| has_member(group, &entry.dn))),
            "msds-psoapplied" => names(self.copy.iter().filter(|object| applies(object, entry))),
            "canonicalname" => vec![entry.dn.canonical().into_bytes()],
            "badpwdcount" => login(entry, |login| login.bad_count),
            "badpasswordtime" => login(entry, |login| login.bad_time),
            "lastlogon" => login(entry, |login| login.last_logon),
            "msds-replattributemetadata" if self.flavour == Flavour::Windows => stamp(entry, in_text),
            "replpropertymetadata" if self.flavour == Flavour::Samba => stamp(entry, in_bytes),
            "msds-resultantpso" if entry.login.is_some() => names(resultant(self.copy, entry).into_iter()),
            "tokengroups" if entry.login.is_some() => {
                groups_of(self.copy, entry).iter().flat_map(|group| group.values("objectsid")).cloned().collect()
            }
            "msds-user-account-control-computed" if entry.login.is_some() => {
                vec![self.account_control(entry).to_string().into_bytes()]
            }
            "msds-userpasswordexpirytimecomputed" if entry.login.is_some() => {
                let end = Policy::of(self.copy, entry).password_end(entry).unwrap_or(i64::MAX);
                vec![end.to_string().into_bytes()]
            }
            _ => entry.values(&key).to_vec(),
        }
    }

    /// Names of everything that `*` shows of an object.
    pub(super) fn ordinary_names(entry: &Entry) -> impl Iterator<Item = &str> {
        entry.names().chain(ALWAYS.iter().copied())
    }

    /// The proper spelling of an attribute's name, as answers give it.
    pub(super) fn spelling<'e>(entry: &'e Entry, asked: &'e str) -> &'e str {
        let mut all = entry.names().chain(ALWAYS.iter().copied()).chain(ON_REQUEST.iter().copied());
        all.find(|name| name.eq_ignore_ascii_case(asked)).unwrap_or(asked)
    }

    /// Whether an object is shown at all: fine-grained policies are for administrators, as on Windows.
    pub(super) fn shows(&self, entry: &Entry) -> bool {
        !entry.is_a("msDS-PasswordSettings") || (self.administrator && !self.policy_hidden)
    }

    fn hidden(&self, entry: &Entry, key: &str) -> bool {
        const POLICY: [&str; 8] = [
            "minpwdlength",
            "pwdproperties",
            "pwdhistorylength",
            "minpwdage",
            "maxpwdage",
            "lockoutthreshold",
            "lockoutduration",
            "lockoutobservationwindow",
        ];
        if key == "pwdlastset" {
            return entry.login.as_ref().is_some_and(|login| login.age_hidden);
        }
        self.policy_hidden && ((entry.is_a("domainDNS") && POLICY.contains(&key)) || key == "msds-resultantpso")
    }

    /// Locked and expired are states of the moment, not stored bits (MS-ADTS 3.1.1.4.5.17).
    fn account_control(&self, entry: &Entry) -> i64 {
        let policy = Policy::of(self.copy, entry);
        let locked = if policy.locked(entry, self.now) { uac::LOCKED } else { 0 };
        let expired = policy.password_end(entry).is_some_and(|end| self.now >= end);
        locked | if expired { uac::PASSWORD_EXPIRED } else { 0 }
    }
}

fn names<'a>(entries: impl Iterator<Item = &'a Entry>) -> Values {
    entries.map(|entry| entry.dn.as_str().as_bytes().to_vec()).collect()
}

fn applies(object: &Entry, to: &Entry) -> bool {
    object.is_a("msDS-PasswordSettings")
        && object.values("msds-psoappliesto").iter().any(|value| value.eq_ignore_ascii_case(to.dn.as_str().as_bytes()))
}

/// One of the numbers that each target keeps for itself.
fn login(entry: &Entry, read: impl Fn(&Login) -> i64) -> Values {
    entry.login.iter().map(|login| read(login).to_string().into_bytes()).collect()
}

/// The replication stamp of the password, which is all that the lab has of them: how many times it was set.
fn stamp(entry: &Entry, show: fn(u32) -> Vec<u8>) -> Values {
    entry.login.iter().map(|login| show(login.password_changes + 1)).collect()
}

fn in_text(version: u32) -> Vec<u8> {
    let name = "<pszAttributeName>unicodePwd</pszAttributeName>";
    format!("<DS_REPL_ATTR_META_DATA>\n\t{name}\n\t<dwVersion>{version}</dwVersion>\n</DS_REPL_ATTR_META_DATA>\n\0")
        .into_bytes()
}

/// One stamp behind the head (form 1, one stamp): `unicodePwd`, its version, when and by whom, of which the lab knows nothing.
fn in_bytes(version: u32) -> Vec<u8> {
    let words = [1, 0, 1, 0, 0x0009_005a, version].map(u32::to_le_bytes);
    [words.as_flattened(), &[0; 40]].concat()
}
