//! The certificate of a target: what it presents, also when it is not trusted.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::{Arc, OnceLock},
};

use data_encoding::HEXLOWER;
use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde::Serialize;
use time::OffsetDateTime;
use tokio_rustls::TlsConnector;
use x509_parser::{extensions::GeneralName, prelude::X509Certificate};

use super::{endpoint::Endpoint, link, ticks, trust};
use crate::error::{Error, Result};

/// What a target presents.
#[derive(Debug, Clone, Serialize)]
pub struct Presented {
    /// The target as it is written.
    pub target: String,
    /// Whether a connection to it would be made with the endpoint's settings.
    pub trusted: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Error>,
    /// The server's own certificate first, then those above it, as they were sent.
    pub chain: Vec<Certificate>,
}

/// One certificate (RFC 5280).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Whom it is for.
    pub subject: String,
    /// Who made it.
    pub issuer: String,
    /// The host names and addresses in subjectAltName; nothing else counts.
    pub names: Vec<String>,
    /// From when it is good, RFC 3339.
    pub not_before: String,
    /// Until when it is good, RFC 3339.
    pub not_after: String,
    /// Whole days until then; negative when it has expired.
    pub days_left: i64,
    /// SHA-256 of its DER form, in hexadecimal: what a pin is.
    pub sha256: String,
}

/// Reads the certificates that the target presents. Nobody signs in; nothing is sent but the handshake.
///
/// # Errors
/// Those of connecting; `ad.protocol` when a certificate cannot be read. That it is not trusted is no error here.
pub async fn certificate(endpoint: &Endpoint) -> Result<Presented> {
    let witness = Arc::new(Witness { judge: Arc::clone(&endpoint.trust().verifier), seen: OnceLock::new() });
    let connector = TlsConnector::from(trust::config(witness.clone())?);
    let connected = link::connect_with(endpoint, &connector).await;
    let Some((chain, judgement)) = witness.seen.get() else {
        return Err(connected.err().unwrap_or_else(|| unreadable(endpoint)));
    };
    let now = OffsetDateTime::now_utc();
    let chain = chain.iter().map(|der| describe(der, now)).collect::<Option<Vec<_>>>();
    let problem = judgement.as_ref().err().map(|error| trust::refusal(&endpoint.target, error)).or(connected.err());
    Ok(Presented {
        target: endpoint.target.to_string(),
        trusted: problem.is_none(),
        problem,
        chain: chain.ok_or_else(|| unreadable(endpoint))?,
    })
}

fn unreadable(endpoint: &Endpoint) -> Error {
    Error::new("ad.protocol", format!("{} presents a certificate that cannot be read", endpoint.target))
        .hint("have a new certificate made for the controller")
}

fn describe(der: &CertificateDer<'_>, now: OffsetDateTime) -> Option<Certificate> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).ok()?;
    let (from, until) = (parsed.validity().not_before.to_datetime(), parsed.validity().not_after.to_datetime());
    Some(Certificate {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        names: names(&parsed),
        not_before: ticks::text(from),
        not_after: ticks::text(until),
        days_left: (until - now).whole_seconds().div_euclid(86_400),
        sha256: HEXLOWER.encode(&trust::fingerprint(der)),
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            _ => Some(Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
        },
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

type Seen = (Vec<CertificateDer<'static>>, Result<(), rustls::Error>);

/// Lets every certificate pass, and notes what the real verifier thinks of it. Nothing may be said on such a connection.
#[derive(Debug)]
struct Witness {
    judge: Arc<dyn ServerCertVerifier>,
    seen: OnceLock<Seen>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judgement = self.judge.verify_server_cert(leaf, chain, name, ocsp, now).map(|_| ());
        let all = std::iter::once(leaf).chain(chain).map(|der| der.clone().into_owned()).collect();
        self.seen.get_or_init(|| (all, judgement));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        trust::tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        trust::tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        trust::schemes()
    }
}
