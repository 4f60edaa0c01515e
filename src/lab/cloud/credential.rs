//! What an app proves itself with: client secrets and certificates, and since when they count.

use data_encoding::HEXUPPER;
use rand::{RngExt, distr::Alphanumeric};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use zeroize::Zeroizing;

use super::jwt::fresh_guid;

/// One credential of an app.
#[derive(Clone)]
pub(super) struct Credential {
    pub id: String,
    pub name: Option<String>,
    pub start: OffsetDateTime,
    pub end: OffsetDateTime,
    /// From when on the sign-in service knows it: what is new takes its time to get about.
    pub known_from: OffsetDateTime,
    pub material: Material,
}

/// What it is made of.
#[derive(Clone)]
pub(super) enum Material {
    Secret(Zeroizing<String>),
    /// A certificate (DER).
    Certificate(Vec<u8>),
}

impl Credential {
    pub(super) fn new(material: Material, start: OffsetDateTime, end: OffsetDateTime) -> Self {
        Self { id: fresh_guid(), name: None, start, end, known_from: start, material }
    }

    pub(super) fn named(mut self, name: Option<&str>) -> Self {
        self.name = name.map(str::to_owned);
        self
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self.material, Material::Secret(_))
    }

    /// As Graph shows it: a `passwordCredential` without its text, or a `keyCredential` without its key.
    pub(super) fn show(&self) -> Value {
        let (start, end) = (stamp(self.start), stamp(self.end));
        match &self.material {
            Material::Secret(text) => json!({
                "customKeyIdentifier": null,
                "displayName": self.name,
                "endDateTime": end,
                "hint": text.chars().take(3).collect::<String>(),
                "keyId": self.id,
                "secretText": null,
                "startDateTime": start,
            }),
            Material::Certificate(der) => json!({
                // The thumbprint, which is SHA-1 here.
                "customKeyIdentifier": HEXUPPER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref()),
                "displayName": self.name,
                "endDateTime": end,
                "key": null,
                "keyId": self.id,
                "startDateTime": start,
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
            }),
        }
    }
}

/// A client secret as Entra ID makes them: 40 characters.
pub(super) fn fresh_secret() -> String {
    let mut random = rand::rng();
    let some = |count: usize, random: &mut rand::rngs::ThreadRng| -> String {
        random.sample_iter(Alphanumeric).take(count).map(char::from).collect()
    };
    format!("{}~{}", some(5, &mut random), some(34, &mut random))
}

/// A time as Graph writes it.
pub(super) fn stamp(time: OffsetDateTime) -> String {
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}
