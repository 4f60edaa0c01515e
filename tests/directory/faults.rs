//! Servers that are down, hang, close in the middle, or talk rubbish: each its own error, in time.

use std::time::{Duration, Instant};

use libretto::{
    directory::{Endpoint, Identity, Session, Target, Tls, certificate, set_password},
    error::Error,
    verdict::Verdict,
};
use tokio::net::TcpListener;

use crate::support::samba::samba;

use super::{
    scripted::{Does, serve, serve_until},
    world::{identity, secret, tls},
};

fn somebody() -> Identity {
    identity("somebody@lab.test", "Correct-Horse-1!")
}

async fn sign_in(endpoint: &Endpoint) -> Error {
    let start = Instant::now();
    let error = Session::connect(endpoint, &somebody()).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(4), "{error:?} took {:?}", start.elapsed());
    assert!(error.remedy().is_some(), "{error:?}");
    error
}

#[tokio::test]
async fn every_way_of_not_answering_has_its_own_error() {
    // A complete answer would be 14 bytes; a search entry is no answer to a sign-in; the last nests without end.
    let half: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01";
    let entry: &[u8] = b"\x30\x0b\x02\x01\x01\x64\x06\x04\x02cn\x30\x00";
    let endless: &[u8] = b"\x30\x84\xff\xff\xff\xff\x30\x80\x30\x80";
    for (does, code, verdict) in [
        (Does::HangBeforeTls, "ad.timeout", Verdict::Inconclusive),
        (Does::SpeakHttp, "ad.protocol", Verdict::Failed),
        (Does::CloseBeforeTls, "ad.closed", Verdict::Inconclusive),
        (Does::Answer(b""), "ad.timeout", Verdict::Inconclusive),
        (Does::Answer(half), "ad.timeout", Verdict::Inconclusive),
        (Does::AnswerAndClose(half), "ad.closed", Verdict::Inconclusive),
        (Does::AnswerAndClose(b""), "ad.closed", Verdict::Inconclusive),
        (Does::Answer(b"220 mail.example.com ESMTP\r\n"), "ad.protocol", Verdict::Failed),
        (Does::Answer(b"\x30\x05\x02\x01\x01\x61\x00"), "ad.protocol", Verdict::Failed),
        (Does::Answer(entry), "ad.protocol", Verdict::Failed),
        (Does::Answer(endless), "ad.protocol", Verdict::Failed),
    ] {
        let error = sign_in(&serve(does).await).await;
        assert_eq!((error.code(), error.verdict()), (code, verdict), "{does:?}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_from_a_service_that_is_not() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let endpoint = Endpoint::new(Target::parse(&free.to_string()).unwrap(), &tls()).unwrap();
    let refused = sign_in(&endpoint).await;
    assert_eq!((refused.code(), refused.is_retryable()), ("ad.refused", true));
    let unknown = sign_in(&endpoint.at(Target::new("no-such-host.invalid"))).await;
    assert_eq!((unknown.code(), unknown.is_retryable()), ("ad.unreachable", true));
    // Broadcast addresses have no route for TCP.
    let nowhere = sign_in(&endpoint.at(Target::new("255.255.255.255"))).await;
    assert_eq!(nowhere.code(), "ad.unreachable");
}

#[tokio::test]
async fn an_expired_certificate_is_refused_and_still_shown() {
    let endpoint = serve_until(Does::Answer(b""), 2020).await;
    let refused = sign_in(&endpoint).await;
    assert_eq!(refused.code(), "ad.tls_expired");
    assert!(refused.message().contains(" has a certificate that expired on 2020-"), "{refused}");
    let presented = certificate(&endpoint).await.unwrap();
    assert_eq!(presented.problem.unwrap().code(), "ad.tls_expired");
    assert!(!presented.trusted && presented.chain[0].days_left < -1000);
}

#[tokio::test]
async fn the_pin_of_a_ca_that_the_server_does_not_send_is_told_from_a_wrong_one() {
    let endpoint = serve(Does::Answer(b"")).await;
    let refused = sign_in(&Endpoint::new(endpoint.target.clone(), &Tls::with_pin([7; 32])).unwrap()).await;
    assert_eq!(refused.code(), "ad.tls_untrusted");
    assert!(refused.message().contains("it sent its own certificate alone"), "{refused}");
    assert!(refused.remedy().unwrap().contains("--ca"), "{refused:?}");
}

#[tokio::test]
async fn a_write_without_an_answer_is_in_doubt() {
    let busy: &[u8] = b"\x30\x0c\x02\x01\x02\x67\x07\x0a\x01\x33\x04\x00\x04\x00";
    let refused: &[u8] = b"\x30\x0c\x02\x01\x02\x67\x07\x0a\x01\x32\x04\x00\x04\x00";
    let disconnected: &[u8] =
        b"\x30\x26\x02\x01\x00\x78\x21\x0a\x01\x34\x04\x00\x04\x02by\x8a\x161.3.6.1.4.1.1466.20036";
    for (does, code, cause) in [
        (Does::SignInThenAnswer(b""), "ad.write_in_doubt", "ad.timeout"),
        (Does::SignInThenClose, "ad.write_in_doubt", "ad.closed"),
        (Does::SignInThenAnswer(b"rubbish"), "ad.write_in_doubt", "ad.protocol"),
        (Does::SignInThenAnswer(busy), "ad.write_in_doubt", "ad.busy"),
        (Does::SignInThenAnswer(disconnected), "ad.write_in_doubt", "ad.closed"),
        (Does::SignInThenAnswer(refused), "ad.no_rights", ""),
    ] {
        let session = Session::connect(&serve(does).await, &somebody()).await.unwrap();
        let error = set_password(&session, "CN=x", &secret("Battery-Staple-2?")).await.unwrap_err();
        assert_eq!(error.code(), code, "{does:?}");
        let named = error.details().iter().find(|(key, _)| *key == "cause").map_or("", |(_, value)| value);
        assert_eq!(named, cause, "{does:?} {error}");
        assert_eq!(error.verdict() == Verdict::InDoubt, code == "ad.write_in_doubt");
    }
}

#[tokio::test]
async fn a_write_on_a_connection_that_is_already_closed_is_surely_not_made() {
    let session = Session::connect(&serve(Does::SignInAndLeave).await, &somebody()).await.unwrap();
    // Nothing of what was sent is left to be shown.
    assert_eq!(
        format!("{session:?}").matches("Correct").count() + format!("{session:?}").matches("67, 111").count(),
        0
    );
    // The end of the connection has been read once a question has come back with it.
    assert_eq!(session.root_dse().await.unwrap_err().code(), "ad.closed");
    let error = set_password(&session, "CN=x", &secret("Battery-Staple-2?")).await.unwrap_err();
    assert_eq!((error.code(), error.verdict(), error.is_retryable()), ("ad.closed", Verdict::Failed, true));
    assert!(error.message().starts_with("nothing was changed"), "{error}");
}

#[tokio::test]
async fn ldaps_on_the_port_of_plain_ldap_leads_to_starttls() {
    let target = Target::parse(&format!("{}:389", samba().controller(1).1)).unwrap();
    let error = Session::open(&Endpoint::new(target, &tls()).unwrap()).await.unwrap_err();
    assert!(
        error.remedy().is_some_and(|hint| hint.contains("--tls starttls") && hint.contains("636")),
        "{error:?} {:?}",
        error.remedy()
    );
}
