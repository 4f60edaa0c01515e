//! The password policy that applies to an account: the domain's, or a fine-grained one (MS-ADTS 3.1.1.5.2, MS-SAMR 3.1.1.7).

use super::{
    Flavour,
    dn::Dn,
    entry::{Entry, uac},
    state::groups_of,
    wording::Broken,
};

/// A policy; times in ticks of 100 ns, positive; 0 means never, or no lockout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub min_length: i64,
    pub complexity: bool,
    pub history: i64,
    pub min_age: i64,
    pub max_age: i64,
    pub lockout_threshold: i64,
    pub lockout_duration: i64,
    pub lockout_window: i64,
}

impl Policy {
    /// The policy for an account, as the target that holds `copy` sees it.
    pub(super) fn of(copy: &[Entry], account: &Entry) -> Self {
        if let Some(object) = resultant(copy, account) {
            let get = |key| object.number(key);
            return Self {
                min_length: get("msds-minimumpasswordlength"),
                complexity: object.text("msds-passwordcomplexityenabled") == Some("TRUE"),
                history: get("msds-passwordhistorylength"),
                min_age: duration(get("msds-minimumpasswordage")),
                max_age: duration(get("msds-maximumpasswordage")),
                lockout_threshold: get("msds-lockoutthreshold"),
                lockout_duration: duration(get("msds-lockoutduration")),
                lockout_window: duration(get("msds-lockoutobservationwindow")),
            };
        }
        let domain = copy.iter().find(|entry| entry.is_a("domainDNS"));
        let get = |key| domain.map_or(0, |domain| domain.number(key));
        Self {
            min_length: get("minpwdlength"),
            complexity: get("pwdproperties") & 1 == 1,
            history: get("pwdhistorylength"),
            min_age: duration(get("minpwdage")),
            max_age: duration(get("maxpwdage")),
            lockout_threshold: get("lockoutthreshold"),
            lockout_duration: duration(get("lockoutduration")),
            lockout_window: duration(get("lockoutobservationwindow")),
        }
    }

    /// Whether the account is locked now.
    pub(super) fn locked(&self, account: &Entry, now: i64) -> bool {
        let since = account.number("lockouttime");
        since > 0 && (self.lockout_duration == 0 || now < since.saturating_add(self.lockout_duration))
    }

    /// When the account's password ends, in ticks; `None`: never. 0: it must be changed now.
    pub(super) fn password_end(&self, account: &Entry) -> Option<i64> {
        let set = account.number("pwdlastset");
        if account.number("useraccountcontrol") & uac::NEVER_EXPIRES != 0 {
            None
        } else if set == 0 {
            Some(0)
        } else {
            (self.max_age > 0).then(|| set.saturating_add(self.max_age))
        }
    }

    /// The first rule that a new password breaks, in Samba's order. Samba (4.17, measured) minds no names in it. A reset skips history and minimum age, nothing else.
    pub(super) fn check(
        &self,
        flavour: Flavour,
        account: &Entry,
        new: &str,
        reset: bool,
        now: i64,
    ) -> Result<(), Broken> {
        let set = account.number("pwdlastset");
        if !reset && set > 0 && now < set.saturating_add(self.min_age) {
            return Err(Broken::MinimumAge);
        }
        if (new.encode_utf16().count() as i64) < self.min_length {
            return Err(Broken::Length(self.min_length));
        }
        let named = flavour == Flavour::Windows && has_name(account, new);
        if self.complexity && (named || !complex(new)) {
            return Err(Broken::Complexity);
        }
        let used = account.login.iter().flat_map(|login| &login.passwords).take(self.history.max(0) as usize);
        match used.into_iter().position(|old| old.text.as_str() == new) {
            Some(_) if reset => Ok(()),
            Some(0) => Err(Broken::Current),
            Some(_) => Err(Broken::History),
            None => Ok(()),
        }
    }
}

/// The fine-grained policy that wins for an account: its own before its groups', then by precedence (MS-ADTS 3.1.1.4.5.36).
pub(super) fn resultant<'a>(copy: &'a [Entry], account: &Entry) -> Option<&'a Entry> {
    let groups = groups_of(copy, account);
    copy.iter()
        .filter(|entry| entry.is_a("msDS-PasswordSettings"))
        .filter_map(|object| {
            let applies: Vec<_> = object
                .values("msds-psoappliesto")
                .iter()
                .filter_map(|value| Dn::parse(std::str::from_utf8(value).ok()?))
                .collect();
            let direct = applies.contains(&account.dn);
            let rank = object.number("msds-passwordsettingsprecedence");
            (direct || applies.iter().any(|dn| groups.iter().any(|group| group.dn == *dn)))
                .then_some((!direct, rank, object))
        })
        .min_by_key(|(indirect, rank, _)| (*indirect, *rank))
        .map(|(.., object)| object)
}

/// Stored durations are negative; the lowest number means without end, which is 0 here.
fn duration(stored: i64) -> i64 {
    if stored == i64::MIN { 0 } else { stored.saturating_neg().max(0) }
}

/// At least three kinds of character (MS-SAMR 3.1.1.7.2).
fn complex(new: &str) -> bool {
    let kinds = [
        new.chars().any(|c| c.is_ascii_lowercase() || (c.is_lowercase() && !c.is_ascii())),
        new.chars().any(|c| c.is_ascii_uppercase() || (c.is_uppercase() && !c.is_ascii())),
        new.chars().any(|c| c.is_ascii_digit()),
        new.chars().any(|c| !c.is_alphanumeric()),
        new.chars().any(|c| c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase()),
    ];
    kinds.into_iter().filter(|kind| *kind).count() >= 3
}

/// Whether the account's name or a word of its display name is in the password (MS-SAMR 3.1.1.7.2).
fn has_name(account: &Entry, new: &str) -> bool {
    let lower = new.to_lowercase();
    let account_name = account.text("samaccountname").unwrap_or_default().to_lowercase();
    let display_name = account.text("displayname").unwrap_or_default().to_lowercase();
    let words = display_name.split([',', '.', '-', '_', ' ', '#', '\t']).chain([account_name.as_str()]);
    words.filter(|word| word.chars().count() >= 3).any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complexity_wants_three_kinds_and_no_names() {
        let mut entry = Entry::new(Dn::parse("CN=a,DC=b").unwrap(), &["user"], "Person", "DC=b");
        entry.put("sAMAccountName", "alice");
        entry.put("displayName", "Alice Al-Amin");
        for (password, good) in [
            ("correct horse", false),
            ("Correct horse", true),
            ("Correct1", true),
            ("xAliCe1234!", false),
            ("xAmin1234!", false),
            ("xAl1234!", true),
            ("漢字Abcdef", true),
        ] {
            assert_eq!(complex(password) && !has_name(&entry, password), good, "{password}");
        }
    }

    #[test]
    fn durations_are_stored_negative() {
        assert_eq!(duration(-5), 5);
        assert_eq!(duration(i64::MIN), 0);
        assert_eq!(duration(7), 0);
    }
}
