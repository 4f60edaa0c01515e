//! The credential transaction of a cloud app: another secret or certificate for all connections that sign in as it.
//!
//! It stands beside the directory's and not in it, because nothing is changed here: a second credential is added next to the first,
//! both work for as long as wanted, and the first is taken away when nobody needs it any more. So what the app signs in with is
//! valid at every moment, also while a transaction is unfinished, and signing in goes on. What the two have in common is in this
//! room: the books, the journal, the lock, the handing on to dependents, and what is told of it all.
//!
//! Stages, each told to an [`Observer`] and from `record` on journalled:
//!
//! 1. **preflight** reads: the present credential signs in; the home connection signs in, holds a permission to change the
//!    registration, and finds it; the tenant's app management policy; what the registration calls the present one; every
//!    dependent answers.
//! 2. **record**: the journal begins, and its id is the name of what will be added (`libretto ID`). A certificate is a candidate
//!    on the disk by then; a secret is made by the cloud.
//! 3. **change**: marked as sent, then `addPassword` or `addKey`. A secret is stored as a candidate, read back, before anything else.
//! 4. **prove**: fresh sign-ins until several in a row succeed; "not known" means "not yet" for a while.
//! 5. **promote**: the new one is current for every connection of the app, the one before is `retiring`.
//! 6. **dependents**: the agents' copies and the engine's routes of all its connections, each with its own verdict.
//! 7. **retire**: the one before works on for the overlap, or is removed at once where it is revoked. Ended by a later rotation or
//!    by a recovery, once the overlap is over and no agent is known to have it. What earlier transactions have left is removed.
//!
//! What a rotation leaves that ends at any instruction:
//!
//! | stage, last event | on the disk | in the registration | what a recovery does |
//! |---|---|---|---|
//! | no journal | nothing, or a certificate that was never sent | the present one | nothing; such a candidate is left |
//! | `record` | the journal, perhaps a certificate | the present one | ends the journal, retires the certificate |
//! | `change`, `add-sent` or `add-unanswered` | the same; perhaps a secret that the journal does not know | the present one, perhaps `libretto ID` | looks for the name until the write can land no more. A secret that is found is removed (its text is known to nobody, or to a row that nobody used); with a certificate it goes on. Not found: ends the journal |
//! | `prove`, `added` or `not-proven` | candidate, id of its key | both | proves it and goes on; one that is gone from the registration ends the journal |
//! | `promote`, `proven` | candidate with proof | both | goes on |
//! | `dependents`, `switched` or `dependent-*` | it is current, the one before `retiring` | both | hands it to those that have no `dependent-ok`, then as below |
//! | `retire`, `dependents-ended` | the same | both | ends the journal |
//! | `retire`, `remove-sent` | the same | one or both | removes it again, which does the same |
//! | ended, `not-added`, `not-sent`, `not-applied`, `withdrawn` | the candidate retired | the present one | nothing; what a write that landed later has left is removed by the next rotation |
//! | ended, `promoted`, `partial` | it is current; `dependent-*` events | both | hands it to those that are open; removes what was to be revoked |
//! | ended, `promoted`, `ok`, the one before `retiring` | its end is in `switched` | both | nothing before that end; afterwards removes it, unless an agent has it |

mod add;
mod case;
mod course;
mod facts;
mod policy;
mod preflight;
mod recover;
mod request;
mod unfinished;

pub(super) use facts::is_of_app;
pub use recover::{Watch, recover};
pub use request::{Home, LATE, LIFETIME, OVERLAP, Outcome, Request, Retiring, SHORTEST_OVERLAP};
pub use unfinished::{find, unfinished};

use self::{add::Added, course::Course, preflight::Plan};
use super::{
    books::Books,
    dependents,
    lockout::LockoutOptions,
    report::{Log, Observer, Stage},
};
use crate::{
    connection::credentials::Form,
    error::{Error, Result},
    store::events::Failure,
    verdict::Verdict,
};

