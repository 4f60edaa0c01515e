//! A connection as a person writes it, on the command line, in a CSV row or in JSON, and its way to a checked one.

mod faults;
mod online;

use std::sync::Arc;

use faults::Faults;
pub(super) use faults::interruption;
pub use faults::{Fault, as_error};

use super::{AdSettings, Change, Connection, Given, Kind, MsOnlineSettings, NewConnection, Settings, TlsMode, syntax};
use crate::{
    error::{Error, Result},
    host::Host,
    secret::reference::Reference,
};

/// What was written, column by column; `None` where nothing was.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    /// The connection's name.
    pub name: Option<String>,
    /// `ad` or `msonline`.
    pub kind: Option<String>,
    /// Domain of the directory or tenant.
    pub domain: Option<String>,
    /// Whom to sign in as.
    pub username: Option<String>,
    /// A reference.
    pub password: Option<String>,
    /// `host` or `host:port` each.
    pub targets: Option<Vec<String>>,
    /// UNC paths.
    pub home_servers: Option<Vec<String>>,
    /// Labels.
    pub tags: Option<Vec<String>>,
    /// An MSP's label; an empty one takes it away.
    pub customer: Option<String>,
    /// Path of a PEM file; an empty one goes back to the system's roots.
    pub ca: Option<String>,
    /// The PEM text itself.
    pub ca_pem: Option<String>,
    /// `ldaps` or `starttls`.
    pub tls: Option<String>,
    /// SHA-256 in hexadecimal, colons allowed.
    pub pin: Option<String>,
    /// Name of the administrative connection.
    pub via: Option<String>,
    /// Names of scripts; none takes them away.
    pub dependents: Option<Vec<String>>,
    /// Name of the `ad` connection of an `msonline` one.
    pub ad: Option<String>,
    /// An app's id.
    pub client_id: Option<String>,
    /// An app's secret: a reference.
    pub secret: Option<String>,
    /// Path of a PEM file with certificate and key.
    pub certificate: Option<String>,
    /// The Remote Agent, `host` or `host:port`.
    pub agent: Option<String>,
    /// Its token: a reference; an empty one takes it away.
    pub agent_token: Option<String>,
    /// Path of a PEM file that the agent's certificate is trusted by; an empty one goes back to the system's roots.
    pub agent_ca: Option<String>,
    /// The PEM text itself.
    pub agent_ca_pem: Option<String>,
    /// Name of the connection of the tenant that holds the app's registration.
    pub app_home: Option<String>,
}

impl Fields {
    /// Checks everything and reads what is read once (secrets, certificates). All faults at once.
    pub fn check(&self, host: &Host) -> Result<NewConnection, Vec<Fault>> {
        let mut faults = Faults::default();
        let name = faults.needed("name", self.name.as_deref(), syntax::name);
        let kind = faults.needed("kind", self.kind.as_deref(), kind);
        let domain = faults.needed("domain", self.domain.as_deref(), syntax::domain);
        let customer = faults.of("customer", self.customer.as_deref().filter(|text| !text.is_empty()), syntax::label);
        let tags = self.check_tags(&mut faults).unwrap_or_default();
        let Some(kind) = kind else { return Err(faults.0) };
        let settings = self.check_settings(host, &mut faults, empty(kind));
        refuse_itself(&mut faults, name.as_deref(), &settings);
        let username = self.check_username(&mut faults, kind);
        let secret = self.check_secret(host, &mut faults);
        let agent_token = self.check_token(host, &mut faults).flatten();
        match (name, domain, username) {
            (Some(name), Some(domain), Some(username)) if faults.0.is_empty() => {
                Ok(NewConnection { name, domain, username, customer, tags, settings, secret, agent_token })
            }
            _ => Err(faults.0),
        }
    }

