//! Secrets that somebody has read in the wrong encoding and written again: made by Python, not by the redactor.

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use libretto::secret::{Secret, redact::redact};

/// `text.encode("utf-8").decode(X).encode("utf-8")`, for Latin-1 and for Windows-1252.
const MISREAD: [(&str, &[&str]); 3] = [
    ("J\u{fc}rgen-Kanarie-9", &["J\u{c3}\u{bc}rgen-Kanarie-9"]),
    ("20\u{20ac}-\u{dc}ber-Alles", &["20\u{e2}\u{82}\u{ac}-\u{c3}\u{9c}ber-Alles", "20â‚¬-Ãœber-Alles"]),
    (
        "ключ-wort",
        &[
            "\u{d0}\u{ba}\u{d0}\u{bb}\u{d1}\u{8e}\u{d1}\u{87}-wort",
            "\u{d0}\u{ba}\u{d0}\u{bb}\u{d1}\u{17d}\u{d1}\u{2021}-wort",
        ],
    ),
];

fn gone(form: &str, what: &str) {
    assert_eq!(redact(&format!("said: {form}!")), "said: [secret]!", "{what}: {form:?}");
}

#[test]
fn utf_8_that_was_taken_for_latin_1_is_known() {
    for (secret, forms) in MISREAD {
        Secret::new(secret).unwrap();
        for form in forms {
            gone(form, "misread");
            let json = serde_json::to_string(form).unwrap();
            gone(&json[1..json.len() - 1], "in JSON");
            let ascii: String = form.chars().map(|c| c.escape_default().to_string()).collect();
            gone(&ascii, "escaped");
            for (encoding, name) in [(&HEXLOWER, "hex"), (&HEXUPPER, "HEX"), (&BASE64, "base64")] {
                gone(&encoding.encode(form.as_bytes()), name);
            }
        }
    }
}

#[test]
fn json_that_was_encoded_as_a_whole_is_known() {
    let secret = "Zoë's \"Schlüssel\\9\"";
    Secret::new(secret).unwrap();
    // `json.dumps(secret)[1:-1]` with and without `ensure_ascii`.
    for json in [r#"Zo\u00eb's \"Schl\u00fcssel\\9\""#, r#"Zoë's \"Schlüssel\\9\""#] {
        gone(json, "JSON");
        for (encoding, name) in [(&HEXLOWER, "hex"), (&HEXUPPER, "HEX"), (&BASE64, "base64")] {
            gone(&encoding.encode(json.as_bytes()), name);
        }
        let document = format!("{{\"password\":\"{json}\",\"more\":1}}");
        let redacted = redact(&BASE64.encode(document.as_bytes())).into_owned();
        assert!(redacted.contains("[secret]"), "{redacted}");
    }
    let twice = "Zo\\u00c3\\u00abs Schl\\u00c3\\u00bcssel";
    Secret::new("Zoës Schlüssel").unwrap();
    gone(&HEXLOWER.encode(twice.as_bytes()), "misread, JSON, hex");
}
