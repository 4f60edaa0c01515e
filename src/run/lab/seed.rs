//! What the lab's connections, its agent and its engine hold at the start: as somebody has left it who had added `contoso` and
//! `fabrikam` and routed them.

use std::{net::SocketAddr, sync::Arc};

use crate::{
    connection::{self, Given, MsOnlineSettings, NewConnection, Scope, Selector, Settings},
    error::Result,
    lab::Lab,
    secret::{Secret, seal::Identity},
    store::{
        Store,
        rows::routes::{self, Route},
    },
};

/// The connections that there are; the first one's tenant holds the app.
const THERE: [&str; 2] = ["contoso", "fabrikam"];

/// What a connection of the lab is made of.
#[derive(Clone)]
pub(super) struct Seed {
    pub(super) client_id: &'static str,
    secret: Secret,
    agent: SocketAddr,
    agent_token: Secret,
    ca_pem: Arc<str>,
}

impl Seed {
    pub(super) fn of(lab: &Lab, agent: SocketAddr, agent_token: &Secret) -> Self {
        Self {
            client_id: lab.cloud().client_id(),
            secret: lab.cloud().secret().clone(),
            agent,
            agent_token: agent_token.clone(),
            ca_pem: lab.ca_pem().into(),
        }
    }

    fn connection(&self, name: String, label: &str, settings: MsOnlineSettings) -> NewConnection {
        let settings = MsOnlineSettings { client_id: Some(self.client_id.to_owned()), ..settings };
        NewConnection {
            name,
            domain: domain(label),
            username: self.client_id.to_owned(),
            customer: None,
            tags: vec!["lab".to_owned()],
            settings: Settings::MsOnline(settings),
            // The next ones share what the first has brought.
            secret: (label == THERE[0]).then(|| Given::Secret(self.secret.clone())),
            agent_token: None,
        }
    }
}

fn domain(label: &str) -> String {
    format!("{label}.example")
}

/// The connections as Libretto has them.
pub(super) fn seed_connections(store: &Store, seed: &Seed, ad: &str) -> Result<()> {
    for label in THERE {
        let settings = MsOnlineSettings {
            ad: Some(ad.to_owned()),
            agent_host: seed.agent.ip().to_string(),
            agent_port: seed.agent.port(),
            agent_ca_pem: Some(Arc::clone(&seed.ca_pem)),
            app_home: Some(THERE[0].to_owned()),
            ..MsOnlineSettings::default()
        };
        let new = seed.connection(label.to_owned(), label, settings);
        connection::add(store, &NewConnection { agent_token: Some(Given::Secret(seed.agent_token.clone())), ..new })?;
    }
    Ok(())
}

/// The agent's copies of them. One that is started again has them already.
pub(super) fn seed_agent(store: &Store, seed: &Seed) -> Result<()> {
    if !connection::list(store, &Selector::all(), &Scope::all())?.is_empty() {
        return Ok(());
    }
    for label in THERE {
        let new = seed.connection(domain(label), label, MsOnlineSettings::default());
        connection::add(store, &NewConnection { tags: Vec::new(), ..new })?;
    }
    Ok(())
}

/// The engine's routes to the agent. One that is started again has them already.
pub(super) fn seed_engine(store: &Store, seed: &Seed) -> Result<()> {
    if store.read(routes::count)? > 0 {
        return Ok(());
    }
    let identity = Identity::load_or_make(store)?;
    for label in THERE {
        let route = Route {
            connection: label.to_owned(),
            domain: domain(label),
            host: seed.agent.ip().to_string(),
            port: seed.agent.port(),
            ca_pem: Some(Arc::clone(&seed.ca_pem)),
            token: Some(identity.seal(&seed.agent_token)?),
            written_by: "lab".to_owned(),
            written_at: String::new(),
        };
        store.write(|t| routes::put(t, &route).map(drop))?;
    }
    Ok(())
}
