//! The forms in which a secret could leave: as bytes, encoded, and escaped for each kind of text that it may end up in.

use std::fmt::Write;

use data_encoding::{BASE64, BASE64URL, Encoding, HEXLOWER, HEXUPPER};
use zeroize::{Zeroize, Zeroizing};

/// Shows every form of `secret` to `take`, some more than once.
pub(super) fn each(secret: &str, take: &mut dyn FnMut(&[u8])) {
    let utf16 = utf16le(secret);
    let quoted = utf16le(&format!("\"{secret}\""));
    take(secret.as_bytes());
    for bytes in [secret.as_bytes(), &utf16] {
        take(bytes);
        encoded(bytes, take);
    }
    // How `unicodePwd` carries it (MS-ADTS 3.1.1.3.1.5): base64 in LDIF and in logs.
    base64(&quoted, take);
    escaped(secret, take);
    // UTF-16LE that something took for text; without the last NUL, so that it is found in UTF-16BE too.
    let wide = Zeroizing::new(String::from_utf8_lossy(&utf16).into_owned());
    let wide = wide.strip_suffix('\0').unwrap_or(&wide);
    take(wide.as_bytes());
    escaped(wide, take);
    lines(secret, take);
}

fn utf16le(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
}

/// Gives a text away and wipes it.
fn give(mut text: String, take: &mut dyn FnMut(&[u8])) {
    take(text.as_bytes());
    text.zeroize();
}

fn encoded(bytes: &[u8], take: &mut dyn FnMut(&[u8])) {
    give(HEXLOWER.encode(bytes), take);
    give(HEXUPPER.encode(bytes), take);
    base64(bytes, take);
    // As `Debug` prints bytes, and byte strings.
    let mut list = Zeroizing::new(String::with_capacity(bytes.len() * 5));
    for byte in bytes {
        let _ = write!(list, "{byte}, ");
    }
    take(list.trim_end_matches(", ").as_bytes());
    give(bytes.escape_ascii().to_string(), take);
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

/// Everything that writes special characters in another way. Most passwords have few of them.
fn escaped(text: &str, take: &mut dyn FnMut(&[u8])) {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return;
    }
    percent(text, take);
    for style in JSON.into_iter().filter(|style| style.matters(text)) {
        let once = Zeroizing::new(json(text, style));
        take(once.as_bytes());
        // A document inside a document, or an error's text inside one.
        give(json(&once, JSON[0]), take);
    }
    let debug = format!("{text:?}");
    give(json(&debug[1..debug.len() - 1], JSON[0]), take);
    take(&debug.as_bytes()[1..debug.len() - 1]);
    drop(Zeroizing::new(debug));
    give(text.escape_debug().to_string(), take);
    give(text.escape_default().to_string(), take);
    html(text, take);
    ldap(text, take);
    give(text.replace('"', "\"\""), take);
    give(text.replace('\'', "''"), take);
    give(text.replace('\'', "'\\''"), take);
    if text.contains('\n') {
        give(text.replace('\n', "\r\n"), take);
    }
}

/// RFC 3986 with only its unreserved characters left, or none; `encodeURIComponent` and HTML forms; in both cases.
fn percent(text: &str, take: &mut dyn FnMut(&[u8])) {
    for (kept, space) in [("-._~", "%20"), ("-._~!*'()", "%20"), ("-._*", "+"), ("-._~", "+"), ("", "%20")] {
        for upper in [true, false] {
            let mut out = Zeroizing::new(String::with_capacity(text.len() * 3));
            for byte in text.bytes() {
                let char = char::from(byte);
                let _ = match byte {
                    b' ' => out.write_str(space),
                    _ if char.is_ascii_alphanumeric() || kept.contains(char) => out.write_char(char),
                    _ if upper => write!(out, "%{byte:02X}"),
                    _ => write!(out, "%{byte:02x}"),
                };
            }
            take(out.as_bytes());
        }
    }
}

/// How a JSON writer treats what it need not escape.
#[derive(Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // five habits, each independent of the others
struct Json {
    /// `\n` rather than `\u000a`.
    short: bool,
    /// `\/`.
    slash: bool,
    /// Everything beyond ASCII as `\u`.
    ascii: bool,
    /// `< > & ' +` as `\u`, as .NET and Go do.
    web: bool,
    /// Hexadecimal digits in upper case.
    upper: bool,
}

