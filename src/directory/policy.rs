//! The password and lockout policy that applies to an account: the domain's, or a fine-grained one.

use serde::Serialize;

use super::{account::gone, entry::Entry, session::Session, ticks};
use crate::error::{Error, Result};

/// The rules of one policy. Durations are in seconds; `null` stands for "never", "none" or "does not expire".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PasswordPolicy {
    /// Fewest characters.
    pub min_length: u32,
    /// Three of: upper case, lower case, digit, other, Unicode letter; and not the account's name (MS-SAMR 3.1.1.7.2).
    pub complexity: bool,
    /// How many former passwords are remembered and refused.
    pub history: u32,
    /// How long a password must be kept; 0 when it may be changed at once.
    pub min_age: u64,
    /// How long a password is good.
    pub max_age: Option<u64>,
    /// Bad passwords that lock the account; 0 means that nothing does.
    pub lockout_threshold: u32,
    /// How long a lockout lasts; `null` until an administrator ends it.
    pub lockout_duration: Option<u64>,
    /// After how long without a bad password the count starts anew.
    pub lockout_window: u64,
}

/// What is known of a fine-grained policy (MS-ADTS 3.1.1.4.5.36).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FineGrained {
    /// None applies; the domain's policy does.
    None,
    /// This one applies.
    Applies {
        /// The policy object's DN.
        dn: String,
        /// Its name.
        name: String,
    },
    /// Whether one applies, or what it says, may not be read. The domain's policy is given, and may be the wrong one.
    Unknown {
        /// The policy object's DN, where one is known to apply: then the domain's policy surely is the wrong one.
        #[serde(skip_serializing_if = "Option::is_none")]
        dn: Option<String>,
        /// What could not be read.
        why: String,
    },
}

/// The policy of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The rules to go by: the fine-grained ones where they are known to apply, else the domain's.
    #[serde(flatten)]
    pub rules: PasswordPolicy,
    /// Where they come from.
    pub fine_grained: FineGrained,
}

impl Policy {
    /// Whether these surely are the rules that apply.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        !matches!(self.fine_grained, FineGrained::Unknown { .. })
    }
}

/// What wrong passwords do in a domain; times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// Wrong passwords that lock an account; 0: nothing does.
    pub threshold: u32,
    /// After how long without one the count begins anew.
    pub window: u64,
    /// How long a lockout lasts; `None`: until an administrator ends it.
    pub duration: Option<u64>,
}

/// The attributes of the domain object that a [`Lockout`] is made from.
pub(super) const LOCKOUT: &[&str] = &["lockoutThreshold", "lockOutObservationWindow", "lockoutDuration"];

impl Lockout {
    /// Of a domain object that was read with [`LOCKOUT`]; `None` where they may not be read.
    pub(super) fn of(domain: &Entry) -> Option<Self> {
        let age = |name: &str| domain.number(name).map(|number| ticks::interval(number).map(|age| age.as_secs()));
        Some(Self {
            threshold: u32::try_from(domain.number(LOCKOUT[0])?).ok()?,
            window: age(LOCKOUT[1])?.unwrap_or(0),
            duration: age(LOCKOUT[2])?,
        })
    }
}

/// What every account has, and whom the directory shows it, it shows `msDS-ResultantPSO` too: neither is in a property set
/// (MS-ADA3), so both need the right to read all properties. An account has that of itself by default.
const AS_READABLE: &str = "uSNChanged";

/// Reads the policy that applies to the account `dn`. Whoever may read the account sees which one that is; the policy itself
/// only administrators may read by default.
pub async fn policy(session: &Session, dn: &str) -> Result<Policy> {
    let domain = domain_policy(session).await?;
    let entry = session.read(dn, &["msDS-ResultantPSO", AS_READABLE]).await?.ok_or_else(|| gone(dn))?;
    let Some(applied) = entry.text("msDS-ResultantPSO") else {
        let fine_grained = if !entry.values(AS_READABLE).is_empty() || sees_policies(session).await? {
            FineGrained::None
        } else {
            let why = "the account that signed in may not see whether a fine-grained policy applies".to_owned();
            FineGrained::Unknown { dn: None, why }
        };
        return Ok(Policy { rules: domain, fine_grained });
    };
    let found = session.read(&applied, &["*", "name"]).await?;
    let read = found.as_ref().and_then(|entry| Some((fine_grained(entry)?, entry.text("name")?)));
    let Some((rules, name)) = read else {
        let why = format!("the account may not read {applied}, the fine-grained policy that applies to it");
        return Ok(Policy { rules: domain, fine_grained: FineGrained::Unknown { dn: Some(applied), why } });
    };
    Ok(Policy { rules, fine_grained: FineGrained::Applies { dn: applied, name } })
}

/// The domain's own policy, from the domain object (MS-ADTS 6.1.6).
pub async fn domain_policy(session: &Session) -> Result<PasswordPolicy> {
    let base = session.base().await?.to_owned();
    let attributes = &[
        "minPwdLength",
        "pwdProperties",
        "pwdHistoryLength",
        "minPwdAge",
        "maxPwdAge",
        "lockoutThreshold",
        "lockoutDuration",
        "lockOutObservationWindow",
    ];
    let entry = session.read(&base, attributes).await?.ok_or_else(|| gone(&base))?;
    rules(&entry, &|entry| Some(entry.number("pwdProperties")? & 1 != 0), attributes).ok_or_else(|| {
        Error::new("ad.no_rights", "the domain's password policy may not be read")
            .hint("give the connection's account the right to read the domain object")
    })
}

fn fine_grained(entry: &Entry) -> Option<PasswordPolicy> {
    let attributes = &[
        "msDS-MinimumPasswordLength",
        "msDS-PasswordComplexityEnabled",
        "msDS-PasswordHistoryLength",
        "msDS-MinimumPasswordAge",
        "msDS-MaximumPasswordAge",
        "msDS-LockoutThreshold",
        "msDS-LockoutDuration",
        "msDS-LockoutObservationWindow",
    ];
    let complexity = |entry: &Entry| Some(entry.text("msDS-PasswordComplexityEnabled")? == "TRUE");
    rules(entry, &complexity, attributes)
}

/// Reads rules from the eight attributes in the order of [`PasswordPolicy`]'s fields.
fn rules(entry: &Entry, complexity: &dyn Fn(&Entry) -> Option<bool>, names: &[&str; 8]) -> Option<PasswordPolicy> {
    let count = |name: &str| entry.number(name).and_then(|number| u32::try_from(number).ok());
    let age = |name: &str| entry.number(name).map(|number| ticks::interval(number).map(|age| age.as_secs()));
    Some(PasswordPolicy {
        min_length: count(names[0])?,
        complexity: complexity(entry)?,
        history: count(names[2])?,
        min_age: age(names[3])?.unwrap_or(0),
        max_age: age(names[4])?,
        lockout_threshold: count(names[5])?,
        lockout_duration: age(names[6])?,
        lockout_window: age(names[7])?.unwrap_or(0),
    })
}

/// Whether the container of fine-grained policies may be seen: by default only by domain administrators.
async fn sees_policies(session: &Session) -> Result<bool> {
    let container = format!("CN=Password Settings Container,CN=System,{}", session.base().await?);
    Ok(session.read(&container, &["objectClass"]).await?.is_some_and(|entry| !entry.values("objectClass").is_empty()))
}
