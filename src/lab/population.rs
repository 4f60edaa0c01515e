//! Who lives in the lab's directory: groups, users and one fine-grained policy.

use rand::{RngExt, seq::SliceRandom};
use zeroize::Zeroizing;

use super::{
    DOMAIN, LabAccount,
    clock::{DAY, MINUTE, generalised},
    entry::{Entry, Login, Password, domain_sid, parse_sid, uac},
    fault::{AccountFault, Fault},
    forest::{BASE, containers, controller, domain, entry, partition},
};
use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// Users who never expire hold the largest number (MS-ADTS 2.2.16, accountExpires).
const NEVER: i64 = i64::MAX;
const SERVICE: &str = "svc-libretto";
/// The account whose password signs Kerberos tickets. Nobody signs in with it.
const KRBTGT: &str = "krbtgt";
const ADMINISTRATOR: &str = "Administrator";

/// Ordinary users: account name, display name, relative identifier.
const USERS: &[(&str, &str, u32)] = &[
    (ADMINISTRATOR, "Administrator", 500),
    (SERVICE, "Libretto Service", 1103),
    ("alice", "Alice Ahlgren", 1104),
    ("bob", "Bob Bergmann", 1105),
    ("carol", "Carol Castillo", 1106),
    ("dave", "Dave Dufour", 1107),
];

/// Groups: name, relative identifier, members. Administrators is the built-in one.
const GROUPS: &[(&str, u32, &[&str])] = &[
    ("Domain Admins", 512, &[ADMINISTRATOR, SERVICE]),
    ("Domain Users", 513, &[]),
    ("Domain Controllers", 516, &[]),
    ("Helpdesk", 1110, &["bob"]),
    ("Staff", 1111, &["alice", "Helpdesk"]),
    ("Long Passwords", 1112, &["carol"]),
];

/// The objects of a fresh lab and the sign-ins of its people, the service account first.
pub(super) struct Population {
    pub objects: Vec<Entry>,
    pub accounts: Vec<LabAccount>,
}

impl Population {
    pub(super) fn new(faults: &[Fault], now: i64, targets: usize) -> Result<Self> {
        let mut objects = vec![domain(faults)];
        objects.extend(containers());
        objects.extend((1..=targets).flat_map(controller));
        objects.extend(GROUPS.iter().map(|(name, rid, members)| group(name, *rid, members)));
        objects.push(administrators());
        objects.push(fine_grained());
        objects.extend([partition(), krbtgt(now)?, managed(now)?]);
        let mut accounts = Vec::new();
        for (name, display, rid) in USERS {
            let password = fresh_password()?;
            let mut entry = user(name, display, *rid, &password, now);
            if *name == SERVICE {
                for fault in faults {
                    afflict(&mut entry, *fault, now);
                }
            }
            objects.push(entry);
            accounts.push(LabAccount { name: (*name).to_owned(), upn: upn(name), password });
        }
        accounts.swap(0, 1);
        for entry in &mut objects {
            entry.put("whenCreated", generalised(now - 30 * DAY));
            entry.put("whenChanged", generalised(now - 30 * DAY));
            entry.put("uSNChanged", 0);
        }
        Ok(Self { objects, accounts })
    }
}

fn upn(name: &str) -> String {
    format!("{}@{DOMAIN}", name.to_lowercase())
}

fn krbtgt(now: i64) -> Result<Entry> {
    let mut entry = user(KRBTGT, KRBTGT, 502, &fresh_password()?, now);
    entry.put("userAccountControl", uac::NORMAL | uac::DISABLED);
    entry.set("userPrincipalName", Vec::new(), 0);
    Ok(entry)
}

/// A group-managed service account: the directory itself changes its password.
fn managed(now: i64) -> Result<Entry> {
    const CLASSES: [&str; 6] =
        ["top", "person", "organizationalPerson", "user", "computer", "msDS-GroupManagedServiceAccount"];
    let dn = format!("CN=gmsa-web,CN=Managed Service Accounts,{BASE}");
    let mut entry = entry(&dn, &CLASSES, "ms-DS-Group-Managed-Service-Account");
    identify(&mut entry, "gmsa-web$", 1108, &fresh_password()?, now);
    // A workstation's account (MS-ADTS 2.2.16).
    entry.put("userAccountControl", 0x1000);
    Ok(entry)
}

fn member_dn(name: &str) -> String {
    match name {
        SERVICE => format!("CN={SERVICE},OU=Service Accounts,{BASE}"),
        _ => match USERS.iter().find(|(account, ..)| *account == name) {
            Some((_, display, _)) => format!("CN={display},CN=Users,{BASE}"),
            None => format!("CN={name},CN=Users,{BASE}"),
        },
    }
}

fn group(name: &str, rid: u32, members: &[&str]) -> Entry {
    let mut entry = entry(&member_dn(name), &["top", "group"], "Group");
    entry.put("sAMAccountName", name);
    // Global security group (MS-ADTS 2.2.12).
    entry.put("groupType", -2_147_483_646);
    entry.put("sAMAccountType", 268_435_456);
    entry.set("objectSid", vec![domain_sid(Some(rid))], 0);
    for member in members {
        entry.link("member", &member_dn(member), true);
    }
    entry
}

