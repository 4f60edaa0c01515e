//! A connection as a person writes it, on the command line, in a CSV row or in JSON, and its way to a checked one.

use super::{Change, Connection, NewConnection};
use crate::{error::Error, host::Host};

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
}

/// What is wrong with one column.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The column's name, as in a CSV header.
    pub column: &'static str,
    /// What is wrong and what to do.
    pub error: Error,
}

impl Fields {
    /// Checks everything and reads what is read once (secrets, certificates). All faults at once.
    pub fn check(&self, host: &Host) -> Result<NewConnection, Vec<Fault>> {
        let _ = host;
        Err(Vec::new())
    }

    /// Checks what was written as an edit of `before`.
    pub fn check_change(&self, host: &Host, before: &Connection) -> Result<Change, Vec<Fault>> {
        let _ = (host, before);
        Err(Vec::new())
    }
}

/// One error for the faults of one connection: the first fault's code and hint, everybody's message.
#[must_use]
pub fn as_error(faults: &[Fault]) -> Error {
    faults.first().map_or_else(|| Error::new("connection.bad", "the connection is not valid"), |f| f.error.clone())
}
