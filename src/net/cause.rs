//! What a failure was at its root.

use std::{error::Error, io};

/// The first cause, in words.
pub(crate) fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    let said = error.to_string();
    // rustls adds where its manual explains it.
    said.split(": https://docs.rs/").next().map_or(said.clone(), str::to_owned)
}

/// What TLS had against a connection, if it was that.
pub(crate) fn tls_refusal(error: &reqwest::Error) -> Option<rustls::Error> {
    let mut at = error.source();
    while let Some(cause) = at {
        if let Some(found) = wrapped(cause) {
            return Some(found.clone());
        }
        at = cause.source();
    }
    None
}

/// An `io::Error` shows what it wraps, perhaps another one, to nobody who follows `source`.
fn wrapped<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    cause.downcast_ref().or_else(|| wrapped(cause.downcast_ref::<io::Error>()?.get_ref()?))
}
