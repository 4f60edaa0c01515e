//! The group `Connections`: what the agent holds, and the test of it.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, Uri},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Agent, Inner,
    records::{ConnectionReq, DomainReq, Held, Wanted, domain, named_domain},
};
use crate::{
    connection::{
        self, Change, Connection, Given, MsOnlineSettings, NewConnection, Scope, Selector, Settings, credentials,
    },
    error::{Error, Result},
    service::{Answer, Problem, body},
};

type Answered<T> = Result<Answer<T>, Problem>;

/// What became of a removal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deleted {
    /// The domain whose connection is gone.
    #[schema(example = "contoso.example")]
    deleted: String,
}

/// Holds a new connection
///
/// There is one per domain. It is on the agent's disk when this answers.
#[utoipa::path(post, path = "/api/Connections/Add", tag = "Connections", operation_id = "Connections_Add",
    request_body = ConnectionReq, responses((status = 200, description = "The connection as it is held now", body = Held)))]
pub(super) async fn add(State(agent): State<Agent>, headers: HeaderMap, bytes: Bytes) -> Answered<Held> {
    let wanted = Wanted::read(&headers, &bytes)?;
    agent.stored(move |inner| inner.add(wanted)).await.map(Answer)
}

/// Changes a connection that is held
///
/// What is left out stays as it is. A secret that differs from the present one is a new version.
#[utoipa::path(post, path = "/api/Connections/Update", tag = "Connections", operation_id = "Connections_Update",
    request_body = ConnectionReq, responses((status = 200, description = "The connection as it is held now", body = Held)))]
pub(super) async fn update(State(agent): State<Agent>, headers: HeaderMap, bytes: Bytes) -> Answered<Held> {
    let wanted = Wanted::read(&headers, &bytes)?;
    agent.stored(move |inner| inner.update(wanted)).await.map(Answer)
}

/// Lists the connections that are held
#[utoipa::path(get, path = "/api/Connections/List", tag = "Connections", operation_id = "Connections_List",
    responses((status = 200, description = "All connections, by domain", body = [Held])))]
pub(super) async fn list(State(agent): State<Agent>) -> Answered<Vec<Held>> {
    agent.stored(Inner::list).await.map(Answer)
}

/// Shows a connection that is held
#[utoipa::path(get, path = "/api/Connections/Get", tag = "Connections", operation_id = "Connections_Get",
    params(("domain" = String, Query, description = "Its mail domain", example = "contoso.example")),
    responses((status = 200, description = "The connection", body = Held)))]
pub(super) async fn get(State(agent): State<Agent>, uri: Uri) -> Answered<Held> {
    let domain = asked(&uri)?;
    agent.stored(move |inner| inner.held(inner.find(&domain)?)).await.map(Answer)
}

/// Removes a connection
///
/// Its credentials stay on the agent's disk, encrypted, as those of earlier versions do.
#[utoipa::path(post, path = "/api/Connections/Delete", tag = "Connections", operation_id = "Connections_Delete",
    request_body = DomainReq, responses((status = 200, description = "It is gone", body = Deleted)))]
pub(super) async fn delete(State(agent): State<Agent>, headers: HeaderMap, bytes: Bytes) -> Answered<Deleted> {
    let domain = domain(&headers, &bytes)?;
    let remove = move |inner: &Inner| {
        let _turn = inner.turn();
        let found = inner.find(&domain)?;
        connection::remove(&inner.store, &found.name, &Scope::all())?;
        Ok(Deleted { deleted: found.domain })
    };
    agent.stored(remove).await.map(Answer)
}

/// The one parameter of the query, decoded.
fn asked(uri: &Uri) -> Result<String> {
    let query = axum::extract::Query::<std::collections::HashMap<String, String>>::try_from_uri(uri)
        .map_err(|_| body::bad("the query cannot be read"))?;
    named_domain(query.get("domain").ok_or_else(|| body::bad("domain is missing in the query"))?)
}

