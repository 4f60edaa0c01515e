//! IIS as its Administration API tells of it (`/api/webserver/...`, port 55539, header `Access-Token`). Read only.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, header};
use serde_json::Value;
use url::Url;

use super::web::{App, Pool, Site};
use crate::{
    error::{Error, Result},
    net::{
        cause::{innermost, tls_refusal},
        http::{IDLE, client, escaped, is_safe, segment, through, whole},
        trust,
    },
    secret::Secret,
};

/// Where the API listens unless told.
const PORT: u16 = 55539;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where it is, and how it is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// `host`, `host:port`, or an address that begins with `https://`.
    pub at: String,
    /// An access token of the API.
    pub token: Secret,
    /// Certificates to trust instead of the system's roots, PEM.
    pub ca_pem: Option<Arc<str>>,
    /// As `HTTPS_PROXY` has it.
    pub proxy: Option<Arc<str>>,
    /// As `NO_PROXY` has it.
    pub no_proxy: Option<Arc<str>>,
}

/// The API of one host.
pub struct Api {
    client: Client,
    base: Url,
    token: Secret,
}

impl Api {
    /// # Errors
    /// `iis.address`, `iis.bad_ca`, `iis.in_the_clear`.
    pub fn new(options: &Options) -> Result<Self> {
        let base = base(&options.at)?;
        if !is_safe(&base) {
            return Err(Error::new(
                "iis.in_the_clear",
                format!("no token is sent to {base}: the connection is not encrypted"),
            )
            .hint("give the address with https://"));
        }
        let tls = trust::client(options.ca_pem.as_deref()).map_err(|why| {
            Error::new("iis.bad_ca", format!("the CA certificates for IIS cannot be used: {why}"))
                .hint("give a PEM file")
        })?;
        let mut builder = client(tls).timeout(PATIENCE).pool_idle_timeout(IDLE);
        if let Some((way, _)) = options.proxy.as_deref().and_then(|proxy| through(proxy, options.no_proxy.as_deref())) {
            builder = builder.proxy(way);
        }
        let client =
            builder.build().map_err(|e| Error::new("iis.client", format!("no HTTP client can be made: {e}")))?;
        Ok(Self { client, base, token: options.token.clone() })
    }

    /// All sites.
    pub(super) async fn sites(&self) -> Result<Vec<Site>> {
        let list = self.list("/api/webserver/websites", "websites").await?;
        let mut sites = Vec::new();
        for one in &list {
            let site = self.get(&format!("/api/webserver/websites/{}", segment(&id(one)?))).await?;
            let bindings = site["bindings"].as_array().map_or(&[][..], Vec::as_slice);
            sites.push(Site {
                id: id(one)?,
                name: text(&site, "name")?,
                status: text(&site, "status")?,
                ports: bindings.iter().filter_map(|one| u16::try_from(one["port"].as_u64()?).ok()).collect(),
                pool: site["application_pool"]["name"].as_str().unwrap_or_default().to_owned(),
                path: site["physical_path"].as_str().unwrap_or_default().to_owned(),
            });
        }
        Ok(sites)
    }

    /// A pool by its name.
    pub(super) async fn pool(&self, name: &str) -> Result<Pool> {
        let list = self.list("/api/webserver/application-pools", "app_pools").await?;
        let one = list.iter().find(|one| one["name"].as_str().is_some_and(|its| its.eq_ignore_ascii_case(name)));
        let Some(one) = one else { return Err(super::web::no_pool(name)) };
        let pool = self.get(&format!("/api/webserver/application-pools/{}", segment(&id(one)?))).await?;
        let identity = &pool["identity"];
        let kind = identity["identity_type"].as_str().unwrap_or("unknown");
        let user = identity["username"].as_str().filter(|user| !user.is_empty());
        Ok(Pool {
            name: text(&pool, "name")?,
            status: text(&pool, "status")?,
            identity: if kind == "SpecificUser" { user.unwrap_or("no user").to_owned() } else { kind.to_owned() },
        })
    }

