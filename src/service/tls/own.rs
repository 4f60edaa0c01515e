//! The certificate that a service makes for itself, at first use, and keeps: a client that pins or trusts it is not to meet
//! another one tomorrow.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind},
    net::IpAddr,
    path::{Path, PathBuf},
};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use time::{Duration, OffsetDateTime};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};
use zeroize::Zeroizing;

use super::{Certificate, chain, loaded};
use crate::{
    error::{Error, Result},
    service::keep::{self, Present},
    store::{files_failed, make_private},
};

/// Certificate and key, 0600.
const PAIR: &str = "tls.pem";
/// The certificate alone, for clients to trust.
const PUBLIC: &str = "certificate.pem";
/// Names that it always has.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// It is trusted by itself and by nobody else's word, so that nothing is gained by making another every year.
const VALID: Duration = Duration::days(3650);
/// One that ends sooner than this is replaced.
const RENEWED: Duration = Duration::days(30);
/// Before this a clock is not set (1 January 2025): what is made by it is worth nothing when it is.
const NO_CLOCK: i64 = 1_735_689_600;

/// The service's own certificate for loopback and `names`, kept in `folder`; the path is of what clients trust. One that was
/// made before is taken when it has all names and is valid for a while yet, else another takes its place.
///
/// # Errors
/// `service.bad_certificate` where the one that is kept is damaged; `service.no_clock` where one would have to be made and this
/// machine's clock is not set.
pub fn own(folder: &Path, names: &[String]) -> Result<(Certificate, PathBuf)> {
    let wanted: BTreeSet<String> =
        LOOPBACK.iter().map(|&name| name.to_owned()).chain(names.iter().map(|name| plain(name))).collect();
    let failed = |e: io::Error| files_failed(folder, &e).context("the service's certificate cannot be kept");
    keep::clear(folder, &[PAIR, PUBLIC]).map_err(failed)?;
    let mut pair = read(folder)?;
    let now = OffsetDateTime::now_utc();
    let kept = pair.as_deref().map(|pair| Kept::read(pair).map_err(|e| damaged(folder, e.message()))).transpose()?;
    if kept.as_ref().is_none_or(|kept| !wanted.is_subset(&kept.names) || !kept.is_valid(now)) {
        refuse_no_clock(now)?;
        if let Some(kept) = kept.as_ref().filter(|kept| !kept.is_valid(now)) {
            tracing::warn!(
                "the service's own certificate was valid from {} to {}, and another takes its place: tell the clients that trust it",
                kept.from.date(),
                kept.until.date()
            );
        }
        let names = kept.into_iter().flat_map(|kept| kept.names);
        let all = wanted.into_iter().chain(names).collect::<BTreeSet<_>>();
        let present = if pair.is_some() { Present::Goes } else { Present::Stays };
        keep::make(folder, PAIR, made(all)?.as_bytes(), present).map_err(failed)?;
        pair = read(folder)?;
    }
    let pair = pair.ok_or_else(|| damaged(folder, "it is gone again"))?;
    let end = pair.find("-----BEGIN PRIVATE").unwrap_or(pair.len());
    let public = folder.join(PUBLIC);
    if fs::read(&public).ok().as_deref() != Some(pair[..end].as_bytes()) {
        keep::make(folder, PUBLIC, pair[..end].as_bytes(), Present::Goes).map_err(failed)?;
    }
    let key = PrivateKeyDer::from_pem_slice(pair.as_bytes()).map_err(|_| damaged(folder, "it has no private key"))?;
    let chain = chain(pair.as_bytes()).map_err(|e| damaged(folder, e.message()))?;
    Ok((loaded(chain, key, |said| damaged(folder, &said))?, public))
}

/// A name as the certificate has it: names in DNS are the same in capitals and with a dot behind, addresses have several forms.
fn plain(name: &str) -> String {
    let name = name.trim().trim_matches(['[', ']']);
    name.parse::<IpAddr>()
        .map_or_else(|_| name.trim_end_matches('.').to_ascii_lowercase(), |address| address.to_string())
}

fn read(folder: &Path) -> Result<Option<Zeroizing<String>>> {
    let path = folder.join(PAIR);
    match fs::read_to_string(&path) {
        Ok(text) => {
            make_private(&path).map_err(|e| damaged(folder, &format!("others may read it: {e}")))?;
            Ok(Some(Zeroizing::new(text)))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(damaged(folder, &e.to_string())),
    }
}

/// What a certificate that was made before says.
struct Kept {
    names: BTreeSet<String>,
    from: OffsetDateTime,
    until: OffsetDateTime,
}

impl Kept {
    fn read(pair: &str) -> Result<Self> {
        let unreadable = || Error::new("service.bad_certificate", "the certificate cannot be read");
        let first = CertificateDer::from_pem_slice(pair.as_bytes()).map_err(|_| unreadable())?;
        let (_, read) = X509Certificate::from_der(&first).map_err(|_| unreadable())?;
        let validity = read.validity();
        let (from, until) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
        Ok(Self { names: names_of(&read), from, until })
    }

    /// Whether clients take it, now and for a while yet.
    fn is_valid(&self, now: OffsetDateTime) -> bool {
        self.from <= now && now + RENEWED < self.until
    }
}

fn refuse_no_clock(now: OffsetDateTime) -> Result<()> {
    if now.unix_timestamp() >= NO_CLOCK {
        return Ok(());
    }
    Err(Error::new(
        "service.no_clock",
        format!("this machine's clock says {}, and a certificate is made for a time", now.date()),
    )
    .hint("set the clock, by NTP, and start again"))
}

fn names_of(read: &X509Certificate<'_>) -> BTreeSet<String> {
    let names = read.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(plain(name)),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|four| IpAddr::from(four).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|sixteen| IpAddr::from(sixteen).to_string()),
        },
        _ => None,
    });
    names.collect()
}

/// Certificate and key of a new pair, PEM.
fn made(names: BTreeSet<String>) -> Result<Zeroizing<String>> {
    let failed = |e: rcgen::Error| {
        Error::new("service.bad_certificate", format!("no certificate can be made: {e}"))
            .hint("a name of the service must be a host name or an address")
    };
    let mut params = CertificateParams::new(names.into_iter().collect::<Vec<_>>()).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, "Libretto");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    params.not_after = OffsetDateTime::now_utc() + VALID;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    let private = Zeroizing::new(key.serialize_pem());
    Ok(Zeroizing::new(format!("{}{}", certificate.pem(), *private)))
}

fn damaged(folder: &Path, said: &str) -> Error {
    Error::new("service.bad_certificate", format!("{} cannot be used: {said}", folder.join(PAIR).display())).hint(
        "restore it from a backup; or remove it, and the service makes another, which its clients have to be told of",
    )
}
