//! Tokens in three parts (RFC 7519): the cloud's own, and assertions that a certificate signed.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use rustls::{SignatureScheme, crypto::ring::default_provider};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A token taken apart. Nothing of it is believed yet.
pub(super) struct Parts {
    pub header: Value,
    pub claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Parts {
    /// Takes a token apart; `None` for what is none.
    pub(super) fn read(token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| serde_json::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok();
        Some(Self {
            header: part(header)?,
            claims: part(claims)?,
            signed: signed.to_owned(),
            signature: BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?,
        })
    }

    /// A claim that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A claim that is a number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.claims.get(name)?.as_i64()
    }

    /// Whether the key of this certificate signed it as PS256 (RFC 7518, 3.5).
    pub(super) fn signed_by(&self, certificate: &[u8]) -> bool {
        if self.header["alg"] != "PS256" {
            return false;
        }
        let Ok((_, certificate)) = x509_parser::parse_x509_certificate(certificate) else { return false };
        let key = &certificate.public_key().subject_public_key.data;
        let algorithms = default_provider().signature_verification_algorithms;
        let mut known = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == SignatureScheme::RSA_PSS_SHA256);
        known.any(|(_, ways)| {
            ways.iter().any(|way| way.verify_signature(key, self.signed.as_bytes(), &self.signature).is_ok())
        })
    }
}

/// What the cloud signs its own tokens with: only it can tell whether it did.
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn fresh() -> Self {
        Self(rand::random())
    }

    /// A token with these claims.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "lab" });
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = BASE64URL_NOPAD.encode(&self.signature(&signed));
        format!("{signed}.{signature}")
    }

    /// The claims of a token that this key signed.
    pub(super) fn claims(&self, token: &str) -> Option<Value> {
        let parts = Parts::read(token)?;
        (self.signature(&parts.signed) == parts.signature).then_some(parts.claims)
    }

    fn signature(&self, text: &str) -> Vec<u8> {
        // The key on both sides: whoever knows a signature cannot lengthen the text below it.
        Sha256::new().chain_update(self.0).chain_update(text).chain_update(self.0).finalize().to_vec()
    }
}

/// A GUID that is always the same for the same name, so that labs are alike.
pub(super) fn guid(name: &str) -> String {
    let hex = HEXLOWER.encode(&Sha256::digest(name)[..16]);
    // Version and variant as of a random one (RFC 9562, 5.4).
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// A GUID that nobody had before.
pub(super) fn fresh_guid() -> String {
    uuid::Uuid::new_v4().to_string()
}
