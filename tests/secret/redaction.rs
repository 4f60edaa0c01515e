//! Redaction: canaries in every form, made by other means than the redactor's own.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use libretto::secret::{
    Redacting, Secret,
    redact::{redact, redact_bytes},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const AWKWARD: &str = "Kä9\"r\\&<x>'+ /q,=#*(z)\u{1F511}%;!";

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The text alone, and in the midst of others, comes out without the canary.
fn gone(form: &str, what: &str) {
    for (before, after) in [("", ""), ("said: ", "!"), ("x", "y"), ("=", "\n")] {
        let text = format!("{before}{form}{after}");
        assert_eq!(redact(&text), format!("{before}[secret]{after}"), "{what}: {form:?}");
    }
}

const CANARIES: [&str; 6] = ["correct horse battery", "Tr0ub4dor", AWKWARD, "mit\nzwei\tZeilen", "ünïcödé-ключ", "S3c"];

fn canaries() -> impl Iterator<Item = &'static str> {
    CANARIES.into_iter().filter(|canary| Secret::new(*canary).is_ok())
}

/// Hexadecimal digits after `sign` in lower case.
fn lower_codes(text: &str, sign: char, digits: usize) -> String {
    let mut left = 0;
    let lower = |c: char| {
        let code = left > 0;
        left = if c == sign { digits } else { left.saturating_sub(1) };
        if code { c.to_ascii_lowercase() } else { c }
    };
    text.chars().map(lower).collect()
}

fn inside(quoted: &str) -> &str {
    &quoted[1..quoted.len() - 1]
}

#[test]
fn too_short_a_secret_is_refused() {
    assert_eq!(canaries().count(), 5);
    assert_eq!(Secret::new("").unwrap_err().code(), "secret.too_short");
}

#[test]
fn plain_and_as_bytes() {
    for canary in canaries() {
        let wide = utf16(canary);
        gone(canary, "plain");
        assert_eq!(*redact_bytes(&[b"a", &wide[..], b"b"].concat()), *b"a[secret]b");
        let text = String::from_utf8_lossy(&wide).into_owned();
        let redacted = redact(&text).into_owned();
        assert!(matches!(redacted.as_str(), "[secret]" | "[secret]\0"), "{redacted:?}");
        for bytes in [canary.as_bytes(), &wide] {
            gone(&HEXLOWER.encode(bytes), "hex");
            gone(&HEXUPPER.encode(bytes), "HEX");
            gone(&bytes.escape_ascii().to_string(), "byte string");
            assert_eq!(redact(&format!("{bytes:?}")), "[[secret]]", "debug of bytes");
        }
    }
}

#[test]
fn escaped_for_urls() {
    for canary in canaries() {
        let strict = utf8_percent_encode(canary, NON_ALPHANUMERIC).to_string();
        gone(&lower_codes(&strict, '%', 2), "percent, lower");
        let mut form: String = url_form(canary);
        gone(&form, "form");
        form = lower_codes(&form, '%', 2);
        gone(&form, "form, lower");
        gone(&strict, "percent");
    }
}

/// As a browser sends a form (the URL standard's `application/x-www-form-urlencoded`).
fn url_form(text: &str) -> String {
    const FORM: percent_encoding::AsciiSet =
        NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b' ');
    utf8_percent_encode(text, &FORM).to_string().replace(' ', "+")
}

