//! A cloud that answers every request after a fixed time, in a process of its own: discovery, sign-in and `$batch` for any domain
//! `dNUMBER.example`, each in a tenant of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
    serve::ListenerExt,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tokio::net::TcpListener;

struct Cloud {
    address: String,
    patience: Duration,
    sockets: AtomicU64,
    requests: AtomicU64,
    microseconds: AtomicU64,
}

type Shared = State<Arc<Cloud>>;

/// Serves on a port that it prints as its first line. `GET /seen` answers what there was since it was last asked: sockets
/// accepted, requests, and how many microseconds an answer took on average.
pub fn serve(ms: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        println!("{}", address.port());
        let cloud = Arc::new(Cloud {
            address: address.to_string(),
            patience: Duration::from_millis(ms),
            sockets: AtomicU64::default(),
            requests: AtomicU64::default(),
            microseconds: AtomicU64::default(),
        });
        let counting = Arc::clone(&cloud);
        let listener = listener.tap_io(move |stream| {
            stream.set_nodelay(true).unwrap();
            counting.sockets.fetch_add(1, Ordering::Relaxed);
        });
        let routes = Router::new()
            .route("/{domain}/v2.0/.well-known/openid-configuration", get(discovery))
            .route("/{tenant}/oauth2/v2.0/token", post(token))
            .route("/v1.0/$batch", post(batch))
            .route("/seen", get(seen))
            .with_state(cloud);
        axum::serve(listener, routes).await.unwrap();
    });
}

impl Cloud {
    async fn wait(&self) {
        let begun = Instant::now();
        tokio::time::sleep(self.patience).await;
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
    }
}

async fn seen(State(cloud): Shared) -> Json<Value> {
    let requests = cloud.requests.swap(0, Ordering::Relaxed);
    let microseconds = cloud.microseconds.swap(0, Ordering::Relaxed) / requests.max(1);
    let sockets = cloud.sockets.swap(0, Ordering::Relaxed);
    Json(json!({ "requests": requests, "microseconds": microseconds, "sockets": sockets }))
}

async fn discovery(State(cloud): Shared, Path(domain): Path<String>) -> Json<Value> {
    cloud.wait().await;
    let number: u64 = domain.trim_start_matches('d').trim_end_matches(".example").parse().unwrap();
    let (base, tenant) = (format!("http://{}", cloud.address), format!("00000000-0000-4000-8000-{number:012}"));
    Json(json!({
        "token_endpoint": format!("{base}/{tenant}/oauth2/v2.0/token"),
        "issuer": format!("{base}/{tenant}/v2.0"),
        "msgraph_host": cloud.address,
    }))
}

async fn token(State(cloud): Shared, Path(tenant): Path<String>) -> Json<Value> {
    cloud.wait().await;
    let part = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let claims = json!({ "tid": tenant, "roles": ["Organization.Read.All", "Domain.Read.All"] });
    let token = format!("{}.{}.signature", part(json!({ "alg": "none" })), part(claims));
    Json(json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token }))
}

/// As many answers as requests: the organization, the domain, the licences.
async fn batch(State(cloud): Shared, headers: axum::http::HeaderMap, Json(body): Json<Value>) -> Json<Value> {
    cloud.wait().await;
    let tenant = tenant_of(headers["authorization"].to_str().unwrap());
    let answer = |request: &Value| {
        let url = request["url"].as_str().unwrap();
        let body = match url.trim_start_matches('/').split(['/', '?']).next().unwrap() {
            "organization" => json!({ "value": [{ "id": tenant, "displayName": "Bench", "verifiedDomains": [] }] }),
            "domains" => {
                let number = tenant[24..].trim_start_matches('0');
                let name = format!("d{}.example", if number.is_empty() { "0" } else { number });
                json!({ "id": name, "authenticationType": "Managed", "isVerified": true, "isDefault": true,
                    "isInitial": false, "isAdminManaged": true, "isRoot": true, "supportedServices": ["Email"] })
            }
            _ => json!({ "value": [] }),
        };
        let headers = json!({ "Content-Type": "application/json" });
        json!({ "id": request["id"], "status": 200, "headers": headers, "body": body })
    };
    let answers: Vec<Value> = body["requests"].as_array().unwrap().iter().map(answer).collect();
    Json(json!({ "responses": answers }))
}

fn tenant_of(bearer: &str) -> String {
    let claims = BASE64URL_NOPAD.decode(bearer.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["tid"].as_str().unwrap().to_owned()
}
