//! What a rotation answers, and what is left to say where not everything has the new password.

use super::{
    Done, dependents,
    report::{DependentReport, Outcome, StageReport, TargetReport},
};
use crate::{error::Error, store::events::Failure, verdict::Verdict};

/// That of the target that is worst off.
pub(super) fn worst(targets: &[TargetReport]) -> Verdict {
    targets.iter().map(|target| target.verdict).max().unwrap_or(Verdict::Ok)
}

/// The answer of a change that was made; `earlier` are the reports of dependents before it.
pub(super) fn of(done: Done, stages: Vec<StageReport>, earlier: Vec<DependentReport>) -> Outcome {
    let Done { plan, recorded, targets, dependents: its, connections } = done;
    let (of_targets, of_dependents) = (worst(&targets), dependents::worst(&its));
    let error = if of_dependents > of_targets { dependents::shortfall(&its) } else { shortfall(&targets) };
    Outcome {
        verdict: of_targets.max(of_dependents),
        principal: plan.username,
        guid: plan.account.guid,
        version: recorded.candidate.version,
        restores: plan.restores,
        pinned: plan.pinned.name,
        connections,
        error: error.as_ref().map(Failure::from),
        targets,
        dependents: earlier.into_iter().chain(its).collect(),
        access_ends: None,
        stages,
    }
}

/// What is left to say where not every target has the new password.
pub(super) fn shortfall(targets: &[TargetReport]) -> Option<Error> {
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
