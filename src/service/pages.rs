//! What is open: the status page, the document and the Swagger page.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerFile};

use super::{Answer, Problem};
use crate::error::{Error, Result};

/// Where the document is: at Swashbuckle's place, which clients know, and at today's usual one.
const DOCUMENTS: [&str; 2] = ["/swagger/docs/v1", "/openapi.json"];
/// Where the files of the Swagger page are.
const FILES: &str = "/swagger/ui/";
/// The page itself among them.
const INDEX: &str = "index.html";
/// What starts it, and what it is to do besides.
const STARTER: &str = "swagger-initializer.js";
const DISCREET: &str = include_str!("discreet.js");

/// Nothing from elsewhere, nothing to elsewhere, in nobody's frame. Swagger's page sets styles of its own.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'self'";

/// The open pages of a service.
pub(super) struct Pages {
    name: &'static str,
    document: Bytes,
    since: Instant,
    swagger: Arc<Config<'static>>,
    /// What was served once: anybody may ask for the same at any time, and take as long over it as the listener allows.
    files: Mutex<HashMap<String, File>>,
}

/// A file of the Swagger page; clones share its bytes.
#[derive(Clone)]
struct File {
    kind: Option<HeaderValue>,
    bytes: Bytes,
}

impl Pages {
    pub(super) fn new(name: &'static str, document: &OpenApi) -> Result<Self> {
        let document = document
            .to_json()
            .map_err(|e| Error::new("service.document", format!("the OpenAPI document cannot be written: {e}")))?;
        // "none": the page would else send the document's address to a validator on the internet.
        let swagger = Config::from(DOCUMENTS[0]).validator_url("none").display_operation_id(true).deep_linking(true);
        let (since, swagger) = (Instant::now(), Arc::new(swagger));
        Ok(Self { name, document: document.into(), since, swagger, files: Mutex::default() })
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
        let made = if name == STARTER { File::starter } else { File::whole };
        let Some(file) = self.found(name, made) else {
            let error =
                Error::new("service.unknown_path", "there is nothing under this path").hint("the page is at /swagger");
            return Problem::new(StatusCode::NOT_FOUND, error).into_response();
        };
        let mut response = file.bytes.into_response();
        if let Some(kind) = file.kind {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        guarded(response)
    }

    /// A file, made from the page's own once.
    fn found(&self, name: &str, made: impl FnOnce(&Self, &SwaggerFile<'_>) -> File) -> Option<File> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(name) {
            return Some(file.clone());
        }
        let file = made(self, &utoipa_swagger_ui::serve(name, Arc::clone(&self.swagger)).ok()??);
        files.insert(name.to_owned(), file.clone());
        Some(file)
    }
}

impl File {
    fn whole(_: &Pages, found: &SwaggerFile<'_>) -> Self {
        Self { kind: HeaderValue::from_str(&found.content_type).ok(), bytes: found.bytes.to_vec().into() }
    }

    /// What starts the page, with [`DISCREET`] among its plugins.
    fn starter(_: &Pages, found: &SwaggerFile<'_>) -> Self {
        let starter = String::from_utf8_lossy(&found.bytes).replace("plugins: [", "plugins: [\n      Discreet,");
        Self { kind: HeaderValue::from_str(&found.content_type).ok(), bytes: format!("{DISCREET}{starter}").into() }
    }

    /// The page itself, whose files are named from the root, so that it may be had at several places.
    fn index(pages: &Pages, found: &SwaggerFile<'_>) -> Self {
        let page = String::from_utf8_lossy(&found.bytes)
            .replace("\"./", &format!("\"{FILES}"))
            .replace("\"index.css\"", &format!("\"{FILES}index.css\""))
            .replace("<title>Swagger UI</title>", &format!("<title>{}</title>", pages.name));
        Self { kind: Some(HeaderValue::from_static("text/html; charset=utf-8")), bytes: page.into() }
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

async fn index(State(pages): Open) -> Response {
    // So that the file alone is the same page.
    pages.found(INDEX, File::index);
    pages.file(INDEX)
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

#[cfg(test)]
mod tests {
    use axum::body::{HttpBody, to_bytes};

    use super::*;

    /// The bundle has 1.5 MB, and anybody may ask for it.
    #[tokio::test]
    async fn who_asks_for_a_file_gets_no_copy_of_his_own() {
        let pages = Arc::new(Pages::new("Test", &OpenApi::default()).unwrap());
        let mut places = Vec::new();
        for _ in 0..2 {
            for response in [
                pages.file("swagger-ui-bundle.js"),
                index(State(Arc::clone(&pages))).await,
                document(State(Arc::clone(&pages))).await,
            ] {
                assert!(response.body().size_hint().exact().is_some());
                places.push(to_bytes(response.into_body(), 16 << 20).await.unwrap().as_ptr() as usize);
            }
        }
        assert_eq!(places[..3], places[3..]);
        assert_eq!(pages.file("nothing.js").status(), StatusCode::NOT_FOUND);
        assert_eq!(pages.files.lock().unwrap().len(), 2);
    }
}
