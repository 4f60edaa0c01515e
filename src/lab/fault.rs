//! Faults: what can be made to go wrong in the lab, as `--fault` names it.

mod list;
mod service;

use std::time::Duration;

use self::list::LIST;
pub use self::service::ServiceFault;
use super::cloud::{CloudFault, Place};
use crate::error::{Error, Result};
use crate::names::nearest;

/// How many targets the lab's directory has unless its options say otherwise; faults are for these.
pub const TARGETS: usize = 3;

/// One thing that is wrong in the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `target:N=...`; the number counts from 1.
    Target(usize, TargetFault),
    /// `replication=5s`: how long a write takes to the other targets; `None` (`off`): it never arrives.
    Replication(Option<Duration>),
    /// `account=...`: the state of the service account.
    Account(AccountFault),
    /// `policy=...`: the password policy of the domain.
    Policy(PolicyFault),
    /// `cloud=...`, or `cloud:PLACE=...`: what is wrong with the cloud.
    Cloud(Place, CloudFault),
    /// `agent=...`: what is wrong with the Remote Agent.
    Agent(ServiceFault),
    /// `workflow=...`: what is wrong with the Workflow Engine.
    Workflow(ServiceFault),
    /// `pdc=forward`: targets ask the first one, the PDC emulator, before they refuse a password, as Windows does unless
    /// `AvoidPdcOnWan` is set. The lab leaves it off, so that a bind on a lagging target shows the trap that it is.
    PdcForward,
}

/// What is wrong with one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetFault {
    /// Connections are refused.
    Down,
    /// Connections are taken and then nothing is answered; with a stage: that operation alone, which is done all the same.
    Hang(Stage),
    /// That operation is taken, not done and never answered: lost on the way.
    Lose(Stage),
    /// Answers are no LDAP.
    Rubbish,
    /// The connection is closed in the middle of the answer; the operation is done all the same.
    Close(Stage),
    /// Each answer comes late.
    Slow(Duration),
    /// The certificate's time is over.
    ExpiredCertificate,
    /// The certificate names another host.
    WrongName,
    /// The certificate comes from an authority that nobody knows.
    UntrustedCertificate,
    /// A read-only controller: says so, and refers whoever writes to another.
    ReadOnly,
}

/// At which operations a fault shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// At all of them, from the first on.
    Any,
    /// Signing in.
    Bind,
    /// Reading.
    Search,
    /// Writing.
    Modify,
}

/// States of the service account: what keeps it from signing in, and what is not shown of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountFault {
    /// Too many wrong passwords.
    Locked,
    /// Switched off.
    Disabled,
    /// The account's own end has passed.
    Expired,
    /// The password must be changed at the next sign-in.
    MustChange,
    /// The password is older than the policy allows.
    PasswordExpired,
    /// Nobody may read when the password was set.
    AgeUnreadable,
}

/// What is unusual about the password policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyFault {
    /// At least 64 characters.
    Strict,
    /// Nobody may read it.
    Unreadable,
    /// So many wrong passwords lock an account; 0: nothing does.
    Lockout(u32),
    /// A password filter refuses so many new passwords that satisfy the policy.
    Filter(u32),
    /// So many passwords are remembered, the present one among them.
    History(u32),
}

/// Faults of servers that the lab does not have.
const ELSEWHERE: &[(&str, &str)] = &[("home", "home-directory server")];

impl Fault {
    /// Every fault with what it does, for help.
    #[must_use]
    pub fn list() -> &'static [(&'static str, &'static str)] {
        LIST
    }

    /// Reads one fault, e.g. `target:2=slow:500ms`.
    ///
    /// # Errors
    /// `usage.fault` for one that the lab does not know, with the nearest that it does.
    pub fn parse(text: &str) -> Result<Self> {
        let unknown = || unknown(text);
        let (what, how) = text.split_once('=').ok_or_else(unknown)?;
        if let Some((_, server)) =
            ELSEWHERE.iter().find(|(name, _)| what == *name || what.starts_with(&format!("{name}:")))
        {
            return Err(Error::new(
                "usage.fault",
                format!("the lab has no {server} yet, so `{text}` would change nothing"),
            )
            .hint("leave the fault out; `libretto lab --help` lists those that the lab knows"));
        }
        match what {
            "replication" if how == "off" => Ok(Self::Replication(None)),
            "replication" => time(how).map(|delay| Self::Replication(Some(delay))).ok_or_else(unknown),
            "account" => account(how).map(Self::Account).ok_or_else(unknown),
            "policy" => policy(how).map(Self::Policy).ok_or_else(unknown),
            "cloud" => CloudFault::parse(how).map(|fault| Self::Cloud(Place::Everywhere, fault)).ok_or_else(unknown),
            "agent" => ServiceFault::parse(how).map(Self::Agent).ok_or_else(unknown),
            "workflow" => ServiceFault::parse(how).map(Self::Workflow).ok_or_else(unknown),
            "pdc" if how == "forward" => Ok(Self::PdcForward),
            _ if what.starts_with("cloud:") => {
                let place = what.strip_prefix("cloud:").and_then(Place::parse).ok_or_else(unknown)?;
                CloudFault::parse(how)
                    .filter(|fault| fault.fits(place))
                    .map(|fault| Self::Cloud(place, fault))
                    .ok_or_else(unknown)
            }
            _ => Self::target(what, how, text),
        }
    }

    fn target(what: &str, how: &str, text: &str) -> Result<Self> {
        let number = what.strip_prefix("target:").ok_or_else(|| unknown(text))?;
        let fault = target_fault(how).ok_or_else(|| unknown(text))?;
        match number.parse() {
            Ok(number) if (1..=TARGETS).contains(&number) => Ok(Self::Target(number, fault)),
            _ => Err(Error::new("usage.fault", format!("the lab has no target `{number}`"))
                .hint(format!("its targets are 1 to {TARGETS}"))),
        }
    }
}

