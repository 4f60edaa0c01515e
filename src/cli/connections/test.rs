//! `libretto connections test`.

use super::super::{Session, run};
use crate::run::{Refusal, Request};

/// The bundled procedure does it, so that a test here is a run like any other.
pub(super) fn test(session: &Session, selector: Option<String>, insist: bool) -> Result<u8, Refusal> {
    let values = selector.map(|selector| ("connections".to_owned(), selector)).into_iter().collect();
    let request =
        Request { insist, yes: session.global.yes, ..Request::new("test_connections", values, &session.home) };
    run::perform(session, &request)
}
