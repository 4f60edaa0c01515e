//! HTTP as all rooms speak it that carry tokens: no redirections, no proxy but the one that was named, answers of bounded size.

use std::{fmt::Write, net::IpAddr, time::Duration};

use reqwest::{Client, ClientBuilder, NoProxy, Proxy, Response, redirect::Policy};
use rustls::ClientConfig;
use url::Url;

use crate::secret::Secret;

/// An answer is held in memory as a whole.
pub(crate) const LARGEST: usize = 16 << 20;

/// Our services close a connection that was idle for ten seconds. A write that was sent in that moment would be in doubt, so that
/// who asks them gives up the connection earlier.
pub(crate) const IDLE: Duration = Duration::from_secs(8);

/// What every client of ours says that it is.
pub(crate) const USER_AGENT: &str = concat!("libretto/", env!("CARGO_PKG_VERSION"));

/// A client that goes where it is sent and nowhere else: what it carries was meant for one place.
pub(crate) fn client(tls: ClientConfig) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .tls_backend_preconfigured(tls)
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_secs(10))
        .redirect(Policy::none())
        .no_proxy()
}

/// The proxy that `HTTPS_PROXY` names, and its name without what signs in to it. It is not used for this machine's own
/// addresses, which it does not reach, nor for what `NO_PROXY` lists. `None` where the text is no address: it is not to be
/// repeated, for a password may stand in it.
pub(crate) fn through(proxy: &str, no_proxy: Option<&str>) -> Option<(Proxy, String)> {
    let address = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    let url = Url::parse(&address).ok()?;
    url.host_str().filter(|host| !host.is_empty())?;
    // Known to the redactor from now on, as it is and as it is written; one that is too short to be looked for is too short to
    // be one.
    if let Some(password) = url.password() {
        let _ = (Secret::new(unescaped(password)), Secret::new(password));
    }
    let way = Proxy::https(address).ok()?.no_proxy(NoProxy::from_string(&never_proxied(no_proxy)));
    Some((way, authority(&url)))
}

/// The hosts that are reached without the proxy: this machine's own, and those of `NO_PROXY`.
pub(crate) fn never_proxied(no_proxy: Option<&str>) -> String {
    ["localhost,127.0.0.0/8,::1", no_proxy.unwrap_or_default()].join(",")
}

/// Whether a host, an IPv6 address with or without brackets, is this machine, so that nothing is on the way.
pub(crate) fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether what is secret may go there: over TLS, or to this machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && url.host_str().is_some_and(is_here)
}

/// `host` or `host:port`.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Why an answer has no body.
#[derive(Debug)]
pub(crate) enum NoBody {
    /// It has more than [`LARGEST`].
    TooLarge,
    /// It broke off.
    Lost(reqwest::Error),
}

/// The whole body of an answer.
pub(crate) async fn whole(response: &mut Response) -> Result<Vec<u8>, NoBody> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(NoBody::Lost)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(NoBody::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A text as one part of an address (RFC 3986): all is escaped but the unreserved characters (2.3) and those of `also`.
pub(crate) fn escaped(text: &str, also: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// A text as one segment of a path: of dots alone it would be a step in the path.
pub(crate) fn segment(text: &str) -> String {
    let escaped = escaped(text, b"");
    if escaped.bytes().all(|byte| byte == b'.') { escaped.replace('.', "%2E") } else { escaped }
}

/// Percent-encoding undone (RFC 3986, 2.1).
pub(crate) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| first == b'%').and_then(|two| str::from_utf8(two).ok());
        let byte = hex.and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
