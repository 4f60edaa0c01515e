//! The way to a connection's agent: its client, its token, and what is known to fill requests from.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    agent::client::{
        Address, Agent, Agents, Answer, Options, Which,
        fill::{DOMAIN, Values},
        find::{LIST, plain},
    },
    connection::{self, Connection, agents, credentials},
    error::{Error, Result},
    script::context::{Context, CredentialState},
    secret::Secret,
    store::rows::CredentialId,
};

/// An agent, seen from one of its connections.
pub(super) struct Way {
    pub(super) agent: Arc<Agent>,
    pub(super) token: Option<Secret>,
    /// As it is stored now.
    pub(super) connection: Connection,
    /// The version that the agent's copy was given last, where it is still the same agent.
    pub(super) copy: Option<CredentialId>,
    /// The version that this run signs in with, and whether it has yet to be proven.
    pub(super) version: Option<(CredentialId, bool)>,
}

impl Way {
    /// # Errors
    /// `agent.no_lab_agent`; `connection.wrong_kind`; those of the token and of the agent's CA.
    pub(super) async fn to(context: &Context, connection: &Connection) -> Result<Self> {
        let (id, state) = (connection.id, context.credential_state(connection.id));
        context
            .blocking(move |context| {
                let (store, host) = (&context.world.store, &context.world.host);
                let connection = connection::by_id(store, id)?;
                let online = connection.msonline()?;
                let options = Options {
                    ca_pem: online.agent_ca_pem.clone(),
                    proxy: host.https_proxy().map(Arc::from),
                    no_proxy: host.no_proxy().map(Arc::from),
                    timeout: context.world.config.service.patience(),
                };
                let address = Address { host: online.agent_host.clone(), port: online.agent_port };
                refuse_outside_lab(context, &address)?;
                let agent = Agents::shared().at(address, &options)?;
                let current = match state {
                    Some(CredentialState::Candidate(id) | CredentialState::Handed { credential: id, .. }) => {
                        Some((id, true))
                    }
                    _ => credentials::current(store, &connection)?.map(|one| (one.id, one.proven_at.is_none())),
                };
                let copy = agents::copy(store, &connection)?.filter(|copy| copy.to == agent.address().to_string());
                Ok(Self {
                    token: agents::token(store, host, &connection)?,
                    copy: copy.map(|copy| copy.credential),
                    version: current,
                    agent,
                    connection,
                })
            })
            .await
    }

    /// What is known of the connection, without its secret.
    pub(super) fn values(&self) -> Values {
        let app = self.connection.settings.app().map(str::to_owned);
        Values {
            domain: self.connection.domain.clone(),
            name: Some(self.connection.name.clone()),
            username: app.is_none().then(|| self.connection.username.clone()),
            client_id: app,
            ..Values::default()
        }
    }

    pub(super) async fn ask(&self, which: Which<'_>, values: &Values) -> Result<Answer> {
        self.agent.ask(which, values, self.token.as_ref()).await
    }

    /// What the agent holds.
    pub(super) async fn list(&self) -> Result<Vec<Value>> {
        super::entries(self.ask(Which::Wanted(&LIST), &self.values()).await?.body)
    }

    /// [`Way::ask`]; an agent that calls its connections by numbers of its own is asked for them first.
    pub(super) async fn ask_by_id(&self, which: Which<'_>, values: &Values) -> Result<Answer> {
        let found = self.agent.found(self.token.as_ref()).await?;
        let wants_id = which.find(&found.document)?.parameters.iter().any(|one| one.required && is_id(&one.name));
        if !wants_id {
            return self.ask(which, values).await;
        }
        let (domain, list) = (&self.connection.domain, self.list().await?);
        let mut mine = list.iter().filter_map(|entry| id_of(entry, domain));
        let id = mine.next().ok_or_else(|| {
            Error::new("agent.unknown_domain", format!("the agent holds no connection for {domain}"))
                .hint("`agent::update` gives it one")
        })?;
        if mine.next().is_some() {
            return Err(Error::new(
                "agent.ambiguous_connection",
                format!("the agent holds several connections that may be the one for {domain}, and none was touched"),
            )
            .hint("see with `agent::list` which they are, and remove what should not be there on the agent's Swagger page"));
        }
        self.ask(which, &Values { id: Some(id), ..values.clone() }).await
    }
}

/// What the agent calls the connection, where it is the domain's: by a member that is called so; where there is none, by any.
fn id_of(entry: &Value, domain: &str) -> Option<String> {
    let entry = entry.as_object()?;
    let is_it = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(domain));
    let mut named = entry.iter().filter(|(name, _)| DOMAIN.contains(&plain(name).as_str())).peekable();
    let is_mine = if named.peek().is_some() { named.any(|(_, value)| is_it(value)) } else { entry.values().any(is_it) };
    let (_, id) = entry.iter().find(|(name, _)| is_id(name)).filter(|_| is_mine)?;
    Some(id.as_str().map_or_else(|| id.to_string(), str::to_owned))
}

/// Nothing of a lab may reach what is outside of it.
fn refuse_outside_lab(context: &Context, address: &Address) -> Result<()> {
    match &context.world.lab_agent {
        Some(own) if *own != address.to_string() => {
            Err(Error::skipped("agent.no_lab_agent", format!("the lab has no Remote Agent at {address}"))
                .hint(format!("its own is at {own}; another one is asked in a run without --lab")))
        }
        _ => Ok(()),
    }
}

fn is_id(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "");
    name == "id" || name == "connectionid"
}
