//! The apps: one that all tenants have consented to, and one that is nobody's business.

use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{
    APP_PEM,
    credential::{Credential, Material, stamp},
    roles::{GRAPH_APP, PERMISSIONS},
};

/// The lab's app.
pub(super) const CLIENT_ID: &str = "5f1c9a52-3d84-4c0e-9f0b-6a2f7c1e8d34";
/// Its object in the home tenant.
pub(super) const OBJECT_ID: &str = "c0ffb8a1-7d36-4e52-8f6a-1b9d2e3f4a50";
/// An app that the lab's app does not own.
pub(super) const STRANGER_ID: &str = "0b4d7e96-5a21-4f38-b6c9-8e1d2f3a4b57";
/// How long the credentials of a fresh lab are valid.
const LIFETIME: Duration = Duration::days(180);
/// The subject of the workload identity that the app trusts.
pub(super) const WORKLOAD: &str = "system:serviceaccount:libretto:agent";
/// The audience of its assertions.
pub(super) const EXCHANGE: &str = "api://AzureADTokenExchange";

/// An app's object.
pub(super) struct App {
    /// `appId`.
    pub client: &'static str,
    /// `id`.
    pub object: &'static str,
    pub name: &'static str,
    pub created: OffsetDateTime,
    pub credentials: Vec<Credential>,
}

impl App {
    /// The lab's app, with its secret and its certificate. `expired`: the secret's time is over.
    pub(super) fn lab(now: OffsetDateTime, secret: &str, expired: bool) -> Self {
        let start = now - Duration::days(30);
        let end = if expired { now - Duration::days(1) } else { now + LIFETIME };
        let secret = Material::Secret(Zeroizing::new(secret.to_owned()));
        let mut credentials = vec![Credential::new(secret, start, end).named(Some("set up with the lab"))];
        if let Ok(certificate) = CertificateDer::from_pem_slice(APP_PEM.as_bytes()) {
            let certificate = Material::Certificate(certificate.to_vec());
            credentials.push(Credential::new(certificate, start, now + LIFETIME).named(Some("CN=Libretto lab app")));
        }
        Self { client: CLIENT_ID, object: OBJECT_ID, name: "Libretto", created: start, credentials }
    }

    /// Somebody else's app.
    pub(super) fn stranger(now: OffsetDateTime) -> Self {
        let created = now - Duration::days(400);
        let object = "d41e6b07-92c5-4a83-b1f0-5c6d7e8f9a01";
        Self { client: STRANGER_ID, object, name: "Payroll", created, credentials: Vec::new() }
    }

    /// Whether a path's key (`id`, or `appId='...'`) means this app.
    pub(super) fn is(&self, key: &str) -> bool {
        key.eq_ignore_ascii_case(self.object)
            || key.strip_prefix("appId='").is_some_and(|rest| rest.trim_end_matches('\'') == self.client)
    }

    pub(super) fn secrets(&self) -> Vec<Value> {
        self.credentials.iter().filter(|one| one.is_secret()).map(Credential::show).collect()
    }

    pub(super) fn keys(&self) -> Vec<Value> {
        self.credentials.iter().filter(|one| !one.is_secret()).map(Credential::show).collect()
    }

    /// As Graph shows it.
    pub(super) fn show(&self, home: &str) -> Value {
        let access: Vec<Value> = PERMISSIONS.iter().map(|(_, id)| json!({ "id": id, "type": "Role" })).collect();
        json!({
            "id": self.object,
            "appId": self.client,
            "displayName": self.name,
            "createdDateTime": stamp(self.created),
            "deletedDateTime": null,
            "identifierUris": [],
            "isFallbackPublicClient": true,
            "publisherDomain": home,
            "signInAudience": "AzureADMultipleOrgs",
            "tags": [],
            "requiredResourceAccess": [{ "resourceAppId": GRAPH_APP, "resourceAccess": access }],
            "passwordCredentials": self.secrets(),
            "keyCredentials": self.keys(),
        })
    }
}
