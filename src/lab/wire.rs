//! Framing: bytes to LDAP messages and back, with limits, so that no input can hurt.
//!
//! `ldap3_proto` reads the messages, but three things are done before it sees them: the frame's size is checked, what is
//! no request is refused (the crate would print to standard output), and filter values that are not text, such as a
//! binary `objectGUID`, are written as text (the crate knows text alone).

use std::io;

use data_encoding::HEXLOWER;
use ldap3_lber::{
    Parser,
    common::TagClass,
    structure::{PL, StructureTag},
};
use ldap3_proto::{LdapCodec, LdapMsg};
use tokio_util::{bytes::BytesMut, codec::Encoder};
use zeroize::{Zeroize, Zeroizing};

/// The largest request that is read, in bytes.
pub(super) const LARGEST: usize = 1 << 20;
/// How deep a message may be nested.
const DEEPEST: usize = 64;
/// Marks a filter value that was not text.
const BINARY: &str = "\u{1}binary:";

/// What cannot be read as an LDAP request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Takes the first whole message out of what was received; `None` when more bytes are needed.
pub(super) fn take(received: &mut Zeroizing<Vec<u8>>) -> Result<Option<LdapMsg>, Malformed> {
    let Some(size) = frame_size(received)? else { return Ok(None) };
    if received.len() < size {
        return Ok(None);
    }
    let message = read(&received[..size]);
    received[..size].zeroize();
    received.drain(..size);
    message.map(Some)
}

/// The size of the frame that begins here, from its BER header; `None` when the header is not complete.
fn frame_size(received: &[u8]) -> Result<Option<usize>, Malformed> {
    let (Some(tag), length) = (received.first(), received.get(1)) else { return Ok(None) };
    if *tag != 0x30 {
        return Err(Malformed);
    }
    let Some(length) = length.map(|byte| usize::from(*byte)) else { return Ok(None) };
    let size = if length < 0x80 {
        2 + length
    } else {
        let count = length - 0x80;
        if !(1..=4).contains(&count) {
            return Err(Malformed);
        }
        let Some(bytes) = received.get(2..2 + count) else { return Ok(None) };
        2 + count + bytes.iter().fold(0, |size, byte| size << 8 | usize::from(*byte))
    };
    if size > LARGEST { Err(Malformed) } else { Ok(Some(size)) }
}

fn read(frame: &[u8]) -> Result<LdapMsg, Malformed> {
    let (_, mut tag) = Parser::new(DEEPEST).parse(frame).map_err(|_| Malformed)?;
    let PL::C(parts) = &mut tag.payload else { return Err(Malformed) };
    let operation = parts.get_mut(1).filter(|part| is_request(part)).ok_or(Malformed)?;
    if let (3, PL::C(search)) = (operation.id, &mut operation.payload) {
        search.get_mut(6).into_iter().for_each(to_text);
    }
    LdapMsg::try_from(tag).map_err(|_| Malformed)
}

/// The requests of RFC 4511, 4.2 to 4.12: bind, search, modify, add, modify DN, compare, extended; unbind, delete, abandon.
fn is_request(tag: &StructureTag) -> bool {
    tag.class == TagClass::Application
        && match tag.payload {
            PL::C(_) => matches!(tag.id, 0 | 3 | 6 | 8 | 12 | 14 | 23),
            PL::P(_) => matches!(tag.id, 2 | 10 | 16),
        }
}

fn to_text(tag: &mut StructureTag) {
    match &mut tag.payload {
        PL::C(parts) => parts.iter_mut().for_each(to_text),
        PL::P(bytes) if std::str::from_utf8(bytes).is_err() => {
            *bytes = format!("{BINARY}{}", HEXLOWER.encode(bytes)).into_bytes();
        }
        PL::P(_) => {}
    }
}

/// The bytes of a filter value as the client sent them.
pub(super) fn assertion_bytes(value: &str) -> Vec<u8> {
    value
        .strip_prefix(BINARY)
        .and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok())
        .unwrap_or_else(|| value.as_bytes().to_vec())
}

/// Messages as bytes.
pub(super) fn encode(messages: Vec<LdapMsg>) -> io::Result<BytesMut> {
    let mut bytes = BytesMut::new();
    for message in messages {
        LdapCodec::default().encode(message, &mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_from(bytes: &[u8]) -> Result<Option<LdapMsg>, Malformed> {
        take(&mut Zeroizing::new(bytes.to_vec()))
    }

    #[test]
    fn rubbish_is_malformed_and_parts_wait() {
        assert_eq!(take_from(b"GET / HTTP/1.1\r\n\r\n").unwrap_err(), Malformed);
        assert_eq!(take_from(&[0x30]), Ok(None));
        assert_eq!(take_from(&[0x30, 0x84, 0, 0]), Ok(None));
        assert_eq!(take_from(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), Err(Malformed));
        assert_eq!(take_from(&[0x30, 0x80]), Err(Malformed));
        assert_eq!(take_from(&[0x30, 0]), Err(Malformed));
        // A response, an operation of a number that nobody knows, nesting without end.
        assert_eq!(take_from(&[0x30, 5, 2, 1, 1, 0x61, 0]), Err(Malformed));
        assert_eq!(take_from(&[0x30, 5, 2, 1, 1, 0x7e, 0]), Err(Malformed));
        let mut deep = Vec::new();
        for _ in 0..200 {
            let length = deep.len() as u32;
            deep = [&[0x30, 0x84][..], &length.to_be_bytes(), &deep].concat();
        }
        assert_eq!(take_from(&deep), Err(Malformed));
    }

    #[test]
    fn every_damaged_byte_of_a_request_is_survived() {
        let bind = [&[0x30, 22, 2, 1, 1, 0x60, 17, 2, 1, 3, 4, 6][..], b"LAB\\me", &[0x80, 4], b"pass"].concat();
        assert!(take_from(&bind).unwrap().is_some());
        for place in 0..bind.len() {
            for value in 0..=255 {
                let mut damaged = bind.clone();
                damaged[place] = value;
                let _ = take_from(&damaged);
            }
        }
    }

    #[test]
    fn binary_values_survive() {
        let mut tag = StructureTag { class: TagClass::Context, id: 3, payload: PL::P(vec![0xff, 0, 1]) };
        to_text(&mut tag);
        let PL::P(bytes) = tag.payload else { panic!("{tag:?}") };
        assert_eq!(assertion_bytes(std::str::from_utf8(&bytes).unwrap()), [0xff, 0, 1]);
        assert_eq!(assertion_bytes("alice"), b"alice");
    }
}
