//! Tokens in three parts (RFC 7519): the cloud's own, and assertions that a certificate signed.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ring::{
    hmac,
    signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm},
};
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

    /// Whether the key of this certificate signed it, as PS256 or RS256 (RFC 7518, 3.3 and 3.5).
    pub(super) fn signed_by(&self, certificate: &[u8]) -> bool {
        let way: &dyn VerificationAlgorithm = match self.header["alg"].as_str() {
            Some("PS256") => &RSA_PSS_2048_8192_SHA256,
            Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        let Ok((_, certificate)) = x509_parser::parse_x509_certificate(certificate) else { return false };
        let key = &certificate.public_key().subject_public_key.data;
        UnparsedPublicKey::new(way, key).verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}

/// What the cloud signs its own tokens with: only it can tell whether it did.
pub(super) struct Key(hmac::Key);

impl Key {
    pub(super) fn fresh() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()))
    }

    /// A token with these claims.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "lab" });
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = BASE64URL_NOPAD.encode(hmac::sign(&self.0, signed.as_bytes()).as_ref());
        format!("{signed}.{signature}")
    }

    /// The claims of a token that this key signed.
    pub(super) fn claims(&self, token: &str) -> Option<Value> {
        let parts = Parts::read(token)?;
        hmac::verify(&self.0, parts.signed.as_bytes(), &parts.signature).ok()?;
        Some(parts.claims)
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
