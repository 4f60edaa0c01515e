//! The embedded world of `--lab`: a directory that answers as Active Directory does and a cloud that answers as Entra ID and
//! Microsoft Graph do, on real sockets on loopback.
//!
//! Three targets, each with its own copy of the directory, speak LDAPS and StartTLS; `cloud/` is the cloud. The Remote Agent and
//! the Workflow Engine beside them are the real ones (`run::lab`), and not of this room. It is for learning,
//! for trying one's own scripts and for tests; what the product claims is proven on real servers. The words and codes of the
//! directory's answers are those measured on Samba 4.17 or, in the `Windows` flavour, those known from public reports.
//!
//! Not to be filtered into a log: `ldap3_proto`'s own traces show requests as they came, passwords included.

mod bind;
mod certificates;
mod clock;
pub mod cloud;
mod computed;
mod dn;
mod entry;
mod fault;
mod filter;
mod forest;
mod modify;
mod password;
mod policy;
mod population;
mod root;
mod search;
mod server;
mod session;
mod sign_ins;
mod state;
mod wire;
mod wording;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{runtime::Handle, task::JoinSet};

use self::{
    certificates::Authority,
    cloud::{CloudOptions, LabCloud},
    population::Population,
    server::{Door, Port, Target},
    sign_ins::SignIns,
    state::Directory,
};
pub use self::{
    clock::Clock,
    fault::{AccountFault, Fault, PolicyFault, ServiceFault, Stage, TARGETS, TargetFault},
};
use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// The lab's domain.
const DOMAIN: &str = "lab.test";
/// Its short name, as in `LAB\alice`.
const NETBIOS: &str = "LAB";
/// How long a write takes to the other targets unless a fault says otherwise.
const REPLICATION: Duration = Duration::from_millis(200);
/// The Remote Agent and the Workflow Engine.
const SERVICES: u16 = 2;

/// Whose words the directory uses; they differ in error texts, in result codes of refused passwords, and in what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// Samba 4.17, as measured.
    Samba,
    /// Windows Server, as publicly reported.
    #[default]
    Windows,
}

/// How a lab is to be.
#[derive(Debug, Clone, Default)]
pub struct LabOptions {
    /// The first of nine ports: LDAPS of the targets 1 to 3, then StartTLS of the targets 1 to 3, then the cloud, the Remote
    /// Agent and the Workflow Engine. Without it the kernel chooses, so that two labs never collide.
    pub port_base: Option<u16>,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// Whose words it speaks.
    pub flavour: Flavour,
    /// The time inside the lab; a caller that keeps a copy can let it pass.
    pub clock: Clock,
    /// How many targets there are; [`TARGETS`] unless told.
    pub targets: Option<usize>,
}

/// One of the lab's directory servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabTarget {
    /// Its host name, which its certificate bears beside `localhost` and the loopback addresses.
    pub name: String,
    /// Where it speaks LDAPS.
    pub address: SocketAddr,
    /// Where it speaks LDAP with StartTLS.
    pub starttls: SocketAddr,
}

/// Somebody who can sign in at the lab.
#[derive(Debug, Clone)]
pub struct LabAccount {
    /// The account's name, e.g. `alice`.
    pub name: String,
    /// The name to sign in with, e.g. `alice@lab.test`.
    pub upn: String,
    /// The password at the start, new for each lab.
    pub password: Secret,
}

/// A running lab. It ends when this is dropped.
#[derive(Debug)]
pub struct Lab {
    targets: Vec<LabTarget>,
    ca_pem: String,
    authority: Authority,
    /// The first of the ports that are the services'.
    services: Option<u16>,
    accounts: Vec<LabAccount>,
    cloud: LabCloud,
    sign_ins: SignIns,
    tasks: JoinSet<()>,
}

impl Lab {
    /// Starts a lab; needs a tokio runtime around it.
    ///
    /// # Errors
    /// `lab.runtime` outside a runtime, `lab.port` when a port is taken, `lab.certificate`.
    pub fn start(options: LabOptions) -> Result<Self> {
        let runtime = Handle::try_current()
            .map_err(|_| Error::new("lab.runtime", "the lab can only be started inside an asynchronous runtime"))?;
        let LabOptions { port_base, faults, flavour, clock, targets } = options;
        let count = targets.unwrap_or(TARGETS);
        let population = Population::new(&faults, clock.ticks(), count)?;
        let of_cloud =
            |fault: &Fault| if let Fault::Cloud(place, fault) = fault { Some((*place, *fault)) } else { None };
        let cloud = faults.iter().filter_map(of_cloud).collect();
        let cloud = CloudOptions { port: Some(port(port_base, 2 * count)?), faults: cloud, clock: clock.clone() };
        let (directory, inbox) = directory(flavour, clock, &faults, &population, count);
        let (authority, sign_ins) = (Authority::new("Libretto lab")?, directory.sign_ins.clone());
        let mut tasks = JoinSet::new();
        let replica = directory.clone();
        tasks.spawn_on(async move { replica.replicate(inbox).await }, &runtime);
        let mut targets = Vec::new();
        for index in 0..count {
            let faults: Arc<[TargetFault]> = faults.iter().filter_map(|fault| of_target(*fault, index)).collect();
            let name = format!("dc{}.{DOMAIN}", index + 1);
            let down = faults.contains(&TargetFault::Down);
            let ldaps = Port::bind(port(port_base, index)?, down)?;
            let starttls = Port::bind(port(port_base, count + index)?, down)?;
            let tls = authority.server(&name, &faults)?;
            targets.push(LabTarget { name, address: ldaps.address()?, starttls: starttls.address()? });
            let target = Target { index, directory: directory.clone(), tls, faults };
            tasks.spawn_on(ldaps.serve(Door::Ldaps, target.clone()), &runtime);
            tasks.spawn_on(starttls.serve(Door::StartTls, target), &runtime);
        }
        let cloud = LabCloud::start_with(cloud, &authority)?;
        let last = port(port_base, 2 * count + SERVICES as usize)?;
        let services = port_base.map(|_| last - SERVICES + 1);
        let ca_pem = authority.pem();
        Ok(Self { targets, ca_pem, authority, services, accounts: population.accounts, cloud, sign_ins, tasks })
    }

