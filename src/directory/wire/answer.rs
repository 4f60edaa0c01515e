//! Answers: messages as they come, from a server that may be anything.

use super::PAGED_RESULTS;

/// The longest message that is taken from a server; the largest `jpegPhoto` of a page of entries is far below.
pub(in super::super) const LONGEST: usize = 16 << 20;

/// The most values that an entry may have, attributes counted with them: each takes more memory here than on the wire.
/// The largest groups that come whole have some hundred thousand members.
const MOST_VALUES: usize = 1 << 20;

/// Attributes by name, each with its values.
pub(in super::super) type Attributes = Vec<(String, Vec<Vec<u8>>)>;

/// Reads one element after the other from a run of BER; never deeper than its caller asks.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next element's identifier octet and content; `None` at the end and for what is not BER.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, length, header) = head(self.0)??;
        let content = self.0.get(header..header.checked_add(length)?)?;
        self.0 = &self.0[header + length..];
        Some((tag, content))
    }

    /// The next element's content, if it has this identifier octet.
    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
    }
}

/// Identifier octet, content length and header length of the element at the start. Outer `None`: this is not BER as LDAP
/// uses it (RFC 4511, 5.1: definite lengths, short tags); inner `None`: the header is not complete yet.
#[allow(clippy::option_option)]
fn head(bytes: &[u8]) -> Option<Option<(u8, usize, usize)>> {
    let [tag, first, rest @ ..] = bytes else { return Some(None) };
    if tag & 0x1f == 0x1f {
        return None;
    }
    if *first < 0x80 {
        return Some(Some((*tag, usize::from(*first), 2)));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 8 {
        return None;
    }
    let Some(digits) = rest.get(..count) else { return Some(None) };
    let length = digits.iter().fold(0_u64, |length, digit| (length << 8) | u64::from(*digit));
    Some(Some((*tag, usize::try_from(length).ok()?, 2 + count)))
}

/// How long the message at the start of `buffer` is: `Ok(None)` while that cannot be told, `Err` when it is no message.
pub(in super::super) fn frame(buffer: &[u8]) -> Result<Option<usize>, Rubbish> {
    const SEQUENCE: u8 = 0x30;
    if buffer.first().is_some_and(|tag| *tag != SEQUENCE) {
        return Err(Rubbish);
    }
    let Some((_, length, header)) = head(buffer).ok_or(Rubbish)? else { return Ok(None) };
    let total = header.checked_add(length).ok_or(Rubbish)?;
    if total > LONGEST { Err(Rubbish) } else { Ok(Some(total)) }
}

/// What was received is not LDAP, or longer than [`LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Rubbish;

/// One answer.
#[derive(Debug, Clone)]
pub(in super::super) struct Message {
    pub(in super::super) id: i32,
    /// The application tag, see `op`.
    pub(in super::super) operation: u8,
    body: Vec<u8>,
    /// The paged results control's cookie; empty on the last page and without the control.
    pub(in super::super) cookie: Vec<u8>,
}

/// A result code with its diagnostic text (RFC 4511, 4.1.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapResult {
    /// The result code, 0 for success.
    pub code: u32,
    /// The server's diagnostic text, as it came, without the line end and the NUL that Windows adds.
    pub text: String,
}

/// Reads one whole message.
pub(in super::super) fn decode(bytes: &[u8]) -> Result<Message, Rubbish> {
    read_message(bytes).ok_or(Rubbish)
}

fn read_message(bytes: &[u8]) -> Option<Message> {
    let mut parts = Reader(Reader(bytes).expect(0x30)?);
    let id = number(parts.expect(0x02)?)?;
    let (tag, body) = parts.next()?;
    // Windows puts the name of its notice of disconnection, [10], where only controls, [0], should be: it is passed over.
    let cookie = parts.expect(0xa0).and_then(page_cookie).unwrap_or_default();
    // Application class, constructed (0x60); a delete request and the like, primitive, no server sends.
    (tag & 0xe0 == 0x60).then(|| Message { id: id as i32, operation: tag & 0x1f, body: body.to_vec(), cookie })
}

fn page_cookie(controls: &[u8]) -> Option<Vec<u8>> {
    let mut controls = Reader(controls);
    while let Some((_, control)) = controls.next() {
        let mut parts = Reader(control);
        if parts.expect(0x04)? != PAGED_RESULTS.as_bytes() {
            continue;
        }
        while let Some((tag, value)) = parts.next() {
            if tag == 0x04 {
                let mut value = Reader(Reader(value).expect(0x30)?);
                value.next()?;
                return value.expect(0x04).map(<[u8]>::to_vec);
            }
        }
    }
    None
}

fn number(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    let start = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
    Some(bytes.iter().fold(start, |value, byte| (value << 8) | i64::from(*byte)))
}

impl Message {
    /// Its result, for every kind of answer that has one.
    pub(in super::super) fn result(&self) -> Result<LdapResult, Rubbish> {
        read_result(&self.body).ok_or(Rubbish)
    }

