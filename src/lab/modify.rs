//! Writing: unlock, enable and disable, group members, a few plain attributes. Passwords have a file of their own.
//!
//! A request is checked whole before anything of it is applied.

use ldap3_proto::proto::{LdapModify, LdapModifyRequest, LdapModifyType};
use uuid::Uuid;

use super::{
    entry::{Entry, Values, uac},
    search::{is_administrator, object},
    state::{Change, Directory, has_member, is_primary},
    wording::Outcome,
};

/// Attributes that an administrator may set to any text.
const PLAIN: [&str; 5] = ["description", "displayName", "mail", "sAMAccountName", "userPrincipalName"];

/// An account's numbers: each has one value, always.
const ACCOUNT: [&str; 4] = ["accountExpires", "lockoutTime", "pwdLastSet", "userAccountControl"];

impl Directory {
    /// Performs a modify request on one target for the account `who`.
    pub(super) fn modify(
        &self,
        target: usize,
        who: Option<Uuid>,
        encrypted: bool,
        request: &LdapModifyRequest,
    ) -> Outcome<()> {
        let (password, others): (Vec<_>, Vec<_>) = request.changes.iter().partition(|change| is(change, "unicodePwd"));
        if !password.is_empty() && !encrypted {
            return self.flavour.no_secure_channel();
        }
        let Some(who) = who else { return self.flavour.bind_first() };
        if self.read_only.contains(&target) {
            return self.flavour.elsewhere();
        }
        let mut world = self.world();
        let administrator = is_administrator(&world.copies[target], who);
        if request.dn.is_empty() {
            // The rootDSE.
            return if administrator { self.flavour.not_done() } else { self.flavour.no_rights(false, "") };
        }
        let entry = object(self.flavour, &world.copies[target], &request.dn)?.clone();
        if !others.is_empty() && !administrator {
            return self.flavour.no_rights(false, &request.dn);
        }
        let mut changes = Vec::new();
        if !password.is_empty() {
            changes = self.password(&mut world, target, &entry, administrator, &password)?;
        }
        changes.extend(self.attributes(&world.copies[target], &entry, &others)?);
        let unlocked = changes.iter().any(|change| matches!(change, Change::Set("lockoutTime", _)));
        self.write(&mut world, target, entry.guid, changes);
        let entry = world.copies[target].iter_mut().find(|old| old.guid == entry.guid);
        if let Some(login) = entry.filter(|_| unlocked).and_then(|entry| entry.login.as_mut()) {
            login.bad_count = 0;
        }
        Ok(())
    }

    /// The changes of attributes other than the password, each seen as if those before it were done.
    fn attributes(&self, copy: &[Entry], entry: &Entry, asked: &[&LdapModify]) -> Outcome<Vec<Change>> {
        let (mut after, mut changes) = (entry.clone(), Vec::new());
        for change in asked {
            let change = self.attribute(copy, &after, change)?;
            match &change {
                Change::Link(name, value, present) => after.link(name, value, *present),
                Change::Set(name, values) => after.set(name, values.clone(), u64::MAX),
                Change::Passwords(..) => {}
            }
            changes.push(change);
        }
        let lost = |name: &&str| after.login.is_some() && after.values(&name.to_lowercase()).is_empty();
        if ACCOUNT.iter().any(lost) { self.flavour.not_done() } else { Ok(changes) }
    }

    /// One change of an attribute other than the password.
    fn attribute(&self, copy: &[Entry], entry: &Entry, change: &LdapModify) -> Outcome<Change> {
        if is(change, "member") && entry.is_a("group") {
            return self.member(copy, entry, change);
        }
        if let Some(name) = PLAIN.iter().find(|name| is(change, name)) {
            return match change.operation {
                LdapModifyType::Replace | LdapModifyType::Add => {
                    Ok(Change::Set(name, change.modification.vals.clone()))
                }
                LdapModifyType::Delete => Ok(Change::Set(name, Values::new())),
                LdapModifyType::Increment => self.flavour.not_done(),
            };
        }
        match ACCOUNT.iter().find(|name| is(change, name)) {
            Some(name) if entry.login.is_some() => self.account_number(entry, name, change),
            _ => self.flavour.not_done(),
        }
    }

    /// One of an account's numbers. Deleting the old value and adding the new one changes it only if it is still the old.
    fn account_number(&self, entry: &Entry, name: &'static str, change: &LdapModify) -> Outcome<Change> {
        let [value] = change.modification.vals.as_slice() else { return self.flavour.bad_value() };
        let present = entry.values(&name.to_lowercase());
        match change.operation {
            LdapModifyType::Delete if present.contains(value) => return Ok(Change::Set(name, Values::new())),
            LdapModifyType::Delete => return self.flavour.no_such_value(name, entry.dn.as_str()),
            LdapModifyType::Add if !present.is_empty() => return self.flavour.second_value(name, entry.dn.as_str()),
            LdapModifyType::Increment => return self.flavour.not_done(),
            LdapModifyType::Add | LdapModifyType::Replace => {}
        }
        let number: Option<i64> = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        let set = |value: i64| Ok(Change::Set(name, vec![value.to_string().into_bytes()]));
        match (name, number) {
            ("lockoutTime" | "pwdLastSet", Some(0)) => set(0),
            ("pwdLastSet", Some(-1)) => set(self.clock.ticks()),
            ("pwdLastSet", _) => self.flavour.bad_password_time(),
            ("accountExpires", Some(at)) if at >= 0 => set(at),
            // Locked and expired are states, not settings (MS-ADTS 2.2.16).
            ("userAccountControl", Some(bits)) if bits & uac::NORMAL != 0 => {
                set(bits & !(uac::LOCKED | uac::PASSWORD_EXPIRED))
            }
            _ => self.flavour.bad_value(),
        }
    }

    /// One member that joins or leaves a group.
    fn member(&self, copy: &[Entry], group: &Entry, change: &LdapModify) -> Outcome<Change> {
        let [value] = change.modification.vals.as_slice() else { return self.flavour.not_done() };
        let member = object(self.flavour, copy, std::str::from_utf8(value).unwrap_or_default())?;
        let primary = member.text("primarygroupid").is_some_and(|id| is_primary(group, id));
        let inside = has_member(group, &member.dn);
        match change.operation {
            // Who is in a group by primaryGroupID can neither be added to it nor taken out of it.
            LdapModifyType::Add if primary => self.flavour.already_member(member.guid),
            LdapModifyType::Add if inside => self.flavour.already_member(member.guid),
            LdapModifyType::Delete if !inside => self.flavour.not_a_member(member.guid),
            LdapModifyType::Add | LdapModifyType::Delete => {
                let present = change.operation == LdapModifyType::Add;
                Ok(Change::Link("member", member.dn.as_str().to_owned(), present))
            }
            LdapModifyType::Replace | LdapModifyType::Increment => self.flavour.not_done(),
        }
    }
}

/// Whether a change is of this attribute.
pub(super) fn is(change: &LdapModify, name: &str) -> bool {
    change.modification.atype.eq_ignore_ascii_case(name)
}
