//! The group `Routes`: which Remote Agent a connection's actions go to.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::HeaderMap,
};
use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    Engine, Inner,
    wanted::{CompareReq, RouteReq, Wanted, named},
};
use crate::{
    error::{Error, Result},
    names::nearest,
    service::{Answer, Problem, Token},
    store::{
        audit::{self, Act},
        rows::routes::{self, Route},
    },
    workflow::records::{Compared, Held},
};

type Answered<T> = Result<Answer<T>, Problem>;

/// Writes a connection's route
///
/// The whole route, in place of the one that there is. It is on the engine's disk when this answers.
#[utoipa::path(put, path = "/api/Routes/{connection}", tag = "Routes", operation_id = "Routes_Put",
    params(("connection" = String, Path, description = "The connection's name", example = "contoso")),
    request_body = RouteReq, responses((status = 200, description = "The route as it is held now", body = Held)))]
pub(super) async fn put(
    State(engine): State<Engine>,
    Path(connection): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered<Held> {
    let wanted = Wanted::read(&connection, &headers, &bytes)?;
    engine.stored(move |inner| inner.put(wanted)).await.map(Answer)
}

/// Shows a connection's route
#[utoipa::path(get, path = "/api/Routes/{connection}", tag = "Routes", operation_id = "Routes_Get",
    params(("connection" = String, Path, description = "The connection's name", example = "contoso")),
    responses((status = 200, description = "The route", body = Held)))]
pub(super) async fn get(State(engine): State<Engine>, Path(connection): Path<String>) -> Answered<Held> {
    let connection = named(&connection)?;
    engine.stored(move |inner| inner.route(&connection).map(held)).await.map(Answer)
}

/// Lists the routes
#[utoipa::path(get, path = "/api/Routes", tag = "Routes", operation_id = "Routes_List",
    responses((status = 200, description = "All routes, by connection", body = [Held])))]
pub(super) async fn list(State(engine): State<Engine>) -> Answered<Vec<Held>> {
    let list = |inner: &Inner| Ok(inner.store.read(routes::all)?.into_iter().map(held).collect());
    engine.stored(list).await.map(Answer)
}

/// Removes a connection's route
#[utoipa::path(delete, path = "/api/Routes/{connection}", tag = "Routes", operation_id = "Routes_Delete",
    params(("connection" = String, Path, description = "The connection's name", example = "contoso")),
    responses((status = 200, description = "The route as it was", body = Held)))]
pub(super) async fn delete(State(engine): State<Engine>, Path(connection): Path<String>) -> Answered<Held> {
    let connection = named(&connection)?;
    engine.stored(move |inner| inner.delete(&connection)).await.map(Answer)
}

/// Compares a connection's route with what it should be
///
/// Nothing is written. This is how a token can be looked at that is never shown, and that need not be told either: `tokenProof`.
#[utoipa::path(post, path = "/api/Routes/{connection}/Compare", tag = "Routes", operation_id = "Routes_Compare",
    params(("connection" = String, Path, description = "The connection's name", example = "contoso")),
    request_body = CompareReq, responses((status = 200, description = "How they differ", body = Compared)))]
pub(super) async fn compare(
    State(engine): State<Engine>,
    Path(connection): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered<Compared> {
    let wanted = Wanted::to_compare(&connection, &headers, &bytes)?;
    engine.stored(move |inner| inner.compare(&wanted)).await.map(Answer)
}

impl Inner {
    fn put(&self, wanted: Wanted) -> Result<Held> {
        let token = wanted.token.as_ref().map(|token| self.identity.seal(token)).transpose()?;
        let mut route = Route {
            connection: wanted.connection,
            domain: wanted.domain,
            host: wanted.host,
            port: wanted.port,
            ca_pem: wanted.ca_pem,
            token,
            written_by: wanted.written_by,
            written_at: String::new(),
        };
        route.written_at = self.store.write(|t| {
            let at = routes::put(t, &route)?;
            let data = json!({ "agent": Held::agent(&held(route.clone())), "token": route.token.is_some(),
                "written_by": route.written_by });
            let act = Act { what: "route-written", connection: Some(&route.connection), data, ..Act::default() };
            audit::add(t, self.store.actor(), &act)?;
            Ok(at)
        })?;
        Ok(held(route))
    }

    /// A connection's route.
    ///
    /// # Errors
    /// `workflow.unknown_route`.
    pub(super) fn route(&self, connection: &str) -> Result<Route> {
        match self.store.read(|c| routes::get(c, connection))? {
            Some(route) => Ok(route),
            None => Err(self.unknown(connection)?),
        }
    }

    fn unknown(&self, connection: &str) -> Result<Error> {
        let names = self.store.read(routes::names)?;
        let hint = match nearest(connection, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "`we::update_agent` writes it; Routes_List shows those that there are".to_owned(),
        };
        Ok(Error::new("workflow.unknown_route", format!("the Workflow Engine has no route for {connection}"))
            .hint(hint))
    }

    fn delete(&self, connection: &str) -> Result<Held> {
        let gone = self.store.write(|t| {
            let Some(route) = routes::get(t, connection)? else { return Ok(None) };
            routes::delete(t, connection)?;
            let act = Act { what: "route-removed", connection: Some(&route.connection), ..Act::default() };
            audit::add(t, self.store.actor(), &act)?;
            Ok(Some(route))
        })?;
        match gone {
            Some(route) => Ok(held(route)),
            None => Err(self.unknown(connection)?),
        }
    }

    fn compare(&self, wanted: &Wanted) -> Result<Compared> {
        let Some(route) = self.store.read(|c| routes::get(c, &wanted.connection))? else {
            return Ok(Compared { route: None, differs: Vec::new() });
        };
        let token = route.token.as_deref().map(|sealed| self.identity.open(sealed)).transpose()?;
        let same_token = match (&token, &wanted.token, &wanted.proof) {
            (Some(one), Some(other), None) => Token::of(one).opens(other.expose().as_bytes()),
            (Some(one), None, Some(proof)) => proof.is_of(one),
            (one, other, proof) => one.is_none() && other.is_none() && proof.is_none(),
        };
        let same = [
            ("domain", route.domain == wanted.domain),
            ("host", route.host == wanted.host),
            ("port", route.port == wanted.port),
            ("ca", route.ca_pem == wanted.ca_pem),
            ("token", same_token),
        ];
        let differs = same.iter().filter(|(_, same)| !same).map(|(name, _)| (*name).to_owned()).collect();
        Ok(Compared { route: Some(held(route)), differs })
    }
}

fn held(route: Route) -> Held {
    Held {
        connection: route.connection,
        domain: route.domain,
        host: route.host,
        port: route.port,
        ca: route.ca_pem.map(|pem| HEXLOWER.encode(&Sha256::digest(pem.as_bytes()))),
        has_token: route.token.is_some(),
        written_by: route.written_by,
        written_at: route.written_at,
    }
}
