//! Entra ID's refusals. `error` (RFC 6749, 5.2) tells the class; the AADSTS numbers in `error_codes` tell it exactly.
//!
//! Source: learn.microsoft.com, "Microsoft Entra authentication and authorization error codes".

use serde_json::Value;

use super::quotable;
use crate::error::Error;

/// Who was refused, for the sentences.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// The app's id.
    pub app: &'a str,
    /// The tenant, or the domain while the tenant is unknown.
    pub tenant: &'a str,
    /// The user, where one signs in.
    pub user: &'a str,
    /// What was told in confidence and must not come back in words.
    pub confidential: &'a [&'a str],
}

/// What a refusal means.
struct Known {
    codes: &'static [u64],
    code: &'static str,
    /// `{app}`, `{tenant}` and `{user}` stand for who was refused.
    says: &'static str,
    remedy: &'static str,
}

const fn known(codes: &'static [u64], code: &'static str, says: &'static str, remedy: &'static str) -> Known {
    Known { codes, code, says, remedy }
}

/// These pass by themselves.
const TRANSIENT: &[u64] = &[90033, 90006, 90024, 50033, 50196];

const TABLE: &[Known] = &[
    known(
        &[7_000_215],
        "cloud.wrong_secret",
        "the secret is not the one of app {app}",
        "store the secret's value (not its id) again, or make a new secret; one that was just made may need minutes",
    ),
    known(
        &[7_000_222],
        "cloud.expired_secret",
        "the secret of app {app} has expired",
        "make a new secret for the app and store it; rotate earlier the next time",
    ),
    known(
        &[700_027],
        "cloud.wrong_certificate",
        "the assertion is not accepted for app {app}: its certificate is not registered there",
        "upload the certificate to the app registration, or use the one that is registered; a new one may need minutes",
    ),
    // A key that is new is none of these.
    known(
        &[700_023, 700_030, 50013, 5_000_226],
        "cloud.bad_assertion",
        "the assertion is not accepted for app {app}: its audience, its times, its signature or its certificate's names are wrong",
        "compare the clocks and the sign-in host, and see that the certificate's key is the one that it was made for",
    ),
    known(
        &[700_211, 700_212, 700_213],
        "cloud.wrong_federation",
        "app {app} trusts no identity provider with the assertion's issuer, subject and audience",
        "compare the app's federated credentials with the assertion's iss, sub and aud",
    ),
    known(
        &[700_024],
        "cloud.clock_skew",
        "the clocks of this machine and of the cloud differ: the assertion is not valid now",
        "set this machine's clock by NTP; tokens allow five minutes",
    ),
    known(
        &[7_000_218, 7_000_216],
        "cloud.no_proof",
        "app {app} has to prove itself with a secret or a certificate",
        "give the connection the app's secret or certificate, or allow public client flows for the app",
    ),
    known(
        &[700_016],
        "cloud.unknown_app",
        "the tenant {tenant} knows no app {app}",
        "look at the app's id; if it is right, have an administrator of the tenant consent to the app",
    ),
    known(
        &[7_000_112],
        "cloud.app_disabled",
        "app {app} is disabled",
        "enable the app (enterprise application) in its tenant",
    ),
    known(
        &[500_011, 500_014, 650_052],
        "cloud.unknown_resource",
        "the tenant {tenant} has no Microsoft Graph under this name",
        "see that the national cloud is the tenant's own",
    ),
    known(
        &[7_000_229],
        "cloud.app_absent",
        "app {app} was never admitted to the tenant {tenant}",
        "have an administrator of the tenant consent to the app",
    ),
    known(
        &[90002, 900_023],
        "cloud.unknown_tenant",
        "there is no tenant {tenant}",
        "look at the domain's spelling, and that it is added to a tenant and proven there",
    ),
    known(&[5_000_224], "cloud.tenant_blocked", "the tenant {tenant} is blocked", "ask Microsoft's support why"),
    known(
        &[90038, 900_382],
        "cloud.other_cloud",
        "the tenant {tenant} lives in another national cloud",
        "discover the domain again; apps and tokens of one cloud are not known in another",
    ),
    known(
        &[65001, 90094, 650_056, 90099, 65004],
        "cloud.consent_missing",
        "the tenant {tenant} has not consented to what app {app} asks for",
        "have an administrator of the tenant grant admin consent for the app",
    ),
    known(
        &[50126],
        "cloud.wrong_password",
        "the password of {user} is wrong",
        "store the right password; wrong ones lock the account",
    ),
    known(&[50034], "cloud.unknown_user", "the tenant {tenant} has no user {user}", "look at the sign-in name"),
    known(
        &[50053],
        "cloud.locked_user",
        "{user} is locked, or signs in from an address that is held to be malicious",
        "wait or unlock the account, and find out who sends wrong passwords",
    ),
    known(
        &[50055, 50144],
        "cloud.expired_password",
        "the password of {user} has expired",
        "set a new one; let a service account's password not expire",
    ),
    known(
        &[50056],
        "cloud.no_password",
        "{user} has no password in the cloud",
        "sign in by app instead, or set a password",
    ),
    known(&[50057], "cloud.disabled_user", "{user} is disabled", "enable the account"),
    known(
        &[50076, 50079, 50072, 50074],
        "cloud.mfa_required",
        "{user} has to sign in with a second factor",
        "sign in by app (certificate or secret) instead: `migrate_msonline` turns a password connection into an app connection",
    ),
    known(
        &[53003, 53000, 53001, 53002, 50158, 530_034],
        "cloud.conditional_access",
        "a conditional access policy of the tenant {tenant} refuses the sign-in",
        "look into the tenant's sign-in log for the policy, and exclude this app or this place from it",
    ),
    known(
        &[50020, 50177],
        "cloud.foreign_user",
        "{user} is no user of the tenant {tenant}",
        "use an account of the tenant, or a delegated-admin relationship with it",
    ),
    known(
        &[700_082, 70008, 50173, 70043, 54005],
        "cloud.dead_refresh_token",
        "the refresh token works no longer: it was not used for too long, or its user's password or sessions were changed",
        "have the partner's user sign in again and store the new refresh token",
    ),
];

