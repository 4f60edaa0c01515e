//! Reading escapes: what a text says once the escapes of one kind in it are read, and where each of its bytes came from.
//!
//! The redactor looks for secrets in what comes out. So it does not matter which characters a writer escaped, in which of
//! the ways that its kind allows.

use std::ops::Range;

use zeroize::Zeroizing;

/// The longest escape, `\ud83d\udd11`.
const LONGEST: usize = 12;

/// Ways to escape that a text may use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// JSON, the string literals of most languages, and a backslash before a character that means something (DN, shell).
    Backslash,
    /// LDAP filters (RFC 4515, 3) and names (RFC 4514, 2.4): a backslash and two hexadecimal digits.
    Ldap,
    /// URLs and forms; `%u20ac` of old scripts.
    Percent,
    /// HTML and XML.
    Html,
}

/// A text with its escapes read.
pub(super) struct Plain {
    pub(super) text: Zeroizing<Vec<u8>>,
    escapes: Vec<Escape>,
    /// Up to where in [`Plain::text`] nothing depends on what may follow: an escape may be cut off at the end.
    pub(super) sure: usize,
}

struct Escape {
    /// Where in the source.
    source: Range<usize>,
    /// What it stands for, in the text that was made.
    made: Range<usize>,
}

/// The bytes that an escape stands for.
struct Made([u8; 4], usize);

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Backslash, Self::Ldap, Self::Percent, Self::Html];

    fn sign(self) -> u8 {
        match self {
            Self::Backslash | Self::Ldap => b'\\',
            Self::Percent => b'%',
            Self::Html => b'&',
        }
    }

    /// What may have been escaped before it was escaped in this way. A filter is put together of what is plain.
    pub(super) fn inner(self) -> &'static [Self] {
        if self == Self::Ldap { &[] } else { &Self::ALL }
    }

    /// Reads all escapes of this kind; `None` where there are none and none is begun.
    pub(super) fn read(self, text: &[u8]) -> Option<Plain> {
        let sign = self.sign();
        // Many times as fast as looking for the place, and most texts have none.
        if !text.contains(&sign) {
            return None;
        }
        let mut next = text.iter().position(|byte| *byte == sign)?;
        let mut plain = Plain { text: Zeroizing::new(Vec::with_capacity(text.len())), escapes: Vec::new(), sure: 0 };
        let (mut done, mut open) = (0, None);
        loop {
            plain.text.extend_from_slice(&text[done..next]);
            if open.is_none() && is_cut_off(&text[next..]) {
                open = Some(plain.text.len());
            }
            let length = if let Some((made, length)) = self.one(&text[next..]) {
                let from = plain.text.len();
                plain.text.extend_from_slice(&made.0[..made.1]);
                plain.escapes.push(Escape { source: next..next + length, made: from..plain.text.len() });
                length
            } else {
                plain.text.push(sign);
                1
            };
            done = next + length;
            match text[done..].iter().position(|byte| *byte == sign) {
                Some(at) => next = done + at,
                None => break,
            }
        }
        plain.text.extend_from_slice(&text[done..]);
        plain.sure = open.unwrap_or(plain.text.len());
        // Without a number it says what `Backslash` says.
        let own = self != Self::Ldap || plain.escapes.iter().any(|escape| escape.source.len() > 2);
        (open.is_some() || (own && !plain.escapes.is_empty())).then_some(plain)
    }

    /// The escape that `text` begins with, and its length.
    fn one(self, text: &[u8]) -> Option<(Made, usize)> {
        let after = *text.get(1)?;
        match self {
            Self::Backslash => backslash(text, after),
            Self::Ldap if after.is_ascii_hexdigit() => Some((Made::byte(number(text.get(1..3)?, 16)?)?, 3)),
            Self::Ldap => itself(after),
            Self::Percent if after == b'u' => Some((Made::char(number(text.get(2..6)?, 16)?)?, 6)),
            Self::Percent => Some((Made::byte(number(text.get(1..3)?, 16)?)?, 3)),
            Self::Html => entity(text),
        }
    }
}

