//! The verification of a server's certificate: roots, a CA, or a pin; and what rustls' refusals mean for a person.

use std::{fmt, sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{target::Target, ticks, tls::Tls};
use crate::{
    error::{Error, Result},
    net::trust::{self, provider},
};

/// A verifier and the TLS configuration that uses it.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) verifier: Arc<dyn ServerCertVerifier>,
    pub(super) config: Arc<ClientConfig>,
}

impl Trust {
    /// Builds what `tls` asks for.
    pub(super) fn new(tls: &Tls) -> Result<Self> {
        let verifier: Arc<dyn ServerCertVerifier> = match (&tls.pin, &tls.ca_pem) {
            (Some(pin), _) => Arc::new(Pinned { pin: *pin }),
            (None, Some(pem)) => webpki(ca_roots(pem)?)?,
            (None, None) => webpki(system_roots()?)?,
        };
        Ok(Self { config: config(Arc::clone(&verifier))?, verifier })
    }
}

/// A TLS configuration with a verifier of our own and ring's cryptography.
pub(super) fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new("ad.tls_failed", format!("TLS cannot be set up: {error}")))?;
    Ok(Arc::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

fn webpki(roots: Arc<RootCertStore>) -> Result<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(|error| Error::new("ad.bad_ca", format!("the trusted certificates cannot be used: {error}")))
}

fn ca_roots(pem: &str) -> Result<Arc<RootCertStore>> {
    trust::given(pem).map_err(|why| {
        Error::new("ad.bad_ca", format!("the CA certificates cannot be used: {why}"))
            .hint("give the PEM text of the CA that signed the controllers' certificates, BEGIN and END lines included")
    })
}

fn system_roots() -> Result<Arc<RootCertStore>> {
    let roots = trust::system();
    if roots.is_empty() {
        return Err(Error::new("ad.no_roots", "this system has no trusted root certificates")
            .hint("install the system's CA certificates, or give the connection a CA file or a pinned certificate"));
    }
    Ok(roots)
}

/// Trusts the certificate with a fingerprint (see [`Tls::pin`]).
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
}

impl Pinned {
    fn matches(&self, certificate: &CertificateDer<'_>) -> bool {
        fingerprint(certificate) == self.pin
    }
}

/// SHA-256 of a certificate's DER form.
pub(super) fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

/// None of the presented certificates has the pinned fingerprint.
#[derive(Debug)]
struct PinMismatch {
    presented: String,
    /// The server sent no certificate but its own, so a pin of a CA cannot be found.
    alone: bool,
}

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.alone {
            return write!(f, "it sent its own certificate alone, which has the fingerprint {}", self.presented);
        }
        write!(f, "no certificate in the chain has the pinned fingerprint; the server's own has {}", self.presented)
    }
}

