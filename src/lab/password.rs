//! `unicodePwd`: a reset by an administrator, or a change by who knows the old password (MS-ADTS 3.1.1.3.1.5).

use std::sync::atomic::Ordering;

use ldap3_proto::proto::{LdapModify, LdapModifyType};
use zeroize::Zeroizing;

use super::{
    entry::{Entry, Password},
    policy::Policy,
    state::{Change, Directory, World},
    wording::{Broken, Outcome},
};

impl Directory {
    /// What a password write changes, once it is found to be allowed. A wrong old password counts as a bad one.
    pub(super) fn password(
        &self,
        world: &mut World,
        target: usize,
        account: &Entry,
        administrator: bool,
        changes: &[&LdapModify],
    ) -> Outcome<Vec<Change>> {
        let operations: Vec<_> =
            changes.iter().map(|change| (&change.operation, change.modification.vals.as_slice())).collect();
        let (old, new) = match operations.as_slice() {
            [(LdapModifyType::Replace, [new])] => (None, new),
            [(LdapModifyType::Delete, [old]), (LdapModifyType::Add, [new])] => (Some(old), new),
            _ => return self.flavour.not_done(),
        };
        let Some(new) = quoted(new) else { return self.flavour.not_quoted() };
        let Some(login) = &account.login else { return self.flavour.not_done() };
        let (now, policy) = (self.clock.ticks(), Policy::of(&world.copies[target], account));
        if let Some(old) = old {
            let Some(old) = quoted(old) else { return self.flavour.not_quoted() };
            if policy.locked(account, now) {
                return self.flavour.change_while_locked();
            }
            if login.passwords.first().is_none_or(|current| current.text != old) {
                self.count_wrong(world, target, account);
                return self.flavour.wrong_old_password();
            }
        } else if !administrator {
            return self.flavour.no_rights(true, "");
        }
        let reset = old.is_none();
        if let Err(broken) = policy.check(self.flavour, account, &new, reset, now) {
            return self.flavour.password_policy(reset, broken);
        }
        let one_less = |left: u32| left.checked_sub(1);
        if self.filter_refuses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            return self.flavour.password_policy(reset, Broken::Filter);
        }
        let mut passwords = login.passwords.clone();
        passwords.insert(0, Password { text: new, since: now });
        // Three at least: the stale ones are known apart from wrong ones.
        passwords.truncate(policy.history.max(3) as usize);
        let passwords = Change::Passwords(passwords, login.password_changes + 1);
        Ok(vec![passwords, Change::Set("pwdLastSet", vec![now.to_string().into_bytes()])])
    }
}

/// The text in quotation marks, in UTF-16LE.
fn quoted(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let (units, rest) = bytes.as_chunks::<2>();
    let units: Zeroizing<Vec<u16>> = Zeroizing::new(units.iter().map(|unit| u16::from_le_bytes(*unit)).collect());
    let text = Zeroizing::new(String::from_utf16(&units).ok().filter(|_| rest.is_empty())?);
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    Some(Zeroizing::new(inner.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quoted_utf16_is_a_password() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        assert_eq!(quoted(&wide("\"pässword\"")).unwrap().as_str(), "pässword");
        for bad in [wide("password"), wide("\""), wide(""), b"\"password\"".to_vec(), vec![0x22], wide("\"open")] {
            assert!(quoted(&bad).is_none(), "{bad:?}");
        }
        assert!(quoted(&[0x22, 0, 0, 0xd8, 0x22, 0]).is_none(), "a lone surrogate");
    }
}
