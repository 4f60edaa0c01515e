//! `config.toml` of the home folder: what holds for every run.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use crate::{
    error::{Error, Result},
    service,
    store::lockout::Rules,
};

/// The file's name inside the home folder.
pub const FILE: &str = "config.toml";

/// The settings; each has a default, so an absent file is an empty one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[cloud]`.
    pub cloud: Cloud,
    /// `[dns]`.
    pub dns: Dns,
    /// `[iis."agent1.corp.example:40002"]`: the IIS Administration API of an agent's host.
    pub iis: BTreeMap<String, Iis>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[lockout]`.
    pub lockout: Lockout,
    /// `[recover]`.
    pub recover: Recover,
    /// `[service]`.
    pub service: service::Limits,
    /// `[workflow]`.
    pub workflow: Workflow,
}

/// Which cloud scripts go to; Microsoft's unless told.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cloud {
    /// Another sign-in host than Microsoft's, e.g. that of `libretto lab`.
    pub login: Option<url::Url>,
    /// Path of a PEM file that its certificate is trusted by.
    pub ca: Option<PathBuf>,
    /// Seconds between the sign-ins that prove a new credential of an app; 5 unless told.
    pub pause_seconds: Option<f64>,
    /// What stands in `ca`; a lab has no file.
    #[serde(skip)]
    pub ca_pem: Option<Arc<str>>,
}

/// Where the IIS of an agent's host is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iis {
    /// `agent1.corp.example:55539`.
    pub at: String,
    /// An access token of the API: a reference, `env:NAME`, `file:PATH` or `command:PROGRAM`.
    pub token: String,
    /// Path of a PEM file that its certificate is trusted by.
    pub ca: Option<PathBuf>,
}

/// How long a recovery is careful.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recover {
    /// Seconds after which a write that was sent and not answered cannot land any more; 130 unless told. Lower it where the
    /// controllers' `MaxQueryDuration` is lower.
    pub late_seconds: Option<u64>,
}

/// Where the Workflow Engine is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workflow {
    /// `https://engine.corp.example:40003`; `http://` for one on this machine.
    pub url: Option<url::Url>,
    /// Its token: a reference, `env:NAME`, `file:PATH` or `command:PROGRAM`.
    pub token: Option<String>,
    /// Path of a PEM file that its certificate is trusted by.
    pub ca: Option<PathBuf>,
}

/// What a wrong password is taken to cost in a domain whose rules nobody has read yet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lockout {
    /// Wrong passwords that lock an account; 0: nothing does.
    pub threshold: u32,
    /// Minutes without a wrong password after which the count begins anew.
    pub window_minutes: u64,
}

impl Default for Lockout {
    fn default() -> Self {
        Self { threshold: Rules::ASSUMED.threshold, window_minutes: Rules::ASSUMED.window.as_secs() / 60 }
    }
}

impl Lockout {
    /// The same as rules.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules::of_seconds(self.threshold, self.window_minutes.saturating_mul(60), None)
    }
}

/// How names are resolved.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// A DNS server to ask instead of the system's: `"10.0.0.10"` or `"10.0.0.10:53"`. A domain's own controllers
    /// usually serve its names.
    #[serde(deserialize_with = "server")]
    pub server: Option<SocketAddr>,
}

/// What ends a script that runs away.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Steps of the interpreter, per script and per item of a batch.
    pub operations: u64,
    /// Seconds that a script, or an item of a batch, may compute without waiting for an operation.
    pub busy_seconds: u64,
    /// Megabytes that a run may add to what the program used before.
    pub memory_mb: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { operations: 50_000_000, busy_seconds: 8, memory_mb: 1024 }
    }
}

fn server<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = text.parse().or_else(|_| text.parse().map(|ip| SocketAddr::new(ip, 53)));
    parsed
        .map(Some)
        .map_err(|_| serde::de::Error::custom(format!("\"{text}\" is not an address like 10.0.0.10 or 10.0.0.10:53")))
}

impl Config {
    /// Reads `config.toml` of `home`.
    ///
    /// # Errors
    /// `config.unreadable`, or `config.invalid` with line and column.
    pub fn load(home: &Path) -> Result<Self> {
        let path = home.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Ok(Self::default());
            }
            Err(e) => {
                return Err(Error::new("config.unreadable", format!("{} cannot be read: {e}", path.display()))
                    .hint("see that it is a text file in UTF-8 that you may read, or remove it"));
            }
        };
        toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            Error::new("config.invalid", format!("{}, line {line}: {}", path.display(), e.message()))
                .hint("the reference lists the settings of config.toml")
        })
    }
}
