//! Discovery by DNS and CLDAP.

use libretto::directory::{Controller, Discovery, Dns, discover, discover::named};

use crate::support::samba::samba;

#[tokio::test]
async fn the_controllers_of_a_domain_are_found_and_asked() {
    let dns = Dns::server((samba().targets[0].1, 53).into()).unwrap();
    let found = discover("LAB.test.", &dns).await.unwrap();
    let expected: Vec<_> = samba()
        .targets
        .iter()
        .map(|(host, address)| {
            serde_json::json!({
                "host": host, "port": 389, "address": address, "site": "Default-First-Site-Name", "writable": true,
                "pdc": host == "dc1.lab.test", "alive": true, "priority": 0, "weight": 100,
            })
        })
        .collect();
    assert_eq!(
        serde_json::to_value(&found).unwrap(),
        serde_json::json!({
            "domain": "lab.test", "pdc": "dc1.lab.test", "site": "Default-First-Site-Name", "controllers": expected,
        })
    );
    let targets: Vec<_> = found.targets().iter().map(|target| (target.to_string(), target.address)).collect();
    assert_eq!(targets[0], ("dc1.lab.test".to_owned(), Some(samba().targets[0].1)));
    assert_eq!(targets.len(), 3);
}

#[tokio::test]
async fn what_dns_names_is_told_whether_it_lives_or_not_and_only_in_full() {
    let dns = Dns::server((samba().targets[0].1, 53).into()).unwrap();
    let mut hosts: Vec<_> =
        named("lab.test", &dns).await.unwrap().into_iter().map(|target| target.to_string()).collect();
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts, samba().targets.iter().map(|(host, _)| host.clone()).collect::<Vec<_>>());
    assert_eq!(named("nothing.lab.test", &dns).await.unwrap_err().code(), "ad.no_controllers");
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let dns = Dns::server(silent.local_addr().unwrap()).unwrap();
    assert_eq!(named("lab.test", &dns).await.unwrap_err().code(), "ad.dns_failed");
}

#[tokio::test]
async fn a_domain_without_controllers_is_told_from_a_silent_dns_server() {
    let dns = Dns::server((samba().targets[0].1, 53).into()).unwrap();
    let none = discover("nothing.lab.test", &dns).await.unwrap_err();
    assert_eq!(none.code(), "ad.no_controllers");
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let dns = Dns::server(silent.local_addr().unwrap()).unwrap();
    let error = discover("lab.test", &dns).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), ("ad.dns_failed", true));
}

#[test]
fn the_dead_and_the_read_only_are_left_out_and_the_near_come_before_the_far() {
    let controller = |host: &str, site: &str| Controller {
        host: host.to_owned(),
        port: 389,
        address: None,
        site: Some(site.to_owned()),
        writable: Some(true),
        pdc: false,
        alive: true,
        priority: 0,
        weight: 100,
    };
    let mut found = Discovery {
        domain: "corp.example".to_owned(),
        pdc: Some("pdc".to_owned()),
        site: Some("here".to_owned()),
        controllers: vec![
            Controller { writable: Some(false), ..controller("read-only", "here") },
            controller("far", "there"),
            Controller { alive: false, site: None, writable: None, ..controller("dead", "here") },
            controller("near", "here"),
            Controller { pdc: true, ..controller("pdc", "there") },
            controller("near-too", "here"),
        ],
    };
    let hosts = |found: &Discovery| found.targets().into_iter().map(|target| target.host).collect::<Vec<_>>();
    assert_eq!(hosts(&found), ["pdc", "near", "near-too", "far"]);
    // A machine in no known site takes them as DNS names them.
    found.site = None;
    assert_eq!(hosts(&found), ["pdc", "far", "near", "near-too"]);
    // Better a read-only one than none: an account can be tested there.
    found.controllers.truncate(1);
    assert_eq!(hosts(&found), ["read-only"]);
}
