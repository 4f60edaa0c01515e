//! A certificate with its RSA key, as an app signs in with it.

use data_encoding::{BASE64URL_NOPAD, HEXUPPER};
use ring::{digest, signature::RsaKeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::{prelude::X509Certificate, public_key::PublicKey};

use super::jwt::Algorithm;
use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// What signs assertions.
pub(in crate::cloud) struct Signer {
    key: RsaKeyPair,
    der: Vec<u8>,
}

impl Signer {
    /// Reads a PEM text: the key, and the certificate that belongs to it among those that stand there.
    pub(in crate::cloud) fn read(pem: &Secret, now: OffsetDateTime) -> Result<Self> {
        let signer = Self::of(pem)?;
        signer.look_at_dates(now)?;
        Ok(signer)
    }

    fn of(pem: &Secret) -> Result<Self> {
        let key = key(pem.expose())?;
        let mut newest: Option<(i64, Vec<u8>)> = None;
        for certificate in CertificateDer::pem_slice_iter(pem.expose().as_bytes()) {
            let der = certificate.map_err(|error| bad(&format!("a certificate in it cannot be read: {error}")))?;
            let (_, parsed) = x509_parser::parse_x509_certificate(&der)
                .map_err(|error| bad(&format!("a certificate in it cannot be read: {error}")))?;
            let until = parsed.validity().not_after.timestamp();
            if is_of(&parsed, &key) && newest.as_ref().is_none_or(|(best, _)| until > *best) {
                newest = Some((until, der.to_vec()));
            }
        }
        let Some((_, der)) = newest else { return Err(bad("no certificate in it belongs to its key")) };
        Ok(Self { key, der })
    }

    /// SHA-1 of the certificate, by which Graph knows it; also of one whose time is over.
    pub(in crate::cloud) fn thumbprint(pem: &Secret) -> Result<Vec<u8>> {
        let signer = Self::of(pem)?;
        Ok(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &signer.der).as_ref().to_vec())
    }

    fn look_at_dates(&self, now: OffsetDateTime) -> Result<()> {
        let (_, parsed) = x509_parser::parse_x509_certificate(&self.der).map_err(|_| bad("it cannot be read"))?;
        let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
        if until.timestamp() < now.unix_timestamp() {
            return Err(Error::new(
                "cloud.expired_certificate",
                format!("the app's certificate expired on {}", until.to_datetime().date()),
            )
            .hint("make a new certificate, upload it to the app registration and store it"));
        }
        if from.timestamp() > now.unix_timestamp() {
            return Err(crate::cloud::errors::clock_skew(&format!(
                "the app's certificate is valid from {} on",
                from.to_datetime().date()
            )));
        }
        Ok(())
    }

    pub(super) fn key(&self) -> &RsaKeyPair {
        &self.key
    }

    /// The header of a token: which algorithm, which certificate.
    pub(super) fn header(&self, algorithm: Algorithm) -> Value {
        match algorithm {
            Algorithm::Ps256 => {
                json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": BASE64URL_NOPAD.encode(&Sha256::digest(&self.der)) })
            }
            // SHA-1 names the certificate here, it protects nothing.
            Algorithm::Rs256 => {
                let print = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der);
                json!({
                    "alg": "RS256",
                    "typ": "JWT",
                    "kid": HEXUPPER.encode(print.as_ref()),
                    "x5t": BASE64URL_NOPAD.encode(print.as_ref()),
                })
            }
        }
    }
}

fn key(pem: &str) -> Result<RsaKeyPair> {
    if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") {
        return Err(bad("its key is encrypted with a passphrase"));
    }
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| bad("there is no private key in it"))?;
    let read = match &key {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(bad("its key is no RSA key")),
    };
    read.map_err(|why| bad(&format!("its key is no RSA key of 2048 to 4096 bits: {why}")))
}

/// Whether a certificate's public key is this key's.
fn is_of(certificate: &X509Certificate<'_>, key: &RsaKeyPair) -> bool {
    let Ok(PublicKey::RSA(public)) = certificate.public_key().parsed() else { return false };
    let own: &[u8] = key.public().as_ref();
    // The public key as ring has it is the RSAPublicKey of RFC 8017, which the certificate holds as its bits.
    certificate.public_key().subject_public_key.data.as_ref() == own && !public.modulus.is_empty()
}

fn bad(why: &str) -> Error {
    Error::new("cloud.bad_certificate", format!("the app's certificate cannot be used: {why}"))
        .hint("give one PEM text with the certificate and its unencrypted RSA key (PKCS#8 or PKCS#1)")
}
