//! The rootDSE: what a controller says about itself before anybody has signed in (MS-ADTS 3.1.1.3.2).

use serde::Serialize;

use super::{session::Session, target::Target};
use crate::error::{Error, Result};

/// `supportedCapabilities`: this is Active Directory (MS-ADTS 3.1.1.3.4.3).
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";

/// `supportedCapabilities`: this is a read-only controller.
const READ_ONLY: &str = "1.2.840.113556.1.4.1920";

const ATTRIBUTES: &[&str] = &[
    "defaultNamingContext",
    "configurationNamingContext",
    "rootDomainNamingContext",
    "dnsHostName",
    "serverName",
    "supportedCapabilities",
    "supportedControl",
    "domainFunctionality",
    "domainControllerFunctionality",
    "isSynchronized",
    "currentTime",
];

/// What a controller says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootDse {
    /// The domain's DN.
    pub default_naming_context: String,
    /// The DN of the forest's configuration.
    pub configuration_naming_context: Option<String>,
    /// The DN of the forest's first domain.
    pub root_domain_naming_context: Option<String>,
    /// The controller's own host name.
    pub dns_host_name: Option<String>,
    /// The DN of the controller's server object; its site is in it.
    pub server_name: Option<String>,
    /// Object identifiers of capabilities.
    pub supported_capabilities: Vec<String>,
    /// Object identifiers of controls.
    pub supported_controls: Vec<String>,
    /// The domain's functional level (7 is Windows Server 2016).
    pub domain_functionality: Option<i64>,
    /// The controller's functional level.
    pub controller_functionality: Option<i64>,
    /// Whether the controller has finished its first replication.
    pub synchronized: Option<bool>,
    /// The controller's clock, as it wrote it (`20260301093000.0Z`).
    pub current_time: Option<String>,
}

impl RootDse {
    pub(super) async fn read(session: &Session) -> Result<Self> {
        let not_ad = || {
            Error::new(
                "ad.not_active_directory",
                format!("{} is not a domain controller of Active Directory", session.target()),
            )
            .hint("see what listens there; another LDAP server, a global catalogue or AD LDS cannot be used")
            .with("target", session.target().to_string())
        };
        let entry = session.read("", ATTRIBUTES).await?.ok_or_else(not_ad)?;
        let root = Self {
            default_naming_context: entry.text("defaultNamingContext").ok_or_else(not_ad)?,
            configuration_naming_context: entry.text("configurationNamingContext"),
            root_domain_naming_context: entry.text("rootDomainNamingContext"),
            dns_host_name: entry.text("dnsHostName"),
            server_name: entry.text("serverName"),
            supported_capabilities: entry.texts("supportedCapabilities"),
            supported_controls: entry.texts("supportedControl"),
            domain_functionality: entry.number("domainFunctionality"),
            controller_functionality: entry.number("domainControllerFunctionality"),
            synchronized: entry.text("isSynchronized").map(|text| text == "TRUE"),
            current_time: entry.text("currentTime"),
        };
        if root.has(ACTIVE_DIRECTORY) { Ok(root) } else { Err(not_ad()) }
    }

    fn has(&self, capability: &str) -> bool {
        self.supported_capabilities.iter().any(|other| other == capability)
    }

    /// Whether this is a read-only controller: no password may be changed there.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.has(READ_ONLY)
    }

    /// The controller's site, from its server object's DN (`CN=DC1,CN=Servers,CN=<site>,CN=Sites,...`).
    #[must_use]
    pub fn site(&self) -> Option<&str> {
        self.server_name.as_deref()?.split(',').nth(2)?.strip_prefix("CN=")
    }

    /// # Errors
    /// `ad.wrong_domain` unless the controller is of the domain with this DNS name. A name without a dot may be the domain's
    /// other one, that of NetBIOS, of which a rootDSE says nothing: it passes.
    pub(super) fn refuse_other_domain(&self, domain: &str, target: &Target) -> Result<()> {
        let (given, own) = (domain.trim().trim_end_matches('.'), self.domain());
        if !given.contains('.') || given.to_lowercase() == own {
            return Ok(());
        }
        let itself = self.dns_host_name.as_ref().map(|host| format!(" (it calls itself {host})")).unwrap_or_default();
        Err(Error::new("ad.wrong_domain", format!("{target} is a controller of {own}, not of {given}{itself}"))
            .hint(format!("correct the connection: its domain (--domain {own}) or its targets; nobody was signed in"))
            .with("target", target.to_string())
            .with("domain", own))
    }

    /// The domain's DNS name, from its DN.
    #[must_use]
    pub fn domain(&self) -> String {
        let parts = self.default_naming_context.split(',').filter_map(|part| part.get(..3).zip(part.get(3..)));
        let labels: Vec<&str> =
            parts.filter(|(kind, _)| kind.eq_ignore_ascii_case("dc=")).map(|(_, label)| label).collect();
        labels.join(".").to_lowercase()
    }
}
