//! Whom to trust: CAs, names, pins, over LDAPS and StartTLS.

use data_encoding::HEXLOWER;
use libretto::directory::{Dns, Endpoint, Session, Target, Tls, certificate};

use super::{
    scripted::{serve_below_a_ca, serve_plain},
    world::{controller, identity, tls},
};
use crate::support::samba::samba;

async fn outcome(endpoint: &Endpoint) -> String {
    let administrator = identity(&samba().admin, &samba().admin_password);
    Session::connect(endpoint, &administrator).await.map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned())
}

fn first() -> Target {
    controller(1).target
}

fn dns() -> Dns {
    Dns::server((samba().targets[0].1, 53).into()).unwrap()
}

/// A CA that signed nothing.
fn stranger() -> Tls {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    Tls::with_ca(params.self_signed(&key).unwrap().pem())
}

#[tokio::test]
async fn ldaps_and_starttls_work_with_the_right_ca_and_only_with_it() {
    for (tls, expected) in [
        (tls(), "ok"),
        (tls().starttls(), "ok"),
        (stranger(), "ad.tls_untrusted"),
        (stranger().starttls(), "ad.tls_untrusted"),
        (Tls::default(), "ad.tls_untrusted"),
    ] {
        assert_eq!(outcome(&Endpoint::new(first(), &tls).unwrap()).await, expected, "{:?}", tls.mode);
    }
    assert_eq!(Endpoint::new(first(), &Tls::with_ca("no certificate")).unwrap_err().code(), "ad.bad_ca");
}

#[tokio::test]
async fn names_are_looked_up_and_must_be_in_the_certificate() {
    let by_name = Endpoint::new(Target::parse("dc2.lab.test").unwrap(), &tls()).unwrap().with_dns(dns());
    assert_eq!(outcome(&by_name).await, "ok");

    let mut other = Target::parse("dc9.lab.test").unwrap();
    assert_eq!(outcome(&by_name.at(other.clone())).await, "ad.unreachable");
    other.address = Some(samba().targets[0].1);
    let error = Session::open(&by_name.at(other)).await.unwrap_err();
    assert_eq!(error.code(), "ad.tls_wrong_name");
    assert!(error.message().contains("dc1.lab.test"), "{error}");
}

#[tokio::test]
async fn a_pin_takes_the_place_of_a_ca() {
    let presented = certificate(&Endpoint::new(first(), &stranger()).unwrap()).await.unwrap();
    assert!(!presented.trusted);
    assert_eq!(presented.problem.as_ref().unwrap().code(), "ad.tls_untrusted");

    let pin = Tls::parse_pin(&presented.chain[0].sha256).unwrap();
    for tls in [Tls::with_pin(pin), Tls::with_pin(pin).starttls()] {
        assert_eq!(outcome(&Endpoint::new(first(), &tls).unwrap()).await, "ok");
    }
    let error = Session::open(&Endpoint::new(first(), &Tls::with_pin([7; 32])).unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "ad.tls_untrusted");
    assert!(error.message().contains(&HEXLOWER.encode(&pin)), "{error}");
}

#[tokio::test]
async fn a_certificate_is_shown_as_it_is() {
    for tls in [tls(), tls().starttls()] {
        let presented = certificate(&Endpoint::new(first(), &tls).unwrap()).await.unwrap();
        assert!(presented.trusted && presented.problem.is_none());
        let own = &presented.chain[0];
        assert_eq!(own.subject, "CN=dc1.lab.test");
        assert!(own.names.contains(&"dc1.lab.test".to_owned()));
        assert!(own.names.contains(&samba().targets[0].1.to_string()));
        assert!(own.days_left > 300 && own.not_after.ends_with('Z') && own.sha256.len() == 64);
    }
}

#[tokio::test]
async fn a_pinned_ca_trusts_what_it_signed_under_its_own_name_and_nothing_else() {
    for (name, genuine, expected) in [
        ("127.0.0.1", true, "ok"),
        ("dc1.lab.test", true, "ad.tls_wrong_name"),
        ("127.0.0.1", false, "ad.tls_untrusted"),
    ] {
        assert_eq!(outcome(&serve_below_a_ca(name, genuine).await).await, expected, "{name} {genuine}");
    }
}

#[tokio::test]
async fn nothing_but_the_request_for_tls_is_ever_said_in_the_clear() {
    const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
    let refused: &[u8] = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00";
    // Success, and with it the answer to a sign-in that nobody has sent yet.
    let injected: &[u8] = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\
        \x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
    for (answer, expected) in [(refused, "ad.tls_failed"), (injected, "ad.protocol"), (b"SSH-2.0\r\n", "ad.protocol")] {
        let (endpoint, received) = serve_plain(answer).await;
        assert_eq!(outcome(&endpoint).await, expected);
        assert_eq!(received.await.unwrap(), REQUEST);
    }
}