#[test]
fn escaped_for_json_debug_html_and_ldap() {
    for canary in canaries() {
        let json = serde_json::to_string(canary).unwrap();
        gone(inside(&json), "json");
        gone(&inside(&json).replace('/', "\\/"), "json with \\/");
        let nested = serde_json::to_string(inside(&json)).unwrap();
        gone(inside(&nested), "json in json");
        let ascii: Vec<_> = inside(&json)
            .chars()
            .map(|c| if c.is_ascii() { c.to_string() } else { code_units(&c.to_string()).to_lowercase() })
            .collect();
        gone(&ascii.concat(), "json, ascii");
        if canary == AWKWARD {
            let web = "Kä9\"r\\&<x>'+ /q,=#*(z)".replace('\\', "\\\\");
            let web = web.replace('"', &code_units("\"")).replace('&', &code_units("&")).replace('<', &code_units("<"));
            let web = web.replace('>', &code_units(">")).replace('\'', &code_units("'")).replace('+', &code_units("+"));
            let web = web.replace('ä', &code_units("ä")) + code_units("\u{1F511}").as_str() + "%;!";
            gone(&web, "as .NET writes JSON");
            gone("Kä9&quot;r\\&amp;&lt;x&gt;&#39;+ /q,=#*(z)\u{1F511}%;!", "html");
            gone("Kä9\"r\\&amp;&lt;x&gt;'+ /q,=#*(z)\u{1F511}%;!", "html text");
            gone("Kä9\"r\\5c&<x>'+ /q,=#\\2a\\28z\\29\u{1F511}%;!", "ldap filter");
            gone("K\\c3\\a49\"r\\5c&<x>'+ /q,=#\\2a\\28z\\29\\f0\\9f\\94\\91%;!", "ldap filter, ascii");
            gone("Kä9\\\"r\\\\&\\<x\\>'\\+ /q\\,=#*(z)\u{1F511}%\\;!", "dn");
        }
        gone(inside(&format!("{canary:?}")), "debug");
        gone(&canary.escape_default().to_string(), "escape_default");
        let wide = String::from_utf8(utf16(canary)).unwrap_or_default();
        let wide = wide.trim_end_matches('\0');
        gone_or_empty(inside(&serde_json::to_string(wide).unwrap()), "utf-16 in json");
        gone_or_empty(inside(&format!("{wide:?}")), "utf-16 in debug");
    }
}

/// A JSON `\u` escape for each UTF-16 code unit; the `u` is in lower case either way.
fn code_units(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<Vec<_>>().concat()
}

fn gone_or_empty(form: &str, what: &str) {
    if !form.is_empty() {
        gone(form, what);
    }
}

#[test]
fn base64_wherever_it_begins() {
    for canary in canaries() {
        let quoted = utf16(&format!("\"{canary}\""));
        for bytes in [canary.as_bytes(), &utf16(canary), &quoted] {
            gone(&BASE64.encode(bytes), "base64");
            for before in 0..7 {
                for after in 0..4 {
                    let whole = [&vec![0x9d; before][..], bytes, &vec![0x77; after]].concat();
                    for encoding in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
                        let text = encoding.encode(&whole);
                        let redacted = redact(&text).into_owned();
                        let left = redacted.replace("[secret]", "").len();
                        // A character at each edge holds bits of the neighbour too.
                        assert!(left * 6 <= (before + after) * 8 + 12, "{text} -> {redacted}");
                    }
                }
            }
        }
    }
}

