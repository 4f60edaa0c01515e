//! What each kind of connection needs beside domain and account.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Kind, credentials::Form};
use crate::names::host_port;

/// What a connection's kind needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Settings {
    Ad(AdSettings),
    MsOnline(MsOnlineSettings),
}

impl Settings {
    /// The kind that they belong to.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Ad(_) => Kind::Ad,
            Self::MsOnline(_) => Kind::MsOnline,
        }
    }

    /// The connections that they name: the column (`via`, `ad`, `app_home`), the kind that it must be of, and the name.
    pub fn links(&self) -> impl Iterator<Item = (&'static str, Kind, &str)> {
        let named = match self {
            Self::Ad(settings) => [settings.via.as_deref().map(|name| ("via", Kind::Ad, name)), None],
            Self::MsOnline(settings) => [
                settings.ad.as_deref().map(|name| ("ad", Kind::Ad, name)),
                settings.app_home.as_deref().map(|name| ("app_home", Kind::MsOnline, name)),
            ],
        };
        named.into_iter().flatten()
    }

    /// The id of the app that signs in; `None` where an account does.
    #[must_use]
    pub fn app(&self) -> Option<&str> {
        match self {
            Self::Ad(_) => None,
            Self::MsOnline(settings) => settings.client_id.as_deref(),
        }
    }

    /// What is trusted instead of the system's roots, PEM: by the directory's connections, or by the agent's.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&Arc<str>> {
        match self {
            Self::Ad(settings) => settings.ca_pem.as_ref(),
            Self::MsOnline(settings) => settings.agent_ca_pem.as_ref(),
        }
    }

    /// What a credential of theirs is made of.
    #[must_use]
    pub fn form(&self) -> Form {
        match self {
            Self::MsOnline(settings) if settings.certificate => Form::Certificate,
            Self::MsOnline(settings) if settings.client_id.is_some() => Form::ClientSecret,
            Self::Ad(_) | Self::MsOnline(_) => Form::Password,
        }
    }
}

/// How TLS begins; never without it for a bind or a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// From the first byte, port 636.
    #[default]
    Ldaps,
    /// On port 389, before anything else (RFC 4511, 4.14).
    StartTls,
}

impl TlsMode {
    /// The word as users see it: `ldaps`, `starttls`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ldaps => "ldaps",
            Self::StartTls => "starttls",
        }
    }
}

/// An Active Directory connection's settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AdSettings {
    // What is as usual is not written: reading ten thousand rows is mostly reading this.
    /// Domain controllers, `host` or `host:port`; empty: found by DNS.
    pub targets: Vec<String>,
    /// Home-directory file servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub home_servers: Vec<HomeServer>,
    /// How TLS begins.
    #[serde(skip_serializing_if = "is_usual")]
    pub tls: TlsMode,
    /// Certificates to trust instead of the system's roots, PEM.
    #[serde(skip)]
    pub ca_pem: Option<Arc<str>>,
    /// SHA-256 of a certificate of the presented chain, 64 lower-case hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// The name of the administrative connection that changes are made over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// Scripts that are performed when the account has a new password, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<String>,
}

/// A home-directory file server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeServer {
    /// UNC path with forward slashes, e.g. `//fs1/homes$`.
    pub path: String,
    /// How folders are made on it.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub provider: Provider,
}

/// How home folders are reached (article 1735's provider field).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// `UNC Direct`: over SMB from here.
    #[default]
    UncDirect,
    /// `Local`: a folder of the machine that runs Libretto.
    Local,
    /// `WMI`: by the file server itself.
    Wmi,
}

/// A Microsoft Online connection's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MsOnlineSettings {
    /// The name of the `ad` connection that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ad: Option<String>,
    /// The app's id; `None` for one that signs in with a user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Whether the credential is a certificate with its key (PEM), not a client secret.
    #[serde(default)]
    pub certificate: bool,
    /// The Remote Agent's host name or address.
    pub agent_host: String,
    /// The Remote Agent's port; 40002 unless told.
    pub agent_port: u16,
    /// Certificates to trust as the agent's instead of the system's roots, PEM.
    #[serde(skip)]
    pub agent_ca_pem: Option<Arc<str>>,
    /// The name of the `msonline` connection of the tenant that holds the app's registration; its own name, if it is that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_home: Option<String>,
}

/// The Remote Agent's port (article 1673).
pub const AGENT_PORT: u16 = 40002;

impl Default for MsOnlineSettings {
    /// An agent on this machine, and nothing else.
    fn default() -> Self {
        Self {
            ad: None,
            client_id: None,
            certificate: false,
            agent_host: "127.0.0.1".to_owned(),
            agent_port: AGENT_PORT,
            agent_ca_pem: None,
            app_home: None,
        }
    }
}

impl MsOnlineSettings {
    /// The agent as `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn agent(&self) -> String {
        host_port(&self.agent_host, self.agent_port)
    }
}

fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