fn account(how: &str) -> Option<AccountFault> {
    Some(match how {
        "locked" => AccountFault::Locked,
        "disabled" => AccountFault::Disabled,
        "expired" => AccountFault::Expired,
        "must-change" => AccountFault::MustChange,
        "password-expired" => AccountFault::PasswordExpired,
        "age-unreadable" => AccountFault::AgeUnreadable,
        _ => return None,
    })
}

fn policy(how: &str) -> Option<PolicyFault> {
    if let Some((what, number)) = how.split_once(':') {
        let number = number.parse().ok()?;
        return match what {
            "lockout" => Some(PolicyFault::Lockout(number)),
            "filter" => Some(PolicyFault::Filter(number)),
            "history" => Some(PolicyFault::History(number)),
            _ => None,
        };
    }
    match how {
        "strict" => Some(PolicyFault::Strict),
        "unreadable" => Some(PolicyFault::Unreadable),
        _ => None,
    }
}

fn target_fault(how: &str) -> Option<TargetFault> {
    let (how, detail) = how.split_once(':').map_or((how, None), |(how, detail)| (how, Some(detail)));
    let stage = || match detail {
        None => Some(Stage::Any),
        Some("bind") => Some(Stage::Bind),
        Some("search") => Some(Stage::Search),
        Some("modify") => Some(Stage::Modify),
        Some(_) => None,
    };
    Some(match (how, detail) {
        ("lose", Some(_)) => TargetFault::Lose(stage()?),
        ("hang", _) => TargetFault::Hang(stage()?),
        ("close", _) => TargetFault::Close(stage()?),
        ("slow", Some(detail)) => TargetFault::Slow(time(detail)?),
        ("down", None) => TargetFault::Down,
        ("rubbish", None) => TargetFault::Rubbish,
        ("expired-certificate", None) => TargetFault::ExpiredCertificate,
        ("wrong-name", None) => TargetFault::WrongName,
        ("untrusted-certificate", None) => TargetFault::UntrustedCertificate,
        ("read-only", None) => TargetFault::ReadOnly,
        _ => return None,
    })
}

/// Reads `500ms`, `5s` or `2m`; at most a day, which is longer than any lab runs.
pub(super) fn time(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let time = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60)?),
        _ => return None,
    };
    (time <= Duration::from_hours(24)).then_some(time)
}

fn unknown(text: &str) -> Error {
    let number = text.strip_prefix("target:").and_then(|rest| rest.split_once('=')).map_or("N", |(number, _)| number);
    let known: Vec<String> = LIST.iter().map(|(name, _)| name.replace('N', number)).collect();
    let error = Error::new("usage.fault", format!("the lab knows no fault `{text}`"));
    match nearest(text, known.iter().map(String::as_str)) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None => error.hint("`libretto lab --help` lists the faults that the lab knows"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::cloud::Retry, *};

    #[test]
    fn every_listed_fault_is_read() {
        for (name, _) in Fault::list() {
            let text = name.replace('N', "2").replace("TIME", "500ms");
            assert!(Fault::parse(&text).is_ok(), "{text}");
        }
        assert_eq!(
            Fault::parse("target:1=slow:500ms").unwrap(),
            Fault::Target(1, TargetFault::Slow(Duration::from_millis(500)))
        );
        let throttled = CloudFault::Throttled(3, Retry::Date);
        assert_eq!(
            Fault::parse("cloud:fabrikam=429:3:date").unwrap(),
            Fault::Cloud(Place::Tenant("fabrikam"), throttled)
        );
        assert_eq!(Fault::parse("replication=5s").unwrap(), Fault::Replication(Some(Duration::from_secs(5))));
        assert_eq!(Fault::parse("target:3=close:modify").unwrap(), Fault::Target(3, TargetFault::Close(Stage::Modify)));
    }

    #[test]
    fn unknown_faults_say_what_was_meant() {
        let said = |text: &str| {
            let error = Fault::parse(text).unwrap_err();
            assert_eq!(error.code(), "usage.fault");
            format!("{} | {}", error.message(), error.remedy().unwrap_or_default())
        };
        assert_eq!(said("target:2=donw"), "the lab knows no fault `target:2=donw` | did you mean `target:2=down`?");
        assert_eq!(said("acount=locked"), "the lab knows no fault `acount=locked` | did you mean `account=locked`?");
        assert_eq!(said("workflow=donw"), "the lab knows no fault `workflow=donw` | did you mean `workflow=down`?");
        assert_eq!(said("target:4=down"), "the lab has no target `4` | its targets are 1 to 3");
        assert_eq!(
            said("weather=bad"),
            "the lab knows no fault `weather=bad` | `libretto lab --help` lists the faults that the lab knows"
        );
        assert_eq!(
            said("home=down"),
            "the lab has no home-directory server yet, so `home=down` would change nothing | leave the fault out; \
             `libretto lab --help` lists those that the lab knows"
        );
    }

    #[test]
    fn times_and_details_are_checked() {
        for bad in [
            "replication=5",
            "replication=",
            "replication=99999999999999999m",
            "target:1=slow",
            "target:1=down:x",
            "target:=down",
            "cloud=429:often",
            "cloud=slow",
            "cloud=mfa:x",
            "cloud:nobody=mfa",
            "cloud:login=wrong-types",
            "cloud:contoso=down",
            "agent=crash-before-reply:soon",
            "agent=down:1s",
            "workflow=",
        ] {
            assert!(Fault::parse(bad).is_err(), "{bad}");
        }
    }
}
