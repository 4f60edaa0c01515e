//! Ways to a directory, each from the connection to the rotation: whom to trust, and which controllers there are.

use super::{Service, told};
use crate::support::{domain::attribute, program::Output, samba::samba};

/// The connection `corp`, reached in this way.
fn reached(prefix: &str, more: &[&str]) -> Service {
    let service = Service::without_connection(prefix);
    connect(&service, more);
    service
}

fn connect(service: &Service, more: &[&str]) {
    let all = ["connections", "add", "ad", "--name", "corp", "--domain", "lab.test", "--password", "env:PW"];
    let added = service.run(&[&all[..], &["--username", &service.upn], more].concat());
    assert_eq!((added.code, added.stderr.as_str()), (Some(0), ""));
}

/// Names are asked of the first controller.
fn with_dns(service: &Service) {
    let home = service.program.home_path();
    std::fs::create_dir_all(home).unwrap();
    std::fs::write(home.join("config.toml"), format!("[dns]\nserver = \"{}\"\n", samba().controller(1).1)).unwrap();
}

fn address(number: usize) -> String {
    samba().controller(number).1.to_string()
}

fn ca() -> String {
    samba().ca.to_string_lossy().into_owned()
}

/// SHA-256 of a controller's certificate.
fn pin(number: usize) -> String {
    let certificate = samba().dir.join(format!("dc{number}/etc/cert.pem"));
    let args = ["x509", "-noout", "-fingerprint", "-sha256", "-in"];
    let said = std::process::Command::new("openssl").args(args).arg(certificate).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    said.trim().rsplit_once('=').unwrap().1.replace(':', "").to_lowercase()
}

fn rotate(service: &Service) -> Output {
    service.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true", "--json"])
}

/// Tested, rotated and tested again; the checks of the rotation.
#[track_caller]
fn works(service: &Service) -> Vec<String> {
    let tested = service.run(&["connections", "test", "corp"]);
    assert_eq!(tested.code, Some(0), "{}", tested.text());
    let rotated = rotate(service);
    assert_eq!((rotated.code, rotated.stderr.as_str()), (Some(0), ""), "{}", rotated.text());
    let again = service.run(&["connections", "test", "corp"]);
    assert_eq!(again.code, Some(0), "{}", again.text());
    assert_eq!(service.bad_passwords(), 0);
    told(&rotated)
}

/// The targets that the rotation proved the password on, by its own words.
fn proven(told: &[String]) -> Vec<&str> {
    let of_rotation = told.iter().skip(1).take_while(|line| line.starts_with("  "));
    let targets = of_rotation.filter(|line| line.contains('.') && !line.contains('/'));
    targets.filter_map(|line| line.trim().strip_suffix(" ok")).collect()
}

#[test]
fn the_systems_roots_are_trusted() {
    let mut service = reached("sys", &["--target", &address(1)]);
    let untrusted = service.run(&["connections", "test", "corp"]);
    assert!(
        untrusted.code == Some(1) && untrusted.stdout.contains("an issuer that is not trusted"),
        "{}",
        untrusted.text()
    );
    service.program = service.program.clone().env("SSL_CERT_FILE", samba().ca.as_os_str());
    works(&service);
}

#[test]
fn starttls_with_a_pin() {
    let service = reached("pin", &["--target", &address(1), "--tls", "starttls", "--pin", &pin(1)]);
    let rotated = works(&service);
    assert_eq!(proven(&rotated), [address(1)]);
    assert_eq!(service.rotations()[0].pinned_target.as_deref(), Some(address(1).as_str()));
    // Another server's certificate is none of this one's.
    let edited = service.run(&["connections", "edit", "corp", "--pin", &pin(2)]);
    assert_eq!(edited.code, Some(0), "{}", edited.text());
    let dn = format!("CN={},CN=Users,{}", service.name, samba().base);
    let before = attribute(1, &dn, "pwdLastSet");
    let refused = rotate(&service);
    assert!(refused.code == Some(1) && refused.stdout.contains("ad.tls_untrusted"), "{}", refused.text());
    assert_eq!((service.rotations().len(), attribute(1, &dn, "pwdLastSet"), service.bad_passwords()), (1, before, 0));
}

#[test]
fn starttls_with_a_ca() {
    let service = reached("sta", &["--target", &address(2), "--tls", "starttls", "--ca", &ca()]);
    assert!(proven(&works(&service)).contains(&address(2).as_str()));
}

/// Nobody named it, and every other controller asks it before it refuses a password.
#[test]
fn the_change_goes_to_the_pdc_emulator_though_it_is_no_target() {
    let service = Service::without_connection("pdc");
    with_dns(&service);
    connect(&service, &["--target", &address(2), "--ca", &ca()]);
    let rotated = works(&service);
    assert_eq!(service.rotations()[0].pinned_target.as_deref(), Some("dc1.lab.test"));
    assert_eq!(proven(&rotated), [address(2).as_str(), "dc1.lab.test"], "{rotated:#?}");
    // A recovery goes there too, though no connection names it.
    service.rotation_cut_short();
    assert_eq!(service.rotations()[0].pinned_target.as_deref(), Some("dc1.lab.test"));
    let recovered = service.recovers();
    assert!(recovered.stdout.contains("dc1.lab.test"), "{}", recovered.text());
}

/// What is pinned is one certificate, and the PDC emulator has another.
#[test]
fn the_pdc_emulator_is_left_alone_where_it_is_not_trusted() {
    let service = Service::without_connection("pdp");
    with_dns(&service);
    connect(&service, &["--target", &address(2), "--pin", &pin(2)]);
    works(&service);
    assert_eq!(service.rotations()[0].pinned_target.as_deref(), Some(address(2).as_str()));
}

#[test]
fn the_targets_are_those_that_dns_names() {
    let service = Service::without_connection("dns");
    with_dns(&service);
    connect(&service, &["--ca", &ca()]);
    let rotated = works(&service);
    assert_eq!(proven(&rotated), ["dc1.lab.test", "dc2.lab.test", "dc3.lab.test"], "{rotated:#?}");
    service.rotation_cut_short();
    service.recovers();
    assert_eq!(service.rotations()[0].pinned_target.as_deref(), Some("dc1.lab.test"));
}