    /// The applications of a site.
    pub(super) async fn apps(&self, site: &Site) -> Result<Vec<App>> {
        let list =
            self.list(&format!("/api/webserver/webapps?website.id={}", escaped(&site.id, b"")), "webapps").await?;
        let mut apps = Vec::new();
        for one in &list {
            let app = self.get(&format!("/api/webserver/webapps/{}", segment(&id(one)?))).await?;
            let pool = app["application_pool"]["name"].as_str().unwrap_or(&site.pool).to_owned();
            apps.push(App { path: text(&app, "path")?, pool });
        }
        Ok(apps)
    }

    /// Whether a folder is there; `None` when the API may not look.
    pub(super) async fn is_there(&self, path: &str) -> Result<Option<bool>> {
        match self.get(&format!("/api/files?physical_path={}", escaped(path, b""))).await {
            Ok(_) => Ok(Some(true)),
            Err(error) if error.code() == "iis.not_found" => Ok(Some(false)),
            Err(error) if error.code() == "iis.wrong_token" => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, path: &str, name: &str) -> Result<Vec<Value>> {
        let mut body = self.get(path).await?;
        match body.get_mut(name).map(Value::take) {
            Some(Value::Array(list)) => Ok(list),
            _ => Err(bad(&format!("{path} has no {name}"))),
        }
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let url = self.base.join(path).map_err(|e| bad(&e.to_string()))?;
        let mut token = header::HeaderValue::from_str(&format!("Bearer {}", self.token.expose())).map_err(|_| {
            Error::new("iis.wrong_token", "the token for IIS holds a character that no header may have")
        })?;
        token.set_sensitive(true);
        let request = self
            .client
            .get(url)
            .header("Access-Token", token)
            .header(header::ACCEPT, "application/hal+json, application/json");
        let mut response = request.send().await.map_err(|e| self.failed(&e))?;
        let status = response.status().as_u16();
        let body = whole(&mut response).await.map_err(|_| bad("the answer broke off"))?;
        let at = self.base.host_str().unwrap_or_default();
        match status {
            200..=299 => serde_json::from_slice(&body).map_err(|_| bad(&format!("{path} answers no JSON"))),
            401 | 403 => Err(Error::new("iis.wrong_token", format!("the IIS Administration API of {at} does not accept the token ({status})"))
                .hint("make one on https://HOST:55539/security/tokens; where it wants Windows authentication too, let its appsettings.json have require_windows_authentication false")),
            404 => Err(Error::new("iis.not_found", format!("the IIS Administration API of {at} knows no {}", path.split('?').next().unwrap_or(path)))
                .hint("see that the address is that of the IIS Administration API, and that the module for the web server is installed")),
            status => Err(Error::inconclusive("iis.failed", format!("the IIS Administration API of {at} answers {status}"))
                .hint("see its log, and that its service (Microsoft IIS Administration) runs")),
        }
    }

    fn failed(&self, error: &reqwest::Error) -> Error {
        let at = self.base.as_str().trim_end_matches('/');
        if let Some(refusal) = tls_refusal(error).filter(|_| error.is_connect()) {
            return Error::new("iis.tls", format!("no TLS with {at}: {refusal}"))
                .hint("its own certificate is made at its installation: export it there, and give it as iis_ca");
        }
        Error::inconclusive("iis.unreachable", format!("{at} cannot be reached: {}", innermost(error))).hint(
            "see that its service (Microsoft IIS Administration) runs, and that the firewall lets port 55539 through",
        )
    }
}

fn base(at: &str) -> Result<Url> {
    let wrong = || {
        Error::new("iis.address", "the address of the IIS Administration API cannot be read")
            .hint("give host or host:port, e.g. agent1.corp.example:55539")
    };
    if at.contains("://") {
        return Url::parse(at).ok().filter(|url| url.has_host() && url.username().is_empty()).ok_or_else(wrong);
    }
    let has_port = at.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']') && port.parse::<u16>().is_ok());
    let whole = if has_port { format!("https://{at}/") } else { format!("https://{at}:{PORT}/") };
    Url::parse(&whole).ok().filter(|url| url.path() == "/" && url.username().is_empty()).ok_or_else(wrong)
}

fn text(value: &Value, name: &str) -> Result<String> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| bad(&format!("{name} is missing")))
}

fn id(value: &Value) -> Result<String> {
    text(value, "id")
}

fn bad(said: &str) -> Error {
    Error::new("iis.bad_answer", format!("the IIS Administration API answers otherwise than it should: {said}"))
        .hint("see that the address is that of the IIS Administration API")
}
