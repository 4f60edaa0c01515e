//! What the tenant's app management policy allows, before anything is added.

use std::time::Duration;

use time::OffsetDateTime;
use x509_parser::prelude::FromDer;

use super::Request;
use crate::{
    cloud::{AppPolicy, Graph},
    error::{Error, Result},
    secret::Secret,
};

/// How long the new credential will be good, and what there is to say of that.
pub(super) async fn lifetime(request: &Request, home: &Graph, object: &str) -> Result<(Duration, String)> {
    let policy = match home.app_policy(object).await {
        Ok(policy) => policy,
        // Whoever may add may not always read what is allowed; then the registration itself says so.
        Err(error) if error.code() == "cloud.permission_missing" => {
            return Ok((
                request.lifetime,
                "the tenant's app management policy could not be read (Policy.Read.All)".to_owned(),
            ));
        }
        Err(error) => return Err(error),
    };
    match &request.certificate {
        Some(pem) => certificate(pem, &policy, request.now),
        None => secret(request.lifetime, &policy),
    }
}

fn secret(wanted: Duration, policy: &AppPolicy) -> Result<(Duration, String)> {
    if !policy.secrets {
        return Err(forbids("no secrets").hint(
            "let the app sign in with a certificate: add its first one in the portal and give it to the connection",
        ));
    }
    match policy.longest_secret.as_deref().and_then(span) {
        Some(longest) if longest < wanted => {
            Ok((longest, format!("the tenant's policy allows secrets of {} days", longest.as_secs() / 86_400)))
        }
        _ => Ok((wanted, String::new())),
    }
}

fn certificate(pem: &Secret, policy: &AppPolicy, now: OffsetDateTime) -> Result<(Duration, String)> {
    let (from, until) = validity(pem)?;
    let left = Duration::try_from(until - now).unwrap_or_default();
    match policy.longest_certificate.as_deref().and_then(span) {
        Some(longest) if Duration::try_from(until - from).unwrap_or_default() > longest => {
            let days = longest.as_secs() / 86_400;
            Err(forbids(&format!("certificates of {days} days at most"))
                .hint("have one made that is good for a shorter time"))
        }
        _ => Ok((left, String::new())),
    }
}

fn forbids(what: &str) -> Error {
    Error::new("rotation.app_policy", format!("the tenant's app management policy allows {what}"))
}

/// From when to when a certificate is good.
fn validity(pem: &Secret) -> Result<(OffsetDateTime, OffsetDateTime)> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let bad =
        || Error::new("connection.bad_certificate", "the new certificate cannot be read").hint("give it as PEM text");
    let der = CertificateDer::from_pem_slice(pem.expose().as_bytes()).map_err(|_| bad())?;
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(&der).map_err(|_| bad())?;
    Ok((parsed.validity().not_before.to_datetime(), parsed.validity().not_after.to_datetime()))
}

/// An ISO 8601 span as the policy writes it, `P90D`, `P1Y`, `PT12H`; shorter rather than longer where months differ.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('P')?;
    let (mut seconds, mut in_time) = (0_u64, false);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (rest, in_time) = (after, true);
            continue;
        }
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match (&rest[digits..=digits], in_time) {
            ("Y", false) => 365 * 86_400,
            ("M", false) => 28 * 86_400,
            ("W", false) => 7 * 86_400,
            ("D", false) => 86_400,
            ("H", true) => 3_600,
            ("M", true) => 60,
            ("S", true) => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        assert_eq!((span("P90D"), span("P1Y"), span("P2M3D"), span("P1W")), (days(90), days(365), days(59), days(7)));
        assert_eq!(span("PT36H30M"), Some(Duration::from_mins(36 * 60 + 30)));
        for odd in ["", "90D", "P90", "PD", "P1H", "PT1D", "P99999999999999999999D", "Pé"] {
            assert_eq!(span(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_the_policy_allows_is_kept() {
        let policy = |secrets, longest: Option<&str>| AppPolicy {
            secrets,
            longest_secret: longest.map(str::to_owned),
            longest_certificate: None,
        };
        let half_a_year = Duration::from_hours(180 * 24);
        assert_eq!(secret(half_a_year, &policy(true, None)).unwrap(), (half_a_year, String::new()));
        assert_eq!(secret(half_a_year, &policy(true, Some("P90D"))).unwrap().0, Duration::from_hours(90 * 24));
        assert_eq!(secret(half_a_year, &policy(false, None)).unwrap_err().code(), "rotation.app_policy");
    }
}
