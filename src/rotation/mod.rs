//! The credential transaction: a new password for a connection's account, never lost, never the only copy of itself.
//!
//! [`rotate`] performs six stages. Each is told to an [`Observer`] and, from `record` on, journalled (`store::journal`) so
//! that a process that ends anywhere leaves what a recovery needs. The lock on the principal is held throughout.
//!
//! 1. **preflight** reads: the account (objectGUID), its state, the policy that applies, lockout counts, `pwdLastSet` on
//!    each target. The first target that can be written to signs in first, as a canary; then the pinned one, the PDC
//!    emulator where it is known and answers; then the others, one by one. These sessions stay open. Any failure: stop.
//! 2. **record**: the candidate is on the disk, encrypted, read back; the journal begins.
//! 3. **change**: marked as sent, then one LDAP write on the pinned target: the account's own change (old and new), or a
//!    reset: over an administrative connection, or by the account itself where it is a domain administrator whose password
//!    is younger than the minimum age.
//! 4. **prove**: exactly one bind with the candidate there.
//! 5. **converge**: on each other target `pwdLastSet` is read over the open session until it is the pinned one's, then one
//!    bind. One that does not get there in time is inconclusive, named and journalled; the rotation goes on.
//! 6. **promote**: candidate to current, current to previous, for all connections of the account, in one transaction.
//!
//! What a rotation leaves that ends at any instruction (killed, out of power, its future dropped at any `await`). "Stage"
//! is the journal's; a store call that is under way when the future is dropped still completes, under the lock.
//!
//! | stage, last event | on the disk | in the directory | what a recovery has to do |
//! |---|---|---|---|
//! | no journal | nothing, or a candidate that was never marked as sent | the old password | nothing; such a candidate is left, for it cannot be told from one of `conn::set_credentials` that waits to be tested |
//! | `record` | candidate, journal with pinned target, `pwdLastSet` per target, previous version | the old password | retire the candidate, end the journal: nothing was sent |
//! | `record`, candidate marked as sent | the same | the old password | as the next line, which it cannot be told from with certainty |
//! | `change`, `change-sent` | candidate marked as sent | the old or the new one; a late write may still land | over an administrative account compare `pwdLastSet` on the pinned target, again when no write can land any more: unchanged is not applied. Else one bind with the candidate, else one with the previous version, which counts only where `pwdLastSet` bears it out |
//! | `change`, `change-unanswered` | the same, with what went wrong | the old or the new one | the same |
//! | ended, `failed`: `change-refused`, `not-sent`, `not-applied`, `superseded` | candidate retired, kept | the old password | nothing |
//! | `prove`, `change-acknowledged` | the same | the new password | one bind with the candidate there (`tried`), then as below |
//! | `prove`, `not-proven` | the same | the new password, unless something set another one | the same |
//! | any of these, `given` | one more candidate, which somebody says to have set | any of them | the candidate first, then the given one, then the previous version |
//! | any of these, `judged` | which version is valid | that one | make it current, retire the others, end the journal: `not-applied` or `superseded` |
//! | `converge`, `proven` | candidate with proof | the new password; other targets may lag | promote, end the journal; look at the targets that have no event |
//! | `promote`, `converge-ended` | candidate with proof, an event per target | the new password | promote, end the journal |
//! | `promote`, and the candidate is current | the same | the new password | end the journal |
//! | ended, `promoted`, `inconclusive` | all connections switched; `not-converged` events name targets | the new password; named targets may lag | look at the named targets; when all are proven the journal says `settled`, `ok`. Moot once another version is current |
//! | ended, `promoted`, `ok` | all connections switched | the new password everywhere | nothing |
//!
//! `recover` does what the last column says. What it cannot find out stays as it is, with every version kept.
//!
//! Not here yet: undo, dependents, asking a target to fetch the one object, and the enforced lockout budget
//! (attempts are written down before they are sent and cleared when accepted).

mod account;
mod books;
mod change;
mod controllers;
mod converge;
mod preflight;
pub mod recover;
mod report;
mod request;
mod rules;
mod standing;
mod stored;

use serde_json::json;

use books::Books;
use change::Recorded;
use preflight::Plan;
use report::{Log, Staged};

pub use report::{Announcement, Observer, Outcome, Stage, StageReport, TargetReport};
pub use request::{Request, USUAL_WAIT, Via};

use crate::{
    connection::credentials,
    error::{Error, Result},
    store::{events::Failure, journal},
    verdict::Verdict,
};

