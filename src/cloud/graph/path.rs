//! Addresses within Graph.

use std::fmt::Write;

/// A part of an address, with everything encoded that means something in one (RFC 3986, 2.3).
pub(in crate::cloud) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@'".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A text in an OData expression: in single quotes, those within doubled (OData 4.01, ABNF).
pub(in crate::cloud) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
