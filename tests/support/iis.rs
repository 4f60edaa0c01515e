//! An IIS Administration API on loopback, as far as Libretto asks it: one site, one pool, their applications.

#![allow(clippy::result_large_err)] // an answer that refuses is an answer of axum's

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

pub const TOKEN: &str = "Canary-Iis-Token-4!x";

/// What the web server is like.
#[derive(Debug, Clone)]
pub struct Server {
    pub site: String,
    pub site_status: &'static str,
    /// What each look at the pool finds, in order; the last one stays.
    pub pool_status: Vec<&'static str>,
    /// What the pool of an application of its own is like.
    pub other_pool: &'static str,
    pub identity: Value,
    pub path: &'static str,
    pub path_is_there: bool,
    pub applications: Vec<&'static str>,
    pub binding: u16,
}

impl Server {
    pub fn healthy(agent: u16) -> Self {
        Self {
            site: "Remote Agent".to_owned(),
            site_status: "started",
            pool_status: vec!["started"],
            other_pool: "started",
            identity: json!({ "identity_type": "SpecificUser", "username": "CORP\\svc", "load_user_profile": "true" }),
            path: "C:\\inetpub\\agent",
            path_is_there: true,
            applications: vec!["/", "/api"],
            binding: agent,
        }
    }
}

/// One that runs.
#[derive(Clone)]
pub struct Iis {
    server: Arc<Mutex<Server>>,
    pub address: String,
}

impl Iis {
    pub async fn start(server: Server) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let iis = Self { server: Arc::new(Mutex::new(server)), address };
        let router = Router::new()
            .route("/api/webserver/websites", get(sites))
            .route("/api/webserver/websites/{id}", get(site))
            .route("/api/webserver/application-pools", get(pools))
            .route("/api/webserver/application-pools/{id}", get(pool))
            .route("/api/webserver/webapps", get(apps))
            .route("/api/webserver/webapps/{id}", get(app))
            .route("/api/files", get(file))
            .with_state(iis.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        iis
    }

    pub fn set(&self, server: Server) {
        *self.server.lock().unwrap() = server;
    }

    fn open(&self, headers: &HeaderMap) -> Result<Server, Response> {
        let shown = headers.get("access-token").and_then(|value| value.to_str().ok());
        if shown == Some(&format!("Bearer {TOKEN}")) {
            return Ok(self.server.lock().unwrap().clone());
        }
        Err((StatusCode::FORBIDDEN, Json(json!({ "title": "Forbidden", "status": 403 }))).into_response())
    }
}

type Answer = Result<Json<Value>, Response>;

async fn sites(State(iis): State<Iis>, headers: HeaderMap) -> Answer {
    let server = iis.open(&headers)?;
    Ok(Json(json!({ "websites": [
        { "name": "Default Web Site", "id": "1x", "status": "stopped" },
        { "name": server.site, "id": "2x", "status": server.site_status },
    ] })))
}

async fn site(State(iis): State<Iis>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let server = iis.open(&headers)?;
    Ok(Json(if id == "1x" {
        json!({ "name": "Default Web Site", "id": id, "status": "stopped", "physical_path": "C:\\inetpub\\wwwroot",
            "bindings": [{ "protocol": "http", "ip_address": "*", "port": 80 }], "application_pool": { "name": "DefaultAppPool", "id": "p1" } })
    } else {
        json!({ "name": server.site, "id": id, "status": server.site_status, "physical_path": server.path,
            "bindings": [{ "protocol": "https", "ip_address": "*", "port": server.binding }],
            "application_pool": { "name": "AgentPool", "id": "p2", "status": "started" } })
    }))
}

async fn pools(State(iis): State<Iis>, headers: HeaderMap) -> Answer {
    iis.open(&headers)?;
    let pools = ["DefaultAppPool", "AgentPool", "OtherPool"].iter().enumerate();
    let pools: Vec<Value> = pools.map(|(at, name)| json!({ "name": name, "id": format!("p{}", at + 1) })).collect();
    Ok(Json(json!({ "app_pools": pools })))
}

async fn pool(State(iis): State<Iis>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let server = iis.open(&headers)?;
    if id == "p3" {
        return Ok(Json(json!({ "name": "OtherPool", "id": id, "status": server.other_pool })));
    }
    let status = server.pool_status[0];
    let mut now = iis.server.lock().unwrap();
    if now.pool_status.len() > 1 {
        now.pool_status.remove(0);
    }
    Ok(Json(
        json!({ "name": "AgentPool", "id": id, "status": status, "auto_start": "true", "identity": server.identity }),
    ))
}

async fn apps(State(iis): State<Iis>, Query(asked): Query<Vec<(String, String)>>, headers: HeaderMap) -> Answer {
    let server = iis.open(&headers)?;
    assert_eq!(asked, [("website.id".to_owned(), "2x".to_owned())]);
    let apps = server.applications.iter().enumerate();
    let apps: Vec<Value> = apps.map(|(at, path)| json!({ "path": path, "id": format!("a{at}") })).collect();
    Ok(Json(json!({ "webapps": apps })))
}

async fn app(State(iis): State<Iis>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let server = iis.open(&headers)?;
    let at: usize = id[1..].parse().unwrap();
    let pool = if at == 0 { "AgentPool" } else { "OtherPool" };
    Ok(Json(json!({ "path": server.applications[at], "id": id, "application_pool": { "name": pool } })))
}

async fn file(State(iis): State<Iis>, Query(asked): Query<Vec<(String, String)>>, headers: HeaderMap) -> Response {
    let server = match iis.open(&headers) {
        Ok(server) => server,
        Err(refused) => return refused,
    };
    assert_eq!(asked, [("physical_path".to_owned(), server.path.to_owned())]);
    if !server.path_is_there {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(json!({ "name": "agent", "type": "directory", "physical_path": server.path })).into_response()
}