/// Changes the password of a connection's account in the directory and in the store.
///
/// Dropping the future at any point leaves a state that the room's head lists.
///
/// # Errors
/// With verdict `failed` or `inconclusive`: the directory has the old password, and so has the store. With verdict
/// `in-doubt`: the new one was sent, both are kept, and the journal waits for a recovery.
/// `rotation.busy`, `rotation.unfinished`, `rotation.target_down`, `rotation.never_rotated`, `rotation.break_glass`,
/// `rotation.other_account`, `rotation.other_customer`, `rotation.too_young`, `rotation.near_lockout`,
/// `rotation.password_policy`, `rotation.password_history`, `rotation.unsettled` and the directory's own.
pub async fn rotate(request: &Request, observer: &dyn Observer) -> Result<Outcome> {
    let books = Books::new(&request.store, &request.identity, &request.who);
    let mut log = Log { observer, stages: Vec::new() };
    let plan = log.stage(Stage::Preflight, Box::pin(preflight::preflight(request, &books))).await?;
    let recorded = log.stage(Stage::Record, change::record(request, &plan, &books, observer)).await?;
    log.stage(Stage::Change, change::change(&plan, &books, &recorded)).await?;
    let proof = log.stage(Stage::Prove, Box::pin(change::prove(&plan, &books, &recorded))).await?;
    let converged = converge::converge(request, &plan, &books, &recorded, &proof, observer);
    let targets = log.stage(Stage::Converge, converged).await?;
    let connections = log.stage(Stage::Promote, promote(&plan, &books, &recorded, &targets)).await?;
    Ok(outcome(plan, &recorded, targets, connections, log.stages))
}

/// Switches every connection of the account, then ends the journal.
async fn promote(plan: &Plan, books: &Books, recorded: &Recorded, targets: &[TargetReport]) -> Staged<Vec<String>> {
    let (id, pinned, rotation) = (recorded.candidate.id, plan.pinned.name.clone(), recorded.rotation.clone());
    let (principal, verdict) = (recorded.candidate.principal, worst(targets));
    let data = json!({ "version": recorded.candidate.version });
    let connections = books
        .with(move |books| {
            credentials::promote(&books.store, id, &pinned)?;
            journal::finish(&books.store, &rotation, verdict, "promoted", &data)?;
            // Only for the report: all is done.
            Ok(credentials::connections_of(&books.store, principal).unwrap_or_default())
        })
        .await
        .map_err(|error| unsettled("the new password works, and could not be made the current one", &error))?;
    let note = format!("version {} is current in {}", recorded.candidate.version, connections.join(", "));
    Ok((connections, Verdict::Ok, note))
}

fn worst(targets: &[TargetReport]) -> Verdict {
    targets.iter().map(|target| target.verdict).max().unwrap_or(Verdict::Ok)
}

fn outcome(
    plan: Plan,
    recorded: &Recorded,
    targets: Vec<TargetReport>,
    connections: Vec<String>,
    stages: Vec<StageReport>,
) -> Outcome {
    Outcome {
        verdict: worst(&targets),
        principal: plan.username,
        guid: plan.account.guid,
        version: recorded.candidate.version,
        pinned: plan.pinned.name,
        connections,
        error: shortfall(&targets).as_ref().map(Failure::from),
        targets,
        stages,
    }
}

/// What is left to say where not every target has the new password.
fn shortfall(targets: &[TargetReport]) -> Option<Error> {
    let bad: Vec<&TargetReport> = targets.iter().filter(|target| target.verdict != Verdict::Ok).collect();
    let first = bad.iter().max_by_key(|target| target.verdict)?;
    let names: Vec<&str> = bad.iter().map(|target| target.target.as_str()).collect();
    let message = format!(
        "the password is changed and current, and {} of {} targets are not proven ({}): {}",
        bad.len(),
        targets.len(),
        names.join(", "),
        first.note
    );
    let error = match first.verdict {
        Verdict::Failed => Error::new("rotation.target_refuses", message),
        _ => Error::inconclusive("rotation.not_converged", message),
    };
    Some(error.hint("see to their replication; test them once they have the change, not before: a sign-in with the new password counts as a wrong one there"))
}

/// Something went wrong once the change was sent: both passwords are kept and the journal stays open.
fn unsettled(what: &str, cause: &Error) -> Error {
    let error = Error::in_doubt("rotation.unsettled", format!("{what}: {}", cause.message()))
        .hint("both passwords are kept in the home folder; `libretto recover` finds out which one is valid, and until then nothing signs in as this account from here")
        .with("cause", cause.code());
    cause.details().iter().fold(error, |error, (key, value)| error.with(key, value.clone()))
}
