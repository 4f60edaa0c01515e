//! What Entra ID and Graph say when they refuse, as errors of ours: a name, a sentence, a remedy; trace and request ids kept.

pub mod aadsts;
pub mod graph;

use crate::{error::Error, net::words::in_one_line};

/// Whether an error with this code says that what was shown is not, or no longer, what the account signs in with.
#[must_use]
pub fn refuses_proof(code: &str) -> bool {
    const CODES: [&str; 7] = [
        "cloud.wrong_secret",
        "cloud.expired_secret",
        "cloud.wrong_certificate",
        "cloud.expired_certificate",
        "cloud.refused_proof",
        "cloud.wrong_password",
        "cloud.dead_refresh_token",
    ];
    CODES.contains(&code)
}

/// Whether it may also say that what is new has not come round everywhere: for some five minutes it does.
#[must_use]
pub fn may_not_be_known_yet(code: &str) -> bool {
    matches!(code, "cloud.wrong_secret" | "cloud.wrong_certificate")
}

/// As much of a server's own words as is quoted.
const QUOTED: usize = 600;

/// An answer that is not what Microsoft's description promises.
pub(super) fn bad_answer(whose: &str, member: &str, what: &str) -> Error {
    Error::new("cloud.bad_answer", format!("{whose}: the answer's member {member} {what}"))
        .hint("the service does not answer as Microsoft's description says: see that nothing between changes answers")
        .with("member", member)
}

/// The cloud speaks for another tenant than the one that was meant.
pub(super) fn wrong_tenant(meant: &str, found: &str) -> Error {
    // It is a server's word, which may be anything, a token that it was shown among it.
    let id = uuid::Uuid::try_parse(found).map(|id| id.to_string());
    let found = id.as_deref().unwrap_or("(no tenant's id)");
    Error::new("cloud.wrong_tenant", format!("the answer is for the tenant {found}, not for {meant}"))
        .hint("see which tenant the connection's domain belongs to now; nothing was done in the other one")
        .with("tenant", meant)
        .with("answered_for", found)
}

/// The clock here and the cloud's differ by more than tokens allow.
pub(super) fn clock_skew(what: &str) -> Error {
    Error::new("cloud.clock_skew", format!("the clocks of this machine and of the cloud differ: {what}"))
        .hint("set this machine's clock by NTP; tokens allow five minutes")
}

/// A server that asked to be left alone for longer than the caller waits.
pub(super) fn throttled(whom: &str, seconds: u64) -> Error {
    Error::inconclusive(
        "cloud.throttled",
        format!("{whom} has had too many requests and asks for a pause of {seconds} s"),
    )
    .hint("try again after the pause; do less at a time if it comes back")
    .with("retry_after", seconds.to_string())
}

/// With the id of the request that was refused, for Microsoft's support.
pub(super) fn of_request(error: Error, id: Option<&str>) -> Error {
    match id {
        Some(id) => error.with("request_id", quotable(id, &[])),
        None => error,
    }
}

/// The request that this is a part of has no time left: whoever asked is gone.
pub(super) fn too_late() -> Error {
    Error::inconclusive(
        "cloud.too_late",
        "nothing was asked of the cloud: the time for it had passed before its turn came",
    )
    .hint("do less at a time; see what the others wait for")
}

/// The same failure under a more telling name: facts and verdict stay.
pub(super) fn renamed(error: &Error, code: &'static str, message: impl Into<String>) -> Error {
    error.details().iter().fold(Error::new(code, message), |new, (key, value)| new.with(key, value.as_str()))
}

/// A server's words, fit to be quoted: one line, not too long, and without what it was told in confidence.
pub(super) fn quotable(said: &str, confidential: &[&str]) -> String {
    let mut text = said.to_owned();
    for secret in confidential.iter().filter(|secret| secret.len() >= crate::secret::SHORTEST) {
        text = text.replace(secret, "[secret]");
    }
    in_one_line(&text, QUOTED)
}
