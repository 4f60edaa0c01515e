//! The new password: the given one, checked, or a generated one.

use super::{
    account::{self, Known},
    books::Books,
    request::Request,
    rules,
    stored::Stored,
};
use crate::{
    connection::credentials::{self, Form},
    directory::FineGrained,
    error::{Error, Result},
    secret::Secret,
};

/// Makes it, or checks the given one against policy and history.
pub(super) async fn candidate(known: &Known, request: &Request, stored: &Stored, books: &Books) -> Result<Secret> {
    let Some(given) = &request.password else {
        return rules::generate(known.policy.as_ref(), &known.names, &request.generate);
    };
    let policy = known.policy.as_ref().filter(|policy| account::binds(policy, request));
    if let Some(why) = policy.and_then(|policy| rules::broken(given.expose(), &policy.rules, &known.names)) {
        return Err(Error::new("rotation.password_policy", format!("the new password breaks the policy: {why}"))
            .hint("give one that fits, or leave it out and one is generated")
            .with("policy", policy_name(known)));
    }
    if known.other_account {
        return Ok(given.clone());
    }
    let remembered = match policy {
        Some(policy) if request.via.is_none() => policy.rules.history as usize,
        _ => 0,
    };
    let (given, connection, principal) = (given.clone(), request.connection.clone(), stored.principal);
    books
        .with(move |books| {
            let versions = credentials::history(&books.store, &connection)?;
            let sealed = versions.iter().filter(|version| {
                version.principal == principal && version.form == Form::Password && version.reference.is_none()
            });
            for version in sealed.filter(|version| version.proven_at.is_some()).take(remembered.max(1)) {
                if credentials::open(&books.store, &books.identity, version)?.expose() == given.expose() {
                    return Err(used_before(version.version));
                }
            }
            Ok(given)
        })
        .await
}

fn used_before(version: u32) -> Error {
    Error::new(
        "rotation.password_history",
        format!("the new password is that of version {version}, which was used before"),
    )
    .hint("give one that this account never had, or leave it out and one is generated")
}

fn policy_name(known: &Known) -> String {
    match known.policy.as_ref().map(|policy| &policy.fine_grained) {
        Some(FineGrained::Applies { name, .. }) => name.clone(),
        _ => "the domain's".to_owned(),
    }
}
