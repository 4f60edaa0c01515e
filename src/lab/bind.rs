//! Signing in: names in every form, the order of checks as measured, lockout, the hour of grace.

use zeroize::Zeroizing;

use super::{
    DOMAIN, Flavour, NETBIOS,
    clock::MINUTE,
    dn::Dn,
    entry::{Entry, uac},
    policy::Policy,
    state::{Change, Directory, World, find},
    wording::{BindData, Outcome},
};

/// For so long the previous password still works (`OldPasswordAllowedPeriod`).
const GRACE: i64 = 60 * MINUTE;

/// What a target thinks of a password.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Right,
    /// One that was right once; Samba refuses it without counting.
    Stale,
    Wrong,
}

impl Directory {
    /// Checks a name and password on one target; gives the account's GUID.
    pub(super) fn bind(&self, target: usize, name: &str, password: &Zeroizing<String>) -> Outcome<uuid::Uuid> {
        let mut world = self.world();
        let Some(account) = named(&world.copies[target], name).cloned() else {
            return self.flavour.bind_refused(BindData::WrongPassword);
        };
        let (now, policy) = (self.clock.ticks(), Policy::of(&world.copies[target], &account));
        if policy.locked(&account, now) {
            return self.flavour.bind_refused(BindData::Locked);
        }
        let mut known = known(&account, password, now, &policy);
        if known != Known::Right && self.pdc_forward && target != 0 {
            known = self.ask_pdc(&mut world, &account, password);
        }
        if known != Known::Right {
            if known == Known::Wrong || self.flavour == Flavour::Windows {
                self.count_wrong(&mut world, target, &account);
            }
            return self.flavour.bind_refused(BindData::WrongPassword);
        }
        if let Some(reason) = barred(&account, &policy, now) {
            return self.flavour.bind_refused(reason);
        }
        self.signed_in(&mut world, target, &account);
        Ok(account.guid)
    }

    /// The PDC emulator's opinion; it counts what is wrong there too.
    fn ask_pdc(&self, world: &mut World, account: &Entry, password: &Zeroizing<String>) -> Known {
        let Some(there) = world.copies[0].iter().find(|entry| entry.guid == account.guid).cloned() else {
            return Known::Wrong;
        };
        let known = known(&there, password, self.clock.ticks(), &Policy::of(&world.copies[0], &there));
        if known != Known::Right {
            self.count_wrong(world, 0, &there);
        }
        known
    }

    /// Counts a wrong password on one target. The one that reaches the threshold locks the account everywhere.
    pub(super) fn count_wrong(&self, world: &mut World, target: usize, account: &Entry) {
        let (now, policy) = (self.clock.ticks(), Policy::of(&world.copies[target], account));
        let entry = world.copies[target].iter_mut().find(|entry| entry.guid == account.guid);
        let Some(login) = entry.and_then(|entry| entry.login.as_mut()) else { return };
        if now >= login.bad_time.saturating_add(policy.lockout_window) {
            login.bad_count = 0;
        }
        login.bad_count += 1;
        login.bad_time = now;
        if policy.lockout_threshold > 0 && login.bad_count >= policy.lockout_threshold {
            let since = vec![now.to_string().into_bytes()];
            self.write(world, target, account.guid, vec![Change::Set("lockoutTime", since)]);
        }
    }

    fn signed_in(&self, world: &mut World, target: usize, account: &Entry) {
        let entry = world.copies[target].iter_mut().find(|entry| entry.guid == account.guid);
        if let Some(login) = entry.and_then(|entry| entry.login.as_mut()) {
            login.bad_count = 0;
            login.last_logon = self.clock.ticks();
        }
        if account.number("lockouttime") != 0 {
            self.write(world, target, account.guid, vec![Change::Set("lockoutTime", vec![b"0".to_vec()])]);
        }
    }
}

/// What one target knows of a password. What the history has forgotten is a wrong one.
fn known(account: &Entry, password: &Zeroizing<String>, now: i64, policy: &Policy) -> Known {
    let Some(login) = &account.login else { return Known::Wrong };
    match login.passwords.iter().position(|old| old.text == *password) {
        Some(0) => Known::Right,
        Some(index) if index as i64 >= policy.history => Known::Wrong,
        Some(1) if now < login.passwords[0].since.saturating_add(GRACE) => Known::Right,
        Some(1 | 2) => Known::Stale,
        _ => Known::Wrong,
    }
}

/// What keeps an account out although its password is right.
fn barred(account: &Entry, policy: &Policy, now: i64) -> Option<BindData> {
    let expires = account.number("accountexpires");
    if account.number("useraccountcontrol") & uac::DISABLED != 0 {
        Some(BindData::Disabled)
    } else if expires > 0 && now >= expires {
        Some(BindData::AccountExpired)
    } else {
        match policy.password_end(account) {
            Some(0) => Some(BindData::MustChange),
            Some(end) if now >= end => Some(BindData::PasswordExpired),
            _ => None,
        }
    }
}

/// The account with this name: UPN, `DOMAIN\user`, DN or canonical; a bare name is none (as measured).
fn named<'a>(copy: &'a [Entry], name: &str) -> Option<&'a Entry> {
    let account = |wanted: &str| {
        copy.iter().find(|entry| entry.login.is_some() && entry.text("samaccountname").is_some_and(|n| same(n, wanted)))
    };
    if let Some((domain, user)) = name.split_once('\\') {
        return if same(domain, NETBIOS) || same(domain, DOMAIN) { account(user) } else { None };
    }
    if let Some(dn) = Dn::parse(name).filter(|_| name.contains('=')) {
        return find(copy, &dn);
    }
    if let Some(entry) = copy.iter().find(|entry| entry.text("userprincipalname").is_some_and(|upn| same(upn, name))) {
        return Some(entry);
    }
    if let Some((user, domain)) = name.rsplit_once('@') {
        return if same(domain, DOMAIN) { account(user) } else { None };
    }
    let canonical = name.to_lowercase();
    copy.iter().find(|entry| canonical.contains('/') && entry.login.is_some() && entry.dn.canonical() == canonical)
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