fn backslash(text: &[u8], after: u8) -> Option<(Made, usize)> {
    match after {
        b'u' if text.get(2) == Some(&b'{') => {
            let digits = text.iter().take(LONGEST).position(|byte| *byte == b'}')?;
            Some((Made::char(number(&text[3..digits], 16)?)?, digits + 1))
        }
        b'u' => code_units(text),
        b'U' => Some((Made::char(number(text.get(2..10)?, 16)?)?, 10)),
        b'x' => Some((Made::byte(number(text.get(2..4)?, 16)?)?, 4)),
        b'n' => Some((Made::one(b'\n'), 2)),
        b'r' => Some((Made::one(b'\r'), 2)),
        b't' => Some((Made::one(b'\t'), 2)),
        b'b' => Some((Made::one(8), 2)),
        b'f' => Some((Made::one(12), 2)),
        b'0'..=b'3' => match text.get(1..4).and_then(|digits| number(digits, 8)) {
            Some(byte) => Some((Made::byte(byte)?, 4)),
            None => (after == b'0').then_some((Made::one(0), 2)),
        },
        _ => itself(after),
    }
}

/// A character that was escaped because it means something; letters and digits mean something when they are escaped.
fn itself(after: u8) -> Option<(Made, usize)> {
    (after == b' ' || after.is_ascii_punctuation()).then_some((Made::one(after), 2))
}

/// `\u00e9`, or two of them that are one character.
fn code_units(text: &[u8]) -> Option<(Made, usize)> {
    let first = number(text.get(2..6)?, 16)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((Made::char(first)?, 6));
    }
    let second = number(text.get(6..LONGEST)?.strip_prefix(b"\\u")?, 16).filter(|unit| unit & 0xfc00 == 0xdc00)?;
    Some((Made::char(0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff))?, LONGEST))
}

fn entity(text: &[u8]) -> Option<(Made, usize)> {
    let end = text.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let made = match &text[1..end] {
        b"amp" => Made::one(b'&'),
        b"lt" => Made::one(b'<'),
        b"gt" => Made::one(b'>'),
        b"quot" => Made::one(b'"'),
        b"apos" => Made::one(b'\''),
        [b'#', b'x' | b'X', digits @ ..] => Made::char(number(digits, 16)?)?,
        [b'#', digits @ ..] => Made::char(number(digits, 10)?)?,
        _ => return None,
    };
    Some((made, end + 1))
}

fn number(digits: &[u8], base: u32) -> Option<u32> {
    // A sign would be read too.
    let text = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(text, base).ok()
}

/// Whether this may be the first part of an escape that goes on in what follows.
fn is_cut_off(text: &[u8]) -> bool {
    text.len() < LONGEST && text[1..].iter().all(|byte| byte.is_ascii_alphanumeric() || b"\\{#".contains(byte))
}

impl Made {
    fn one(byte: u8) -> Self {
        Self([byte, 0, 0, 0], 1)
    }

    fn byte(number: u32) -> Option<Self> {
        u8::try_from(number).ok().map(Self::one)
    }

    fn char(number: u32) -> Option<Self> {
        let mut bytes = [0; 4];
        let length = char::from_u32(number)?.encode_utf8(&mut bytes).len();
        Some(Self(bytes, length))
    }
}

impl Plain {
    /// Where in the source a part of the text comes from. An escape is whole or not at all.
    pub(super) fn source(&self, part: &Range<usize>) -> Range<usize> {
        self.place(part.start, false)..self.place(part.end, true)
    }

    /// Where in the source the byte at `at` stands; with `end`, where the one before it ends.
    pub(super) fn place(&self, at: usize, end: bool) -> usize {
        let behind = self.escapes.partition_point(|escape| escape.made.start + usize::from(end) <= at);
        let Some(escape) = behind.checked_sub(1).map(|last| &self.escapes[last]) else { return at };
        if at >= escape.made.end {
            escape.source.end + (at - escape.made.end)
        } else if end {
            escape.source.end
        } else {
            escape.source.start
        }
    }
}
