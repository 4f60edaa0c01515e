//! One HTTP client per agent: times and sizes bounded, no redirects, a token only over TLS or to this machine.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, header};
use url::Url;

use super::{
    Address, Options,
    document::{Document, Operation},
    fill::Request,
};
use crate::{
    error::{Error, Result},
    net::{
        cause::{innermost, tls_refusal},
        http::{IDLE, LARGEST, NoBody, client, escaped, is_safe, through, whole},
        trust,
    },
    secret::Secret,
};

/// The way to one agent.
pub(super) struct Http {
    client: Client,
    address: Address,
    has_ca: bool,
    /// How long the document may take.
    reading: Duration,
}

/// An agent's document is not worked for: it is there or not.
const READING: Duration = Duration::from_secs(30);

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) media: String,
    pub(super) retry_after: Option<String>,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn is_html(&self) -> bool {
        let start = String::from_utf8_lossy(&self.body[..self.body.len().min(256)])
            .trim_start_matches('\u{feff}')
            .trim_start()
            .to_lowercase();
        self.media.contains("text/html") || start.starts_with("<!doctype html") || start.starts_with("<html")
    }
}

impl Http {
    pub(super) fn new(address: &Address, options: &Options) -> Result<Self> {
        let tls = trust::client(options.ca_pem.as_deref()).map_err(|why| {
            Error::new("agent.bad_ca", format!("the agent's CA certificates cannot be used: {why}"))
                .hint("give the PEM file of the CA that signed the agent's certificate")
        })?;
        let mut builder = client(tls).timeout(options.timeout).pool_idle_timeout(IDLE);
        if let Some(proxy) = options.proxy.as_deref().filter(|_| !address.is_here()) {
            let (way, _) = through(proxy, options.no_proxy.as_deref()).ok_or_else(|| {
                Error::new("agent.bad_proxy", "HTTPS_PROXY is not the address of a proxy")
                    .hint("give it as http://host:port")
            })?;
            builder = builder.proxy(way);
        }
        let client =
            builder.build().map_err(|e| Error::new("agent.client", format!("no HTTP client can be made: {e}")))?;
        let (has_ca, reading) = (options.ca_pem.is_some(), options.timeout.min(READING));
        Ok(Self { client, address: address.clone(), has_ca, reading })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Over what the agent may be asked. On this machine nothing is on the way, so TLS may be left out where no CA is given.
    pub(super) fn schemes(&self) -> &'static [&'static str] {
        if self.address.is_here() && !self.has_ca { &["http", "https"] } else { &["https"] }
    }

    /// Fetches what is at a place.
    pub(super) async fn get(&self, base: &str, place: &str, token: Option<&Secret>) -> Result<Reply> {
        let request = self.client.get(there(base, place)?).timeout(self.reading);
        let mut request = request.header(header::ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.bearer_auth(token.expose());
        }
        self.answer(request, false).await
    }

    /// Asks for an operation.
    pub(super) async fn send(
        &self,
        base: &str,
        document: &Document,
        operation: &Operation,
        request: &Request,
        (token, writes): (Option<&Secret>, bool),
    ) -> Result<Reply> {
        let mut place = format!("{}{}", document.base_path, request.path);
        if !request.query.is_empty() {
            let pairs: Vec<String> = request
                .query
                .iter()
                .map(|(name, value)| format!("{}={}", escaped(name, b""), escaped(value, b"")))
                .collect();
            place = format!("{place}?{}", pairs.join("&"));
        }
        let url = there(base, &place)?;
        self.refuse_in_the_clear(&url, token.is_some() || request.holds_secret)?;
        let mut asked = self.client.request(operation.method.clone(), url).header(header::ACCEPT, "application/json");
        for (name, value) in &request.headers {
            asked = asked.header(name, sensitive(value)?);
        }
        asked = match (
            token,
            document.token_header.as_deref().filter(|name| !name.eq_ignore_ascii_case("authorization")),
        ) {
            (None, _) => asked,
            (Some(token), None) => asked.bearer_auth(token.expose()),
            (Some(token), Some(name)) => asked.header(name, sensitive(token.expose())?),
        };
        if let Some((body, media)) = &request.body {
            let text = match body {
                serde_json::Value::String(text) if media.starts_with("text/") => text.clone(),
                body => body.to_string(),
            };
            asked = asked.header(header::CONTENT_TYPE, media).body(text);
        }
        self.answer(asked, writes).await
    }

    /// What is secret and goes over plain HTTP is everybody's, unless it stays on this machine.
    fn refuse_in_the_clear(&self, url: &Url, is_secret: bool) -> Result<()> {
        if !is_secret || is_safe(url) {
            return Ok(());
        }
        Err(Error::new(
            "agent.in_the_clear",
            format!("nothing secret is sent to {}: the connection is not encrypted", self.address),
        )
        .hint("give the agent a certificate, and the connection its CA by --agent-ca"))
    }

