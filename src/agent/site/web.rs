//! The web server that carries an agent: its site and pool, whether they stay started, identity, physical path, applications.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{Findings, appcmd::AppCmd, iis::Api};
use crate::{
    agent::client::Agent,
    error::{Error, Result},
    secret::Secret,
};

/// A site.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) id: String,
    pub(super) name: String,
    /// `unknown`, `stopping`, `stopped`, `starting`, `started`.
    pub(super) status: String,
    pub(super) ports: Vec<u16>,
    pub(super) pool: String,
    pub(super) path: String,
}

/// An application pool.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) status: String,
    /// A user's name, or the kind of a built-in one.
    pub(super) identity: String,
}

/// An application of a site.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) path: String,
    pub(super) pool: String,
}

/// Who tells of the web server.
pub enum Eyes {
    /// From afar.
    Api(Api),
    /// On the host itself.
    AppCmd(AppCmd),
}

impl Eyes {
    async fn sites(&self) -> Result<Vec<Site>> {
        match self {
            Self::Api(api) => api.sites().await,
            Self::AppCmd(here) => here.on_thread(AppCmd::sites).await,
        }
    }

    async fn pool(&self, name: &str) -> Result<Pool> {
        let owned = name.to_owned();
        match self {
            Self::Api(api) => api.pool(name).await,
            Self::AppCmd(here) => here.on_thread(move |here| here.pool(&owned)).await,
        }
    }

    async fn apps(&self, site: &Site) -> Result<Vec<App>> {
        let owned = site.clone();
        match self {
            Self::Api(api) => api.apps(site).await,
            Self::AppCmd(here) => here.on_thread(move |here| here.apps(&owned)).await,
        }
    }

    async fn is_there(&self, path: &str) -> Result<Option<bool>> {
        match self {
            Self::Api(api) => api.is_there(path).await,
            Self::AppCmd(_) => Ok(if path.contains('%') { None } else { Some(std::path::Path::new(path).is_dir()) }),
        }
    }
}

impl AppCmd {
    async fn on_thread<T: Send + 'static>(&self, look: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let here = self.clone();
        let looked = tokio::task::spawn_blocking(move || look(&here)).await;
        looked.unwrap_or_else(|_| Err(Error::new("script.internal", "the look met a fault of Libretto's own")))
    }
}

/// What should be.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The site; the one with a binding to the agent's port where none is named.
    pub site: Option<String>,
    /// Whom the pool should run as.
    pub identity: Option<String>,
    /// How many applications the site should have.
    pub applications: Option<i64>,
    /// Between the two looks.
    pub pause: Duration,
}

const AFTER_SITE: [&str; 5] = ["pool", "stays started", "identity", "physical path", "applications"];

/// Looks at the web server. Between the two looks the agent is asked for its document: a pool whose identity is wrong starts, and
/// stops when it has to work.
pub async fn look(eyes: &Eyes, wanted: &Wanted, agent: &Agent, token: Option<&Secret>) -> Findings {
    let mut findings = Findings::default();
    let begun = Instant::now();
    let site = find(eyes, wanted, agent.address().port).await;
    let found = site.as_ref().map_err(Clone::clone).and_then(|site| started("site", &site.name, &site.status));
    let runs = findings.note("site", begun, found);
    let Ok(site) = site else { return findings.rest(&AFTER_SITE) };
    let begun = Instant::now();
    let pool = eyes.pool(&site.pool).await;
    let found = pool.as_ref().map_err(Clone::clone).and_then(|pool| started("pool", &pool.name, &pool.status));
    let runs = findings.note("pool", begun, found) && runs;
    let Ok(pool) = pool else { return findings.rest(&AFTER_SITE[1..]) };
    let begun = Instant::now();
    let mut serves = None;
    let stays = if runs {
        agent.forget();
        serves = Some(agent.found(token).await.map(drop));
        tokio::time::sleep(wanted.pause).await;
        stays(eyes, wanted, &site, &pool, agent.address().port).await
    } else {
        Err(Error::not_started("agent.not_looked_at", "not looked at: it is not started"))
    };
    findings.note("stays started", begun, stays);
    findings.note("identity", Instant::now(), identity(wanted, &pool));
    let begun = Instant::now();
    let reached = reach(eyes, &site, &pool, serves.as_ref()).await;
    findings.note("physical path", begun, reached);
    let begun = Instant::now();
    let counted = applications(eyes, wanted, &site).await;
    findings.note("applications", begun, counted);
    findings
}

async fn find(eyes: &Eyes, wanted: &Wanted, port: u16) -> Result<Site> {
    let mut sites = eyes.sites().await?;
    let is_it = |site: &Site| match &wanted.site {
        Some(name) => site.name.eq_ignore_ascii_case(name),
        None => site.ports.contains(&port),
    };
    if let Some(at) = sites.iter().position(is_it) {
        return Ok(sites.swap_remove(at));
    }
    let all: Vec<String> = sites.into_iter().map(|site| site.name).collect();
    let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    Err(match &wanted.site {
        Some(name) => Error::new("iis.no_site", format!("the web server has no site {name}; it has {all}"))
            .hint("give the site's name as IIS Manager shows it, or install the agent again"),
        None => Error::new(
            "iis.no_site",
            format!("no site of the web server has a binding to port {port}; its sites: {all}"),
        )
        .hint("add the binding in IIS Manager (Bindings...), or give site=NAME"),
    })
}