/// Gives a connection's app another secret or certificate, in its registration and in the store.
///
/// Dropping the future at any point leaves a state that the room's head lists.
///
/// # Errors
/// With verdict `failed` or `inconclusive` before the change: nothing was added. With `rotation.not_yet` (inconclusive) and
/// `rotation.unsettled` (in doubt) the transaction waits for a recovery; what the app signed in with before is current and valid.
///
/// - Who is at work, and what the store has: `rotation.busy`, `rotation.unfinished`, `rotation.kept_elsewhere`,
///   `rotation.break_glass`, `rotation.other_customer`, `connection.no_credential`, `connection.changed_meanwhile`.
/// - What was asked for: `rotation.short_overlap`, `rotation.no_certificate`, `rotation.first_certificate`,
///   `rotation.same_certificate`, `rotation.app_policy`, and those of a certificate.
/// - The registration: `rotation.app_may_not`, `cloud.not_app_home`, `cloud.permission_missing`, and the cloud's own.
/// - What is to come after: `rotation.dependent_down`.
///
/// An [`Outcome`] that is not `ok` has `rotation.dependents_failed`, `rotation.dependents_open` or `rotation.not_revoked` in its `error`.
pub async fn rotate(request: &Request, observer: &dyn Observer) -> Result<Outcome> {
    let books = &Books::new(&request.store, &request.identity, &request.who, LockoutOptions::default());
    let mut log = Log { observer, stages: Vec::new(), of: "" };
    let plan = log.stage(Stage::Preflight, Box::pin(preflight::preflight(request, books))).await?;
    let begun = log.stage(Stage::Record, add::record(request, &plan, books)).await?;
    let added = Box::pin(add::add(request, &plan, books, begun, observer));
    let (rotation, added) = log.stage(Stage::Change, added).await?;
    let Plan { facts, dependents: planned, .. } = plan;
    let Added { candidate, secret, key_id, ends } = added;
    let overlap = time::Duration::try_from(request.overlap).unwrap_or(time::Duration::MAX);
    let (revoke, rotation) = (request.revoke, rotation);
    let course = Course { request, books, observer, rotation, facts, revoke, overlap, candidate, secret, key_id };
    log.stage(Stage::Prove, Box::pin(course.prove())).await?;
    let connections = log.stage(Stage::Promote, course.switch()).await?;
    let handed = if planned.is_empty() {
        Vec::new()
    } else {
        log.stage(Stage::Dependents, Box::pin(course.hand(&planned))).await?
    };
    let before = log.stage(Stage::Retire, Box::pin(course.retire())).await?;
    let error = before.error.or_else(|| shortfall(&handed));
    let verdict = dependents::worst(&handed).max(error.as_ref().map_or(Verdict::Ok, |_| Verdict::Partial));
    course.finish(verdict).await?;
    Ok(Outcome {
        verdict,
        form: if course.facts.form() == Form::Certificate { "certificate" } else { "client-secret" },
        version: course.candidate.version,
        app: course.facts.app,
        home: course.facts.home,
        key_id: course.key_id,
        ends,
        connections,
        dependents: handed,
        retiring: before.retiring,
        access_ends: before.access_ends,
        stages: log.stages,
        error: error.as_ref().map(Failure::from),
    })
}

/// What is left to say where not every dependent has taken the new one.
fn shortfall(handed: &[super::DependentReport]) -> Option<Error> {
    let error = dependents::shortfall(handed)?;
    let text = error.message().replacen(
        "the password is changed and current",
        "the new credential is current, the one before still works",
        1,
    );
    let again = match error.verdict() {
        Verdict::Inconclusive => Error::inconclusive(error.code(), text),
        _ => Error::new(error.code(), text),
    };
    Some(error.remedy().map_or_else(|| again.clone(), |hint| again.clone().hint(hint)))
}