    /// Its entry: the DN and the attributes, for `op::ENTRY`.
    pub(in super::super) fn entry(&self) -> Result<(String, Attributes), Rubbish> {
        read_entry(&self.body).ok_or(Rubbish)
    }
}

fn read_result(body: &[u8]) -> Option<LdapResult> {
    let mut parts = Reader(body);
    let code = u32::try_from(number(parts.expect(0x0a)?)?).ok()?;
    parts.expect(0x04)?;
    let text = String::from_utf8_lossy(parts.expect(0x04)?);
    Some(LdapResult { code, text: text.trim_end_matches(['\0', '\n', '\r', ' ']).to_owned() })
}

fn read_entry(body: &[u8]) -> Option<(String, Attributes)> {
    let mut parts = Reader(body);
    let dn = String::from_utf8_lossy(parts.expect(0x04)?).into_owned();
    let mut list = Reader(parts.expect(0x30)?);
    let (mut attributes, mut count) = (Vec::new(), 0);
    while !list.0.is_empty() {
        let mut attribute = Reader(list.expect(0x30)?);
        let name = String::from_utf8_lossy(attribute.expect(0x04)?).into_owned();
        let mut set = Reader(attribute.expect(0x31)?);
        let mut values = Vec::new();
        while !set.0.is_empty() {
            values.push(set.expect(0x04)?.to_vec());
            if values.len() > MOST_VALUES {
                return None;
            }
        }
        count += 1 + values.len();
        attributes.push((name, values));
        if count > MOST_VALUES {
            return None;
        }
    }
    Some((dn, attributes))
}

#[cfg(test)]
mod tests {
    use super::{super::op, *};

    /// A bind answer: 49 with Windows' text.
    const REFUSED: &[u8] =
        b"\x30\x84\x00\x00\x00\x1d\x02\x01\x07\x61\x84\x00\x00\x00\x14\x0a\x01\x31\x04\x00\x04\x0d80090308: x\n\x00";

    #[test]
    fn an_answer_is_read_in_windows_long_lengths() {
        assert_eq!(frame(REFUSED), Ok(Some(REFUSED.len())));
        let message = decode(REFUSED).unwrap();
        assert_eq!((message.id, message.operation), (7, op::BIND_RESPONSE));
        assert_eq!(message.result(), Ok(LdapResult { code: 49, text: "80090308: x".to_owned() }));
        for length in 0..REFUSED.len() {
            assert!(decode(&REFUSED[..length]).is_err());
            assert!(matches!(frame(&REFUSED[..length]), Ok(None | Some(35))));
        }
    }

    #[test]
    fn rubbish_is_an_error_and_nothing_else() {
        for bytes in
            [b"HTTP/1.1 400 Bad".as_slice(), &[0x30, 0x80], &[0x30, 0x89], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]]
        {
            assert_eq!(frame(bytes), Err(Rubbish));
        }
        // A message that nests without end is read flat: its content is no message.
        let deep: Vec<u8> = [0x30, 0x82, 0xff, 0xfc].into_iter().chain([0x30, 0x80].repeat(0x7ffe)).collect();
        assert!(decode(&deep).is_err());
        // Every single-byte change of a right answer is read or refused, never a panic.
        for place in 0..REFUSED.len() {
            for value in 0..=255 {
                let mut bytes = REFUSED.to_vec();
                bytes[place] = value;
                if let Ok(message) = decode(&bytes) {
                    let _ = (message.result(), message.entry());
                }
            }
        }
    }

    #[test]
    fn values_without_end_are_rubbish() {
        let of = |count: usize| {
            let set = [&[0x31, 0x84][..], &(2 * count as u32).to_be_bytes(), &[0x04, 0].repeat(count)].concat();
            let attribute = [&[0x04, 2, b'c', b'n'][..], &set].concat();
            let attribute = [&[0x30, 0x84][..], &(attribute.len() as u32).to_be_bytes(), &attribute].concat();
            let list = [&[0x30, 0x84][..], &(attribute.len() as u32).to_be_bytes(), &attribute].concat();
            let body = [&[0x04, 0][..], &list].concat();
            Message { id: 1, operation: op::ENTRY, body, cookie: Vec::new() }.entry()
        };
        assert_eq!(of(3), Ok((String::new(), vec![("cn".to_owned(), vec![Vec::new(); 3])])));
        assert!(of(MOST_VALUES - 1).is_ok());
        assert_eq!(of(MOST_VALUES + 1), Err(Rubbish));
    }

    #[test]
    fn an_entry_keeps_bytes_as_they_are() {
        let body = b"\x04\x04cn=a\x30\x0e\x30\x0c\x04\x02cn\x31\x06\x04\x01\xff\x04\x01b";
        let message = Message { id: 1, operation: op::ENTRY, body: body.to_vec(), cookie: Vec::new() };
        let expected = ("cn=a".to_owned(), vec![("cn".to_owned(), vec![vec![0xff], b"b".to_vec()])]);
        assert_eq!(message.entry(), Ok(expected));
    }
}