impl Json {
    /// Whether it writes this text in another way than the plain style: ten thousand secrets are registered at a time.
    fn matters(self, text: &str) -> bool {
        let plain = self.short && !self.slash && !self.ascii && !self.web;
        plain
            || (self.ascii && !text.is_ascii())
            || (self.slash && text.contains('/'))
            || (self.web && text.contains(['<', '>', '&', '\'', '+', '"']))
            || (!self.short && text.contains(|c: char| c.is_ascii_control()))
    }
}

const JSON: [Json; 10] = {
    const PLAIN: Json = Json { short: true, slash: false, ascii: false, web: false, upper: false };
    [
        PLAIN,
        Json { slash: true, ..PLAIN },
        Json { ascii: true, ..PLAIN },
        Json { ascii: true, upper: true, ..PLAIN },
        Json { ascii: true, slash: true, ..PLAIN },
        Json { web: true, ..PLAIN },
        Json { web: true, ascii: true, ..PLAIN },
        Json { web: true, ascii: true, upper: true, ..PLAIN },
        Json { short: false, ascii: true, ..PLAIN },
        Json { short: false, ascii: true, web: true, upper: true, ..PLAIN },
    ]
};

fn json(text: &str, style: Json) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        let short = match c {
            '\n' => Some("\\n"),
            '\r' => Some("\\r"),
            '\t' => Some("\\t"),
            '\u{8}' => Some("\\b"),
            '\u{c}' => Some("\\f"),
            '"' => Some("\\\""),
            '\\' => Some("\\\\"),
            '/' if style.slash => Some("\\/"),
            _ => None,
        };
        let coded = c.is_ascii_control() || (style.ascii && !c.is_ascii()) || (style.web && "<>&'+".contains(c));
        let plain = matches!(c, '\\' | '/') || (c == '"' && !style.web);
        match short {
            Some(short) if style.short || plain => out.push_str(short),
            Some(_) => code_units(&mut out, c, style.upper),
            None if coded => code_units(&mut out, c, style.upper),
            None => out.push(c),
        }
    }
    out
}

fn code_units(out: &mut String, c: char, upper: bool) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = if upper { write!(out, "\\u{unit:04X}") } else { write!(out, "\\u{unit:04x}") };
    }
}

fn html(text: &str, take: &mut dyn FnMut(&[u8])) {
    if !text.contains(['&', '<', '>', '"', '\'', '/']) {
        return;
    }
    let base = Zeroizing::new(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
    take(base.as_bytes());
    for quote in ["&quot;", "&#34;", "\""] {
        for apostrophe in ["&#39;", "&#x27;", "&apos;", "'"] {
            let quotes = Zeroizing::new(base.replace('"', quote).replace('\'', apostrophe));
            take(quotes.as_bytes());
            give(quotes.replace('/', "&#x2F;"), take);
        }
    }
}

/// Filters (RFC 4515, 3) and names (RFC 4514, 2.4).
fn ldap(text: &str, take: &mut dyn FnMut(&[u8])) {
    for beyond_ascii in [false, true] {
        for upper in [false, true] {
            let mut out = Zeroizing::new(Vec::with_capacity(text.len() * 3));
            for byte in text.bytes() {
                if b"*()\\\0".contains(&byte) || (beyond_ascii && !byte.is_ascii()) {
                    let code = if upper { format!("\\{byte:02X}") } else { format!("\\{byte:02x}") };
                    out.extend_from_slice(code.as_bytes());
                } else {
                    out.push(byte);
                }
            }
            take(&out);
        }
    }
    for specials in [",+\"\\<>;", ",+\"\\<>;="] {
        for hexadecimal in [false, true] {
            let mut out = Zeroizing::new(String::with_capacity(text.len() * 2));
            for (at, c) in text.char_indices() {
                let edge = (at == 0 && matches!(c, ' ' | '#')) || (at + 1 == text.len() && c == ' ');
                let _ = match c {
                    '\0' => out.write_str("\\00"),
                    _ if !edge && !specials.contains(c) => out.write_char(c),
                    _ if hexadecimal => write!(out, "\\{:02X}", c as u32),
                    _ => write!(out, "\\{c}"),
                };
            }
            take(out.as_bytes());
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
