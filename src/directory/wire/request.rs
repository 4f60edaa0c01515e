//! Requests: messages as they are sent.

use ldap3::asn1::{
    ASNTag, Boolean, Enumerated, Integer, Null, OctetString, PL, Sequence, Set, StructureTag, Tag, TagClass, write,
};
use tokio_util::bytes::BytesMut;
use zeroize::Zeroizing;

use super::PAGED_RESULTS;

/// The StartTLS extended operation (RFC 4511, 4.14.1).
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// Whether a search looks at one object, at its children, or at everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Scope {
    Base = 0,
    Subtree = 2,
}

/// What a search asks.
#[derive(Debug, Clone)]
pub(in super::super) struct Search<'a> {
    pub(in super::super) base: &'a str,
    pub(in super::super) scope: Scope,
    pub(in super::super) filter: Tag,
    pub(in super::super) attributes: &'a [&'a str],
    /// Page size and the cookie of the page before; empty for the first.
    pub(in super::super) page: Option<(usize, Vec<u8>)>,
}

/// One change of one attribute. Its value may be a password.
pub(in super::super) enum Change {
    Add(&'static str, Zeroizing<Vec<u8>>),
    Delete(&'static str, Zeroizing<Vec<u8>>),
    Replace(&'static str, Zeroizing<Vec<u8>>),
}

/// Bytes that may hold a password: wiped when they go.
pub(in super::super) type Bytes = Zeroizing<Vec<u8>>;

fn octets(bytes: impl Into<Vec<u8>>) -> Tag {
    Tag::OctetString(OctetString { inner: bytes.into(), ..OctetString::default() })
}

fn integer(inner: i64) -> Tag {
    Tag::Integer(Integer { inner, ..Integer::default() })
}

fn enumerated(inner: i64) -> Tag {
    Tag::Enumerated(Enumerated { inner, ..Enumerated::default() })
}

fn sequence(inner: Vec<Tag>) -> Tag {
    Tag::Sequence(Sequence { inner, ..Sequence::default() })
}

fn application(id: u64, inner: Vec<Tag>) -> Tag {
    Tag::Sequence(Sequence { id, class: TagClass::Application, inner })
}

fn encode(tag: Tag) -> Bytes {
    let mut buffer = BytesMut::new();
    // Writing to memory: there is nothing in it that can fail.
    let _ = write::encode_into(&mut buffer, tag.into_structure());
    let bytes = Zeroizing::new(buffer.to_vec());
    buffer.fill(0);
    bytes
}

fn message(id: i32, operation: Tag, control: Option<Tag>) -> Bytes {
    let mut parts = vec![integer(id.into()), operation];
    if let Some(control) = control {
        let control = control.into_structure();
        parts.push(Tag::StructureTag(StructureTag { class: TagClass::Context, id: 0, payload: PL::C(vec![control]) }));
    }
    encode(sequence(parts))
}

/// A simple bind (RFC 4511, 4.2).
pub(in super::super) fn bind(id: i32, name: &str, password: &str) -> Bytes {
    let password = Tag::OctetString(OctetString { id: 0, class: TagClass::Context, inner: password.into() });
    message(id, application(0, vec![integer(3), octets(name), password]), None)
}

/// A search (RFC 4511, 4.5.1), without dereferencing aliases and without limits of its own.
pub(in super::super) fn search(id: i32, search: Search<'_>) -> Bytes {
    let request = application(
        3,
        vec![
            octets(search.base),
            enumerated(search.scope as i64),
            enumerated(0),
            integer(0),
            integer(0),
            Tag::Boolean(Boolean { inner: false, ..Boolean::default() }),
            search.filter,
            sequence(search.attributes.iter().map(|name| octets(*name)).collect()),
        ],
    );
    let control = search.page.map(|(size, cookie)| {
        let value = encode(sequence(vec![integer(size as i64), octets(cookie)]));
        sequence(vec![octets(PAGED_RESULTS), octets(value.to_vec())])
    });
    message(id, request, control)
}

/// A modification of one object, all changes or none (RFC 4511, 4.6).
pub(in super::super) fn modify(id: i32, dn: &str, changes: &[Change]) -> Bytes {
    let changes = changes
        .iter()
        .map(|change| {
            let (operation, name, value) = match change {
                Change::Add(name, value) => (0, name, value),
                Change::Delete(name, value) => (1, name, value),
                Change::Replace(name, value) => (2, name, value),
            };
            let values = Tag::Set(Set { inner: vec![octets(value.to_vec())], ..Set::default() });
            sequence(vec![enumerated(operation), sequence(vec![octets(*name), values])])
        })
        .collect();
    message(id, application(6, vec![octets(dn), sequence(changes)]), None)
}

/// The request to go over to TLS.
pub(in super::super) fn start_tls(id: i32) -> Bytes {
    let name = Tag::OctetString(OctetString { id: 0, class: TagClass::Context, inner: START_TLS.into() });
    message(id, application(23, vec![name]), None)
}

/// The word that nobody waits for the answers to request `of` any more (RFC 4511, 4.11). It has no answer.
pub(in super::super) fn abandon(id: i32, of: i32) -> Bytes {
    message(id, Tag::Integer(Integer { id: 16, class: TagClass::Application, inner: of.into() }), None)
}

/// The good-bye (RFC 4511, 4.3).
pub(in super::super) fn unbind(id: i32) -> Bytes {
    message(id, Tag::Null(Null { id: 2, class: TagClass::Application, inner: () }), None)
}
