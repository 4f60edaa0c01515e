//! Servers that are down: one that depends on the account before anything is done, a controller in mid-rotation, the one that
//! the change was sent to when it is to be recovered.

use std::net::{Ipv4Addr, SocketAddr};

use libretto::store::journal;
use tokio::net::TcpSocket;

use super::{Service, told};
use crate::support::{
    domain::attribute,
    samba::{kill, repl_off, samba},
};

fn address(number: usize) -> String {
    samba().controller(number).1.to_string()
}

/// A port that is held and not listened on: it refuses connections.
fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[test]
fn a_home_server_that_does_not_answer_stops_it_before_anything_is_done() {
    let (_held, refusing) = refusing();
    let service = Service::new("hom");
    let share = format!("//{refusing}/homes$");
    let edited = service.run(&["connections", "edit", "corp", "--home-server", &share]);
    assert_eq!(edited.code, Some(0), "{}", edited.text());
    let dn = format!("CN={},CN=Users,{}", service.name, samba().base);
    let before = attribute(1, &dn, "pwdLastSet");
    let run = |more: &[&str]| {
        let all = ["run", "reset_ad_creds", "connection=corp", "rotate=true", "--json"];
        service.run(&[&all, more].concat())
    };
    let stopped = run(&[]);
    assert_eq!(stopped.code, Some(1), "{}", stopped.text());
    assert!(stopped.stdout.contains("\"code\":\"rotation.dependent_down\""), "{}", stopped.text());
    assert!(told(&stopped).contains(&"  preflight failed".to_owned()), "{:#?}", told(&stopped));
    assert_eq!((service.rotations().len(), attribute(1, &dn, "pwdLastSet")), (0, before.clone()));

    let allowed = run(&["allow_down=true"]);
    let lines = told(&allowed);
    for expected in [format!("  {share} inconclusive"), "  promote ok".to_owned()] {
        assert!(lines.contains(&expected), "{lines:#?}");
    }
    assert_ne!(attribute(1, &dn, "pwdLastSet"), before);
    let tested = service.run(&["connections", "edit", "corp", "--home-server", ""]);
    assert_eq!(tested.code, Some(0), "{}", tested.text());
    assert_eq!(service.run(&["connections", "test", "corp"]).code, Some(0));
    assert_eq!(service.bad_passwords(), 0);
}

/// It has not got the change yet when it dies; a recovery proves the password there once it is back.
#[test]
fn a_target_that_dies_in_mid_rotation_is_settled_later() {
    let service = Service::new("die");
    let held = repl_off(2);
    let rotating = service.rotating_until("proven", &["--wait", "2m"]);
    let dead = kill(2);
    let rotated = rotating.finish();
    // The rotation is inconclusive, and the step after it, which tests all targets, fails.
    assert_eq!(rotated.code, Some(1), "{}", rotated.text());
    let (one, two, three) = (address(1), address(2), address(3));
    let of = |target: &str| {
        let marked = |line: &&str| line.contains(target) && (line.contains(" ok ") || line.contains("inconclusive "));
        rotated.stdout.lines().find(marked).map(|line| line.split_whitespace().next().unwrap().to_owned())
    };
    assert_eq!(
        [&one, &two, &three].map(|target| of(target)),
        ["ok", "inconclusive", "ok"].map(|word| Some(word.into()))
    );
    dead.undo();
    held.undo();
    let recovered = service.recovers();
    assert!(recovered.stdout.contains(&two), "{}", recovered.text());
}

/// Nobody else can tell whether the write was made: it stays open until that server is back.
#[test]
fn while_the_pinned_target_is_dead_nothing_is_settled() {
    let service = Service::new("ded");
    service.rotation_cut_short();
    let dead = kill(1);
    let recovered = service.run(&["recover"]);
    let open = journal::unfinished(&service.store()).unwrap().len();
    dead.undo();
    assert!(
        recovered.stdout.contains(&format!("{} cannot be asked which password is valid", address(1))),
        "{}",
        recovered.text()
    );
    assert_eq!((recovered.code, open), (Some(4), 1), "{}", recovered.text());
    service.recovers();
}