impl Inner {
    /// The connection of a domain.
    ///
    /// # Errors
    /// `agent.unknown_domain`.
    pub(super) fn find(&self, domain: &str) -> Result<Connection> {
        connection::get(&self.store, domain, &Scope::all()).map_err(|e| match e.code() {
            "connection.unknown" => {
                let unknown = Error::new("agent.unknown_domain", format!("the agent holds no connection for {domain}"));
                unknown.hint(
                    e.remedy()
                        .filter(|hint| hint.starts_with("did you"))
                        .unwrap_or("Connections_List shows those that it holds, Connections_Add adds one"),
                )
            }
            _ => e,
        })
    }

    fn held(&self, found: Connection) -> Result<Held> {
        let current = credentials::current(&self.store, &found)?;
        Ok(Held::new(found, current.as_ref()))
    }

    fn list(&self) -> Result<Vec<Held>> {
        connection::list(&self.store, &Selector::all(), &Scope::all())?
            .into_iter()
            .map(|found| self.held(found))
            .collect()
    }

    /// One of the domains that are held.
    pub(super) fn a_domain(&self) -> Result<Option<String>> {
        let all = connection::list(&self.store, &Selector::all(), &Scope::all())?;
        Ok(all.into_iter().next().map(|found| found.domain))
    }

    fn add(&self, wanted: Wanted) -> Result<Held> {
        let _turn = self.turn();
        let Some(username) = wanted.client_id.clone().or(wanted.username) else {
            return Err(body::bad("neither clientId nor username is given").hint("say who signs in"));
        };
        let new = NewConnection {
            name: wanted.domain.clone(),
            domain: wanted.domain,
            username,
            customer: None,
            tags: Vec::new(),
            settings: Settings::MsOnline(settings(wanted.client_id, wanted.certificate)),
            secret: wanted.secret,
            agent_token: None,
        };
        let added = match connection::add(&self.store, &new) {
            // Whoever keeps the connections says what the app signs in with now, for all of its connections.
            Err(e) if e.code() == "connection.app_has_secret" => connection::add_and_replace(&self.store, &new),
            added => added,
        };
        let added = added.map_err(|e| match e.code() {
            "connection.exists" => e.hint("change it with Connections_Update"),
            _ => e,
        })?;
        self.held(added)
    }

    fn update(&self, wanted: Wanted) -> Result<Held> {
        let _turn = self.turn();
        let before = self.find(&wanted.domain)?;
        let had = before.msonline()?.clone();
        let client_id = if wanted.username.is_some() { None } else { wanted.client_id.or(had.client_id.clone()) };
        let certificate = if wanted.secret.is_some() { wanted.certificate } else { had.certificate };
        let settings = Settings::MsOnline(MsOnlineSettings { client_id: client_id.clone(), certificate, ..had });
        let username = wanted.username.or(client_id).unwrap_or_else(|| before.username.clone());
        if wanted.secret.is_none() && settings.form() != before.settings.form() {
            return Err(body::bad("who signs in changes its kind, and no secret is given").hint("give the secret too"));
        }
        let same = username == before.username && settings.form() == before.settings.form();
        let secret = wanted.secret.filter(|given| !(same && self.is_current(&before, given)));
        let change = Change {
            username: Some(username).filter(|username| *username != before.username),
            settings: Some(settings).filter(|settings| *settings != before.settings),
            secret,
            ..Change::default()
        };
        self.held(connection::edit(&self.store, &before.name, &Scope::all(), &change)?)
    }

    /// Whether a secret is the one in use: a client that did not hear the answer sends it again.
    fn is_current(&self, found: &Connection, given: &Given) -> bool {
        let current = credentials::current(&self.store, found).ok().flatten();
        let mut identity = Some(self.identity.clone());
        current
            .is_some_and(|current| credentials::is_given(&mut identity, &self.store, &current, given).unwrap_or(false))
    }
}

/// The settings of a connection that the agent holds: it is its own agent.
fn settings(client_id: Option<String>, certificate: bool) -> MsOnlineSettings {
    MsOnlineSettings { client_id, certificate, ..MsOnlineSettings::default() }
}
