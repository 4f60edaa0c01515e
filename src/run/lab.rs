//! The embedded world, made ready for a run: its servers, and a temporary store with its connections.

use crate::{
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

    /// What the lab has no server for.
    pub(super) fn missing() -> Vec<Missing> {
        Lab::missing().iter().map(|(what, why)| Missing { what: (*what).to_owned(), why: (*why).to_owned() }).collect()
    }
}
