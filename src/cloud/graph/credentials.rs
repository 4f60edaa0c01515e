//! An app's own secrets and certificates: list, add, remove. Done in the app's home tenant, where its registration lives.

use data_encoding::{BASE64, HEXUPPER};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::Serialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Graph, batch::Ask, path::encode};
use crate::{
    cloud::{
        answer::Object,
        signin::{Proof, Signer, jwt},
    },
    error::{Error, Result},
    secret::Secret,
};

/// Whom a proof of possession is for: Azure AD Graph's old id, which Graph still asks for
/// (learn.microsoft.com, "Generate proof of possession tokens for rolling keys").
const PROOF_AUDIENCE: &str = "00000002-0000-0000-c000-000000000000";
/// How long a proof is valid.
const PROOF_VALID: i64 = 600;

/// An app's registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// The registration's object id, which is not the app's id.
    pub id: String,
    /// The app's (client) id.
    pub app_id: String,
    /// Its name.
    pub display_name: String,
    /// Its secrets and certificates.
    pub credentials: Vec<AppCredential>,
}

/// Which kind of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    /// A secret.
    Secret,
    /// A certificate.
    Certificate,
}

/// A secret or certificate of an app, without what is secret of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppCredential {
    /// Its id.
    pub key_id: String,
    /// Secret or certificate.
    pub kind: CredentialKind,
    /// The name that it was given.
    pub display_name: Option<String>,
    /// The first characters of a secret; a certificate's thumbprint, in base64.
    pub hint: Option<String>,
    /// From when it is good, RFC 3339.
    pub starts: Option<String>,
    /// Until when it is good, RFC 3339.
    pub ends: Option<String>,
}

impl Application {
    fn read(answer: &Value) -> Result<Self> {
        let object = Object::of(answer, "the app registration")?;
        let mut credentials = Vec::new();
        for secret in object.maybe_objects("passwordCredentials")? {
            credentials.push(AppCredential::read(&secret, CredentialKind::Secret)?);
        }
        for key in object.maybe_objects("keyCredentials")? {
            credentials.push(AppCredential::read(&key, CredentialKind::Certificate)?);
        }
        Ok(Self {
            id: object.text("id")?,
            app_id: object.text("appId")?,
            display_name: object.text("displayName")?,
            credentials,
        })
    }
}

impl AppCredential {
    /// Whether this is what the proof shows, as far as Graph tells: by the thumbprint of a certificate, or the first characters of a
    /// secret, which two secrets may share.
    #[must_use]
    pub fn may_be(&self, proof: &Proof) -> bool {
        let Some(hint) = &self.hint else { return false };
        match (self.kind, proof) {
            (CredentialKind::Secret, Proof::ClientSecret(secret)) => {
                !hint.is_empty() && secret.expose().starts_with(hint.as_str())
            }
            (CredentialKind::Certificate, Proof::Certificate(pem)) => Signer::thumbprint(pem).is_ok_and(|print| {
                // Graph has shown it in either way.
                hint.eq_ignore_ascii_case(&HEXUPPER.encode(&print)) || *hint == BASE64.encode(&print)
            }),
            _ => false,
        }
    }

    fn read(object: &Object<'_>, kind: CredentialKind) -> Result<Self> {
        let hint = match kind {
            CredentialKind::Secret => "hint",
            CredentialKind::Certificate => "customKeyIdentifier",
        };
        Ok(Self {
            key_id: object.text("keyId")?,
            kind,
            display_name: object.maybe_text("displayName")?,
            hint: object.maybe_text(hint)?,
            starts: object.maybe_text("startDateTime")?,
            ends: object.maybe_text("endDateTime")?,
        })
    }
}

impl Graph {
    /// An app's registration by the app's id. Least permission: `Application.Read.All`.
    ///
    /// # Errors
    /// `cloud.not_found` when the registration lives in another tenant; those of Graph.
    pub async fn application(&self, app: &str) -> Result<Application> {
        let select = "id,appId,displayName,passwordCredentials,keyCredentials";
        let path = format!("/applications(appId='{}')?$select={select}", encode(&app.replace('\'', "''")));
        Application::read(&self.get(&path).await?)
    }

