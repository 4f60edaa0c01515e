//! Applications and their credentials. The objects live in the home tenant alone.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use zeroize::Zeroizing;

use super::{
    super::{
        app::{App, CLIENT_ID},
        credential::{Credential, Material, fresh_secret},
        fault::CloudFault,
        http::Answer,
        refusal::Failure,
        tenant::LABELS,
        world::Side,
    },
    Outcome, Request,
};

/// How long a secret may be good under the fault `secret-policy`.
pub(super) const POLICY_DAYS: i64 = 90;
/// How long a secret is good unless told (learn.microsoft.com, "application: addPassword").
const TWO_YEARS: Duration = Duration::days(730);
/// What an app may read applications with.
const READ: &[&str] = &["Application.Read.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All"];

impl Request<'_> {
    pub(super) fn applications(&self) -> Outcome {
        self.caller.read(READ)?;
        let tenant = self.tenant();
        let all = tenant.apps(&self.world.apps).iter().map(|app| app.show(&tenant.domain)).collect();
        self.list("applications", all)
    }

    pub(super) fn application(&self, key: &str) -> Outcome {
        self.caller.read(READ)?;
        let app = &self.world.apps[self.app(key)?];
        Ok(self.one("applications", app.show(&self.tenant().domain), &[]))
    }

    pub(super) fn add_password(&mut self, key: &str) -> Outcome {
        let number = self.own(key)?;
        let body = self.body()?;
        let wanted = body.get("passwordCredential").and_then(Value::as_object).cloned().unwrap_or_default();
        let now = self.cloud.now();
        let start = date(&wanted, "startDateTime")?.unwrap_or(now);
        let end = date(&wanted, "endDateTime")?.unwrap_or(start + TWO_YEARS);
        if end <= start {
            return Err(Failure::bad("Credential's end date must be later than its start date."));
        }
        if self.cloud.has(Side::Graph, Some(LABELS[0]), CloudFault::SecretPolicy)
            && end - start > Duration::days(POLICY_DAYS)
        {
            let message = "Credential lifetime exceeds the max value allowed as per assigned policy \
                           '00000000-0000-0000-0000-000000000000'.";
            return Err(Failure::new(400, "CredentialInvalidLifetimeAsPerAppPolicy", message));
        }
        let text = fresh_secret();
        let mut secret = Credential::new(Material::Secret(Zeroizing::new(text.clone())), start, end)
            .named(wanted.get("displayName").and_then(Value::as_str));
        secret.known_from = now + self.cloud.new_secret_delay();
        let mut shown = secret.show();
        shown["secretText"] = json!(text);
        self.world.apps[number].credentials.push(secret);
        Ok(Answer::ok(with_context(&self.context("microsoft.graph.passwordCredential"), shown)))
    }

    pub(super) fn remove_password(&mut self, key: &str) -> Outcome {
        let number = self.own(key)?;
        self.remove(number, true, "No password credential found with keyId.")
    }

    pub(super) fn add_key(&mut self, key: &str) -> Outcome {
        let number = self.own(key)?;
        let body = self.body()?;
        self.proof(number, &body)?;
        let given = &body.get("keyCredential").cloned().unwrap_or_default();
        if given["type"] != "AsymmetricX509Cert" || given["usage"] != "Verify" {
            let message = "Credential type and usage have to be AsymmetricX509Cert and Verify.";
            return Err(Failure::new(400, "Request_BadRequest", message));
        }
        let der = given["key"].as_str().and_then(|text| BASE64.decode(text.as_bytes()).ok());
        let invalid = || Failure::new(400, "Request_BadRequest", "Key credential value is invalid certificate.");
        let der = der.ok_or_else(invalid)?;
        let validity = match x509_parser::parse_x509_certificate(&der) {
            Ok((_, certificate)) => certificate.validity().clone(),
            Err(_) => return Err(invalid()),
        };
        let now = self.cloud.now();
        let (start, end) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
        if end <= now {
            return Err(Failure::new(400, "KeyCredentialsInvalidEndDate", "Key credential end date is invalid."));
        }
        let mut certificate =
            Credential::new(Material::Certificate(der), start, end).named(given["displayName"].as_str());
        certificate.known_from = now + self.cloud.new_secret_delay();
        let shown = certificate.show();
        self.world.apps[number].credentials.push(certificate);
        Ok(Answer::ok(with_context(&self.context("microsoft.graph.keyCredential"), shown)))
    }

    pub(super) fn remove_key(&mut self, key: &str) -> Outcome {
        let number = self.own(key)?;
        let body = self.body()?;
        self.proof(number, &body)?;
        self.remove(number, false, "No key credential found with keyId.")
    }

    fn remove(&mut self, number: usize, secret: bool, absent: &str) -> Outcome {
        let body = self.body()?;
        let id = body.get("keyId").and_then(Value::as_str).unwrap_or_default().to_owned();
        if uuid::Uuid::try_parse(&id).is_err() {
            return Err(Failure::bad("Invalid value specified for property 'keyId'."));
        }
        let credentials = &mut self.world.apps[number].credentials;
        let before = credentials.len();
        credentials.retain(|one| one.is_secret() != secret || !one.id.eq_ignore_ascii_case(&id));
        if credentials.len() == before { Err(Failure::bad(absent)) } else { Ok(Answer::done()) }
    }

    fn proof(&self, number: usize, body: &Map<String, Value>) -> Result<(), Failure> {
        let proof = body.get("proof").and_then(Value::as_str).unwrap_or_default();
        if self.cloud.possesses(&self.world.apps[number], proof) {
            return Ok(());
        }
        Err(Failure::new(401, "Authentication_MissingOrMalformed", "Access Token missing or malformed."))
    }

    /// The application that a path names.
    fn app(&self, key: &str) -> Result<usize, Failure> {
        let apps = self.tenant().apps(&self.world.apps);
        apps.iter().position(|app: &App| app.is(key)).ok_or_else(|| Failure::missing(key))
    }

    /// The same, to be changed: by the app itself, or by who may change all.
    fn own(&self, key: &str) -> Result<usize, Failure> {
        let number = self.app(key);
        let owned = !matches!(number, Ok(number) if self.world.apps[number].client != CLIENT_ID);
        let permissions: &[&str] = if owned {
            &["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"]
        } else {
            &["Application.ReadWrite.All"]
        };
        self.caller.need(permissions, &[])?;
        number
    }
}

fn date(members: &Map<String, Value>, name: &str) -> Result<Option<OffsetDateTime>, Failure> {
    let Some(value) = members.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let read = value.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    read.map(Some).ok_or_else(|| {
        Failure::new(400, "BadRequest", format!("Cannot convert the literal to the expected type of '{name}'."))
    })
}

fn with_context(context: &str, value: Value) -> Value {
    let mut body = json!({ "@odata.context": context });
    if let (Some(body), Value::Object(members)) = (body.as_object_mut(), value) {
        body.extend(members);
    }
    body
}
