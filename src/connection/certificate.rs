//! An app's certificate with its key, looked at before it is stored: what the cloud would refuse is refused here.

use rustls::{
    SignatureAlgorithm,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::{Error, Result};

/// Checks PEM text: a certificate that is valid now, first, and the RSA key that belongs to it (Entra ID takes RSA alone:
/// learn.microsoft.com/entra/identity-platform/certificate-credentials).
///
/// # Errors
/// `connection.bad_certificate`, `connection.certificate_expired`, `connection.certificate_key`.
pub fn check(pem: &str, now: OffsetDateTime) -> Result<()> {
    let certificate = certificate(pem)?;
    let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|e| bad(&format!("cannot be read: {e}")))?;
    dates(&parsed, now)?;
    let key = key(pem)?;
    let key = any_supported_type(&key)
        .map_err(|_| wrong_key("the key is of a kind that cannot be used, or an RSA key of less than 2048 bits"))?;
    if key.algorithm() != SignatureAlgorithm::RSA {
        return Err(wrong_key("the key is not an RSA key"));
    }
    CertifiedKey::new(vec![certificate], key)
        .keys_match()
        .map_err(|_| wrong_key("the key does not belong to the certificate"))
}

/// Until when a PEM text's certificate is good, RFC 3339; `None` where it cannot be read.
#[must_use]
pub fn ends(pem: &str) -> Option<String> {
    let certificate = certificate(pem).ok()?;
    let (_, parsed) = X509Certificate::from_der(&certificate).ok()?;
    parsed.validity().not_after.to_datetime().format(&Rfc3339).ok()
}

fn certificate(pem: &str) -> Result<CertificateDer<'static>> {
    match CertificateDer::pem_slice_iter(pem.as_bytes()).next() {
        Some(Ok(certificate)) => Ok(certificate),
        Some(Err(e)) => Err(bad(&format!("cannot be read: {e}"))),
        None => Err(bad("is not there: the file has no CERTIFICATE block")),
    }
}

fn dates(certificate: &X509Certificate<'_>, now: OffsetDateTime) -> Result<()> {
    let validity = certificate.validity();
    let told = |said: &str, date: OffsetDateTime| {
        Error::new("connection.certificate_expired", format!("the certificate {said} {}", date.date()))
            .hint("have a certificate made that is valid now, add it to the app registration, and see that the clock is right")
    };
    let (from, until) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
    if now > until {
        return Err(told("has expired on", until));
    }
    if now < from {
        return Err(told("is not valid before", from));
    }
    Ok(())
}

fn key(pem: &str) -> Result<PrivateKeyDer<'static>> {
    if pem.contains("ENCRYPTED PRIVATE KEY-----") || pem.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(wrong_key("the key is encrypted with a passphrase"));
    }
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong_key("the file has no private key"))
}

fn bad(said: &str) -> Error {
    Error::new("connection.bad_certificate", format!("the certificate {said}"))
        .hint("give a PEM file with the certificate and its key")
}

fn wrong_key(said: &str) -> Error {
    Error::new("connection.certificate_key", said)
        .hint("give a PEM file with the certificate and its own RSA key (2048 bits at least), without a passphrase")
}
