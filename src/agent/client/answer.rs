//! What a reply means.

use serde_json::Value;

use super::{Address, Answer, codes::known, document::Operation, http::Reply};
use crate::{
    error::{Error, Result},
    net::words::in_one_line,
    verdict::Verdict,
};

/// As much of an agent's own words as is quoted.
const QUOTED: usize = 400;

/// The answer, or the error that the reply is.
pub(super) fn of(
    address: &Address,
    operation: &Operation,
    reply: &Reply,
    (has_token, writes): (bool, bool),
) -> Result<Answer> {
    let error = match reply.status {
        200..=299 if reply.is_html() => {
            told(writes, "agent.bad_answer", format!("{operation} answers with a web page"))
                .hint("see that host and port are the Remote Agent's, and that nothing between answers in its place")
        }
        200..=299 => {
            let body = body(reply);
            return Ok(Answer { operation: operation.to_string(), status: reply.status, body });
        }
        300..=399 => redirected(operation, reply),
        401 | 403 => no_entry(reply.status, has_token),
        413 => Error::new("agent.too_large", format!("the body of {operation} is too large for the agent"))
            .hint("send less at a time, or raise the agent's limit"),
        status => refused(operation, status, reply, writes),
    };
    Err(error.with("agent", address.to_string()).with("operation", operation.to_string()))
}

/// The error of an answer that says nothing of what was asked for.
fn told(writes: bool, code: &'static str, said: String) -> Error {
    if writes { Error::in_doubt(code, said) } else { Error::new(code, said) }
}

fn body(reply: &Reply) -> Value {
    let bytes = reply.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&reply.body);
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
}

/// Nobody is let in with this token, or without one.
pub(super) fn no_entry(status: u16, has_token: bool) -> Error {
    match (status, has_token) {
        (_, false) => Error::new("agent.no_token", "the agent wants a token, and the connection has none")
            .hint("`libretto agent token` prints it on the agent's host; libretto connections edit NAME --agent-token env:TOKEN"),
        (403, true) => Error::new("agent.forbidden", "the agent's token does not allow this")
            .hint("give the connection a token that may do it"),
        (_, true) => Error::new("agent.wrong_token", "the agent does not accept the connection's token")
            .hint("`libretto agent token` prints the right one on the agent's host; libretto connections edit NAME --agent-token env:TOKEN"),
    }
}

fn redirected(operation: &Operation, reply: &Reply) -> Error {
    let to = reply.location.as_deref().map_or_else(String::new, |to| format!(" to {}", quotable(to)));
    Error::new("agent.redirected", format!("{operation} is sent elsewhere{to}, and a token does not follow"))
        .hint("give the connection the address that the agent really has")
}

/// An error with the code, the words and the remedy that the agent gives (RFC 9457), where it gives any.
fn refused(operation: &Operation, status: u16, reply: &Reply, writes: bool) -> Error {
    let said = body(reply);
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(quotable).filter(|text| !text.is_empty());
    let words = ["detail", "message", "Message", "error", "title"].iter().find_map(|name| text(name));
    let words =
        words.or_else(|| said.as_str().filter(|_| !reply.is_html()).map(quotable)).filter(|text| !text.is_empty());
    let code = said.get("code").and_then(Value::as_str).and_then(known_code).unwrap_or(match status {
        404 => "agent.not_found",
        405 => "agent.not_allowed",
        429 => "agent.throttled",
        500.. => "agent.failed",
        _ => "agent.refused",
    });
    let message = words.unwrap_or_else(|| format!("{operation} answers {status}"));
    let verdict = said.get("verdict").and_then(Value::as_str);
    // What broke on the way through a write may have broken after it; a server that is too busy, or not started, has done nothing.
    let in_the_middle = writes && status >= 500 && status != 503 && verdict.is_none();
    let in_doubt = verdict == Some(Verdict::InDoubt.as_str());
    let error = if in_the_middle || (in_doubt && writes) {
        Error::in_doubt(code, message)
    } else if in_doubt
        || status == 429
        || verdict == Some(Verdict::Inconclusive.as_str())
        || (status >= 500 && verdict.is_none())
    {
        Error::inconclusive(code, message)
    } else {
        Error::new(code, message)
    };
    let error = if said.get("retryable").and_then(Value::as_bool) == Some(true) { error.retryable() } else { error };
    let error = match (text("remedy"), status) {
        (Some(remedy), _) => error.hint(remedy),
        (None, 404) => error.hint("see with `agent::list` which connections the agent has"),
        (None, 429) => error.hint("do less at a time, and try again after the pause"),
        (None, 500..) => error.hint("look into the agent's log"),
        (None, _) => error.hint("look at the operation on the agent's Swagger page"),
    };
    let error = error.with("status", status.to_string());
    let error = match &reply.retry_after {
        Some(after) => error.with("retry_after", quotable(after)),
        None => error,
    };
    facts(error, &said)
}

/// The facts that belong to an error's story, e.g. `trace_id`.
fn facts(error: Error, said: &Value) -> Error {
    let named = ["trace_id", "request_id", "aadsts"];
    let fact = |name: &&'static str| {
        let value = said.get("facts").and_then(|facts| facts.get(*name)).and_then(Value::as_str)?;
        Some((*name, quotable(value)))
    };
    named.iter().filter_map(fact).fold(error, |error, (name, value)| error.with(name, value))
}

/// Whether the operation may be gone: the path is unknown, and the agent has no words of its own for that.
pub(super) fn is_gone(error: &Error) -> bool {
    matches!(error.code(), "agent.not_found" | "agent.not_allowed")
}

/// Codes that agents of ours answer with.
fn known_code(code: &str) -> Option<&'static str> {
    known(code, &["agent", "cloud", "connection", "secret", "service"])
}

/// An agent's words in one line, not too long.
pub(crate) fn quotable(said: &str) -> String {
    in_one_line(said, QUOTED).trim_end_matches('.').to_owned()
}
