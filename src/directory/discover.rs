//! The controllers of a domain: SRV records (MS-ADTS 6.3.2.3), each asked by CLDAP whether it lives.

use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use serde::Serialize;

use super::{
    cldap::{self, Pong},
    dns::{Dns, Srv},
    target::{LDAPS_PORT, Target},
};
use crate::{
    error::{Error, Result},
    names,
};

/// What was found of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discovery {
    /// The domain's DNS name.
    pub domain: String,
    /// The host that holds the PDC emulator's role, by DNS or by its own answer.
    pub pdc: Option<String>,
    /// The site of the machine that asked, as a controller sees it.
    pub site: Option<String>,
    /// The controllers, in the order of their SRV records.
    pub controllers: Vec<Controller>,
}

/// One controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Controller {
    /// Its host name.
    pub host: String,
    /// The LDAP port of its SRV record, 389 as a rule.
    pub port: u16,
    /// Its address; `null` when its name has none.
    pub address: Option<IpAddr>,
    /// The site that it is in; `null` when it did not answer.
    pub site: Option<String>,
    /// Whether its directory can be written to; `null` when it did not answer.
    pub writable: Option<bool>,
    /// Whether it is the PDC emulator.
    pub pdc: bool,
    /// Whether it answered the ping over UDP 389. A firewall that drops UDP makes it look dead.
    pub alive: bool,
    /// SRV priority; lower is tried first.
    pub priority: u16,
    /// SRV weight; higher is tried more often.
    pub weight: u16,
}

impl Controller {
    /// The controller as a target on the LDAPS port, with the address that was found.
    #[must_use]
    pub fn target(&self) -> Target {
        Target { host: self.host.clone(), port: LDAPS_PORT, address: self.address }
    }
}

impl Discovery {
    /// The targets worth using, of those that live: the PDC emulator, then those of this machine's site, then the others, each in
    /// the order of their records. Read-only controllers are left out, for what is written there is only referred to another
    /// one, unless no other lives.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        let mut alive: Vec<&Controller> = self.controllers.iter().filter(|one| one.alive).collect();
        if alive.iter().any(|one| one.writable != Some(false)) {
            alive.retain(|one| one.writable != Some(false));
        }
        alive.sort_by_key(|one| (!one.pdc, self.site.is_some() && one.site != self.site));
        alive.into_iter().map(Controller::target).collect()
    }
}

/// Finds the controllers of `domain` (a DNS name) through `dns`, and pings each.
///
/// # Errors
/// `ad.bad_domain`, `ad.no_controllers` when DNS knows none, `ad.dns_failed` when DNS does not answer.
pub async fn discover(domain: &str, dns: &Dns) -> Result<Discovery> {
    let domain = names::domain(domain.trim()).ok_or_else(|| no_name(domain))?;
    let (mut services, pdcs) = services(&domain, dns).await?;
    for pdc in &pdcs {
        if !services.iter().any(|service| service.host == pdc.host) {
            services.push(pdc.clone());
        }
    }
    if services.is_empty() {
        return Err(none(&domain, dns));
    }
    let answers = join_all(services.iter().map(|service| ask(service, &domain, dns))).await;
    let mut discovery = Discovery { pdc: None, site: None, controllers: Vec::new(), domain };
    for (service, answer) in services.iter().zip(answers) {
        let (address, pong) = answer?;
        let by_dns = pdcs.iter().any(|pdc| pdc.host == service.host);
        discovery.add(service, address, pong, by_dns);
    }
    Ok(discovery)
}

/// All controllers of `domain` that DNS names, whether they live or not. An answer that is cut short, or has none but the PDC
/// emulator, is an error.
///
/// # Errors
/// Those of [`discover`].
pub async fn named(domain: &str, dns: &Dns) -> Result<Vec<Target>> {
    let domain = names::domain(domain.trim()).ok_or_else(|| no_name(domain))?;
    let (services, pdcs) = services(&domain, dns).await?;
    if services.is_empty() {
        return Err(none(&domain, dns));
    }
    Ok(services.into_iter().chain(pdcs).map(|service| Target::new(service.host)).collect())
}

/// The SRV records of the controllers, and those of the PDC emulator.
async fn services(domain: &str, dns: &Dns) -> Result<(Vec<Srv>, Vec<Srv>)> {
    let (dc, pdc) = (format!("_ldap._tcp.dc._msdcs.{domain}"), format!("_ldap._tcp.pdc._msdcs.{domain}"));
    let (services, pdcs) = futures_util::future::join(dns.services(&dc), dns.services(&pdc)).await;
    Ok((services?, pdcs?))
}

fn none(domain: &str, dns: &Dns) -> Error {
    Error::new("ad.no_controllers", format!("{dns} knows no controllers of the domain {domain}"))
        .hint("check the domain's name; set dns.server in config.toml to a server that knows it, or name the targets")
        .with("record", format!("_ldap._tcp.dc._msdcs.{domain}"))
}

/// A name that cannot be one is not the DNS server's fault.
fn no_name(domain: &str) -> Error {
    Error::new("ad.bad_domain", format!("\"{domain}\" is no domain name"))
        .hint("give the domain's DNS name, e.g. corp.example.com; one with other than ASCII letters in its xn-- form")
}

async fn ask(service: &Srv, domain: &str, dns: &Dns) -> Result<(Option<IpAddr>, Option<Pong>)> {
    // A name that DNS cannot resolve just now is one dead controller, not the end of the discovery.
    let addresses = dns.addresses(&service.host).await.unwrap_or_default();
    for address in &addresses {
        if let Some(pong) = cldap::ping(SocketAddr::new(*address, service.port), domain).await? {
            return Ok((Some(*address), Some(pong)));
        }
    }
    Ok((addresses.first().copied(), None))
}

impl Discovery {
    fn add(&mut self, service: &Srv, address: Option<IpAddr>, pong: Option<Pong>, pdc_by_dns: bool) {
        let pdc = pong.as_ref().map_or(pdc_by_dns, |pong| pong.pdc);
        if pdc {
            self.pdc.get_or_insert_with(|| service.host.clone());
        }
        if let Some(site) = pong.as_ref().map(|pong| &pong.client_site).filter(|site| !site.is_empty()) {
            self.site.get_or_insert_with(|| site.clone());
        }
        self.controllers.push(Controller {
            host: service.host.clone(),
            port: service.port,
            address,
            writable: pong.as_ref().map(|pong| pong.writable),
            pdc,
            alive: pong.is_some(),
            priority: service.priority,
            weight: service.weight,
            site: pong.map(|pong| pong.site),
        });
    }
}
