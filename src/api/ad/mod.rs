//! `ad::`: Active Directory, seen through a connection.

mod access;
mod accounts;
mod changes;
mod dependents;
mod identify;
mod lockout;
mod recover;
mod reporter;
mod rotate;
mod targets;

use crate::script::operation::{Namespace, Spec};

pub(super) fn namespace() -> Namespace {
    let reading = identify::register(accounts::register(targets::register(Namespace::new("ad"))));
    recover::register(rotate::register(changes::register(reading)))
}

/// An operation that only reads, or tests.
fn reads(signature: &'static str, doc: &'static str, example: &'static str) -> Spec {
    Spec { signature, grant: None, doc, example }
}

/// An operation that signs in for the sake of signing in.
fn tests(signature: &'static str, doc: &'static str, example: &'static str) -> Spec {
    Spec { signature, grant: Some("directory:test"), doc, example }
}

/// An operation that changes the directory.
fn writes(signature: &'static str, doc: &'static str, example: &'static str) -> Spec {
    Spec { signature, grant: Some("directory:write"), doc, example }
}
