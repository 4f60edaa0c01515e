//! The credential transaction: a new password for a connection's account, never lost, never the only copy of itself.
//!
//! [`rotate`] performs seven stages. Each is told to an [`Observer`] and, from `record` on, journalled (`store::journal`) so
//! that a process that ends anywhere leaves what a recovery needs. The lock on the principal is held throughout.
//!
//! 1. **preflight** reads: the account (objectGUID), its state, the policy that applies, lockout counts, `pwdLastSet` on
//!    each target. The first target that can be written to signs in first, as a canary; then the pinned one, the PDC
//!    emulator where it is known and answers; then the others, one by one, also those of the account's other connections. These
//!    sessions stay open. Every dependent is asked whether it answers. Any failure: stop.
//! 2. **record**: the candidate is on the disk, encrypted, read back; the journal begins.
//! 3. **change**: marked as sent, then one LDAP write on the pinned target (a second one, with another candidate and a journal of
//!    its own, where a password filter refused a generated one that satisfies the policy): the account's own change (old and new), or a
//!    reset: over an administrative connection, or by the account itself where it is a domain administrator whose password
//!    is younger than the minimum age.
//! 4. **prove**: exactly one bind with the candidate there.
//! 5. **converge**: on each other target `pwdLastSet` is read over the open session until it is the pinned one's, then one
//!    bind. One that does not get there in time is inconclusive, named and journalled; the rotation goes on.
//! 6. **dependents**: what else signs in as the account is handed the new password, each with its own verdict: home servers,
//!    declared procedures; other connections are proven by then. Left out where there are none. One that fails does not stop
//!    the promotion, for the directory has the new password: the rotation is `partial`. None is tried while a target lags.
//! 7. **promote**: candidate to current, current to previous, for all connections of the account, in one transaction.
//!
//! Two kinds of request make a second change when the first has ended, all seven stages again, with a version row and a
//! journal of its own, on the targets that have the first: `on_failure = undo`, when a dependent failed, sets the old
//! password again (options `undo_of`: the rotation before); `revoke` sets another new one (`revoke_of`), for the password
//! before a change still binds for an hour, and hands only that to the dependents. Both are resets, unless the policy has
//! neither history nor minimum age; preflight of the first refuses what could not be done.
//!
//! What a rotation leaves that ends at any instruction (killed, out of power, its future dropped at any `await`). "Stage"
//! is the journal's; a store call that is under way when the future is dropped still completes, under the lock.
//!
//! | stage, last event | on the disk | in the directory | what a recovery has to do |
//! |---|---|---|---|
//! | no journal | nothing, or a candidate that was never marked as sent | the old password | nothing; such a candidate is left, for it cannot be told from one of `conn::set_credentials` that waits to be tested |
//! | `record` | candidate, journal with pinned target and the server that it led to and its address, `pwdLastSet` per target, previous version | the old password | retire the candidate, end the journal: nothing was sent |
//! | `record`, candidate marked as sent | the same | the old password | as the next line, which it cannot be told from with certainty |
//! | `change`, `change-sent` | candidate marked as sent | the old or the new one; a late write may still land | over an administrative account compare `pwdLastSet` on the pinned target, again when no write can land any more: unchanged is not applied. Else one bind with the candidate, else one with the previous version, which counts only where `pwdLastSet` bears it out; where the candidate was refused while its write could still land, the previous version goes first and the candidate after it |
//! | `change`, `change-unanswered` | the same, with what went wrong | the old or the new one | the same |
//! | ended, `failed`: `change-refused`, `not-sent`, `not-applied`, `superseded` | candidate retired, kept | the old password | nothing |
//! | `prove`, `change-acknowledged` | the same | the new password | one bind with the candidate there (`tried`), then as below |
//! | `prove`, `not-proven` | the same | the new password, unless something set another one | the same |
//! | any of these or `proven`, `given` | one more candidate each, which somebody says to have set | any of them | the last one that was given first, then the candidate, then the previous version; a given one that signs in counts only where `pwdLastSet`, or that the candidate is refused, shows that it was set last |
//! | any of these, `judged` | which version is valid | that one | make it current, retire the others, end the journal: `not-applied` or `superseded` |
//! | `converge`, `proven` | candidate with proof | the new password; other targets may lag | promote, end the journal; look at the targets that have no event |
//! | `dependents`, `converge-ended` or `dependent-*` | candidate with proof, an event per target and per dependent so far | the new password | promote, end the journal as `partial`; hand the password to the dependents in `before.dependents` without `dependent-ok` or `dependent-skipped` ([`open_dependents`], [`retry_dependents`]); one that was being handed it may have it |
//! | `promote`, `converge-ended` (no dependents) or `dependents-ended` | candidate with proof, an event per target and dependent | the new password | promote, end the journal |
//! | `promote`, and the candidate is current | the same | the new password | end the journal |
//! | ended, `promoted`, `inconclusive` | all connections switched; `not-converged` events name targets | the new password; named targets may lag | look at the named targets; when all are proven the journal says `settled`, `ok`. One that no connection of the account has any more is noted as `target-gone`. Moot once another version is current |
//! | ended, `promoted`, `partial` | all connections switched; `dependent-failed` and `dependent-open` events name dependents | the new password | hand it to those that are open; with `on_failure: undo` in the options nobody begins the undo anew |
//! | ended, `promoted`, `partial`, options `revoke: true`, and no later rotation | all connections switched | the first of two new passwords; the one that was known binds for an hour | hand it to the dependents; say that access has not ended, and to revoke again; once the hour is over the journal says `settled`, `ok` |
//! | ended, `promoted`, not `ok`, and no target or dependent is open (killed between the last event and the verdict) | all connections switched, an event per target and dependent | the new password everywhere | the journal says `settled`, `ok` |
//! | ended, `dependents-retried`, any | an event per dependent that was tried again | the new password | as the verdict says |
//! | ended, `undone`, `failed` (options of a later one: `undo_of`) | the new version retired, the old password in a later one | the old password | nothing |
//! | ended, `revoked` (options of a later one: `revoke_of`) | the version that was known retired | the later one's | nothing |
//! | ended, `not-revoked`, `partial` | all connections switched | the first of two new passwords | say that access has not ended, and to revoke again |
//! | ended, `promoted`, `ok` | all connections switched | the new password everywhere | nothing |
//!
//! A rotation with `undo_of` or `revoke_of` in its options leaves what any other one does: its candidate is what was sent last.
//! But the candidate of an undo is the password before the present one, which binds for an hour also where the write was not
//! applied: there a bind proves nothing after `change-sent` without `change-acknowledged`, and only `pwdLastSet` tells.
//!
//! `recover` does what the last column says. What it cannot find out stays as it is, with every version kept.
//!
//! What one that has ended left waits while a later one of the account has not. It is the business of the connections that use
//! the account by then, and a dependent is known again by its id, whatever it is called.
//!
//! Not here yet: asking a target to fetch the one object.

