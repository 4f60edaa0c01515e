//! Graph's refusals: `{error: {code, message, innerError: {request-id}}}`, by status, then by code and words.
//!
//! Source: learn.microsoft.com, "Microsoft Graph error responses and resource types".

use serde_json::Value;

use super::quotable;
use crate::error::Error;

/// A refusal by its words: what the message holds, and what it means.
const WORDS: &[(&str, &str, &str, &str)] = &[
    (
        "password does not comply",
        "cloud.password_policy",
        "the password does not meet the tenant's rules",
        "use a longer one with upper and lower case, digits and signs, not on the tenant's list of banned words",
    ),
    (
        "does not have any available licenses",
        "cloud.no_licence_left",
        "no licence of this kind is left",
        "buy more, or take one away from somebody",
    ),
    (
        "invalid usage location",
        "cloud.usage_location",
        "the user has no country for licences",
        "set the user's usage location (two letters) first",
    ),
    ("already exists", "cloud.exists", "there is one already", "use another name, or the one that is there"),
    (
        "AsPerAppPolicy",
        "cloud.app_policy",
        "the tenant's app management policy forbids this credential",
        "look at the policy: it may forbid secrets, or limit how long one lives",
    ),
];

/// Codes that say more than the status.
const CODES: &[(&str, &str, &str, &str)] = &[
    (
        "Authorization_RequestDenied",
        "cloud.permission_missing",
        "the permission for this is missing",
        "grant the app the permission and admin consent, or give the account the role",
    ),
    (
        "Authorization_IdentityNotFound",
        "cloud.app_absent",
        "the app was never admitted to the tenant",
        "have an administrator of the tenant consent to the app",
    ),
    ("Request_ResourceNotFound", "cloud.not_found", "there is no such object", "look at the name or the id"),
    ("Request_MultipleObjectsWithSameKeyValue", "cloud.exists", "there is one already", "use another name"),
    (
        "Directory_QuotaExceeded",
        "cloud.quota",
        "the tenant may hold no more objects",
        "delete what is no longer needed",
    ),
    (
        "CredentialTypeNotAllowedAsPerAppPolicy",
        "cloud.app_policy",
        "the tenant's app management policy forbids this credential",
        "look at the policy: it may forbid secrets, or limit how long one lives",
    ),
];

/// The error for a refusal of Graph's.
#[must_use]
pub fn refusal(status: u16, body: Option<&Value>, request_id: Option<&str>, confidential: &[&str]) -> Error {
    let inner = body.and_then(|body| body.get("error"));
    let text = |member| inner.and_then(|inner| inner.get(member)).and_then(Value::as_str);
    let code = text("code").unwrap_or_default();
    let said = quotable(text("message").unwrap_or_default(), confidential);
    let mut error = named(status, code, &said).with("status", status.to_string());
    if !code.is_empty() {
        error = error.with("graph_code", quotable(code, confidential));
    }
    if !said.is_empty() {
        error = error.with("said", said);
    }
    let within = inner.and_then(|inner| inner.get("innerError").or_else(|| inner.get("innererror")));
    let id = within.and_then(|within| within.get("request-id")).and_then(Value::as_str).or(request_id);
    match id {
        Some(id) => error.with("request_id", quotable(id, confidential)),
        None => error,
    }
}

fn named(status: u16, code: &str, said: &str) -> Error {
    let both = format!("{code} {said}");
    let by_words = WORDS.iter().find(|(words, ..)| status < 500 && both.contains(words));
    let by_code = CODES.iter().find(|(known, ..)| *known == code);
    if let Some((_, code, says, remedy)) = by_words.or(by_code) {
        return Error::new(code, *says).hint(*remedy);
    }
    let plain = if said.is_empty() { code } else { said };
    match status {
        401 => Error::new("cloud.token_refused", "Graph does not accept the token")
            .hint("sign in again; if it stays so, compare the clocks and see that the app is not disabled"),
        403 => Error::new("cloud.permission_missing", "the permission for this is missing")
            .hint("grant the app the permission and admin consent, or give the account the role"),
        404 => Error::new("cloud.not_found", "there is no such object").hint("look at the name or the id"),
        409 | 412 => Error::inconclusive("cloud.conflict", format!("somebody else is changing the same: {plain}"))
            .hint("try again"),
        429 => Error::inconclusive("cloud.throttled", "Graph has had too many requests").hint("try again later"),
        500.. => Error::inconclusive("cloud.unavailable", "Graph cannot answer now")
            .hint("try again in a minute; status.cloud.microsoft tells of outages"),
        _ if plain.is_empty() => Error::new("cloud.refused", format!("Graph refuses with status {status}"))
            .hint("see that nothing between changes requests or answers"),
        _ => Error::new("cloud.refused", format!("Graph refuses: {plain}"))
            .hint("the words are Graph's own; its request id helps Microsoft's support to find it"),
    }
}
