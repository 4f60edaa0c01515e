//! The embedded world, made ready for a run: its servers, and a temporary store with its connections.

use crate::{
    config,
    connection::{self, AdSettings, Given, HomeServer, NewConnection, Settings},
    error::Result,
    lab::{Fault, Lab, LabOptions},
    script::context::Missing,
    store::Store,
};

/// The name of the lab's Active Directory connection.
const CONNECTION: &str = "lab-ad";

/// A lab and the store that knows its connections. Dropped, both are gone.
pub struct LabWorld {
    /// Connections and credentials of the lab.
    pub store: Store,
    /// The servers.
    pub lab: Lab,
}

impl LabWorld {
    /// Starts the servers and stores the connections to them. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// The lab's and the store's.
    pub fn start(faults: Vec<Fault>, port_base: Option<u16>) -> Result<Self> {
        let lab = Lab::start(LabOptions { port_base, faults, ..LabOptions::default() })?;
        let store = Store::temporary()?;
        let (username, password) = lab.service_account();
        let settings = AdSettings {
            targets: lab.targets().iter().map(|target| target.address.to_string()).collect(),
            home_servers: Lab::missing()
                .iter()
                .filter(|(what, _)| what.starts_with("//"))
                .map(|(path, _)| HomeServer { path: (*path).to_owned(), provider: connection::Provider::UncDirect })
                .collect(),
            ca_pem: Some(lab.ca_pem().into()),
            ..AdSettings::default()
        };
        let new = NewConnection {
            name: CONNECTION.to_owned(),
            domain: lab.domain().to_owned(),
            username: username.to_owned(),
            customer: None,
            tags: vec!["lab".to_owned()],
            settings: Settings::Ad(settings),
            secret: Some(Given::Secret(password.clone())),
            agent_token: None,
        };
        connection::add(&store, &new)?;
        Ok(Self { store, lab })
    }

    /// The way to its cloud: nothing of a lab may reach what is outside of it.
    pub(super) fn cloud(&self) -> config::Cloud {
        let login = self.lab.cloud().login().parse().ok();
        config::Cloud { login, ca: None, pause_seconds: Some(0.1), ca_pem: Some(self.lab.ca_pem().into()) }
    }

    /// What the lab has no server for.
    pub(super) fn missing() -> Vec<Missing> {
        Lab::missing().iter().map(|(what, why)| Missing { what: (*what).to_owned(), why: (*why).to_owned() }).collect()
    }
}