mod account;
pub mod app;
mod books;
mod candidate;
mod change;
mod controllers;
mod converge;
mod dependents;
mod filtered;
mod former;
pub mod lockout;
mod outcome;
mod pinned;
mod preflight;
mod recall;
pub mod recover;
mod report;
mod request;
mod rules;
mod sequel;
mod standing;
mod stored;

use serde_json::json;

use books::Books;
use change::Recorded;
use dependents::Handing;
use preflight::Plan;
use report::{Log, Staged};
use sequel::Sequel;

pub use dependents::{
    Dependent, Dependents, Found, NewSecret, Open, OtherConnection, open_dependents, retry_dependents,
};
pub use report::{Announcement, DependentReport, Observer, Outcome, Stage, StageReport, TargetReport};
pub use request::{OnFailure, Request, USUAL_WAIT, Via};

use crate::{
    connection::credentials,
    directory::Identity,
    error::{Error, Result},
    store::journal,
    verdict::Verdict,
};

/// Changes the password of a connection's account in the directory and in the store.
///
/// Dropping the future at any point leaves a state that the room's head lists.
///
/// # Errors
/// With verdict `failed` or `inconclusive`: the directory has the old password, and so has the store. With verdict
/// `in-doubt`: the new one was sent, both are kept, and the journal waits for a recovery.
///
/// - Who is at work, and what the store has: `rotation.busy`, `rotation.unfinished`, `rotation.kept_elsewhere`,
///   `rotation.credential_replaced`, `rotation.break_glass`, `rotation.other_customer`, `connection.no_credential`,
///   `connection.changed_meanwhile`, `connection.version_in_use`, and the store's own.
/// - The targets: `rotation.target_down`, `rotation.no_writable_target`, `rotation.other_domain`, `rotation.not_converged`
///   (inconclusive: one may lack the present password since an earlier rotation), and the directory's own.
/// - The account: `rotation.never_rotated`, `rotation.other_account`, `rotation.smartcard_required`, `rotation.too_young`,
///   `rotation.near_lockout`, `rotation.budget_spent`.
/// - The new password: `rotation.password_policy`, `rotation.password_history`, `rotation.password_filter`,
///   `rotation.no_password`, and those of a recipe.
/// - What is to come after: `rotation.dependent_down`, `rotation.undo_impossible`, `rotation.revoke_impossible`.
/// - A going back that needs no change: `rotation.changed_elsewhere`, `rotation.still_in_doubt` (inconclusive: nothing was sent).
/// - After the change was sent: `rotation.unsettled`, in doubt; its `cause` may be `rotation.other_server`.
/// - A fault of Libretto's own: `rotation.internal`.
///
/// An [`Outcome`] that is not `ok` has one of these in its `error`: `rotation.not_converged`, `rotation.target_refuses`,
/// `rotation.dependents_open`, `rotation.dependents_failed`, `rotation.undone`, `rotation.not_undone`, `rotation.not_revoked`.
pub async fn rotate(request: &Request, observer: &dyn Observer) -> Result<Outcome> {
    let books = Books::new(&request.store, &request.identity, &request.who, request.lockout);
    let mut log = Log { observer, stages: Vec::new(), of: "" };
    if let Some(recalled) = recall::recall(request, &books, &mut log).await? {
        return Ok(recalled);
    }
    let done = transaction(request, &books, &mut log, None).await?;
    if request.revoke {
        return Box::pin(sequel::revoke(request, done, &books, log)).await;
    }
    if request.on_failure == OnFailure::Undo && sequel::calls_for_undo(&done.dependents) {
        return Box::pin(sequel::undo(request, done, &books, log)).await;
    }
    Ok(outcome::of(done, log.stages, Vec::new()))
}

