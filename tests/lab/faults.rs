//! Each fault, as a client meets it; and input that no client should send.

use std::io::ErrorKind;

use ldap3::LdapError;
use libretto::lab::Flavour;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::*;

const NEW: &str = "Correct-Horse-77";
const SOON: Duration = Duration::from_millis(300);

/// Why a client cannot connect to a target.
async fn refused(lab: &Lab, target: usize) -> String {
    match open(trusting(lab), &ldaps(lab.targets()[target - 1].address)).await {
        Ok(_) => panic!("connected"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn down_refuses_connections() {
    let lab = lab(Flavour::Windows, &["target:2=down"]);
    for address in [lab.targets()[1].address, lab.targets()[1].starttls] {
        assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    administrator(&lab, 1).await;
}

#[tokio::test]
async fn hang_takes_connections_and_answers_nothing() {
    let lab = lab(Flavour::Windows, &["target:2=hang"]);
    let settings = trusting(&lab).set_conn_timeout(SOON);
    let error = open(settings, &ldaps(lab.targets()[1].address)).await.err().unwrap();
    assert!(matches!(error, LdapError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn hang_at_writes_does_the_write() {
    let lab = lab(Flavour::Windows, &["target:1=hang:modify"]);
    let mut admin = administrator(&lab, 1).await;
    let mut other = administrator(&lab, 1).await;
    let before = read(&mut other, ALICE, "pwdLastSet").await;
    assert!(timeout(SOON, reset(&mut admin, ALICE, NEW)).await.is_err());
    until("the write is done", || async { read(&mut other.clone(), ALICE, "pwdLastSet").await != before }).await;
    assert_eq!(data(&lab, 1, "alice@lab.test", NEW).await, "");
}

#[tokio::test]
async fn close_ends_in_the_middle_of_the_answer_and_the_write_is_done() {
    let lab = lab(Flavour::Windows, &["target:1=close:modify", "target:2=close"]);
    let mut admin = administrator(&lab, 1).await;
    let changes = vec![Mod::Replace(b"unicodePwd".to_vec(), [wide(NEW)].into())];
    assert!(timeout(Duration::from_secs(5), admin.modify(ALICE, changes)).await.unwrap().is_err());
    assert_eq!(data(&lab, 1, "alice@lab.test", NEW).await, "");
    let (name, password) = lab.administrator();
    assert!(connect(&lab, 2).await.simple_bind(name, password.expose()).await.is_err());
}

#[tokio::test]
async fn rubbish_is_no_ldap() {
    let lab = lab(Flavour::Windows, &["target:3=rubbish"]);
    let stream = TcpStream::connect(lab.targets()[2].address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(tls(lab.ca_pem().as_bytes()));
    let mut stream = connector.connect("dc3.lab.test".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(&[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}

#[tokio::test]
async fn slow_answers_late_and_rightly() {
    let lab = lab(Flavour::Windows, &["target:1=slow:150ms"]);
    let started = tokio::time::Instant::now();
    administrator(&lab, 1).await;
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn certificates_can_be_wrong_in_three_ways() {
    let faults = ["target:1=expired-certificate", "target:2=wrong-name", "target:3=untrusted-certificate"];
    let lab = lab(Flavour::Windows, &faults);
    for (target, reason) in [(1, "certificate expired"), (2, "not valid for name"), (3, "UnknownIssuer")] {
        let error = refused(&lab, target).await;
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn input_that_is_no_ldap_is_answered_with_a_goodbye() {
    let lab = lab(Flavour::Windows, &[]);
    let address = lab.targets()[0].starttls;
    let endless = [&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff][..], &[0; 4096]].concat();
    for input in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0x30, 3, 2, 1, 1], &[0x30, 5, 2, 1, 1, 0x7e, 0], &endless]
    {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(input).await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good as an end: the target did not read what it did not want.
        let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("the target hangs up");
        assert!(String::from_utf8_lossy(&answer).contains("1.3.6.1.4.1.1466.20036"), "{input:?}");
    }
    // A request in pieces is waited for; one that never comes whole hurts nobody else.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[0x30, 12, 2, 1]).await.unwrap();
    administrator(&lab, 1).await;
    stream.write_all(&[1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]).await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[..1], [0x30]);
}

#[tokio::test]
async fn what_was_sent_before_tls_is_not_obeyed_after_it() {
    let lab = lab(Flavour::Windows, &[]);
    let mut stream = TcpStream::connect(lab.targets()[0].starttls).await.unwrap();
    let start_tls = [&[0x30, 29, 2, 1, 1, 0x77, 24, 0x80, 22][..], b"1.3.6.1.4.1.1466.20037"].concat();
    let smuggled = [0x30, 12, 2, 1, 2, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0];
    stream.write_all(&[&start_tls[..], &smuggled].concat()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("the target hangs up");
    assert!(answer.is_empty());
}

#[tokio::test]
async fn what_the_lab_has_no_server_for_is_named() {
    assert_eq!(Lab::missing(), [("//fs1.lab.test/homes$", "no embedded SMB server")]);
}

#[test]
fn a_lab_needs_a_runtime() {
    assert_eq!(Lab::start(LabOptions::default()).unwrap_err().code(), "lab.runtime");
}