/// By `error` alone, where no number is known.
const CLASSES: &[(&str, &str, &str, &str)] = &[
    (
        "invalid_client",
        "cloud.refused_proof",
        "app {app} is refused: its secret or certificate is not accepted",
        "store the app's valid secret or certificate",
    ),
    (
        "unauthorized_client",
        "cloud.refused_app",
        "app {app} may not sign in this way in the tenant {tenant}",
        "look at the app's registration, and at its consent in the tenant",
    ),
    (
        "invalid_grant",
        "cloud.refused_grant",
        "what was shown is refused: it has expired, was revoked, or is another's",
        "store a valid one",
    ),
    (
        "interaction_required",
        "cloud.interaction_required",
        "the tenant {tenant} wants a person to sign in",
        "sign in by app (certificate or secret) instead",
    ),
    (
        "consent_required",
        "cloud.consent_missing",
        "the tenant {tenant} has not consented to app {app}",
        "have an administrator of the tenant grant admin consent for the app",
    ),
    (
        "invalid_tenant",
        "cloud.unknown_tenant",
        "there is no tenant {tenant}",
        "look at the domain's spelling, and that it is added to a tenant and proven there",
    ),
    (
        "invalid_scope",
        "cloud.unknown_resource",
        "the tenant {tenant} has no Microsoft Graph under this name",
        "see that the national cloud is the tenant's own",
    ),
    (
        "invalid_resource",
        "cloud.unknown_resource",
        "the tenant {tenant} has no Microsoft Graph under this name",
        "see that the national cloud is the tenant's own",
    ),
];

/// The error for a refusal's body. `None` when the body is none of Entra ID's.
#[must_use]
pub fn refusal(body: &Value, status: u16, subject: &Subject<'_>) -> Option<Error> {
    let error = body.get("error")?.as_str()?;
    let said = body.get("error_description").and_then(Value::as_str).unwrap_or_default();
    let mut codes: Vec<u64> =
        body.get("error_codes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect();
    if codes.is_empty() {
        codes.extend(number_in(said));
    }
    let mut result = named(error, &codes, status, subject, said);
    for code in &codes {
        result = result.with("aadsts", code.to_string());
    }
    result = result.with("error", quotable(error, subject.confidential));
    let words = said.split(" Trace ID:").next().unwrap_or_default();
    if !words.trim().is_empty() {
        result = result.with("said", quotable(words, subject.confidential));
    }
    for key in ["trace_id", "correlation_id"] {
        if let Some(id) = body.get(key).and_then(Value::as_str) {
            result = result.with(key, quotable(id, subject.confidential));
        }
    }
    Some(result)
}

fn named(error: &str, codes: &[u64], status: u16, subject: &Subject<'_>, said: &str) -> Error {
    let transient = codes.iter().any(|code| TRANSIENT.contains(code));
    if transient || matches!(error, "temporarily_unavailable" | "server_error") || status >= 500 {
        return Error::inconclusive("cloud.unavailable", "the sign-in service cannot answer now")
            .hint("try again in a minute; status.cloud.microsoft tells of outages");
    }
    if let Some(known) = codes.iter().find_map(|code| TABLE.iter().find(|known| known.codes.contains(code))) {
        // One number for a key that is not registered and for one whose certificate has run out.
        if known.code == "cloud.wrong_certificate" && said.contains("expired") {
            return Error::new("cloud.expired_certificate", fill("the certificate of app {app} has expired", subject))
                .hint("make a new certificate, upload it to the app registration and store it");
        }
        return Error::new(known.code, fill(known.says, subject)).hint(known.remedy);
    }
    if let Some((_, code, says, remedy)) = CLASSES.iter().find(|(class, ..)| *class == error) {
        return Error::new(code, fill(says, subject)).hint(*remedy);
    }
    let words = quotable(said.split(" Trace ID:").next().unwrap_or_default(), subject.confidential);
    let words = if words.is_empty() { quotable(error, subject.confidential) } else { words };
    Error::new("cloud.refused", format!("the sign-in service refuses: {words}"))
        .hint("look the AADSTS number up at login.microsoftonline.com/error")
}

fn fill(says: &str, subject: &Subject<'_>) -> String {
    let user = if subject.user.is_empty() { "the user" } else { subject.user };
    says.replace("{app}", subject.app).replace("{tenant}", subject.tenant).replace("{user}", user)
}

/// `AADSTS90002: ...` in the words, for answers that have no list of numbers.
fn number_in(said: &str) -> Option<u64> {
    let (_, rest) = said.split_once("AADSTS")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
