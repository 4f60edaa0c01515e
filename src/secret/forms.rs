//! The forms in which a secret could leave: as bytes, encoded, and with its quotes doubled. Escapes are not here: the
//! redactor reads them (`escapes.rs`) and looks at what comes out.

use std::fmt::Write;

use data_encoding::{BASE64, BASE64URL, Encoding, HEXLOWER, HEXUPPER};
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use zeroize::{Zeroize, Zeroizing};

/// What stands between the bytes of a hexadecimal dump.
const BETWEEN: [&str; 6] = [":", "-", " ", ", 0x", ",0x", " 0x"];

/// Shows every form of `secret` to `take`, some more than once.
pub(super) fn each(secret: &str, take: &mut dyn FnMut(&[u8])) {
    written(secret, take);
    if !secret.is_ascii() {
        // A file name on a Mac, or a form that was sent from one: letters and their marks one by one, or together.
        let apart = Zeroizing::new(DecomposingNormalizerBorrowed::new_nfd().normalize(secret).into_owned());
        let together = Zeroizing::new(ComposingNormalizerBorrowed::new_nfc().normalize(secret).into_owned());
        for other in [apart, together].into_iter().filter(|other| other.as_str() != secret) {
            written(&other, take);
        }
    }
}

fn written(text: &str, take: &mut dyn FnMut(&[u8])) {
    let utf16 = utf16le(text);
    for bytes in [text.as_bytes(), &utf16] {
        take(bytes);
        encoded(bytes, take);
    }
    if !text.is_ascii() {
        let narrow = latin1(text);
        take(&narrow);
        encoded(&narrow, take);
        give(String::from_utf8_lossy(&narrow).into_owned(), take);
        misread(text, take);
    }
    in_json(text, take);
    // How `unicodePwd` carries it (MS-ADTS 3.1.1.3.1.5): base64 in LDIF and in logs.
    base64(&utf16le(&format!("\"{text}\"")), take);
    // UTF-16LE that something took for text; without the last NUL, so that it is found in UTF-16BE too.
    let wide = Zeroizing::new(String::from_utf8_lossy(&utf16).into_owned());
    take(wide.strip_suffix('\0').unwrap_or(&wide).as_bytes());
    doubled(text, take);
    lines(text, take);
}

fn utf16le(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
}

/// Latin-1, as some say `é`; what it does not have stays UTF-8, as in texts that mix `\xe9` and `\u20ac`.
fn latin1(text: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    for c in text.chars() {
        match u8::try_from(c) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// What Windows-1252 has where Latin-1 has controls (0x80 to 0x9f); five of them stay controls.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// UTF-8 that somebody took for Latin-1 or Windows-1252 and wrote as UTF-8 again: `Ã¼` for `ü`.
fn misread(text: &str, take: &mut dyn FnMut(&[u8])) {
    let windows = |byte: u8| if (0x80..0xa0).contains(&byte) { WINDOWS[usize::from(byte - 0x80)] } else { byte.into() };
    for read in [char::from, windows] {
        let mut twice = Zeroizing::new(String::with_capacity(text.len() * 3));
        twice.extend(text.bytes().map(read));
        take(twice.as_bytes());
        encoded(twice.as_bytes(), take);
        in_json(&twice, take);
    }
}

/// JSON as a whole in base64 or in a dump: what it escapes has to be known beforehand. With every character beyond ASCII as
/// `\u00fc`, and without.
fn in_json(text: &str, take: &mut dyn FnMut(&[u8])) {
    for ascii in [false, true] {
        let mut json = Zeroizing::new(String::with_capacity(text.len() * 6));
        for c in text.chars() {
            match c {
                '"' | '\\' => json.extend(['\\', c]),
                '\n' => json.push_str("\\n"),
                '\r' => json.push_str("\\r"),
                '\t' => json.push_str("\\t"),
                _ if c.is_control() && c.is_ascii() || ascii && !c.is_ascii() => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(json, "\\u{unit:04x}");
                    }
                }
                _ => json.push(c),
            }
        }
        if json.as_str() != text {
            encoded(json.as_bytes(), take);
        }
    }
}

/// Gives a text away and wipes it.
fn give(mut text: String, take: &mut dyn FnMut(&[u8])) {
    take(text.as_bytes());
    text.zeroize();
}

fn encoded(bytes: &[u8], take: &mut dyn FnMut(&[u8])) {
    for encoding in [HEXLOWER, HEXUPPER] {
        let digits = Zeroizing::new(encoding.encode(bytes));
        take(digits.as_bytes());
        for between in BETWEEN {
            let mut dump = Zeroizing::new(String::with_capacity(bytes.len() * (2 + between.len())));
            for at in (0..digits.len()).step_by(2) {
                dump.push_str(if at == 0 { "" } else { between });
                dump.push_str(&digits[at..at + 2]);
            }
            take(dump.as_bytes());
        }
    }
    base64(bytes, take);
    // As `Debug` prints bytes, and JSON.
    for between in [", ", ","] {
        let mut list = Zeroizing::new(String::with_capacity(bytes.len() * 5));
        for byte in bytes {
            let _ = write!(list, "{byte}{between}");
        }
        take(list.trim_end_matches(between).as_bytes());
    }
}

/// Base64 wherever in a longer text the bytes stand: with 0, 1 or 2 bytes before them in their group of three, only the
/// characters that depend on nothing else; and on their own, with the padding.
fn base64(bytes: &[u8], take: &mut dyn FnMut(&[u8])) {
    for encoding in [&BASE64, &BASE64URL] {
        give(encoding.encode(bytes), take);
        for before in 0..3 {
            aligned(encoding, bytes, before, take);
        }
    }
}

fn aligned(encoding: &Encoding, bytes: &[u8], before: usize, take: &mut dyn FnMut(&[u8])) {
    let mut shifted = Zeroizing::new(vec![0; before]);
    shifted.extend_from_slice(bytes);
    let text = Zeroizing::new(encoding.encode(&shifted));
    let (from, to) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
    take(&text.as_bytes()[from..to]);
}

/// What escapes without a sign of its own: CSV and SQL, a shell, lines as Windows ends them, the spaces of a form.
fn doubled(text: &str, take: &mut dyn FnMut(&[u8])) {
    for (plain, other) in [("\"", "\"\""), ("'", "''"), ("'", "'\\''"), ("\n", "\r\n"), (" ", "+")] {
        if text.contains(plain) {
            give(text.replace(plain, other), take);
        }
    }
}

/// A long secret of several lines, a private key above all, is often quoted line by line.
fn lines(secret: &str, take: &mut dyn FnMut(&[u8])) {
    if secret.contains('\n') {
        secret.lines().map(str::trim).filter(|line| line.len() >= 8 && !line.starts_with("---")).for_each(|line| {
            take(line.as_bytes());
        });
    }
}
