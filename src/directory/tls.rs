//! What a caller says about TLS: the mode, and whom to trust.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a connection becomes encrypted. There is no third way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// TLS from the first byte, port 636.
    #[default]
    Ldaps,
    /// Plain LDAP on port 389, upgraded before anything else is said (RFC 4511, 4.14).
    StartTls,
}

/// Whom to trust. With neither `ca_pem` nor `pin`, the system's trusted roots.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// LDAPS or StartTLS.
    pub mode: TlsMode,
    /// One or more CA certificates in PEM; only they are trusted then.
    pub ca_pem: Option<String>,
    /// SHA-256 of a certificate (DER) that the server presents. It takes the place of roots:
    /// the fingerprint of the server's own certificate is enough by itself (its name is not looked at, its dates are);
    /// that of a CA in the presented chain makes this CA the one root, and name and dates are checked as always.
    pub pin: Option<[u8; 32]>,
}

impl Tls {
    /// LDAPS that trusts the CAs in a PEM text.
    #[must_use]
    pub fn with_ca(ca_pem: impl Into<String>) -> Self {
        Self { ca_pem: Some(ca_pem.into()), ..Self::default() }
    }

    /// LDAPS that trusts one certificate by its SHA-256 fingerprint.
    #[must_use]
    pub fn with_pin(pin: [u8; 32]) -> Self {
        Self { pin: Some(pin), ..Self::default() }
    }

    /// The same trust over StartTLS.
    #[must_use]
    pub fn starttls(mut self) -> Self {
        self.mode = TlsMode::StartTls;
        self
    }

    /// Reads a fingerprint as people write it: 64 hexadecimal digits, with or without colons or a `sha256:` in front.
    ///
    /// # Errors
    /// `ad.bad_pin`.
    pub fn parse_pin(text: &str) -> Result<[u8; 32]> {
        let lower = text.trim().to_lowercase();
        let digits: String =
            lower.strip_prefix("sha256:").unwrap_or(&lower).chars().filter(|c| !matches!(c, ':' | ' ')).collect();
        data_encoding::HEXLOWER.decode(digits.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(
            || {
                Error::new("ad.bad_pin", format!("'{text}' is not a SHA-256 fingerprint"))
                    .hint("give 64 hexadecimal digits; `ad::certificate` shows the fingerprints of a target")
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_in_every_usual_form() {
        let plain = "00ff".repeat(16);
        let colons = ["00", "FF"].repeat(16).join(":");
        let expected: [u8; 32] = std::array::from_fn(|i| if i % 2 == 0 { 0 } else { 0xff });
        assert_eq!(Tls::parse_pin(&plain).unwrap(), expected);
        assert_eq!(Tls::parse_pin(&colons).unwrap(), expected);
        assert_eq!(Tls::parse_pin(&format!(" sha256:{plain}\n")).unwrap(), expected);
        assert_eq!(Tls::parse_pin("00ff").unwrap_err().code(), "ad.bad_pin");
        assert_eq!(Tls::parse_pin(&"zz".repeat(32)).unwrap_err().code(), "ad.bad_pin");
    }
}
