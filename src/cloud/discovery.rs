//! Which tenant and which national cloud a domain belongs to: OpenID discovery, which needs no sign-in.
//!
//! Source: learn.microsoft.com, "OpenID Connect on the Microsoft identity platform"; OpenID Connect Discovery 1.0, 4.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{
    Cloud,
    answer::Object,
    clouds::{NationalCloud, PLACES, by_graph_host},
    errors::{self, aadsts},
    http::{self, Answer, Effect},
    throttle::{MOST_REFUSALS, ONE, Patience, Scope, back_off, is_throttled},
};
use crate::{
    error::{Error, Result},
    names::is_dns_name,
};

/// How often a sign-in host that cannot answer now is asked.
const ATTEMPTS: u32 = 3;

/// A tenant, and where it is. Plain data: it can be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id, a GUID.
    pub id: String,
    /// The national cloud that it lives in.
    pub cloud: NationalCloud,
    /// Where it signs in, e.g. `https://login.microsoftonline.com/`.
    pub login: Url,
    /// Its Graph, e.g. `https://graph.microsoft.com/`.
    pub graph: Url,
}

/// Asks for a domain's tenant: the sign-in host that was given, or Microsoft's one after the other.
pub(super) async fn discover(cloud: &Cloud, domain: &str) -> Result<Tenant> {
    let domain = ascii(domain)?;
    if let Some(login) = &cloud.0.options.login {
        return ask(cloud, login, &domain, true).await;
    }
    let mut unknown = None;
    let mut asked = Vec::new();
    for place in &PLACES {
        if asked.contains(&place.login) {
            continue;
        }
        asked.push(place.login);
        let login = address("https", place.login)?;
        match ask(cloud, &login, &domain, false).await {
            Err(error) if matches!(error.code(), "cloud.unknown_tenant" | "cloud.other_cloud") => {
                unknown.get_or_insert(error);
            }
            // The first one knows nearly every tenant. A network that lets nobody reach the others says nothing of the domain.
            Err(error) if unknown.is_some() && error.verdict() == crate::verdict::Verdict::Inconclusive => {}
            other => return other,
        }
    }
    Err(unknown.unwrap_or_else(|| Error::new("cloud.unknown_tenant", format!("there is no tenant {domain}"))))
}

async fn ask(cloud: &Cloud, login: &Url, domain: &str, any_graph: bool) -> Result<Tenant> {
    let url = join(login, &format!("{domain}/v2.0/.well-known/openid-configuration"))?;
    let scopes = [Scope::Discovery { login: http::authority(login) }];
    let patience = Patience::new(cloud.0.options.patience);
    let mut attempt = 0;
    loop {
        cloud.0.limits.admit(&scopes, ONE, &patience).await?;
        let result = match cloud.0.http.send(cloud.0.http.client().get(url.clone()), Effect::Repeatable).await {
            Ok(answer) if is_throttled(answer.status, &answer.headers) => {
                let pause = cloud.0.limits.pause(&scopes, &answer.headers, attempt);
                attempt += 1;
                if attempt < MOST_REFUSALS {
                    continue;
                }
                return Err(errors::throttled("the discovery of domains", pause.as_secs()));
            }
            answer => answer.and_then(|answer| read(&answer, login, domain, any_graph)),
        };
        match result {
            Err(error) if attempt + 1 < ATTEMPTS && matches!(error.code(), "cloud.unavailable" | "cloud.broken") => {
                // Why it was to be tried again says more than that there was no time to.
                if patience.wait(back_off(attempt), "the discovery of domains").await.is_err() {
                    return Err(error);
                }
                attempt += 1;
            }
            other => return other,
        }
    }
}

fn read(answer: &Answer, login: &Url, domain: &str, any_graph: bool) -> Result<Tenant> {
    if answer.status != 200 {
        let subject = aadsts::Subject { tenant: domain, ..Default::default() };
        let named = answer.maybe_json().and_then(|body| aadsts::refusal(&body, answer.status, &subject));
        return Err(match named {
            Some(error) => error,
            None if answer.status >= 500 => unavailable(answer),
            None => answer.no_json(),
        });
    }
    found(&answer.json()?, answer, login, any_graph)
}

fn found(body: &Value, answer: &Answer, login: &Url, any_graph: bool) -> Result<Tenant> {
    let object = Object::of(body, answer.host())?;
    let issuer = object.text("issuer")?;
    let id = Url::parse(&issuer).ok().and_then(|url| url.path_segments()?.next().map(str::to_lowercase));
    let Some(id) = id.filter(|id| uuid::Uuid::try_parse(id).is_ok()) else {
        return Err(errors::bad_answer(answer.host(), "issuer", "names no tenant"));
    };
    let host = object.text("msgraph_host")?;
    if any_graph {
        let graph = address(login.scheme(), &host)?;
        http::refuse_in_the_clear(&graph)?;
        return Ok(Tenant { id, cloud: NationalCloud::Other, login: login.clone(), graph });
    }
    // Tokens go to this host: it has to be one of Microsoft's.
    let Some(place) = by_graph_host(&host) else {
        return Err(errors::bad_answer(
            answer.host(),
            "msgraph_host",
            "names a host that is none of Microsoft's Graphs",
        ));
    };
    Ok(Tenant { id, cloud: place.cloud, login: address("https", place.login)?, graph: address("https", place.graph)? })
}

fn unavailable(answer: &Answer) -> Error {
    Error::inconclusive("cloud.unavailable", format!("{} cannot answer now (status {})", answer.host(), answer.status))
        .hint("try again in a minute; status.cloud.microsoft tells of outages")
}

fn address(scheme: &str, host: &str) -> Result<Url> {
    Url::parse(&format!("{scheme}://{host}/"))
        .ok()
        .filter(|url| {
            url.path() == "/" && url.username().is_empty() && url.query().is_none() && url.fragment().is_none()
        })
        .ok_or_else(|| errors::bad_answer("the sign-in service", "msgraph_host", "is no host's name"))
}

/// An address below a base that may have a path of its own.
pub(super) fn join(base: &Url, path: &str) -> Result<Url> {
    Url::parse(&format!("{}/{path}", base.as_str().trim_end_matches('/')))
        .map_err(|_| Error::new("cloud.bad_request", format!("{path} cannot be asked for at {base}")))
}

/// A domain's name as DNS has it: lower case, other alphabets encoded (RFC 5891).
///
/// # Errors
/// `cloud.bad_domain`.
pub(super) fn ascii(domain: &str) -> Result<String> {
    let name = domain.trim().trim_end_matches('.');
    let plain = !name.is_empty()
        && name.len() <= 253
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || "/\\?#@:[]%".contains(c));
    let host = if plain { url::Host::parse(name).ok() } else { None };
    match host {
        Some(url::Host::Domain(host)) if is_dns_name(&host) => Ok(host.to_lowercase()),
        _ => Err(Error::new("cloud.bad_domain", format!("'{}' is no domain name", errors::quotable(domain, &[])))
            .hint("give it as contoso.com, without a protocol or a mail address's first part")),
    }
}