/// A change that was made, proven and promoted.
struct Done {
    plan: Plan,
    recorded: Recorded,
    targets: Vec<TargetReport>,
    dependents: Vec<DependentReport>,
    connections: Vec<String>,
}

/// All stages once.
async fn transaction(request: &Request, books: &Books, log: &mut Log<'_>, sequel: Option<&Sequel>) -> Result<Done> {
    let observer = log.observer;
    let mut plan = log.stage(Stage::Preflight, Box::pin(preflight::preflight(request, books, sequel))).await?;
    let recorded = log.stage(Stage::Record, change::record(request, &plan, books, observer)).await?;
    let changed = filtered::change(request, &mut plan, books, recorded, observer);
    let recorded = log.stage(Stage::Change, Box::pin(changed)).await?;
    let proof = log.stage(Stage::Prove, Box::pin(change::prove(&plan, books, &recorded))).await?;
    let converged = converge::converge(request, &plan, books, &recorded, &proof, observer);
    let converged = sequel::with_behind(sequel, converged, books, &recorded, observer);
    let targets = log.stage(Stage::Converge, Box::pin(converged)).await?;
    let mut done = Done { plan, recorded, targets, dependents: Vec::new(), connections: Vec::new() };
    if done.plan.hands_on(request) {
        let handed = log.stage(Stage::Dependents, Box::pin(hand(request, &done, books, observer)));
        done.dependents = handed.await?;
    }
    done.connections = log.stage(Stage::Promote, promote(request, &done, books)).await?;
    Ok(done)
}

