//! `http::`: calls to other people's services, for scripts of one's own.

use std::{
    sync::{LazyLock, OnceLock},
    time::Duration,
};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::{self, Fields, FromScript, Record, Span},
    },
    secret::Secret,
};

/// Unless the script says otherwise.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);
/// An answer is held in memory as a whole.
const LARGEST_ANSWER: usize = 16 << 20;

pub(super) fn namespace() -> Namespace {
    Namespace::new("http")
        .operation(
            Spec {
                signature: "get(url: text, options?: map) -> record of status, headers, body",
                grant: Some("http"),
                doc: "Fetches a page. `body` is the parsed answer when that is JSON, else its text. Options: `headers` (a map), `bearer` (a \
                      secret), `timeout`. A status of 400 and above is an error unless `any_status: true`.",
                example: r#"try { http::get("http://127.0.0.1:9/") } catch (e) { print(e.code) }"#,
            },
            get,
        )
        .operation(
            Spec {
                signature: "send(method: text, url: text, body: any, options?: map) -> record of status, headers, body",
                grant: Some("http"),
                doc: "Sends `body` as JSON (a text as it is; secrets in it are opened) with `POST`, `PUT`, `PATCH` or `DELETE`. Options as for `get`.",
                example: r#"try { http::send("POST", "http://127.0.0.1:9/", #{ a: 1 }) } catch (e) { print(e.code) }"#,
            },
            send,
        )
}

/// The options of a call.
struct Options {
    headers: Vec<(String, String)>,
    bearer: Option<Secret>,
    timeout: Duration,
    any_status: bool,
}

impl FromScript for Options {
    const TYPE: &'static str = "map";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let headers = fields.take::<Headers>("headers")?.map(|headers| headers.0).unwrap_or_default();
        let options = Self {
            headers,
            bearer: fields.take("bearer")?,
            timeout: fields.take::<Span>("timeout")?.map_or(USUAL_TIMEOUT, |span| span.0),
            any_status: fields.take("any_status")?.unwrap_or(false),
        };
        fields.finish()?;
        Ok(options)
    }
}

struct Headers(Vec<(String, String)>);

impl FromScript for Headers {
    const TYPE: &'static str = "map";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        let Some(map) = value.try_cast::<rhai::Map>() else { return Err("must be a map of texts".to_owned()) };
        map.into_iter()
            .map(|(name, value)| Ok((name.to_string(), String::from_script(value)?)))
            .collect::<Result<_, String>>()
            .map(Self)
    }
}

/// A body as the script gave it.
struct Body {
    json: Value,
    holds_secret: bool,
}

impl FromScript for Body {
    const TYPE: &'static str = "any";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        value::outgoing(&value).map(|(json, holds_secret)| Self { json, holds_secret })
    }
}

async fn get(context: Context, (url, options): (String, Option<Options>)) -> Result<Record<Value>> {
    call(&context, Method::GET, &url, None, options).await
}

async fn send(
    context: Context,
    (method, url, body, options): (String, String, Body, Option<Options>),
) -> Result<Record<Value>> {
    let method = match method.to_ascii_uppercase().as_str() {
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        other => {
            return Err(Error::new("http.method", format!("http::send cannot send {other}"))
                .hint("use POST, PUT, PATCH or DELETE"));
        }
    };
    call(&context, method, &url, Some(body), options).await
}

/// One client for the process: it keeps connections open between calls.
fn client() -> Result<&'static Client> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    static PROVIDER: LazyLock<()> = LazyLock::new(|| {
        // Already set means that somebody set the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    LazyLock::force(&PROVIDER);
    let client = Client::builder()
        .user_agent(concat!("libretto/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true)
        .build()
        .map_err(|e| Error::new("http.client", format!("no HTTP client can be made: {e}")))?;
    Ok(CLIENT.get_or_init(|| client))
}

async fn call(
    context: &Context,
    method: Method,
    url: &str,
    body: Option<Body>,
    options: Option<Options>,
) -> Result<Record<Value>> {
    let options = options
        .map_or_else(|| Options::from_script(rhai::Dynamic::UNIT), Ok)
        .map_err(|e| Error::new("script.argument", e))?;
    let mut request = client()?.request(method.clone(), url).timeout(options.timeout);
    for (name, value) in &options.headers {
        request = request.header(name, value);
    }
    if let Some(token) = &options.bearer {
        refuse_in_the_clear(url)?;
        request = request.bearer_auth(token.expose());
    }
    if body.as_ref().is_some_and(|body| body.holds_secret) {
        refuse_in_the_clear(url)?;
    }
    request = match body.map(|body| body.json) {
        Some(Value::String(text)) => request.body(text),
        Some(json) => request.json(&json),
        None => request,
    };
    if method == Method::GET {
        return answer(request, url, true, &options).await;
    }
    let sent = format!("{method} sent to {url}");
    let write = context.write("http.send", url, &sent, &format!("{method} to {url}")).await?;
    write.settle_by(answer(request, url, false, &options).await).await
}

/// Sends the request and reads its answer.
async fn answer(request: RequestBuilder, url: &str, read_only: bool, options: &Options) -> Result<Record<Value>> {
    let response = request.send().await.map_err(|e| failed(&e, url, read_only))?;
    let status = response.status();
    let headers: serde_json::Map<String, Value> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned().into()))
        .collect();
    let text = read_body(response, url, read_only).await?;
    if status.as_u16() >= 400 && !options.any_status {
        let mut error = Error::new("http.status", format!("{url} answered {status}")).with("status", status.as_str());
        if status.is_server_error() || status.as_u16() == 429 {
            error = error.retryable();
        }
        return Err(error.hint("pass any_status: true to look at the answer yourself"));
    }
    let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_str()));
    Ok(Record(serde_json::json!({ "status": status.as_u16(), "headers": headers, "body": body })))
}

/// A secret that goes over plain HTTP is everybody's, unless it stays on this machine.
fn refuse_in_the_clear(url: &str) -> Result<()> {
    let safe = reqwest::Url::parse(url).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        url.scheme() == "https" || here
    });
    if safe {
        return Ok(());
    }
    Err(Error::new("http.in_the_clear", format!("a secret is not sent to {url}: the connection is not encrypted"))
        .hint("use https"))
}

async fn read_body(mut response: reqwest::Response, url: &str, read_only: bool) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| failed(&e, url, read_only))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST_ANSWER {
            return Err(Error::new(
                "http.too_large",
                format!("{url} answers with more than {} MB", LARGEST_ANSWER >> 20),
            )
            .hint("ask for less at a time: a page, a filter, or fewer fields"));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn failed(error: &reqwest::Error, url: &str, read_only: bool) -> Error {
    let cause = innermost(error);
    if error.is_builder() {
        return Error::new("http.request", format!("{url} cannot be asked: {cause}"))
            .hint("a URL begins with https:// or http://");
    }
    if error.is_connect() {
        return Error::inconclusive("http.unreachable", format!("{url} cannot be reached: {cause}"))
            .hint("look at the name, the port and the route");
    }
    let (code, text, remedy) = if error.is_timeout() {
        ("http.timeout", format!("{url} did not answer in time"), "give it longer with the option timeout, e.g. \"2m\"")
    } else {
        ("http.broken", format!("{url} broke off: {cause}"), "try again; if it stays so, look into the service's log")
    };
    if read_only {
        Error::inconclusive(code, text).hint(remedy)
    } else {
        Error::in_doubt(code, text).hint("see in the service whether it was done before it is sent again")
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
