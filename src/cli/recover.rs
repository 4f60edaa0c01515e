//! `libretto recover`, and the line that says that there is something to recover.

use super::{Session, args::RecoverArgs, run};
use crate::{
    connection::handed,
    run::{Refusal, Request},
    store::{Store, journal},
};

/// The bundled procedure that does it.
const SCRIPT: &str = "recover";

pub(super) fn recover(session: &Session, args: RecoverArgs) -> Result<u8, Refusal> {
    let texts = [("connection", args.connection), ("password", args.password)];
    let mut values: Vec<(String, String)> =
        texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    if args.insist {
        values.push(("insist".to_owned(), "true".to_owned()));
    }
    let request = Request {
        wait: args.wait,
        yes: session.global.yes,
        insist: args.insist,
        ..Request::new(SCRIPT, values, &session.home)
    };
    run::perform(session, &request)
}

/// Says before a run that there is something to recover, but for one that looks at it itself, or at another world.
pub(super) fn remind_before(session: &Session, request: &Request, store: &Store) {
    if request.script != SCRIPT && !request.lab {
        remind(session, store);
    }
}

/// Says that there is something to recover, and changes nothing. What cannot be read, the command itself will say.
pub(super) fn remind(session: &Session, store: &Store) {
    if session.out.quiet {
        return;
    }
    remind_of_rotations(session, store);
    let what = match handed::count(store) {
        Ok(1) => "1 change at an agent or the Workflow Engine is not settled".to_owned(),
        Ok(several @ 2..) => format!("{several} changes at agents or the Workflow Engine are not settled"),
        _ => return,
    };
    session.out.complain(&format!("{what}: `libretto recover` settles it\n"));
}

fn remind_of_rotations(session: &Session, store: &Store) {
    let Ok(open @ 1..) = journal::count_unfinished(store) else { return };
    let alive =
        journal::unfinished(store).map_or(0, |all| all.iter().filter(|one| journal::is_alive(store, one)).count());
    let what = match open.saturating_sub(u32::try_from(alive).unwrap_or(u32::MAX)) {
        0 => return,
        1 => "1 change of a credential was cut short".to_owned(),
        several => format!("{several} changes of credentials were cut short"),
    };
    session.out.complain(&format!("{what}: `libretto recover` finds out what became of it\n"));
}
