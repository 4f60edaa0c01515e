//! A password filter of the controllers: it refuses new passwords that satisfy the policy, and says neither that it is there
//! nor what it wants. A generated password is replaced once by another; a given one is not touched.

use super::{
    books::Books,
    change::{self, Recorded},
    preflight::Plan,
    report::{Observer, Staged},
    request::Request,
    rules,
};
use crate::error::Error;

/// The one write; with a second candidate, recorded and journalled like the first, where a filter refused a generated one.
pub(super) async fn change(
    request: &Request,
    plan: &mut Plan,
    books: &Books,
    recorded: Recorded,
    observer: &dyn Observer,
) -> Staged<Recorded> {
    let refusal = match change::change(plan, books, &recorded).await {
        Ok(((), verdict, note)) => return Ok((recorded, verdict, note)),
        Err(error) if is_filter(plan, &error) => error,
        Err(error) => return Err(error),
    };
    // One that comes back is that one or none.
    if request.password.is_some() || request.candidate_of.is_some() || plan.of == "undo" {
        return Err(filtered("the new password", &refusal));
    }
    let first = recorded.candidate.version;
    let (again, ..) = another(request, plan, books, observer).await?;
    match change::change(plan, books, &again).await {
        Ok(((), verdict, note)) => {
            let note = format!(
                "{note}; a password filter refused version {first}, version {} was taken",
                again.candidate.version
            );
            Ok((again, verdict, note))
        }
        Err(error) if is_filter(plan, &error) => Err(filtered("two generated passwords", &error)),
        Err(error) => Err(error),
    }
}

async fn another(request: &Request, plan: &mut Plan, books: &Books, observer: &dyn Observer) -> Staged<Recorded> {
    plan.candidate = rules::generate(plan.policy.as_ref(), &plan.names, &request.generate)?;
    change::record(request, plan, books, observer).await
}

/// Whether the directory says "policy" of a password that satisfies the policy as it was read.
fn is_filter(plan: &Plan, error: &Error) -> bool {
    let satisfies = |policy: &crate::directory::Policy| {
        policy.is_certain() && rules::broken(plan.candidate.expose(), &policy.rules, &plan.names).is_none()
    };
    error.code() == "ad.password_policy" && plan.policy.as_ref().is_some_and(satisfies)
}

fn filtered(what: &str, refusal: &Error) -> Error {
    let error = Error::new(
        "rotation.password_filter",
        format!("{what} satisfied the password policy as it was read, and the directory refused: a password filter of the domain controllers wants more"),
    )
    .hint(
        "nothing was changed; ask who runs the controllers what their filter wants (with Entra Password Protection their log \
         AzureADPasswordProtection/DCAgent/Admin names the reason) and give a password that it takes",
    )
    .with("cause", refusal.code());
    refusal.details().iter().fold(error, |error, (key, value)| error.with(key, value.clone()))
}
