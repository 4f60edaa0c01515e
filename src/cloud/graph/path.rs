//! Addresses within Graph.

use crate::net::http::escaped;

/// A part of an address, with everything encoded that means something in one. Names have `@`, and `'` encloses keys (`OData`).
pub(in crate::cloud) fn encode(text: &str) -> String {
    escaped(text, b"@'")
}

/// A text in an OData expression: in single quotes, those within doubled (OData 4.01, ABNF).
pub(in crate::cloud) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