    /// Adds a secret to a registration, by its object id. The text is answered this once. `name` should tell who added it: a secret
    /// whose answer was lost is found by it. Least permission: `Application.ReadWrite.OwnedBy`.
    ///
    /// # Errors
    /// `cloud.app_policy`, `cloud.in_doubt`; those of Graph.
    pub async fn add_secret(&self, object: &str, name: &str, ends: OffsetDateTime) -> Result<(AppCredential, Secret)> {
        let ends = ends.format(&Rfc3339).map_err(|_| Error::new("cloud.bad_request", "the secret's end is no date"))?;
        let body = json!({ "passwordCredential": { "displayName": name, "endDateTime": ends } });
        let made = self.send(Ask::post(format!("/applications/{}/addPassword", encode(object)), body)).await?;
        let lost = |error: Error| {
            Error::in_doubt("cloud.in_doubt", format!("a secret was added, but {error}"))
                .hint(format!("remove the secret named '{name}' from the app registration"))
        };
        let answer = Object::of(&made, "the new secret").map_err(lost)?;
        let text = answer.text("secretText").and_then(Secret::new).map_err(lost)?;
        Ok((AppCredential::read(&answer, CredentialKind::Secret).map_err(lost)?, text))
    }

    /// Removes a secret. One that is gone already is no failure. Least permission: `Application.ReadWrite.OwnedBy`.
    ///
    /// # Errors
    /// Those of Graph.
    pub async fn remove_secret(&self, object: &str, key_id: &str) -> Result<()> {
        let path = format!("/applications/{}/removePassword", encode(object));
        gone(self.send(Ask::post(path, json!({ "keyId": key_id })).repeatable()).await)
    }

    /// Adds a certificate (PEM, its key not needed), proving possession of one that is registered and valid. Least permission:
    /// `Application.ReadWrite.OwnedBy`.
    ///
    /// # Errors
    /// `cloud.bad_certificate`, `cloud.expired_certificate`, `cloud.app_policy`, `cloud.in_doubt`; those of Graph.
    pub async fn add_certificate(
        &self,
        object: &str,
        name: &str,
        new: &str,
        present: &Secret,
    ) -> Result<AppCredential> {
        let der = CertificateDer::from_pem_slice(new.as_bytes()).map_err(|_| {
            Error::new("cloud.bad_certificate", "the new certificate cannot be read").hint("give it as PEM text")
        })?;
        let body = json!({
            "keyCredential": {
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
                "displayName": name,
                "key": BASE64.encode(&der),
            },
            "passwordCredential": null,
            "proof": proof(object, present)?,
        });
        let made = self.send(Ask::post(format!("/applications/{}/addKey", encode(object)), body)).await?;
        let answer = Object::of(&made, "the new certificate");
        answer.and_then(|answer| AppCredential::read(&answer, CredentialKind::Certificate)).map_err(|error| {
            Error::in_doubt("cloud.in_doubt", format!("a certificate was added, but {error}"))
                .hint(format!("look for the certificate named '{name}' in the app registration"))
        })
    }

    /// Removes a certificate, proving possession of one that is registered and valid. One that is gone already is no failure.
    ///
    /// # Errors
    /// `cloud.bad_certificate`, `cloud.expired_certificate`; those of Graph.
    pub async fn remove_certificate(&self, object: &str, key_id: &str, present: &Secret) -> Result<()> {
        let body = json!({ "keyId": key_id, "proof": proof(object, present)? });
        let path = format!("/applications/{}/removeKey", encode(object));
        gone(self.send(Ask::post(path, body).repeatable()).await)
    }
}

/// Graph's words for a credential that is not there, which is what was wanted.
fn gone(result: Result<Value>) -> Result<()> {
    match result {
        Err(error) if error.details().iter().any(|(key, said)| *key == "said" && absent(said)) => Ok(()),
        other => other.map(drop),
    }
}

fn absent(said: &str) -> bool {
    let said = said.to_lowercase();
    (said.contains("no password credential found")
        || said.contains("no credential")
        || said.contains("no key credential"))
        && said.contains("keyid")
}

/// Shows that whoever asks holds the key of a certificate that is registered.
fn proof(object: &str, present: &Secret) -> Result<String> {
    let now = OffsetDateTime::now_utc();
    let signer = Signer::read(present, now)?;
    let claims = json!({
        "aud": PROOF_AUDIENCE,
        "iss": object,
        "nbf": now.unix_timestamp(),
        "exp": (now + Duration::seconds(PROOF_VALID)).unix_timestamp(),
    });
    jwt::sign(&signer, jwt::Algorithm::Rs256, &claims)
}
