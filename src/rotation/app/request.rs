//! What a rotation of an app's credential is asked to do, and what it answers.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::{
    cloud::{Cloud, SignIn, Tenant, Waiting},
    connection::{Connection, Scope},
    rotation::{
        dependents::Dependents,
        report::{DependentReport, StageReport},
    },
    secret::{Secret, seal},
    store::{Store, events::Failure},
    verdict::Verdict,
};

/// How long the credential before stays valid beside the new one.
pub const OVERLAP: Duration = Duration::from_hours(7 * 24);
/// At least, unless it is revoked: whoever holds it has to hear of the new one.
pub const SHORTEST_OVERLAP: Duration = Duration::from_hours(24);
/// How long a new secret is good unless a policy allows less.
pub const LIFETIME: Duration = Duration::from_hours(180 * 24);
/// After so long no write that was sent can land any more: a request of the cloud's client ends before.
pub const LATE: Duration = Duration::from_mins(1);

/// One rotation, or one recovery.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where credentials and journal are.
    pub store: Store,
    /// What seals the candidate.
    pub identity: seal::Identity,
    /// The connection whose app gets another credential, and with it all connections of the app.
    pub connection: Connection,
    /// The app's (client) id.
    pub app: String,
    /// The way to the clouds.
    pub cloud: Cloud,
    /// The connection's tenant, where the new one is proven.
    pub tenant: Tenant,
    /// Who changes the registration.
    pub home: Home,
    /// What the run may see. An app that a connection outside of it uses too is not rotated.
    pub scope: Scope,
    /// Who does it, for the lock and the journal.
    pub who: String,
    /// The run's id.
    pub run: Option<String>,
    /// The new certificate with its key (PEM), of an app that signs in with one.
    pub certificate: Option<Secret>,
    /// How long a new secret is to be good.
    pub lifetime: Duration,
    /// How long the one before stays valid.
    pub overlap: Duration,
    /// Somebody knows the one before who must not: it is removed at once.
    pub revoke: bool,
    /// Go on although a dependent is down.
    pub allow_down: bool,
    /// Rotate what is tagged `break-glass`.
    pub insist: bool,
    /// How long "not known" means "not yet".
    pub waiting: Waiting,
    /// How long after it was sent a write may still land.
    pub late: Duration,
    /// Who knows what else has to take the new one.
    pub dependents: Arc<dyn Dependents>,
    /// Cancelled: stop waiting.
    pub hurry: CancellationToken,
    /// The time.
    pub now: OffsetDateTime,
}

/// The connection of the tenant that holds the app's registration.
#[derive(Debug, Clone)]
pub struct Home {
    /// Its name.
    pub connection: String,
    /// Its domain.
    pub domain: String,
    /// How it signs in there.
    pub sign_in: SignIn,
}

impl Request {
    /// The options as the journal keeps them. That there is an app tells whose kind of transaction it is.
    pub(super) fn options(&self) -> Value {
        json!({
            "app": self.app,
            "overlap_seconds": self.overlap.as_secs(),
            "lifetime_seconds": self.lifetime.as_secs(),
            "revoke": self.revoke,
            "allow_down": self.allow_down,
            "insist": self.insist,
        })
    }
}

/// A credential that works beside the new one until its overlap is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retiring {
    /// Its version.
    pub version: u32,
    /// What the registration calls it.
    pub key_id: String,
    /// When it may be removed, RFC 3339.
    pub until: String,
}

/// A rotation that has made another credential the current one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// `ok`; `partial` when a dependent has not taken the new one, or the one before could not be removed.
    pub verdict: Verdict,
    /// The app's id.
    pub app: String,
    /// `client-secret` or `certificate`.
    pub form: &'static str,
    /// The version that is current now.
    pub version: u32,
    /// What the registration calls it.
    pub key_id: String,
    /// Until when it is good, RFC 3339.
    pub ends: Option<String>,
    /// The connection of the app's home tenant.
    pub home: String,
    /// Every connection that signs in with it now.
    pub connections: Vec<String>,
    /// What else had to take it.
    pub dependents: Vec<DependentReport>,
    /// The one before, where it still works.
    pub retiring: Option<Retiring>,
    /// When access with what was known before ends; only after `revoke`.
    pub access_ends: Option<String>,
    /// The stages.
    pub stages: Vec<StageReport>,
    /// Why it is not `ok`.
    pub error: Option<Failure>,
}
