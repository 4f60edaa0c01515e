//! The errors of a connection: silence, an early end, rubbish.

use std::{io, time::Duration};

use super::target::Target;
use crate::error::Error;

pub(super) fn timed_out(target: &Target, limit: Duration, doing: &str) -> Error {
    Error::inconclusive("ad.timeout", format!("{target} did not answer within {} ({doing})", seconds(limit)))
        .hint("the controller or the network hangs: look at the controller, or give it more time")
        .with("target", target.to_string())
}

fn seconds(limit: Duration) -> String {
    if limit.subsec_millis() == 0 { format!("{} s", limit.as_secs()) } else { format!("{} ms", limit.as_millis()) }
}

/// The connection ended, or the network did.
pub(super) fn broken(target: &Target, error: &io::Error) -> Error {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) {
        return closed(target, "");
    }
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return rubbish(target).with("cause", inner.to_string());
    }
    Error::inconclusive("ad.unreachable", format!("the connection to {target} failed: {error}"))
        .hint("look at the network between here and the controller")
        .with("target", target.to_string())
}

pub(super) fn closed(target: &Target, why: &str) -> Error {
    Error::inconclusive("ad.closed", format!("{target} closed the connection before it had answered{why}"))
        .hint("the controller may be restarting or overloaded: look at it, then try again")
        .with("target", target.to_string())
}

pub(super) fn rubbish(target: &Target) -> Error {
    Error::new("ad.protocol", format!("{target} answered something that is not LDAP"))
        .hint("see what listens there: is it a domain controller, or a proxy in front of one?")
        .with("target", target.to_string())
}
