//! Signed assertions (JWT, RFC 7519, in the compact form of RFC 7515).

use data_encoding::BASE64URL_NOPAD;
use ring::{rand::SystemRandom, signature};
use serde_json::Value;

use super::Signer;
use crate::error::{Error, Result};

/// How it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cloud) enum Algorithm {
    /// RSASSA-PSS with SHA-256, salt as long as the hash (RFC 7518, 3.5).
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, 3.3): what Graph's own examples sign a proof of possession with.
    Rs256,
}

/// Signs `claims`. The padding character is never used: Graph refuses it.
pub(in crate::cloud) fn sign(signer: &Signer, algorithm: Algorithm, claims: &Value) -> Result<String> {
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let header = signer.header(algorithm);
    let mut token = format!("{}.{}", encode(&header), encode(claims));
    let how: &dyn signature::RsaEncoding = match algorithm {
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
    };
    let key = signer.key();
    let mut bytes = vec![0; key.public().modulus_len()];
    key.sign(how, &SystemRandom::new(), token.as_bytes(), &mut bytes)
        .map_err(|_| Error::new("cloud.bad_certificate", "the certificate's key cannot sign"))?;
    token.push('.');
    token.push_str(&BASE64URL_NOPAD.encode(&bytes));
    Ok(token)
}
