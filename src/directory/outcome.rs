//! What a server meant: results of LDAP operations as named errors, in Samba's wording and in Windows'.
//!
//! A result is read by its operation first, then by the eight hexadecimal digits at the start of the diagnostic text (a
//! Win32 error, MS-ERREF 2.2), then by the result code: the same code means different things, and the two servers use
//! different codes for the same thing. Sub-codes of a refused bind are those of MS-ADTS 5.1.1.1.1 and MS-ERREF.

mod refusals;

use refusals::{REFUSALS, Refusal, STATUS_ALIASES};

use super::target::Target;
pub use super::wire::LdapResult;
use crate::error::Error;

/// What was asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A sign-in.
    Bind,
    /// A read.
    Search,
    /// An administrator's password reset.
    Reset,
    /// A user's own password change.
    Change,
    /// Any other write.
    Modify,
}

/// Codes of errors that say something about the account and its credential: trying it on another target is useless and
/// may lock it.
const ABOUT_THE_CREDENTIAL: &[&str] = &[
    "ad.wrong_password",
    "ad.logon_hours",
    "ad.logon_workstation",
    "ad.password_expired",
    "ad.account_disabled",
    "ad.account_expired",
    "ad.must_change_password",
    "ad.account_locked",
    "ad.too_many_groups",
    // An answer that is not known may count all the same.
    "ad.sign_in_refused",
];

/// Whether `error` refuses the credential itself, so that no other target need be asked.
#[must_use]
pub fn refuses_credential(error: &Error) -> bool {
    ABOUT_THE_CREDENTIAL.contains(&error.code())
}

/// Whether a refused sign-in leaves its password in doubt, so that it counts towards lockout. The other reasons are given
/// only to who knows the password, or on an account that is locked already.
#[must_use]
pub fn may_be_wrong(error: &Error) -> bool {
    ["ad.wrong_password", "ad.sign_in_refused"].contains(&error.code())
}

/// Codes of errors that say of a target no more than that nobody could talk to it.
const OUT_OF_REACH: &[&str] = &[
    "ad.unreachable",
    "ad.refused",
    "ad.timeout",
    "ad.closed",
    "ad.busy",
    "ad.dns_failed",
    "ad.no_controllers",
    // Nobody tried.
    "ad.not_tried",
];

/// Whether a target's error leaves open who answers for the domain there: one that is not trusted, is of another domain or
/// says what a controller does not say. Then the password goes to no file server that the same name, network or resolver
/// leads to. One that is out of reach, or refuses the credential, leaves nothing open.
#[must_use]
pub fn casts_doubt(error: &Error) -> bool {
    error.code().starts_with("ad.") && !refuses_credential(error) && !OUT_OF_REACH.contains(&error.code())
}

/// Whether a write with this result was surely not applied: the server looked at it and said no, or never looked at it
/// (RFC 4511, 4.1.9 and appendix A). Of everything else, `busy`, `other` and time limits above all, nobody knows.
#[must_use]
pub fn surely_not_applied(result: &LdapResult) -> bool {
    const NOT_SIGNED_IN: &str = "000004dc";
    matches!(result.code, 2 | 7 | 8 | 10 | 12 | 13 | 16..=21 | 32..=34 | 48..=50 | 53 | 64..=69)
        || (result.code == 1 && win32(&result.text).as_deref() == Some(NOT_SIGNED_IN))
}

/// The named error of a result that is not success. A write that is not surely unapplied is in doubt.
#[must_use]
pub fn error_of(operation: Operation, result: &LdapResult, target: &Target) -> Error {
    let error = match operation {
        Operation::Bind => bind(result),
        Operation::Search => read(result),
        Operation::Reset | Operation::Change => password(operation, result),
        Operation::Modify => other_write(result),
    };
    let write = !matches!(operation, Operation::Bind | Operation::Search);
    let error = if write && !surely_not_applied(result) { in_doubt(&error) } else { error };
    error.with("target", target.to_string()).with("server_says", format!("{} {}", result.code, result.text))
}

/// The error of a write whose outcome is unknown, because of `cause`.
#[must_use]
pub fn in_doubt(cause: &Error) -> Error {
    let doubt = Error::in_doubt("ad.write_in_doubt", format!("the change was sent, and {}", cause.message()))
        .hint("see first whether the change was applied, e.g. by the attribute itself or by pwdLastSet")
        .with("cause", cause.code());
    cause.details().iter().fold(doubt, |doubt, (key, value)| doubt.with(key, value.clone()))
}

/// The eight hexadecimal digits that begin a diagnostic text, in lower case.
fn win32(text: &str) -> Option<String> {
    let (digits, _) = text.split_once(':')?;
    (digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| digits.to_ascii_lowercase())
}

/// The sub-code of a refused bind: what follows `data ` in the text.
fn sub_code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("data ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    (!digits.is_empty()).then(|| digits.to_ascii_lowercase())
}

fn bind(result: &LdapResult) -> Error {
    if let Some(refusal) = refusal(&result.text) {
        return Error::new(refusal.code, refusal.message).hint(refusal.hint);
    }
    match result.code {
        49 => Error::new("ad.sign_in_refused", "the sign-in was refused for a reason that this program does not know")
            .hint("look the server's text up; its log says more"),
        34 => Error::new("ad.wrong_password", "the name is not one that the server understands")
            .hint("write the name as user@domain, DOMAIN\\user or a DN"),
        _ => common(result),
    }
}

fn refusal(text: &str) -> Option<&'static Refusal> {
    let by_data = |data: &str| REFUSALS.iter().find(|refusal| refusal.data == data);
    if let Some(found) = sub_code(text).as_deref().and_then(|data| by_data(alias(data).unwrap_or(data))) {
        return Some(found);
    }
    if win32(text).as_deref() == Some("80090346") {
        return by_data("80090346");
    }
    let named = |word: &str| REFUSALS.iter().find(|refusal| refusal.status == word).or_else(|| by_data(alias(word)?));
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).find_map(named)
}

