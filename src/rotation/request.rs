//! What a rotation is asked to do.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{dependents::Dependents, lockout::LockoutOptions};
use crate::{
    connection::{Connection, Scope},
    directory::{Endpoint, Identity},
    secret::{Secret, generate::Recipe, seal},
    store::{
        Store,
        rows::{CredentialId, PrincipalId},
    },
};

/// How long a change may take to reach every target unless the run says otherwise.
pub const USUAL_WAIT: Duration = Duration::from_mins(5);

/// One rotation: whose password, where, by whom, and how patiently.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where credentials and journal are.
    pub store: Store,
    /// What seals the candidate.
    pub identity: seal::Identity,
    /// The connection whose account gets a new password.
    pub connection: Connection,
    /// Its targets, ready to be connected to.
    pub endpoints: Vec<Endpoint>,
    /// The administrative account that resets the password. Without one the account changes its own.
    pub via: Option<Via>,
    /// What the run may see. An account that a connection outside of it uses too is not rotated.
    pub scope: Scope,
    /// Who does it, for the lock and the journal, e.g. `alice, run 7f3a, pid 4711`.
    pub who: String,
    /// The run's id.
    pub run: Option<String>,
    /// The account's name from now on. Another account than the connection's needs [`Request::via`].
    pub username: Option<String>,
    /// The new password; generated for the policy when it is left out.
    pub password: Option<Secret>,
    /// How a generated one is to look.
    pub generate: Recipe,
    /// The earlier version whose password is to be the new one; `password` is `None` then.
    pub candidate_of: Option<CredentialId>,
    /// Go on although a target is down; it is reported as inconclusive.
    pub allow_down: bool,
    /// Rotate what is never rotated, and leave a policy that is not certain to the directory.
    pub insist: bool,
    /// What is done about lockout.
    pub lockout: LockoutOptions,
    /// How long the change may take to reach the other targets.
    pub wait: Duration,
    /// Who knows what else has to take the new password.
    pub dependents: Arc<dyn Dependents>,
    /// What is done when a dependent cannot take it.
    pub on_failure: OnFailure,
    /// Somebody knows the password who must not any more: it is changed twice, for the one before still binds for an hour.
    pub revoke: bool,
    /// Cancelled: stop waiting for targets that lag and finish what was begun.
    pub hurry: CancellationToken,
}

/// What a rotation does when a dependent cannot take the new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Keep the new password; the rotation is partial.
    #[default]
    Keep,
    /// Put the old one back.
    Undo,
}

impl OnFailure {
    /// The word in scripts and in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Undo => "undo",
        }
    }
}

/// How the password is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// By its owner, with the old password; the whole policy applies.
    SelfChange,
    /// By its owner as the administrator that it is: minimum age and history do not apply.
    OwnReset,
    /// By an administrative account.
    Reset,
}

impl Mode {
    /// The word in the journal and in notes.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::SelfChange => "self-change",
            Self::OwnReset => "own-reset",
            Self::Reset => "reset",
        }
    }
}

/// An administrative account and the connection that it comes from.
#[derive(Debug, Clone)]
pub struct Via {
    /// The connection's name.
    pub connection: String,
    /// Whom it signs in as.
    pub identity: Identity,
    /// Whose attempts are counted.
    pub principal: PrincipalId,
    /// The version that it signs in with.
    pub credential: CredentialId,
}

/// Who signs in to read: whose attempt it is, and the version that it carries.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) identity: Identity,
    pub(super) principal: PrincipalId,
    pub(super) version: CredentialId,
    /// Whether it is the account itself, with the password before the change.
    pub(super) is_own: bool,
}

impl Via {
    /// The administrative account as the one that reads.
    pub(super) fn reader(&self) -> Reader {
        Reader { identity: self.identity.clone(), principal: self.principal, version: self.credential, is_own: false }
    }
}

impl Request {
    /// The options as the journal keeps them; never the password.
    pub(super) fn options(&self) -> Value {
        json!({
            "allow_down": self.allow_down,
            "insist": self.insist,
            "wait_seconds": self.wait.as_secs(),
            "via": self.via.as_ref().map(|via| &via.connection),
            "username": self.username,
            "password": match (self.candidate_of, &self.password) {
                (Some(_), _) => "restored",
                (None, Some(_)) => "given",
                (None, None) => "generated",
            },
            "candidate_of": self.candidate_of,
            "on_failure": self.on_failure.as_str(),
            "revoke": self.revoke,
        })
    }
}