    async fn answer(&self, request: RequestBuilder, writes: bool) -> Result<Reply> {
        let request = request.build().map_err(|e| {
            Error::new("agent.cannot_fill", format!("the request cannot be made: {}", innermost(&e)))
                .hint("a name or a value in it has characters that cannot be sent")
        })?;
        let mut response = self.client.execute(request).await.map_err(|e| self.failed(&e, writes))?;
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut reply = Reply {
            status: response.status().as_u16(),
            media: text(header::CONTENT_TYPE).unwrap_or_default().to_lowercase(),
            retry_after: text(header::RETRY_AFTER),
            location: text(header::LOCATION),
            body: Vec::new(),
        };
        reply.body = whole(&mut response).await.map_err(|none| match none {
            NoBody::TooLarge => too_large(&self.address, writes),
            NoBody::Lost(error) => self.failed(&error, writes),
        })?;
        Ok(reply)
    }

    fn failed(&self, error: &reqwest::Error, writes: bool) -> Error {
        let (address, cause) = (&self.address, innermost(error));
        // TLS that breaks later says nothing of what became of the request.
        if let Some(refusal) = tls_refusal(error).filter(|_| error.is_connect()) {
            return self.distrusted(&refusal);
        }
        let made = if error.is_connect() && error.is_timeout() {
            Error::inconclusive(
                "agent.unreachable",
                format!("the agent {address} does not answer: no connection in time"),
            )
            .hint("see that the host is up, and that no firewall drops what goes to the port")
        } else if error.is_connect() {
            Error::inconclusive("agent.unreachable", format!("the agent {address} cannot be reached: {cause}"))
                .hint("see that the Remote Agent runs (`libretto agent serve`, or its pool and site), then name, port and firewall")
        } else if error.is_timeout() {
            let text = format!("the agent {address} did not answer in time");
            let hint = "see on its host what it waits for: its log, its own way to the cloud";
            if writes { Error::in_doubt("agent.timeout", text) } else { Error::inconclusive("agent.timeout", text) }
                .hint(hint)
        } else {
            let text = format!("the agent {address} broke off: {cause}");
            let hint = "try again; if it stays so, look into the agent's log";
            if writes { Error::in_doubt("agent.broken", text) } else { Error::inconclusive("agent.broken", text) }
                .hint(hint)
        };
        made.with("agent", address.to_string())
    }

    fn distrusted(&self, refusal: &rustls::Error) -> Error {
        let (code, said, hint) = match refusal {
            rustls::Error::InvalidMessage(_) => (
                "agent.protocol",
                "does not speak TLS".to_owned(),
                "give the agent a certificate: without TLS it is only talked to on this machine",
            ),
            rustls::Error::InvalidCertificate(why) => (
                "agent.tls",
                format!("has a certificate that is not trusted: {why}"),
                "give the connection the agent's CA (--agent-ca FILE), and name the agent as its certificate does",
            ),
            other => (
                "agent.tls",
                format!("and this program agree on no TLS connection: {other}"),
                "see that it speaks TLS 1.2 or 1.3",
            ),
        };
        Error::new(code, format!("the agent {} {said}", self.address))
            .hint(hint)
            .with("agent", self.address.to_string())
    }
}

/// A place below the agent's root. What comes of putting them together is read again: the token goes to the address that was
/// meant and to no other, whatever stands in the agent's document.
fn there(base: &str, place: &str) -> Result<Url> {
    let root = Url::parse(base).ok();
    let url = Url::parse(&format!("{base}{place}")).ok().filter(|url| {
        let is_bare = url.username().is_empty() && url.password().is_none();
        is_bare && root.as_ref().is_some_and(|root| root.origin() == url.origin())
    });
    url.ok_or_else(|| super::schema::bad("a path of it leads to another host"))
}

/// A write whose answer is not read to its end may have been done.
fn too_large(address: &Address, writes: bool) -> Error {
    let said = format!("{address} answers with more than {} MB", LARGEST >> 20);
    let code = "agent.answer_too_large";
    if writes { Error::in_doubt(code, said) } else { Error::new(code, said) }
        .hint("see that host and port are the Remote Agent's")
}

/// A header's value that nobody shows.
fn sensitive(text: &str) -> Result<header::HeaderValue> {
    let mut value = header::HeaderValue::from_str(text).map_err(|_| {
        Error::new(
            "agent.bad_token",
            "the token, or what goes into a header, has characters that a header cannot carry",
        )
        .hint("give the agent's token alone")
    })?;
    value.set_sensitive(true);
    Ok(value)
}