#[test]
fn longest_first_and_overlapping() {
    for secret in ["overlap-one-", "one-and-two-", "overlap", "and-two-three"] {
        Secret::new(secret).unwrap();
    }
    assert_eq!(redact("<overlap-one-and-two-three>"), "<[secret]>", "overlapping ones all go");
    assert_eq!(redact("<overlap-one-> <overlap>"), "<[secret]> <[secret]>");
    assert_eq!(redact("overlapoverlap"), "[secret][secret]");
    assert!(matches!(redact("nothing of it"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn a_stream_in_pieces() {
    let secret = "streamed\nover two lines";
    Secret::new(secret).unwrap();
    let text = format!("before {secret} between {} after\nno newline at the end", BASE64.encode(secret.as_bytes()));
    let written = |pieces: &mut dyn Iterator<Item = &[u8]>, flush: bool| {
        let mut sink = Vec::new();
        let mut writer = Redacting::new(&mut sink);
        for piece in pieces {
            writer.write_all(piece).unwrap();
            if flush {
                writer.flush().unwrap();
            }
        }
        drop(writer);
        String::from_utf8(sink).unwrap()
    };
    let expected = "before [secret] between [secret] after\nno newline at the end";
    for size in 1..text.len() {
        assert_eq!(written(&mut text.as_bytes().chunks(size), false), expected, "pieces of {size}");
    }
    let mut lines = text.split_inclusive('\n').map(str::as_bytes);
    assert_eq!(written(&mut lines, true), expected, "line by line, each flushed");
}

#[test]
fn what_is_no_secret_is_written_at_once() {
    Secret::new("waiting-for-more").unwrap();
    let mut sink = Vec::new();
    let mut writer = Redacting::new(&mut sink);
    writer.write_all(b"a line\nProceed? [y/N] ").unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(sink, b"a line\nProceed? [y/N] ");
}

#[test]
fn ten_thousand_secrets_between_redactions() {
    let text = "an ordinary line of a log, with dc1.lab.test:636 and a verdict in it\n".repeat(4);
    let (mut learning, mut reading) = (Duration::ZERO, Duration::ZERO);
    for number in 0..10_000 {
        let secret = format!("pw-{number:05}-{}", HEXLOWER.encode(&[number as u8; 5]));
        let start = Instant::now();
        Secret::new(secret.as_str()).unwrap();
        learning += start.elapsed();
        if number % 100 == 0 {
            let start = Instant::now();
            assert_eq!(redact(&text), text);
            reading += start.elapsed();
            assert_eq!(redact(&format!("<{}>", BASE64.encode(secret.as_bytes()))), "<[secret]>");
        }
    }
    eprintln!(
        "a secret is registered in {:?}, {} bytes are looked at in {:?}",
        learning / 10_000,
        text.len(),
        reading / 100
    );
}

/// Each with a fault of its own for somebody who escapes.
const MIXED: &str = "Ca&n<a>r\"y'P/a\\s+s 9\u{e9}=%Z";

/// How other programs write [`MIXED`]: made by Python, Go, .NET, OpenSSL and ldapsearch, not by this program.
const ELSEWHERE: [(&str, &str); 22] = [
    ("Go's JSON", r#"Ca\u0026n\u003ca\u003er\"y'P/a\\s+s 9é=%Z"#),
    ("Python's JSON", r#"Ca&n<a>r\"y'P/a\\s+s 9\u00e9=%Z"#),
    (".NET's JSON", r"Ca\u0026n\u003Ca\u003Er\u0022y\u0027P/a\\s\u002Bs 9\u00E9=%Z"),
    ("JSON in JSON", r#"Ca\\u0026n\\u003ca\\u003er\\\"y'P/a\\\\s+s 9é=%Z"#),
    ("Python's repr", r#"Ca&n<a>r"y\'P/a\\s+s 9é=%Z"#),
    ("Python's ascii", r#"Ca&n<a>r"y\'P/a\\s+s 9\xe9=%Z"#),
    ("Python's bytes", r#"Ca&n<a>r"y\'P/a\\s+s 9\xc3\xa9=%Z"#),
    ("octal", r#"Ca&n<a>r\"y'P/a\\s+s 9\303\251=%Z"#),
    ("URL, / kept", "Ca%26n%3Ca%3Er%22y%27P/a%5Cs%2Bs%209%C3%A9%3D%25Z"),
    ("URL, much kept", "Ca&n<a>r%22y%27P/a%5Cs+s%209%C3%A9=%25Z"),
    ("URL, Latin-1", "Ca%26n%3Ca%3Er%22y%27P/a%5Cs%2Bs%209%E9%3D%25Z"),
    (
        "URL, UTF-16",
        "C%00a%00%26%00n%00%3C%00a%00%3E%00r%00%22%00y%00%27%00P%00/%00a%00%5C%00s%00%2B%00s%00%20%009%00%E9%00%3D%00%25%00Z%00",
    ),
    ("URL twice", "Ca%2526n%253Ca%253Er%2522y%2527P%252Fa%255Cs%252Bs%25209%25C3%25A9%253D%2525Z"),
    ("escape()", "Ca%26n%3Ca%3Er%22y%27P/a%5Cs+s%209%E9%3D%25Z"),
    ("Latin-1 in base64", "Q2EmbjxhPnIieSdQL2FccytzIDnpPSVa"),
    ("letters and marks apart", "Ca&n<a>r\"y'P/a\\s+s 9e\u{301}=%Z"),
    ("URL of that", "Ca%26n%3Ca%3Er%22y%27P%2Fa%5Cs%2Bs%209e%CC%81%3D%25Z"),
    ("LDAP, all", r"\43\61\26\6e\3c\61\3e\72\22\79\27\50\2f\61\5c\73\2b\73\20\39\c3\a9\3d\25\5a"),
    ("LDAP in JSON", r#"Ca&n<a>r\"y'P/a\\5cs+s 9\\c3\\a9=%Z"#),
    ("a dump", "43:61:26:6E:3C:61:3E:72:22:79:27:50:2F:61:5C:73:2B:73:20:39:C3:A9:3D:25:5A"),
    ("HTML", "Ca&amp;n&lt;a&gt;r&#34;y&apos;P&#x2F;a\\s+s 9&#233;=%Z"),
    ("JSON in HTML", "Ca&amp;n&lt;a&gt;r\\&quot;y&#39;P/a\\\\s+s 9é=%Z"),
];

#[test]
fn as_other_programs_escape() {
    Secret::new(MIXED).unwrap();
    for (what, form) in ELSEWHERE {
        gone(form, what);
    }
}

#[test]
fn every_character_escaped() {
    for canary in canaries() {
        let units = |digits: fn(u16) -> String| canary.encode_utf16().map(digits).collect::<String>();
        let chars = |digits: fn(u32) -> String| canary.chars().map(|c| digits(c.into())).collect::<String>();
        let bytes = |digits: fn(&u8) -> String| canary.as_bytes().iter().map(digits).collect::<String>();
        gone(&units(|unit| format!("\\u{unit:04x}")), "json");
        gone(&units(|unit| format!("\\u{unit:04X}")), "JSON");
        gone(&units(|unit| format!("\\\\u{unit:04x}")), "json in json");
        gone(&chars(|c| format!("\\u{{{c:x}}}")), "rust");
        gone(&chars(|c| format!("\\U{c:08x}")), "python");
        gone(&chars(|c| format!("&#{c};")), "html");
        gone(&chars(|c| format!("&#x{c:X};")), "html, hexadecimal");
        gone(&chars(|c| format!("&amp;#{c};")), "html in html");
        gone(&bytes(|byte| format!("%{byte:02X}")), "url");
        gone(&bytes(|byte| format!("%25{byte:02x}")), "url in url");
        gone(&bytes(|byte| format!("\\x{byte:02x}")), "c");
        gone(&bytes(|byte| format!("\\{byte:03o}").replace("\\4", "\\x4")), "octal");
        gone(&bytes(|byte| format!("\\{byte:02x}")), "ldap");
        for between in [":", " ", "-"] {
            gone(
                canary.as_bytes().iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(between).as_str(),
                "dump",
            );
        }
    }
}

#[test]
fn what_only_looks_escaped_stays() {
    for short in ["user", "Passw0rd", "labadmin", "1234", "a+b=c"] {
        Secret::new(short).unwrap();
    }
    for text in [
        r"us\er, LA\Badmin and C:\us\er",
        "us%er 100% &user; is not it".split_at(6).0,
        "Pass%w0rd, &Passw0r;d, \\uPass",
        "a b=c, 12:34 and 12-34, 1%234",
        "%u12, &#55;, \\u00zz, \\ud83d \\ud83d\\u0041, &#x110000; &#99999999999; %-1 \\u{} \\x-1 & \\",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn a_stream_of_escapes_in_pieces() {
    Secret::new(MIXED).unwrap();
    for (what, form) in ELSEWHERE {
        let text = format!("100% before {form} after \\");
        for size in 1..text.len() {
            let mut sink = Vec::new();
            let mut writer = Redacting::new(&mut sink);
            text.as_bytes().chunks(size).for_each(|piece| writer.write_all(piece).unwrap());
            drop(writer);
            let written = String::from_utf8(sink).unwrap();
            assert_eq!(written, "100% before [secret] after \\", "{what} in pieces of {size}");
        }
    }
}
