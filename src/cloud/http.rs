//! One HTTP client for all clouds: sizes, times and redirects bounded, and what a connection that does not work means.

use reqwest::{Client, RequestBuilder, header::HeaderMap};
use serde_json::Value;
use url::Url;

use super::{
    Options,
    errors::{bad_answer, quotable},
};
pub(super) use crate::net::http::authority;
use crate::{
    error::{Error, Result},
    net::{
        cause::{innermost, tls_refusal},
        http::{LARGEST, NoBody, client, is_safe, through, whole},
        trust,
    },
};

/// What a request does, for the case that its answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It reads, or does the same however often it is sent.
    Repeatable,
    /// It changes something each time.
    Once,
}

/// The client, and what errors say of the way that it takes.
pub(super) struct Http {
    client: Client,
    proxy: Option<String>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    host: String,
}

impl Http {
    pub(super) fn new(options: &Options) -> Result<Self> {
        let tls = trust::client(options.ca_pem.as_deref()).map_err(|why| {
            Error::new("cloud.bad_ca", format!("the CA certificates cannot be used: {why}"))
                .hint("give the PEM text of the CA, BEGIN and END lines included")
        })?;
        let mut builder = client(tls).timeout(options.timeout);
        let mut name = None;
        if let Some(proxy) = &options.proxy {
            let (way, host) = through(proxy, options.no_proxy.as_deref()).ok_or_else(|| {
                Error::new("cloud.bad_proxy", "the proxy's address cannot be read")
                    .hint("HTTPS_PROXY is http://host:port, with user:password@ before the host where it wants them")
            })?;
            builder = builder.proxy(way);
            name = Some(host);
        }
        let client = builder.build().map_err(|error| {
            Error::new("cloud.client", format!("no HTTP client can be made: {}", innermost(&error)))
        })?;
        Ok(Self { client, proxy: name })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn send(&self, request: RequestBuilder, effect: Effect) -> Result<Answer> {
        let request = request.build().map_err(|error| {
            Error::new("cloud.bad_request", format!("the request cannot be made: {}", innermost(&error)))
                .hint("a name or an id in it has characters that cannot be sent")
        })?;
        let host = authority(request.url());
        let mut response = self.client.execute(request).await.map_err(|error| self.failed(&error, &host, effect))?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let body = whole(&mut response).await.map_err(|none| match none {
            NoBody::TooLarge => too_large(&host, effect),
            NoBody::Lost(error) => self.failed(&error, &host, effect),
        })?;
        Ok(Answer { status, headers, body, host })
    }

    fn failed(&self, error: &reqwest::Error, host: &str, effect: Effect) -> Error {
        let cause = innermost(error);
        let way = self.proxy.as_ref().map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
        let result = if error.is_connect() {
            unreachable(error, &format!("{host} cannot be reached{way}"), &cause)
        } else {
            let (code, text) = if error.is_timeout() {
                ("cloud.timeout", format!("{host} did not answer in time{way}"))
            } else {
                ("cloud.broken", format!("{host} broke off{way}: {cause}"))
            };
            match effect {
                Effect::Repeatable => Error::inconclusive(code, text).hint("try again; look at the way to the cloud"),
                Effect::Once => Error::in_doubt("cloud.in_doubt", format!("{text}; the change may have been made"))
                    .hint("see in the tenant whether it was made before it is sent again"),
            }
        };
        let result = result.with("host", host);
        match &self.proxy {
            Some(proxy) => result.with("proxy", proxy),
            None => result,
        }
    }
}

impl Answer {
    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; nothing at all is `null`.
    pub(super) fn json(&self) -> Result<Value> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        // A byte order mark is no JSON, yet some gateways put one there.
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        serde_json::from_slice(body).map_err(|_| self.no_json())
    }

    /// The body as JSON where it is any.
    pub(super) fn maybe_json(&self) -> Option<Value> {
        self.json().ok().filter(|value| !value.is_null())
    }

    /// Who answered, for errors.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The error for an answer that is a page, or nothing that can be read.
    pub(super) fn no_json(&self) -> Error {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(64 << 10)]);
        let what = match title(&text) {
            Some(title) => format!("is a web page, \"{}\"", quotable(title, &[])),
            None if self.body.is_empty() => "is empty".to_owned(),
            None => "is no JSON".to_owned(),
        };
        bad_answer(&self.host, "(the whole)", &what)
            .hint("something else answers for the cloud: a proxy, a captive portal, a wrong address")
            .with("status", self.status.to_string())
    }
}

fn too_large(host: &str, effect: Effect) -> Error {
    let text = format!("{host} answers with more than {} MB", LARGEST >> 20);
    match effect {
        Effect::Repeatable => {
            Error::new("cloud.too_large", text).hint("ask for less at a time: fewer fields, a filter")
        }
        Effect::Once => Error::in_doubt("cloud.in_doubt", format!("{text}; the change may have been made"))
            .hint("see in the tenant whether it was made before it is sent again"),
    }
}

/// The title of a web page; empty when it has none.
fn title(text: &str) -> Option<&str> {
    let start = text.trim_start().get(..14)?.to_ascii_lowercase();
    if !(start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<head")) {
        return None;
    }
    let (_, rest) = text.split_once("<title>").unwrap_or_default();
    Some(rest.split('<').next().unwrap_or_default())
}

/// What a connection that did not come about means.
fn unreachable(error: &reqwest::Error, text: &str, cause: &str) -> Error {
    let lower = cause.to_lowercase();
    if lower.contains("certificate") || tls_refusal(error).is_some() {
        let result = Error::inconclusive("cloud.tls", format!("{text}: its certificate is not accepted: {cause}"));
        return result.hint("if a proxy opens TLS, trust its CA; else compare the clocks of both sides");
    }
    if lower.contains("proxy auth") {
        return Error::inconclusive("cloud.proxy_refused", format!("{text}: the proxy wants a user and a password"))
            .hint("put them into HTTPS_PROXY: http://user:password@host:port");
    }
    Error::inconclusive("cloud.unreachable", format!("{text}: {cause}"))
        .hint("look at name resolution, firewall and proxy: the sign-in and Graph hosts have to be reachable by 443")
}

/// What is said in confidence goes over TLS, unless it stays on this machine.
pub(super) fn refuse_in_the_clear(url: &Url) -> Result<()> {
    if is_safe(url) {
        return Ok(());
    }
    Err(Error::new("cloud.in_the_clear", format!("nobody signs in at {url}: the connection is not encrypted"))
        .hint("use https"))
}