fn started(what: &str, name: &str, status: &str) -> Result<String> {
    if status == "started" {
        return Ok(format!("{what} {name} is started"));
    }
    Err(Error::new("iis.stopped", format!("the {what} {name} is {status}")).hint(format!(
        "start it in IIS Manager (or: appcmd start {} \"{name}\"); a pool that stops again has the wrong identity",
        if what == "pool" { "apppool" } else { what }
    )))
}

async fn stays(eyes: &Eyes, wanted: &Wanted, site: &Site, pool: &Pool, port: u16) -> Result<String> {
    let again = eyes.pool(&pool.name).await?;
    if again.status != "started" {
        return Err(Error::new("iis.pool_stops", format!("the pool {} starts and is {} again: {} cannot run it", pool.name, again.status, pool.identity))
            .hint("set its identity in IIS Manager (Application Pools > Advanced Settings > Identity): name and password of the service account, which may log on as a batch job"));
    }
    let again = find(eyes, wanted, port).await?;
    if again.status != "started" {
        return Err(Error::new(
            "iis.site_stops",
            format!("the site {} starts and is {} again", site.name, again.status),
        )
        .hint("see in the host's System log (source WAS) what stops it: often a port that another site has too"));
    }
    Ok(format!("both are still started {} s later", wanted.pause.as_secs()))
}

fn identity(wanted: &Wanted, pool: &Pool) -> Result<String> {
    match &wanted.identity {
        Some(name) if !pool.identity.eq_ignore_ascii_case(name) => Err(Error::new(
            "iis.wrong_identity",
            format!("the pool {} runs as {}, not as {name}", pool.name, pool.identity),
        )
        .hint("set it in IIS Manager: Application Pools > Advanced Settings > Identity")),
        _ => Ok(format!("the pool {} runs as {}", pool.name, pool.identity)),
    }
}

/// IIS Manager's *Test Settings* has no counterpart in the API: that the agent answers is what tells that its files are reached.
async fn reach(eyes: &Eyes, site: &Site, pool: &Pool, serves: Option<&Result<()>>) -> Result<String> {
    let settings = format!(
        "let {} read it; IIS Manager tries that: site {}, Basic Settings > Test Settings",
        pool.identity, site.name
    );
    if site.path.is_empty() {
        return Err(Error::inconclusive(
            "iis.no_path",
            format!("the web server does not tell the physical path of {}", site.name),
        )
        .hint(settings));
    }
    if eyes.is_there(&site.path).await? == Some(false) {
        return Err(Error::new(
            "iis.path_gone",
            format!("the physical path of {}, {}, is not there", site.name, site.path),
        )
        .hint("correct it in IIS Manager (Basic Settings), or install the agent again"));
    }
    match serves {
        Some(Ok(())) => Ok(format!("{} serves {}", pool.identity, site.path)),
        Some(Err(error)) if error.code() == "agent.failed" => Err(Error::new(
            "iis.path_unreached",
            format!("{} may not reach {}: {}", pool.identity, site.path, error.message()),
        )
        .hint(settings)),
        _ => Err(Error::inconclusive(
            "iis.path_untold",
            format!(
                "whether {} reaches {} is not to be seen while the agent does not answer",
                pool.identity, site.path
            ),
        )
        .hint(settings)),
    }
}

async fn applications(eyes: &Eyes, wanted: &Wanted, site: &Site) -> Result<String> {
    let apps = eyes.apps(site).await?;
    let paths: Vec<&str> = apps.iter().map(|app| app.path.as_str()).collect();
    let paths = if paths.is_empty() { "none".to_owned() } else { paths.join(", ") };
    if let Some(count) = wanted.applications.filter(|count| usize::try_from(*count) != Ok(apps.len())) {
        return Err(Error::new(
            "iis.applications",
            format!("the site {} has {} applications, not {count}: {paths}", site.name, apps.len()),
        )
        .hint("install the agent again, or add what is missing in IIS Manager (Add Application)"));
    }
    let pools: BTreeSet<&str> = apps.iter().map(|app| app.pool.as_str()).filter(|pool| *pool != site.pool).collect();
    for name in pools {
        let pool = eyes.pool(name).await?;
        started("pool", &pool.name, &pool.status).map_err(|error| error.context("an application's"))?;
    }
    Ok(format!("{} applications: {paths}", apps.len()))
}

/// A pool that a site names and nobody knows.
pub(super) fn no_pool(name: &str) -> Error {
    Error::new("iis.no_pool", format!("the web server has no application pool {name}"))
        .hint("give the site a pool in IIS Manager (Basic Settings > Select...), or install the agent again")
}