    /// Checks what was written as an edit of `before`.
    pub fn check_change(&self, host: &Host, before: &Connection) -> Result<Change, Vec<Fault>> {
        let mut faults = Faults::default();
        if faults.of("kind", self.kind.as_deref(), kind).is_some_and(|kind| kind != before.kind) {
            let said = format!("connection {} is of kind {}, which stays", before.name, before.kind.as_str());
            faults.add("kind", Error::new("connection.wrong_kind", said).hint("add another connection"));
        }
        let settings = self.check_settings(host, &mut faults, before.settings.clone());
        refuse_itself(&mut faults, self.name.as_deref().or(Some(&before.name)), &settings);
        let change = Change {
            name: faults.of("name", self.name.as_deref(), syntax::name),
            domain: faults.of("domain", self.domain.as_deref(), syntax::domain),
            // As with a new one: an app signs in as itself.
            username: faults.of(
                "username",
                self.client_id.as_deref().filter(|id| !id.is_empty()).or(self.username.as_deref()),
                syntax::username,
            ),
            customer: match self.customer.as_deref() {
                Some("") => Some(None),
                customer => faults.of("customer", customer, syntax::label).map(Some),
            },
            tags: self.check_tags(&mut faults),
            settings: Some(settings).filter(|settings| *settings != before.settings),
            secret: self.check_secret(host, &mut faults),
            agent_token: self.check_token(host, &mut faults),
        };
        if faults.0.is_empty() { Ok(change) } else { Err(faults.0) }
    }

    fn check_tags(&self, faults: &mut Faults) -> Option<Vec<String>> {
        let mut tags = faults.all("tags", self.tags.as_deref(), syntax::label)?;
        tags.sort_unstable();
        tags.dedup();
        Some(tags)
    }

    fn check_username(&self, faults: &mut Faults, kind: Kind) -> Option<String> {
        let given = self.username.as_deref();
        match kind {
            Kind::Ad => faults.needed("username", given, syntax::username),
            // An app signs in as itself.
            Kind::MsOnline => {
                let app = self.client_id.as_deref().filter(|id| !id.is_empty());
                faults.needed("client_id", app.or(given), syntax::username)
            }
        }
    }

    /// The settings after what was written; columns of the other kind are faults.
    fn check_settings(&self, host: &Host, faults: &mut Faults, before: Settings) -> Settings {
        let kind = before.kind();
        self.refuse_other_kind(faults, kind);
        match before {
            Settings::Ad(before) => Settings::Ad(self.check_ad(host, faults, before)),
            Settings::MsOnline(before) => Settings::MsOnline(self.check_msonline(host, faults, before)),
        }
    }

    fn check_ad(&self, host: &Host, faults: &mut Faults, before: AdSettings) -> AdSettings {
        let targets = faults.all("targets", self.targets.as_deref(), syntax::target);
        if let Some(twice) = targets.as_deref().and_then(twice) {
            let said = format!("target {twice} is given twice");
            faults.add("targets", Error::new("connection.bad_target", said).hint("name each target once"));
        }
        let ca_pem = match (self.ca.as_deref(), self.ca_pem.as_deref()) {
            (Some(""), _) | (None, Some("")) => None,
            (Some(path), _) => faults.of("ca", Some(path), |path| certificate_file(host, path)),
            (None, Some(pem)) => {
                faults.of("ca_pem", Some(pem), |pem| syntax::certificates(pem.as_bytes())).map(Arc::from)
            }
            (None, None) => before.ca_pem,
        };
        AdSettings {
            targets: targets.unwrap_or(before.targets),
            home_servers: faults
                .all("home_servers", self.home_servers.as_deref(), syntax::home_server)
                .unwrap_or(before.home_servers),
            tls: faults.of("tls", self.tls.as_deref(), tls).unwrap_or(before.tls),
            ca_pem,
            pin: faults.optional("pin", self.pin.as_deref(), before.pin, syntax::pin),
            via: faults.optional("via", self.via.as_deref(), before.via, syntax::name),
            dependents: faults
                .all("dependents", self.dependents.as_deref(), syntax::script)
                .unwrap_or(before.dependents),
        }
    }

