//! `libretto connections test`.

use super::{
    super::{Session, advise, run},
    selected,
};
use crate::{
    connection::{self, Kind, Scope},
    error::{Error, Result},
    run::{Refusal, Request},
    store::events::Failure,
};

/// The bundled procedure does it, so that a test here is a run like any other.
pub(super) fn test(session: &Session, selector: Option<String>, insist: bool) -> Result<u8, Refusal> {
    leave_out(session, selector.as_deref())?;
    let values = selector.map(|selector| ("connections".to_owned(), selector)).into_iter().collect();
    let request =
        Request { insist, yes: session.global.yes, ..Request::new("test_connections", values, &session.home) };
    run::perform(session, &request)
}

/// Says which of the selected connections are of a kind that cannot be tested yet.
///
/// # Errors
/// `connection.not_testable` where there are no others.
fn leave_out(session: &Session, selector: Option<&str>) -> Result<()> {
    let found = connection::summaries(&session.store()?, &selected(selector)?, &Scope::all())?;
    let left_out: Vec<&str> = found.iter().filter(|one| one.kind != Kind::Ad).map(|one| one.name.as_str()).collect();
    let (names, verb) = match left_out.as_slice() {
        [] => return Ok(()),
        [one] => ((*one).to_owned(), "is"),
        several => (format!("{} connections", several.len()), "are"),
    };
    let error = Error::new(
        "connection.not_testable",
        format!("{names} {verb} of kind msonline, which this version of libretto does not test yet"),
    )
    .hint("connections of kind ad are tested: `libretto connections list kind:ad`");
    if left_out.len() == found.len() {
        return Err(error);
    }
    if !session.out.quiet {
        advise(session.out, &Failure::from(&error));
    }
    Ok(())
}
