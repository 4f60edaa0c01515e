//! LDAP messages as bytes (RFC 4511): requests are written with `lber`, answers are read by a reader that cannot be
//! made to recurse, to panic or to take memory without end.

mod answer;
mod request;

pub use answer::LdapResult;
pub(super) use answer::{Attributes, Message, Rubbish, decode, frame};
pub(super) use request::{Bytes, Change, Scope, Search, abandon, bind, modify, search, start_tls, unbind};

/// The simple paged results control (RFC 2696).
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// Protocol operations by their application tag (RFC 4511, appendix B).
pub(super) mod op {
    pub(in super::super) const BIND_RESPONSE: u8 = 1;
    pub(in super::super) const ENTRY: u8 = 4;
    pub(in super::super) const SEARCH_DONE: u8 = 5;
    pub(in super::super) const MODIFY_RESPONSE: u8 = 7;
    pub(in super::super) const REFERENCE: u8 = 19;
    pub(in super::super) const EXTENDED_RESPONSE: u8 = 24;
    pub(in super::super) const INTERMEDIATE: u8 = 25;
}