    fn refuse_other_kind(&self, faults: &mut Faults, kind: Kind) {
        let ad = [
            ("targets", self.targets.is_some()),
            ("home_servers", self.home_servers.is_some()),
            ("ca", self.ca.is_some()),
            ("ca_pem", self.ca_pem.is_some()),
            ("tls", self.tls.is_some()),
            ("pin", self.pin.is_some()),
            ("via", self.via.is_some()),
            ("dependents", self.dependents.is_some()),
        ];
        let msonline = [
            ("ad", self.ad.is_some()),
            ("client_id", self.client_id.is_some()),
            ("secret", self.secret.is_some()),
            ("certificate", self.certificate.is_some()),
            ("agent", self.agent.is_some()),
            ("agent_token", self.agent_token.is_some()),
            ("agent_ca", self.agent_ca.is_some()),
            ("agent_ca_pem", self.agent_ca_pem.is_some()),
            ("app_home", self.app_home.is_some()),
        ];
        let other: &[(&'static str, bool)] = if kind == Kind::Ad { &msonline } else { &ad };
        for (column, _) in other.iter().filter(|(_, given)| *given) {
            let said = format!("connections of kind {} have no {column}", kind.as_str());
            faults.add(column, Error::new("connection.wrong_kind", said).hint("leave it empty, or correct the kind"));
        }
    }

    fn check_secret(&self, host: &Host, faults: &mut Faults) -> Option<Given> {
        let given = [
            ("password", self.password.as_deref()),
            ("secret", self.secret.as_deref()),
            ("certificate", self.certificate.as_deref()),
        ];
        let mut given = given.into_iter().filter_map(|(column, text)| Some((column, text?)));
        let (column, text) = given.next()?;
        if let Some((second, _)) = given.next() {
            let said = format!("both {column} and {second} are given");
            faults
                .add(second, Error::new("connection.two_secrets", said).hint("a connection signs in with one of them"));
            return None;
        }
        let what = format!("{column} of {}", self.name.as_deref().unwrap_or("the connection"));
        faults.of(column, Some(text), |text| match column {
            "certificate" => online::key_pair_file(host, text, &what),
            _ => secret(host, text, &what),
        })
    }
}

/// An account that is to be reset by another one names another connection.
fn refuse_itself(faults: &mut Faults, name: Option<&str>, settings: &Settings) {
    // The registration of an app may well be in the connection's own tenant.
    let links = settings.links().filter(|(column, ..)| *column != "app_home");
    for (column, _, link) in links {
        if name.is_some_and(|name| name.eq_ignore_ascii_case(link)) {
            let said = format!("connection {link} names itself");
            faults.add(column, Error::new("connection.names_itself", said).hint("name another connection, or none"));
        }
    }
}

fn empty(kind: Kind) -> Settings {
    match kind {
        Kind::Ad => Settings::Ad(AdSettings::default()),
        Kind::MsOnline => Settings::MsOnline(MsOnlineSettings::default()),
    }
}

fn kind(word: &str) -> Result<Kind> {
    Kind::parse(word).ok_or_else(|| {
        Error::new("connection.bad_kind", format!("{word:?} is not a kind of connection")).hint("give ad or msonline")
    })
}

fn tls(word: &str) -> Result<TlsMode> {
    [TlsMode::Ldaps, TlsMode::StartTls].into_iter().find(|mode| mode.as_str() == word).ok_or_else(|| {
        Error::new("connection.bad_tls", format!("{word:?} is not a way to begin TLS")).hint("give ldaps or starttls")
    })
}

fn twice(targets: &[String]) -> Option<&str> {
    let short = |target: &str| target.strip_suffix(":636").unwrap_or(target).to_owned();
    let mut seen = std::collections::HashSet::new();
    targets.iter().find(|target| !seen.insert(short(target))).map(String::as_str)
}

fn secret(host: &Host, text: &str, what: &str) -> Result<Given> {
    let reference = Reference::parse(text)?;
    match reference {
        Reference::Command(_) => Ok(Given::Kept(reference)),
        _ => reference.read(host, what).map(Given::Secret),
    }
}

fn certificate_file(host: &Host, path: &str) -> Result<Arc<str>> {
    let bytes = std::fs::read(host.working_folder.join(path)).map_err(|e| {
        Error::new("connection.bad_certificate", format!("{path} cannot be read: {e}"))
            .hint("give the path of a PEM file")
    })?;
    syntax::certificates(&bytes).map(Arc::from).map_err(|e| e.context(path))
}
