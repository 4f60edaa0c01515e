//! The lab's certificate authority and one certificate per server, made anew at each start.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use time::{Duration, OffsetDateTime};

use super::{DOMAIN, fault::TargetFault};
use crate::{
    error::{Error, Result},
    net::trust::provider,
};

/// An authority that signs the servers' certificates.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    pub(super) fn new(name: &str) -> Result<Self> {
        let mut params = params(name, Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        CertifiedIssuer::self_signed(params, key).map(Self).map_err(failed)
    }

    /// The authority's own certificate, for clients to trust.
    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a target needs to speak TLS. `faults` are the target's; those about certificates are obeyed.
    pub(super) fn server(&self, host: &str, faults: &[TargetFault]) -> Result<Arc<ServerConfig>> {
        let names = if faults.contains(&TargetFault::WrongName) {
            vec![format!("elsewhere.{DOMAIN}")]
        } else {
            vec![host.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()]
        };
        let mut params = params(host, names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if faults.contains(&TargetFault::ExpiredCertificate) {
            params.not_before = OffsetDateTime::now_utc() - Duration::days(90);
            params.not_after = OffsetDateTime::now_utc() - Duration::days(1);
        }
        let key = KeyPair::generate().map_err(failed)?;
        let stranger;
        let issuer = if faults.contains(&TargetFault::UntrustedCertificate) {
            stranger = Self::new("Authority of nobody")?;
            &stranger.0
        } else {
            &self.0
        };
        let leaf = params.signed_by(&key, issuer).map_err(failed)?;
        config(vec![leaf.der().clone(), issuer.der().clone()], &key)
    }
}

fn params(name: &str, names: Vec<String>) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    // Half a day more, so that the whole days that are left stay the same while a run goes on.
    params.not_after = OffsetDateTime::now_utc() + Duration::days(30) + Duration::hours(12);
    Ok(params)
}

fn config(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Result<Arc<ServerConfig>> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map(Arc::new)
        .map_err(failed)
}

fn failed(error: impl std::error::Error) -> Error {
    Error::new("lab.certificate", format!("the lab could not make its certificates: {error}"))
}