impl std::error::Error for PinMismatch {}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.matches(leaf) {
            return dates(leaf, now).map(|()| ServerCertVerified::assertion());
        }
        let Some(root) = chain.iter().find(|certificate| self.matches(certificate)) else {
            let presented = data_encoding::HEXLOWER.encode(&fingerprint(leaf));
            return Err(CertificateError::Other(OtherError(Arc::new(PinMismatch {
                presented,
                alone: chain.is_empty(),
            })))
            .into());
        };
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?
            .verify_server_cert(leaf, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

/// That the server holds the key of its certificate is proven whatever the trust: TLS 1.2's form of it.
pub(super) fn tls12_signature(
    message: &[u8],
    leaf: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    verify_tls12_signature(message, leaf, signature, &provider().signature_verification_algorithms)
}

/// TLS 1.3's form of the same.
pub(super) fn tls13_signature(
    message: &[u8],
    leaf: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    verify_tls13_signature(message, leaf, signature, &provider().signature_verification_algorithms)
}

/// The signatures that can be verified.
pub(super) fn schemes() -> Vec<SignatureScheme> {
    provider().signature_verification_algorithms.supported_schemes()
}

/// Checks a certificate's dates alone.
fn dates(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(|_| CertificateError::BadEncoding)?;
    let moment = |seconds: i64| UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    let not_after = moment(parsed.validity().not_after.timestamp());
    let not_before = moment(parsed.validity().not_before.timestamp());
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    Ok(())
}

/// The error of a TLS handshake that did not come about, by what rustls found.
pub(super) fn refusal(target: &Target, error: &rustls::Error) -> Error {
    let (code, message, hint) = match error {
        rustls::Error::InvalidCertificate(error) => distrust(error),
        rustls::Error::InvalidMessage(_) => (
            "ad.protocol",
            "does not speak TLS on this port".to_owned(),
            "LDAPS is on port 636; on port 389 use StartTLS",
        ),
        other => (
            "ad.tls_failed",
            format!("and this program agree on no TLS connection: {other}"),
            "see that the controller has a certificate for servers and speaks TLS 1.2 or 1.3",
        ),
    };
    Error::new(code, format!("{target} {message}")).hint(hint).with("target", target.to_string())
}

const RENEW: &str =
    "renew the controller's certificate; if it should be valid still, compare the clocks of both machines";
const COMPARE_CLOCKS: &str = "compare the clocks of both machines; else have a certificate made that is valid now";

fn date(at: UnixTime) -> String {
    let at = i64::try_from(at.as_secs()).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    at.map_or_else(String::new, ticks::text)
}

/// Why a certificate is not accepted: code, what is said of the target, remedy.
fn distrust(error: &CertificateError) -> (&'static str, String, &'static str) {
    use CertificateError as C;
    match error {
        C::Expired => ("ad.tls_expired", "has a certificate that has expired".to_owned(), RENEW),
        C::ExpiredContext { not_after, .. } => {
            ("ad.tls_expired", format!("has a certificate that expired on {}", date(*not_after)), RENEW)
        }
        C::NotValidYet => ("ad.tls_expired", "has a certificate that is not valid yet".to_owned(), COMPARE_CLOCKS),
        C::NotValidYetContext { not_before: from, .. } => {
            ("ad.tls_expired", format!("has a certificate that is not valid before {}", date(*from)), COMPARE_CLOCKS)
        }
        C::NotValidForName => (
            "ad.tls_wrong_name",
            "has a certificate for another name".to_owned(),
            "use a name that the certificate holds; `ad::certificate` shows them",
        ),
        C::NotValidForNameContext { presented, .. } => (
            "ad.tls_wrong_name",
            format!("has a certificate for other names: {}", names(presented)),
            "use one of these names as the target, or have a certificate made for this one",
        ),
        C::UnknownIssuer => (
            "ad.tls_untrusted",
            "has a certificate from an issuer that is not trusted".to_owned(),
            "give the connection the CA that issued it, or pin the certificate; `ad::certificate` shows both",
        ),
        C::Other(other) if other.0.downcast_ref::<PinMismatch>().is_some_and(|mismatch| mismatch.alone) => (
            "ad.tls_untrusted",
            format!("is not trusted: {}", other.0),
            "the pin of a CA fits only where the server sends that CA as well: give the CA's file (--ca), have the controller \
             send its whole chain, or pin its own certificate; if that was renewed, compare the fingerprints",
        ),
        C::Other(other) => (
            "ad.tls_untrusted",
            format!("is not trusted: {}", other.0),
            "if the certificate was renewed, compare its fingerprint with the administrator's and change the pin",
        ),
        other => (
            "ad.tls_untrusted",
            format!("has a certificate that cannot be trusted: {other}"),
            "have a certificate made that names the host in subjectAltName and is meant for servers",
        ),
    }
}

/// webpki names a certificate's names as `DnsName("dc1.lab.test")` and `IpAddress(127.0.0.2)`: the text inside is wanted.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
        inner.trim_matches('"').to_owned()
    };
    if presented.is_empty() {
        "none at all".to_owned()
    } else {
        presented.iter().map(bare).collect::<Vec<_>>().join(", ")
    }
}
