//! What is open: the status page, the document and the Swagger page.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use super::{Answer, Problem};
use crate::error::{Error, Result};

/// Where the document is: at Swashbuckle's place, which clients know, and at today's usual one.
const DOCUMENTS: [&str; 2] = ["/swagger/docs/v1", "/openapi.json"];
/// Where the files of the Swagger page are.
const FILES: &str = "/swagger/ui/";

/// Nothing from elsewhere, nothing to elsewhere, in nobody's frame. Swagger's page sets styles of its own.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'self'";

/// The open pages of a service.
pub(super) struct Pages {
    name: &'static str,
    document: String,
    since: Instant,
    swagger: Arc<Config<'static>>,
}

impl Pages {
    pub(super) fn new(name: &'static str, document: &OpenApi) -> Result<Self> {
        let document = document
            .to_json()
            .map_err(|e| Error::new("service.document", format!("the OpenAPI document cannot be written: {e}")))?;
        // "none": the page would else send the document's address to a validator on the internet.
        let swagger = Config::from(DOCUMENTS[0]).validator_url("none").display_operation_id(true).deep_linking(true);
        Ok(Self { name, document, since: Instant::now(), swagger: Arc::new(swagger) })
    }

    pub(super) fn router(self) -> Router {
        let mut router =
            Router::new().route("/", get(status)).route("/status", get(status)).route("/swagger/ui/{file}", get(file));
        for path in DOCUMENTS {
            router = router.route(path, get(document));
        }
        for path in ["/swagger", "/swagger/", "/swagger/index.html", "/swagger/ui", "/swagger/ui/", "/swagger/ui/index"]
        {
            router = router.route(path, get(index));
        }
        router.with_state(Arc::new(self))
    }

    fn file(&self, name: &str) -> Response {
        let Ok(Some(found)) = utoipa_swagger_ui::serve(name, Arc::clone(&self.swagger)) else {
            let error =
                Error::new("service.unknown_path", "there is nothing under this path").hint("the page is at /swagger");
            return Problem::new(StatusCode::NOT_FOUND, error).into_response();
        };
        let kind = HeaderValue::from_str(&found.content_type);
        let mut response = found.bytes.into_owned().into_response();
        if let Ok(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        guarded(response)
    }
}

type Open = State<Arc<Pages>>;

/// That the service is up; JSON for who asks for it.
async fn status(State(pages): Open, headers: HeaderMap) -> Response {
    let (name, version, uptime) = (pages.name, env!("CARGO_PKG_VERSION"), pages.since.elapsed().as_secs());
    let wanted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if wanted.contains("json") {
        let facts = json!({ "service": name, "status": "up", "version": version, "uptimeSeconds": uptime });
        return Answer(facts).into_response();
    }
    guarded(
        Html(format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{name}</title></head>\n<body>\n\
             <h1>Libretto {name}</h1>\n<p>The service is up, for {uptime} s; version {version}.</p>\n\
             <p><a href=\"/swagger\">Operations</a> · <a href=\"/openapi.json\">OpenAPI document</a></p>\n</body>\n</html>\n"
        ))
        .into_response(),
    )
}

async fn document(State(pages): Open) -> Response {
    let mut response = pages.document.clone().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    guarded(response)
}

/// The page itself, whose files are named from the root, so that it may be had at several places.
async fn index(State(pages): Open) -> Response {
    match utoipa_swagger_ui::serve("index.html", Arc::clone(&pages.swagger)) {
        Ok(Some(page)) => {
            let page = String::from_utf8_lossy(&page.bytes)
                .replace("\"./", &format!("\"{FILES}"))
                .replace("\"index.css\"", &format!("\"{FILES}index.css\""))
                .replace("<title>Swagger UI</title>", &format!("<title>{}</title>", pages.name));
            guarded(Html(page).into_response())
        }
        _ => pages.file("index.html"),
    }
}

async fn file(State(pages): Open, Path(name): Path<String>) -> Response {
    pages.file(&name)
}

fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
