//! What is said where it could not be found out which secret is valid: the transaction stays open, and what to do next.

use super::Judge;
use crate::{connection::credentials::Credential, directory::outcome, error::Error, store::journal};

impl Judge<'_> {
    pub(super) fn unapplied(&self) -> String {
        format!("when its password was set on {} is what it was before the write: it was not applied", self.place())
    }

    pub(super) fn signed_in(&self, accepted: &Credential) -> String {
        format!("version {} signed in on {}", accepted.version, self.place())
    }

    /// Why nothing is known of when the password was set.
    pub(super) fn untold(&self, mark: Option<i64>) -> &'static str {
        if self.case.acknowledged && mark.is_some() && mark == self.case.before {
            "when its password was set is what it was before the write that was acknowledged, as if another server answered \
             or this one was set back"
        } else {
            "when its password was set may not be read"
        }
    }

    pub(super) fn again(&self) -> String {
        journal::recovery(&self.case.rotation.connection)
    }

    /// The pinned target cannot be asked.
    pub(super) fn unasked(&self, error: &Error) -> Error {
        let server = error.details().iter().find(|(key, _)| *key == "server").map(|(_, server)| server.clone());
        let unasked = Error::inconclusive(
            "rotation.target_down",
            format!("{} cannot be asked which password is valid: {}", self.place(), error.message()),
        )
        .hint(match error.remedy().filter(|_| error.code() == "rotation.other_server") {
            Some(remedy) => {
                format!(
                    "every secret is kept; {remedy}; then {again}; if that server is gone for good, have an administrator set a \
                     password on the one that is left, and give that: {again} --password env:NAME",
                    again = self.again()
                )
            }
            None => format!(
                "every secret is kept; once the target answers: {again}; if it is gone for good, have an administrator set a \
                 password on one that is left, and give that: {again} --password env:NAME",
                again = self.again()
            ),
        })
        .with("cause", error.code());
        server.into_iter().fold(unasked, |unasked, server| unasked.with("server", server))
    }

    /// A sign-in was answered, or not, in a way that says nothing of the password.
    pub(super) fn unanswered(&self, error: &Error) -> Error {
        // Of the store and of the budget: nothing was sent.
        if error.code().starts_with("rotation.") || error.code().starts_with("store.") {
            return error.clone();
        }
        let code = if outcome::refuses_credential(error) { error.code() } else { "rotation.target_down" };
        let what = error.message().trim_end_matches(": nothing was changed");
        Error::inconclusive(code, format!("which password is valid cannot be told: {what}"))
            .hint(match error.remedy() {
                Some(remedy) => format!("every secret is kept; {remedy}; then {}", self.again()),
                None => format!("every secret is kept; later: {}", self.again()),
            })
            .with("target", self.place())
    }

    pub(super) fn in_doubt(&self, why: &str) -> Error {
        Error::in_doubt("rotation.still_in_doubt", why)
            .hint(format!(
                "every secret is kept; try again later, or with the password that somebody has set (--password env:NAME): {}",
                self.again()
            ))
    }

    /// The given password signs in, and so may another one.
    pub(super) fn ambiguous(&self, why: &str) -> Error {
        Error::in_doubt("rotation.still_in_doubt", why).hint(format!(
            "every secret is kept; an hour after the last change only the valid one signs in: {}; or have an administrator set \
             yet another password, and give that one (--password env:NAME)",
            self.again()
        ))
    }

    pub(super) fn none_valid(&self, why: &str) -> Error {
        let kept = std::iter::once(&self.case.candidate).chain(&self.case.given).chain(&self.case.older);
        let versions: Vec<String> = kept.map(|one| one.version.to_string()).collect();
        Error::new("rotation.no_valid_secret", format!("{why} (versions {} on {})", versions.join(", "), self.place()))
            .hint(format!(
                "have an administrator reset the password, then give the new one: {} --password env:NAME",
                self.again()
            ))
            .with("target", self.place())
    }
}
