//! The embedded world, made ready for a run: its servers and services, and a temporary store with its connections.

mod presets;
mod seed;
mod services;

use std::io::Write as _;

pub(super) use self::presets::fill;
pub use self::presets::in_words;
use self::{
    seed::{Seed, seed_connections},
    services::Services,
};
use crate::{
    config::{self, Config},
    connection::{self, AdSettings, Given, HomeServer, NewConnection, Settings},
    error::{Error, Result},
    lab::{Fault, Lab, LabOptions},
    script::context::Missing,
    secret::Secret,
    store::{Store, create_private},
};

/// The name of the lab's Active Directory connection.
const CONNECTION: &str = "lab-ad";

/// A lab and the store that knows its connections. Dropped, both are gone.
pub struct LabWorld {
    services: Services,
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
    pub fn start(faults: &[Fault], port_base: Option<u16>) -> Result<Self> {
        let lab = Lab::start(LabOptions { port_base, faults: faults.to_owned(), ..LabOptions::default() })?;
        let store = Store::temporary()?;
        let services = Services::start(&lab, store.home(), faults)?;
        connection::add(&store, &directory(&lab))?;
        seed_connections(&store, &Seed::of(&lab, services.agent, &services.agent_token), CONNECTION)?;
        let world = Self { services, store, lab };
        world.write("ca.pem", world.lab.ca_pem())?;
        world.write("workflow.token", world.services.engine_token.expose())?;
        world.write("agent.token", world.services.agent_token.expose())?;
        Ok(world)
    }

    /// A file in the lab's folder that only its owner may read.
    fn write(&self, name: &str, text: &str) -> Result<()> {
        create_private(&self.services.folder.join(name))
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|e| Error::new("lab.no_folder", format!("{name} cannot be written: {e}")))
    }

    /// Where its Remote Agent listens, as `host:port`, and what opens it.
    #[must_use]
    pub fn agent(&self) -> (String, &Secret) {
        (self.services.agent.to_string(), &self.services.agent_token)
    }

    /// Where its Workflow Engine listens, and what opens it.
    #[must_use]
    pub fn engine(&self) -> (String, &Secret) {
        (format!("https://{}", self.services.engine), &self.services.engine_token)
    }

    /// The configuration of a run in it: whatever is configured, nothing of a lab reaches what is outside of it.
    pub(super) fn config(&self, config: &Config) -> Config {
        let folder = &self.services.folder;
        let workflow = config::Workflow {
            url: self.engine().0.parse().ok(),
            token: Some(format!("file:{}", folder.join("workflow.token").display())),
            ca: Some(folder.join("ca.pem")),
        };
        let cloud = config::Cloud {
            login: self.lab.cloud().login().parse().ok(),
            ca: None,
            pause_seconds: Some(0.1),
            ca_pem: Some(self.lab.ca_pem().into()),
        };
        Config { cloud, workflow, ..config.clone() }
    }

    /// What the lab has no server for.
    pub(super) fn missing() -> Vec<Missing> {
        Lab::missing().iter().map(|(what, why)| Missing { what: (*what).to_owned(), why: (*why).to_owned() }).collect()
    }
}

/// The connection to the directory.
fn directory(lab: &Lab) -> NewConnection {
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
    NewConnection {
        name: CONNECTION.to_owned(),
        domain: lab.domain().to_owned(),
        username: username.to_owned(),
        customer: None,
        tags: vec!["lab".to_owned()],
        settings: Settings::Ad(settings),
        secret: Some(Given::Secret(password.clone())),
        agent_token: None,
    }
}