    /// The authority that signed the servers' certificates.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// What another service of this lab speaks TLS with.
    ///
    /// # Errors
    /// `lab.certificate`.
    pub fn tls(&self, host: &str) -> Result<Arc<ServerConfig>> {
        self.authority.server(host, &[])
    }

    /// The port for another service of this lab, counted from 0; 0 where the kernel is to choose.
    #[must_use]
    pub fn service_port(&self, number: u16) -> u16 {
        self.services.map_or(0, |first| first + number)
    }

    /// The directory servers; the first is the PDC emulator.
    #[must_use]
    pub fn targets(&self) -> &[LabTarget] {
        &self.targets
    }

    /// The cloud.
    #[must_use]
    pub fn cloud(&self) -> &LabCloud {
        &self.cloud
    }

    /// The domain's name.
    #[must_use]
    pub fn domain(&self) -> &'static str {
        DOMAIN
    }

    /// The account that Libretto signs in with: a domain administrator, so that it may reset passwords.
    #[must_use]
    pub fn service_account(&self) -> (&str, &Secret) {
        self.sign_in(0)
    }

    /// The built-in administrator, who can set right what a fault did to the service account.
    #[must_use]
    pub fn administrator(&self) -> (&str, &Secret) {
        self.sign_in(1)
    }

    /// Everybody who can sign in: the service account, the administrator and four ordinary users.
    #[must_use]
    pub fn accounts(&self) -> &[LabAccount] {
        &self.accounts
    }

    /// Each sign-in with this password so far, whoever's it is: at which target, from 1, and whether it was accepted.
    #[must_use]
    pub fn sign_ins(&self, password: &Secret) -> Vec<(usize, bool)> {
        self.sign_ins.of(password)
    }

    /// What the lab has no server for, with the reason: a caller reports it as skipped and does not pretend.
    #[must_use]
    pub fn missing() -> &'static [(&'static str, &'static str)] {
        &[("//fs1.lab.test/homes$", "no embedded SMB server")]
    }

    /// Ends the lab and waits until its sockets are closed.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.cloud.stop().await;
    }

    fn sign_in(&self, index: usize) -> (&str, &Secret) {
        let account = &self.accounts[index];
        (&account.upn, &account.password)
    }
}

fn directory(
    flavour: Flavour,
    clock: Clock,
    faults: &[Fault],
    population: &Population,
    targets: usize,
) -> (Arc<Directory>, tokio::sync::mpsc::UnboundedReceiver<state::Shipment>) {
    let mut delays =
        faults.iter().filter_map(|fault| if let Fault::Replication(delay) = fault { Some(*delay) } else { None });
    let delay = delays.next_back().unwrap_or(Some(REPLICATION));
    let (mut directory, inbox) = Directory::new(flavour, clock, delay, &population.objects, targets);
    directory.pdc_forward = faults.contains(&Fault::PdcForward);
    for fault in faults {
        if let Fault::Policy(PolicyFault::Filter(refusals)) = fault {
            directory.filter_refuses = (*refusals).into();
        }
    }
    directory.read_only = (0..targets).filter(|index| is_read_only(faults, *index)).collect();
    directory.policy_hidden = faults.contains(&Fault::Policy(PolicyFault::Unreadable));
    (Arc::new(directory), inbox)
}

fn of_target(fault: Fault, index: usize) -> Option<TargetFault> {
    match fault {
        Fault::Target(number, fault) if number == index + 1 => Some(fault),
        _ => None,
    }
}

fn is_read_only(faults: &[Fault], index: usize) -> bool {
    faults.iter().any(|fault| of_target(*fault, index) == Some(TargetFault::ReadOnly))
}

fn port(base: Option<u16>, offset: usize) -> Result<u16> {
    let Some(base) = base else { return Ok(0) };
    let number = u16::try_from(offset).ok().and_then(|offset| base.checked_add(offset));
    number.ok_or_else(|| {
        Error::new("lab.port", format!("there is no room for the lab's nine ports after {base}"))
            .hint("choose a lower port, or none: the system then finds free ones")
    })
}