fn administrators() -> Entry {
    let mut entry = entry(&format!("CN=Administrators,CN=Builtin,{BASE}"), &["top", "group"], "Group");
    entry.put("sAMAccountName", "Administrators");
    entry.put("groupType", -2_147_483_643);
    entry.put("sAMAccountType", 536_870_912);
    entry.set("objectSid", parse_sid("S-1-5-32-544").into_iter().collect(), 0);
    entry.link("member", &member_dn("Domain Admins"), true);
    entry
}

/// One fine-grained policy, for the members of Long Passwords: 20 characters, lockout after 3.
fn fine_grained() -> Entry {
    let dn = format!("CN=Long Passwords Policy,CN=Password Settings Container,CN=System,{BASE}");
    let mut entry = entry(&dn, &["top", "msDS-PasswordSettings"], "ms-DS-Password-Settings");
    entry.put("msDS-PasswordSettingsPrecedence", 10);
    entry.put("msDS-MinimumPasswordLength", 20);
    entry.put("msDS-PasswordComplexityEnabled", "TRUE");
    entry.put("msDS-PasswordReversibleEncryptionEnabled", "FALSE");
    entry.put("msDS-PasswordHistoryLength", 24);
    entry.put("msDS-MinimumPasswordAge", -DAY);
    entry.put("msDS-MaximumPasswordAge", i64::MIN);
    entry.put("msDS-LockoutThreshold", 3);
    entry.put("msDS-LockoutDuration", -60 * MINUTE);
    entry.put("msDS-LockoutObservationWindow", -60 * MINUTE);
    entry.link("msDS-PSOAppliesTo", &member_dn("Long Passwords"), true);
    entry
}

fn user(name: &str, display: &str, rid: u32, password: &Secret, now: i64) -> Entry {
    let mut entry = entry(&member_dn(name), &["top", "person", "organizationalPerson", "user"], "Person");
    entry.put("userPrincipalName", upn(name));
    entry.put("displayName", display);
    identify(&mut entry, name, rid, password, now);
    entry
}

/// What every account has: a name, an identifier, a password of 30 days, nothing that keeps it out.
fn identify(entry: &mut Entry, name: &str, rid: u32, password: &Secret, now: i64) {
    // Long enough ago for a change, not so long that the password has ended.
    let since = now - 30 * DAY;
    entry.put("sAMAccountName", name);
    entry.put("userAccountControl", uac::NORMAL);
    entry.put("pwdLastSet", since);
    entry.put("accountExpires", NEVER);
    entry.put("lockoutTime", 0);
    entry.put("primaryGroupID", 513);
    entry.put("sAMAccountType", 805_306_368);
    entry.set("objectSid", vec![domain_sid(Some(rid))], 0);
    let text = Zeroizing::new(password.expose().to_owned());
    entry.login = Some(Login { passwords: vec![Password { text, since }], ..Login::default() });
}

fn afflict(entry: &mut Entry, fault: Fault, now: i64) {
    let Fault::Account(fault) = fault else { return };
    match fault {
        AccountFault::Locked => {
            entry.put("lockoutTime", now);
            if let Some(login) = &mut entry.login {
                (login.bad_count, login.bad_time) = (5, now);
            }
        }
        AccountFault::Disabled => entry.put("userAccountControl", uac::NORMAL | uac::DISABLED),
        AccountFault::Expired => entry.put("accountExpires", now - DAY),
        AccountFault::MustChange => entry.put("pwdLastSet", 0),
        AccountFault::PasswordExpired => entry.put("pwdLastSet", now - 43 * DAY),
        AccountFault::AgeUnreadable => {
            if let Some(login) = &mut entry.login {
                login.age_hidden = true;
            }
        }
    }
}

/// A random password that any policy of the lab but `policy=strict` accepts.
fn fresh_password() -> Result<Secret> {
    const KINDS: [&[u8]; 4] = [b"abcdefghijkmnpqrstuvwxyz", b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"23456789", b"-_.+:=%"];
    let mut rng = rand::rng();
    let mut bytes = Zeroizing::new(Vec::with_capacity(24));
    for _ in 0..6 {
        bytes.extend(KINDS.map(|kind| kind[rng.random_range(0..kind.len())]));
    }
    bytes.shuffle(&mut rng);
    let text = String::from_utf8(std::mem::take(&mut *bytes));
    Secret::new(text.map_err(|_| Error::new("lab.password", "the lab could not make a password"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Flavour, policy::Policy};

    #[test]
    fn everyone_has_a_password_that_the_policy_accepts() {
        let now = 140_000_000_000_000_000;
        let population = Population::new(&[], now, 3).unwrap();
        assert_eq!(population.accounts[0].upn, "svc-libretto@lab.test");
        for account in &population.accounts {
            let entry = population.objects.iter().find(|e| e.text("samaccountname") == Some(&account.name)).unwrap();
            let policy = Policy::of(&population.objects, entry);
            assert_eq!(
                policy.check(Flavour::Windows, entry, account.password.expose(), true, now),
                Ok(()),
                "{}",
                account.name
            );
        }
    }
}