fn alias(word: &str) -> Option<&'static str> {
    STATUS_ALIASES.iter().find(|(name, _)| *name == word).map(|(_, data)| *data)
}

fn read(result: &LdapResult) -> Error {
    match result.code {
        1 => Error::new("ad.not_signed_in", "the server wants a sign-in before it answers this")
            .hint("sign in first; if that was done, the controller has ended the session: connect again"),
        _ => common(result),
    }
}

fn password(operation: Operation, result: &LdapResult) -> Error {
    match win32(&result.text).as_deref() {
        Some("0000052d") => policy_refusal(&result.text),
        Some("00000056") => Error::new("ad.wrong_old_password", "the old password is wrong")
            .hint("this attempt counted as a bad password; check the old one before trying again"),
        Some("0000001f") => Error::new("ad.insecure_channel", "the server does not take a password over this channel")
            .hint("use LDAPS or StartTLS with a cipher of 128 bits or more"),
        Some("00002035") if operation == Operation::Reset => {
            Error::new("ad.password_malformed", "the server could not read the new password")
                .hint("use a password of ordinary characters, without control characters")
        }
        None if result.code == 19 => policy_refusal(&result.text),
        number => match number.and_then(barred) {
            Some(refusal) => Error::new(refusal.code, refusal.message).hint(refusal.hint),
            None => common(result),
        },
    }
}

/// Why an account's password cannot be changed with the old one: the states that keep it from signing in, by the same
/// numbers (they are Win32 errors, 0x775 is `ERROR_ACCOUNT_LOCKED_OUT`). The other reasons are those of a sign-in alone.
fn barred(win32: &str) -> Option<&'static Refusal> {
    const STATES: [&str; 5] = ["530", "531", "533", "701", "775"];
    let data = win32.trim_start_matches('0');
    REFUSALS.iter().find(|refusal| refusal.data == data && STATES.contains(&data))
}

/// A password that the policy does not take. Samba says which rule, Windows does not.
fn policy_refusal(text: &str) -> Error {
    let reason =
        text.split_once("check_password_restrictions:").map(|(_, reason)| reason.trim().trim_end_matches(['!', '.']));
    match reason {
        Some(reason) if reason.contains("history") => {
            Error::new("ad.password_history", "the password was used before and is still remembered")
                .hint("use a password that this account never had")
        }
        Some(reason) if reason.contains("too young") || reason.contains("not allowed to change") => Error::new(
            "ad.password_too_young",
            "the password was changed so recently that it may not be changed again yet",
        )
        .hint("wait for the minimum password age, or have an administrator reset the password"),
        Some(reason) => Error::new("ad.password_policy", format!("the password breaks the policy: {reason}"))
            .hint("`ad::policy` shows what is asked; `password=generate` makes one that fits"),
        None => Error::new(
            "ad.password_policy",
            "the password breaks the policy: its length, complexity, history or minimum age",
        )
        .hint("`ad::policy` shows what is asked; `password=generate` makes one that fits"),
    }
}

fn other_write(result: &LdapResult) -> Error {
    match (win32(&result.text).as_deref(), result.code) {
        (Some("0000052d"), _) => Error::new("ad.password_policy", "the account's password does not meet the policy")
            .hint("set a password that meets the policy first"),
        (Some("00000562"), _) | (_, 20 | 68) => Error::new("ad.already_there", "it is there already"),
        (Some("00000561"), _) | (_, 16) => Error::new("ad.not_there", "it is not there"),
        // Samba puts no number in front of this one.
        (None, 53)
            if result.text.contains("already deleted for target")
                || result.text.contains("doesn't exist for target") =>
        {
            Error::new("ad.not_there", "it is not there")
        }
        (_, 65) => Error::new("ad.wrong_class", "the object is not of a class that can have this")
            .hint("see what kind of object it is: only groups have members, only accounts have passwords"),
        (_, 19) => Error::new("ad.constraint", "the directory does not take this value")
            .hint("the server's text names the attribute and the rule"),
        _ => common(result),
    }
}

/// What a result code means whatever the operation.
fn common(result: &LdapResult) -> Error {
    match result.code {
        3 | 11 => Error::inconclusive("ad.timeout", "the server ran into its own time or size limit")
            .hint("ask for less, or narrow the search"),
        8 | 13 => Error::new("ad.stronger_auth_required", "the server demands a more strongly protected sign-in")
            .hint("use LDAPS or StartTLS"),
        10 => Error::new("ad.referral", "this controller does not hold the object, or holds a copy that is read-only")
            .hint("use a writable controller of the domain that the object is in"),
        32 => Error::new("ad.not_found", "there is no such object in the directory")
            .hint("check the DN; an object that the signed-in account may not see looks the same"),
        34 => Error::new("ad.bad_dn", "this is not a valid distinguished name")
            .hint("write it as in CN=Jane Doe,OU=Staff,DC=corp,DC=example,DC=com"),
        18 | 87 => Error::new("ad.bad_filter", "the server does not understand this filter")
            .hint("write it as in (&(objectClass=user)(sAMAccountName=svc*))"),
        50 => Error::new("ad.no_rights", "this account has no right to do that")
            .hint("give the connection's account the right on this object, or use another connection"),
        51 | 52 => Error::inconclusive("ad.busy", "the server is busy or shutting down").hint("try again later"),
        code => Error::new("ad.refused_by_server", format!("the server refused with result {code}: {}", result.text))
            .hint("look the server's text up; its log says more"),
    }
}

#[cfg(test)]
mod tests;
