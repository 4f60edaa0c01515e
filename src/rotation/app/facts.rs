//! What the journal keeps of a rotation of an app's credential beside its events.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    connection::credentials::Form,
    error::{Error, Result},
    store::{journal::Rotation, rows::CredentialId},
};

/// What stands before a transaction's id in the name of what it adds.
const PREFIX: &str = "libretto ";

/// What preflight found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    /// The app's (client) id.
    pub(super) app: String,
    /// Its registration's object id.
    pub(super) object: String,
    /// Its name.
    pub(super) name: String,
    /// The connection of its home tenant.
    pub(super) home: String,
    /// The sign-in host.
    pub(super) on: String,
    /// Whether it signs in with a certificate.
    pub(super) certificate: bool,
    /// What it signs in with before.
    pub(super) old: Old,
    /// Who has begun it.
    #[serde(default)]
    pub(super) by: String,
    /// What else has to take the new one.
    #[serde(default)]
    pub(super) dependents: Value,
}

/// The credential before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Old {
    /// Its row.
    pub(super) credential: i64,
    /// Its version.
    pub(super) version: u32,
    /// What the registration calls it; `None` where that cannot be told.
    pub(super) key_id: Option<String>,
}

impl Old {
    pub(super) fn row(&self) -> CredentialId {
        CredentialId(self.credential)
    }
}

impl Facts {
    pub(super) fn read(rotation: &Rotation) -> Result<Self> {
        serde_json::from_value(rotation.before.clone())
            .map_err(|e| Error::new("rotation.internal", format!("the journal of {} cannot be read: {e}", rotation.id)))
    }

    /// The word for what the app signs in with.
    pub(super) fn kind(&self) -> &'static str {
        if self.certificate { "certificate" } else { "secret" }
    }

    /// What a credential of this kind is made of.
    pub(super) fn form(&self) -> Form {
        if self.certificate { Form::Certificate } else { Form::ClientSecret }
    }
}

/// Whether a transaction is one of an app.
pub(in crate::rotation) fn is_of_app(rotation: &Rotation) -> bool {
    rotation.options["app"].is_string()
}

/// What a transaction's credential is called in the registration: by it a lost one is found.
pub(super) fn display_name(rotation: &str) -> String {
    format!("{PREFIX}{rotation}")
}

/// The transaction that a credential was added by, as its name says.
pub(super) fn transaction_in(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX).filter(|id| Uuid::try_parse(id).is_ok())
}
