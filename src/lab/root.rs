//! The rootDSE: what a target tells of itself without sign-in (RFC 4512, 5.1; MS-ADTS 3.1.1.3.2).

use ldap3_proto::proto::{LdapPartialAttribute, LdapSearchResultEntry};

use super::{
    DOMAIN, Flavour,
    clock::generalised,
    forest::{BASE, server_dn, settings_dn},
    search::PAGED,
    session::{START_TLS, WHO_AM_I},
    state::Directory,
};

/// Active Directory from 2000 to 2012 (MS-ADTS 3.1.1.3.4.3).
const CAPABILITIES: [&str; 6] = [
    "1.2.840.113556.1.4.800",
    "1.2.840.113556.1.4.1670",
    "1.2.840.113556.1.4.1791",
    "1.2.840.113556.1.4.1935",
    "1.2.840.113556.1.4.2080",
    "1.2.840.113556.1.4.2237",
];

/// This is a read-only controller.
const PARTIAL_SECRETS: &str = "1.2.840.113556.1.4.1920";

impl Directory {
    /// The rootDSE of one target with the attributes asked for; all when none are named.
    pub(super) fn root(&self, target: usize, asked: &[String]) -> LdapSearchResultEntry {
        let all = asked.is_empty() || asked.iter().any(|name| name == "*" || name == "+");
        let wanted = |name: &str| all || asked.iter().any(|a| a.eq_ignore_ascii_case(name));
        let attributes = self.facts(target).into_iter().filter(|(name, _)| wanted(name)).map(|(name, values)| {
            LdapPartialAttribute { atype: name.to_owned(), vals: values.into_iter().map(String::into_bytes).collect() }
        });
        LdapSearchResultEntry { dn: String::new(), attributes: attributes.collect() }
    }

    fn facts(&self, target: usize) -> Vec<(&'static str, Vec<String>)> {
        let number = target + 1;
        let one = |text: &str| vec![text.to_owned()];
        let read_only = self.read_only.contains(&target).then_some(PARTIAL_SECRETS);
        let many = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let (configuration, schema) =
            (format!("CN=Configuration,{BASE}"), format!("CN=Schema,CN=Configuration,{BASE}"));
        let mut facts = vec![
            ("currentTime", vec![generalised(self.clock.ticks())]),
            ("subschemaSubentry", vec![format!("CN=Aggregate,{schema}")]),
            ("dsServiceName", vec![settings_dn(number)]),
            ("namingContexts", vec![BASE.to_owned(), configuration.clone(), schema.clone()]),
            ("defaultNamingContext", one(BASE)),
            ("schemaNamingContext", vec![schema]),
            ("configurationNamingContext", vec![configuration]),
            ("rootDomainNamingContext", one(BASE)),
            ("supportedControl", one(PAGED)),
            ("supportedLDAPVersion", many(&["3"])),
            ("highestCommittedUSN", vec![self.world().stamp().to_string()]),
            ("dnsHostName", vec![format!("dc{number}.{DOMAIN}")]),
            ("ldapServiceName", vec![format!("{DOMAIN}:dc{number}$@{}", DOMAIN.to_uppercase())]),
            ("serverName", vec![server_dn(number)]),
            ("supportedCapabilities", CAPABILITIES.into_iter().chain(read_only).map(str::to_owned).collect()),
            ("isSynchronized", one("TRUE")),
            ("isGlobalCatalogReady", one("TRUE")),
            ("domainFunctionality", one("7")),
            ("forestFunctionality", one("7")),
            ("domainControllerFunctionality", one("7")),
        ];
        match self.flavour {
            Flavour::Samba => facts.extend([
                ("vendorName", one("Samba Team (https://www.samba.org)")),
                ("supportedExtension", one(START_TLS)),
            ]),
            Flavour::Windows => facts.push(("supportedExtension", many(&[START_TLS, WHO_AM_I]))),
        }
        facts
    }
}