/// Hands the new password to everything that depends on it. What becomes of that does not stop the promotion: the directory
/// has the new one.
async fn hand(request: &Request, done: &Done, books: &Books, observer: &dyn Observer) -> Staged<Vec<DependentReport>> {
    let handing = Handing { books, rotation: &done.recorded.rotation, observer, hurry: &request.hurry };
    let noted = async {
        let reports = done.hand(&handing).await?;
        books.event(handing.rotation, Some(Stage::Promote), "dependents-ended", None, json!({})).await?;
        Ok(reports)
    };
    let reports = noted
        .await
        .map_err(|error: Error| unsettled("the new password works, and the journal could not be written", &error))?;
    let taken = reports.iter().filter(|one| one.verdict == Verdict::Ok).count();
    let left_out = reports.iter().filter(|one| one.verdict == Verdict::Skipped).count();
    let note = match left_out {
        0 => format!("{taken} of {} have taken it", reports.len()),
        _ => format!("{taken} of {} have taken it, {left_out} left out", reports.len()),
    };
    let verdict = reports.iter().map(|one| one.verdict).max().unwrap_or(Verdict::Ok);
    Ok((reports, verdict, note))
}

impl Done {
    /// Tells of the other connections, and hands the new password to everything else.
    async fn hand(&self, handing: &Handing<'_>) -> Result<Vec<DependentReport>> {
        let mut reports = Vec::new();
        for (name, endpoints) in &self.plan.connections {
            let its: Vec<String> = endpoints.iter().map(|endpoint| endpoint.target.to_string()).collect();
            let report = dependents::of_connection(name, &its, &self.targets);
            handing.note(&report).await?;
            reports.push(report);
        }
        let unproven = self.targets.iter().filter(|target| target.verdict != Verdict::Ok);
        let unproven: Vec<String> = unproven.map(|target| target.target.clone()).collect();
        let is_down = |target: &&String| self.plan.down.iter().any(|down| down.target == **target);
        let lagging = unproven.iter().find(|target| !is_down(target)).cloned();
        let secret = NewSecret {
            identity: Identity { name: self.plan.username.clone(), password: self.plan.candidate.clone() },
            principal: self.recorded.candidate.principal,
            credential: self.recorded.candidate.id,
            version: self.recorded.candidate.version,
            unproven,
        };
        reports.extend(handing.all(&self.plan.dependents, &secret, lagging.as_deref()).await?);
        Ok(reports)
    }
}

/// Switches every connection of the account, then ends the journal.
async fn promote(request: &Request, done: &Done, books: &Books) -> Staged<Vec<String>> {
    let Done { plan, recorded, .. } = done;
    let (id, pinned, rotation) = (recorded.candidate.id, plan.pinned.name.clone(), recorded.rotation.clone());
    // With the second change still to come this is half of what was asked for.
    let verdict = promote_verdict(done).max(if request.revoke { Verdict::Partial } else { Verdict::Ok });
    let principal = recorded.candidate.principal;
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

/// What the journal says of a change that was promoted.
fn promote_verdict(done: &Done) -> Verdict {
    outcome::worst(&done.targets).max(dependents::worst(&done.dependents))
}

/// Something went wrong once the change was sent: both passwords are kept and the journal stays open.
fn unsettled(what: &str, cause: &Error) -> Error {
    let error = Error::in_doubt("rotation.unsettled", format!("{what}: {}", cause.message()))
        .hint("both passwords are kept in the home folder; `libretto recover` finds out which one is valid, and until then nothing signs in as this account from here")
        .with("cause", cause.code());
    cause.details().iter().fold(error, |error, (key, value)| error.with(key, value.clone()))
}
