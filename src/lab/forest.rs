//! What the lab's domain is built of: the domain object with its policy, containers, partitions, controllers.

use super::{
    DOMAIN, NETBIOS,
    clock::{DAY, MINUTE},
    dn::Dn,
    entry::{Entry, domain_sid, uac},
    fault::{Fault, PolicyFault},
};

/// The domain's own name.
pub(super) const BASE: &str = "DC=lab,DC=test";

pub(super) fn entry(dn: &str, classes: &[&str], category: &str) -> Entry {
    let dn = Dn::parse(dn).expect("the lab's own names are well-formed");
    Entry::new(dn, classes, category, BASE)
}

/// The domain with its password policy: what Windows sets up, but with lockout and a longer minimum.
pub(super) fn domain(faults: &[Fault]) -> Entry {
    let mut entry = entry(BASE, &["top", "domain", "domainDNS"], "Domain-DNS");
    entry.put("dc", "lab");
    entry.set("objectSid", vec![domain_sid(None)], 0);
    entry.put("fSMORoleOwner", settings_dn(1));
    entry.put("msDS-Behavior-Version", 7);
    entry.put("minPwdLength", if faults.contains(&Fault::Policy(PolicyFault::Strict)) { 64 } else { 12 });
    entry.put("pwdProperties", 1);
    entry.put("pwdHistoryLength", history(faults));
    entry.put("minPwdAge", -DAY);
    entry.put("maxPwdAge", -42 * DAY);
    entry.put("lockoutThreshold", lockout_threshold(faults));
    entry.put("lockoutDuration", -30 * MINUTE);
    entry.put("lockOutObservationWindow", -30 * MINUTE);
    entry
}

fn history(faults: &[Fault]) -> u32 {
    let chosen = faults.iter().rev().find_map(|fault| match fault {
        Fault::Policy(PolicyFault::History(length)) => Some(*length),
        _ => None,
    });
    chosen.unwrap_or(24)
}

fn lockout_threshold(faults: &[Fault]) -> u32 {
    let told = |fault: &Fault| match fault {
        Fault::Policy(PolicyFault::Lockout(threshold)) => Some(*threshold),
        _ => None,
    };
    faults.iter().rev().find_map(told).unwrap_or(5)
}

pub(super) fn containers() -> Vec<Entry> {
    let container = |dn: String| entry(&dn, &["top", "container"], "Container");
    let unit = |name: &str| entry(&format!("OU={name},{BASE}"), &["top", "organizationalUnit"], "Organizational-Unit");
    vec![
        container(format!("CN=Users,{BASE}")),
        container(format!("CN=Builtin,{BASE}")),
        container(format!("CN=System,{BASE}")),
        container(format!("CN=Password Settings Container,CN=System,{BASE}")),
        container(format!("CN=Configuration,{BASE}")),
        container(format!("CN=Sites,CN=Configuration,{BASE}")),
        container(format!("CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{BASE}")),
        container(format!("CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{BASE}")),
        container(format!("CN=Managed Service Accounts,{BASE}")),
        container(format!("CN=Partitions,CN=Configuration,{BASE}")),
        unit("Domain Controllers"),
        unit("Service Accounts"),
    ]
}

/// Says that the domain `DC=lab,DC=test` is `LAB` for short.
pub(super) fn partition() -> Entry {
    let dn = format!("CN={NETBIOS},CN=Partitions,CN=Configuration,{BASE}");
    let mut entry = entry(&dn, &["top", "crossRef"], "Cross-Ref");
    entry.put("nCName", BASE);
    entry.put("nETBIOSName", NETBIOS);
    entry.put("dnsRoot", DOMAIN);
    entry
}

/// The name of a controller's settings object, which names the controller in replication.
pub(super) fn settings_dn(number: usize) -> String {
    format!("CN=NTDS Settings,{}", server_dn(number))
}

/// The name of a controller's server object.
pub(super) fn server_dn(number: usize) -> String {
    format!("CN=DC{number},CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{BASE}")
}

pub(super) fn controller(number: usize) -> [Entry; 3] {
    let account_dn = format!("CN=DC{number},OU=Domain Controllers,{BASE}");
    let mut account = entry(&account_dn, &["top", "person", "organizationalPerson", "user", "computer"], "Computer");
    account.put("sAMAccountName", format!("DC{number}$"));
    account.put("dNSHostName", format!("dc{number}.{DOMAIN}"));
    account.put("userAccountControl", uac::CONTROLLER);
    account.put("primaryGroupID", 516);
    account.put("sAMAccountType", 805_306_369);
    account.set("objectSid", vec![domain_sid(Some(1000 + number as u32))], 0);
    let mut server = entry(&server_dn(number), &["top", "server"], "Server");
    server.put("serverReference", account_dn);
    server.put("dNSHostName", format!("dc{number}.{DOMAIN}"));
    let settings = entry(&settings_dn(number), &["top", "applicationSettings", "nTDSDSA"], "NTDS-DSA");
    [account, server, settings]
}
