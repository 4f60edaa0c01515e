//! One HTTP client for all clouds: sizes, times and redirects bounded, and what a connection that does not work means.

use std::sync::Arc;

use reqwest::{Client, NoProxy, Proxy, RequestBuilder, header::HeaderMap, redirect::Policy};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::Value;
use url::Url;

use super::{
    Options,
    errors::{bad_answer, quotable},
};
use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// An answer is held in memory as a whole.
const LARGEST: usize = 16 << 20;

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
    body: Vec<u8>,
    host: String,
}

impl Http {
    pub(super) fn new(options: &Options) -> Result<Self> {
        let mut builder = Client::builder()
            .user_agent(concat!("libretto/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls(options.ca_pem.as_deref())?)
            // One HTTP/2 connection carries at most some hundred requests at a time, and a pool opens no second one.
            .http1_only()
            .tcp_nodelay(true)
            .timeout(options.timeout)
            .connect_timeout(options.timeout.min(std::time::Duration::from_secs(10)))
            // A token goes where it was meant to go, nowhere else.
            .redirect(Policy::none())
            .no_proxy();
        let mut name = None;
        if let Some(proxy) = &options.proxy {
            let (way, host) = through(proxy, options.no_proxy.as_deref())?;
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
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error, &host, effect))? {
            if body.len() + chunk.len() > LARGEST {
                return Err(too_large(&host, effect));
            }
            body.extend_from_slice(&chunk);
        }
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
    if lower.contains("certificate") || tls_error(error) {
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

fn tls_error(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let of_tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if error.is::<rustls::Error>() || of_tls.is_some() {
            return true;
        }
        next = error.source();
    }
    false
}

fn tls(ca_pem: Option<&str>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match ca_pem {
        Some(pem) => {
            let bad = |why: String| {
                Error::new("cloud.bad_ca", format!("the CA certificates cannot be used: {why}"))
                    .hint("give the PEM text of the CA, BEGIN and END lines included")
            };
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                roots.add(certificate).map_err(|error| bad(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(bad("there is no certificate in the text".to_owned()));
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| Error::new("cloud.client", format!("TLS cannot be set up: {error}")))
}

/// The proxy, and its name without what signs in to it.
fn through(proxy: &str, no_proxy: Option<&str>) -> Result<(Proxy, String)> {
    let bad = || {
        Error::new("cloud.bad_proxy", "the proxy's address cannot be read")
            .hint("HTTPS_PROXY is http://host:port, with user:password@ before the host where it wants them")
    };
    let address = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    let url = Url::parse(&address).map_err(|_| bad())?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad());
    }
    // Known to the redactor from now on; one that is too short to be looked for is too short to be one.
    if let Some(password) = url.password() {
        let _ = Secret::new(password);
    }
    // A proxy does not reach this machine's own addresses.
    let mut except = "localhost,127.0.0.0/8,::1".to_owned();
    if let Some(more) = no_proxy {
        except = format!("{except},{more}");
    }
    let way = Proxy::https(address.as_str()).map_err(|_| bad())?.no_proxy(NoProxy::from_string(&except));
    Ok((way, authority(&url)))
}

/// What is said in confidence goes over TLS, unless it stays on this machine.
pub(super) fn refuse_in_the_clear(url: &Url) -> Result<()> {
    let here = url.host().is_some_and(|host| match host {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    });
    if url.scheme() == "https" || (url.scheme() == "http" && here) {
        return Ok(());
    }
    Err(Error::new("cloud.in_the_clear", format!("nobody signs in at {url}: the connection is not encrypted"))
        .hint("use https"))
}

/// `host` or `host:port`.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
