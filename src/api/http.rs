//! `http::`: calls to other people's services, for scripts of one's own.

mod options;

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
    time::Instant,
};

use options::{Body, HeaderText, Options, secret_header};
use reqwest::{
    Client, Method, RequestBuilder,
    header::LOCATION,
    redirect::{Action, Attempt, Policy},
};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    net::{
        self,
        cause::innermost,
        http::{LARGEST, NoBody, is_safe, through, whole},
        trust,
    },
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::{FromScript, Record},
    },
};

/// Within one place, with a secret.
const MOST_REDIRECTIONS: usize = 10;

pub(super) fn namespace() -> Namespace {
    Namespace::new("http")
        .operation(
            Spec {
                signature: "get(url: text, options?: map) -> record of status, headers, body",
                grant: Some("http"),
                doc: "Fetches a page. `body` is the parsed answer when that is JSON, else its text. Options: `headers` (a map of \
                      texts and secrets), `bearer` (a secret), `timeout`. A status of 400 and above is an error unless `any_status: true`.",
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

/// What makes two clients of the process differ: whether they carry secrets, and the way through the proxy.
type Way = (bool, Option<String>, Option<String>);

/// The clients of the process, which keep connections open between calls. One that carries secrets follows no redirection to
/// another place: it would hand them on. What is not encrypted goes through no proxy, which could read it.
fn client(context: &Context, holds_secret: bool) -> Result<Client> {
    static CLIENTS: LazyLock<Mutex<HashMap<Way, Client>>> = LazyLock::new(Mutex::default);
    let host = &context.world.host;
    let text = |text: Option<&str>| text.map(str::to_owned);
    let way = (holds_secret, text(host.https_proxy()), text(host.no_proxy()));
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = clients.get(&way) {
        return Ok(client.clone());
    }
    let failed = |why: String| Error::new("http.client", format!("no HTTP client can be made: {why}"));
    let policy = if holds_secret { Policy::custom(follow_home) } else { Policy::default() };
    let mut builder = net::http::client(trust::client(None).map_err(failed)?).redirect(policy);
    if let (_, Some(proxy), no_proxy) = &way {
        let (proxy, _) = through(proxy, no_proxy.as_deref()).ok_or_else(|| {
            Error::new("http.bad_proxy", "HTTPS_PROXY is not the address of a proxy")
                .hint("give it as http://host:port")
        })?;
        builder = builder.proxy(proxy);
    }
    let client = builder.build().map_err(|e| failed(e.to_string()))?;
    clients.insert(way, client.clone());
    Ok(client)
}

fn follow_home(attempt: Attempt) -> Action {
    let is_home = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if is_home && attempt.previous().len() <= MOST_REDIRECTIONS { attempt.follow() } else { attempt.stop() }
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
    let holds_secret = options.bearer.is_some()
        || options.headers.iter().any(|(_, value)| matches!(value, HeaderText::Secret(_)))
        || body.as_ref().is_some_and(|body| body.holds_secret);
    if holds_secret {
        refuse_in_the_clear(url)?;
    }
    let mut request = client(context, holds_secret)?.request(method.clone(), url).timeout(options.timeout);
    for (name, value) in &options.headers {
        request = match value {
            HeaderText::Open(text) => request.header(name, text),
            HeaderText::Secret(secret) => request.header(name, secret_header(name, secret)?),
        };
    }
    if let Some(token) = &options.bearer {
        request = request.bearer_auth(token.expose());
    }
    request = match body.map(|body| body.json) {
        Some(Value::String(text)) => request.body(text),
        Some(json) => request.json(&json),
        None => request,
    };
    if method == Method::GET {
        return answer(request, &method, url, holds_secret, &options).await;
    }
    let sent = format!("{method} sent to {url}");
    let write = context.write("http.send", url, &sent, &format!("{method} to {url}")).await?;
    write.settle_by(answer(request, &method, url, holds_secret, &options).await).await
}

/// Sends the request and reads its answer.
async fn answer(
    request: RequestBuilder,
    method: &Method,
    url: &str,
    holds_secret: bool,
    options: &Options,
) -> Result<Record<Value>> {
    let read_only = *method == Method::GET;
    let begun = Instant::now();
    let outcome = request.send().await;
    let said =
        outcome.as_ref().map_or_else(|_| "no answer".to_owned(), |response| response.status().as_u16().to_string());
    // What a URL asks for may be anything; without it the place is told well enough.
    let place = url.split('?').next().unwrap_or(url);
    tracing::debug!("HTTP {method} {place}: {said}, {} ms", begun.elapsed().as_millis());
    let response = outcome.map_err(|e| failed(&e, url, read_only))?;
    let status = response.status();
    if let Some(place) = response.headers().get(LOCATION).filter(|_| holds_secret && status.is_redirection()) {
        return Err(redirected(url, &String::from_utf8_lossy(place.as_bytes())));
    }
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
    let safe = reqwest::Url::parse(url).is_ok_and(|url| is_safe(&url));
    if safe {
        return Ok(());
    }
    Err(Error::new("http.in_the_clear", format!("a secret is not sent to {url}: the connection is not encrypted"))
        .hint("use https"))
}

fn redirected(url: &str, place: &str) -> Error {
    Error::new("http.redirected", format!("{url} sends on to {place}, and a secret is not handed on to another place"))
        .hint("if that place is right, give its URL")
}

async fn read_body(mut response: reqwest::Response, url: &str, read_only: bool) -> Result<String> {
    let bytes = whole(&mut response).await.map_err(|none| match none {
        NoBody::TooLarge => Error::new("http.too_large", format!("{url} answers with more than {} MB", LARGEST >> 20))
            .hint("ask for less at a time: a page, a filter, or fewer fields"),
        NoBody::Lost(error) => failed(&error, url, read_only),
    })?;
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
