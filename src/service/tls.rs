//! A service's certificate: given as PEM files, or made by the service itself and kept.

mod own;

use std::{path::Path, sync::Arc};

use data_encoding::HEXLOWER;
pub use own::own;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    net::trust::provider,
};

/// What a listener needs to speak TLS, and what a client needs to know of it.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// For the listener.
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the certificate, 64 lower-case hexadecimal digits: what a client may pin.
    pub fingerprint: String,
}

/// A certificate with its chain, and its key, from PEM files.
///
/// # Errors
/// `service.bad_certificate`, `service.bad_key`; `service.certificate_expired`.
pub fn given(certificate: &Path, key: &Path) -> Result<Certificate> {
    let read = |path: &Path, code| {
        std::fs::read(path).map(Zeroizing::new).map_err(|e| {
            Error::new(code, format!("{} cannot be read: {e}", path.display())).hint("give the path of a PEM file")
        })
    };
    let chain = chain(&read(certificate, "service.bad_certificate")?).map_err(|e| e.context(certificate.display()))?;
    let bytes = read(key, "service.bad_key")?;
    let wrong = |said: String| {
        Error::new("service.bad_key", format!("{}: {said}", key.display()))
            .hint("give the PEM file of the certificate's private key, not encrypted")
    };
    let private =
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| wrong("there is no private key in it".to_owned()))?;
    loaded(chain, private, wrong)
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let wrong = |said: &str| {
        Error::new("service.bad_certificate", said).hint("give a PEM file with the certificate first, then its chain")
    };
    let chain =
        CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|_| wrong("it is no PEM"))?;
    let first = chain.first().ok_or_else(|| wrong("there is no certificate in it"))?;
    let (_, read) = X509Certificate::from_der(first).map_err(|_| wrong("its first certificate cannot be read"))?;
    let until = read.validity().not_after.to_datetime();
    if until < OffsetDateTime::now_utc() {
        return Err(Error::new(
            "service.certificate_expired",
            format!("the certificate has expired on {}", until.date()),
        )
        .hint("give one that is valid; clients would refuse this one"));
    }
    Ok(chain)
}

fn loaded(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    wrong: impl Fn(String) -> Error,
) -> Result<Certificate> {
    let fingerprint = chain.first().map(|first| HEXLOWER.encode(&Sha256::digest(first))).unwrap_or_default();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| wrong(format!("certificate and key cannot be used: {e}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Certificate { config: Arc::new(config), fingerprint })
}
