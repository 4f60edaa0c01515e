//! What goes over the wire, and servers that are down, hang, break off or speak something else.

use std::{net::SocketAddr, time::Duration};

use libretto::{
    homes::{HomeServer, Limits, Options, test_server},
    verdict::Verdict,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{at, identity, own_folder, probe_files, relay::Relay, told, until, with_probe};
use crate::support::samba::samba;

const WORDS: &[u8] = b"Libretto's probe";

fn smbd() -> SocketAddr {
    (samba().targets[0].1, 445).into()
}

fn holds(messages: &[Vec<u8>], words: &[u8]) -> bool {
    messages.iter().any(|message| message.windows(words.len()).any(|part| part == words))
}

#[tokio::test]
async fn every_message_after_the_sign_in_is_signed_or_encrypted() {
    let (name, _) = own_folder();
    for (share, encrypted) in [("homes$", false), ("secret", true)] {
        let relay = Relay::to(smbd(), usize::MAX).await;
        let server = relay.instead_of(&at(&format!("{share}/{name}")));
        let report = test_server(&server, &identity(), &with_probe()).await;
        assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
        assert_eq!(report.encrypted, encrypted);
        for messages in [relay.asked(), relay.answered()] {
            assert_eq!(holds(&messages, WORDS), !encrypted, "{share}: the probe's content in clear");
            // Negotiate and the two rounds of the sign-in come first; the share is connected to in clear, signed.
            let from_tree_connect = &messages[3..];
            assert!(from_tree_connect[0].starts_with(b"\xFESMB"));
            for (index, message) in from_tree_connect.iter().enumerate() {
                if encrypted && index > 0 {
                    assert!(message.starts_with(b"\xFDSMB"), "{share}: message {index} is not encrypted");
                } else {
                    assert_eq!(message[16] & 8, 8, "{share}: message {index} is not signed");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_dialect_is_signed_and_from_3_0_on_encrypted_where_the_share_requires_it() {
    const CANNOT: &str = "failed DIALECT signed, negotiate ok, sign-in ok, tree-connect failed, probe not-started\n\
        home.no_access: SERVER refused the connection to the share: the account may not use the share\n\
        grant the account access in the share's permissions; if the share requires encryption, enable SMB 3 with AES-128 \
        on the server, for this connection has none";
    const CAN: &str = "ok DIALECT signed encrypted, negotiate ok, sign-in ok, tree-connect ok, probe ok";
    let (name, _) = own_folder();
    for (count, dialect, expected) in
        [(1, "2.0.2", CANNOT), (2, "2.1", CANNOT), (3, "3.0", CAN), (4, "3.0.2", CAN), (5, "3.1.1", CAN)]
    {
        let plain = Relay::offering(smbd(), count).await.instead_of(&at(&format!("homes$/{name}")));
        let told_plain = told(&test_server(&plain, &identity(), &with_probe()).await);
        assert_eq!(told_plain, format!("ok {dialect} signed, negotiate ok, sign-in ok, tree-connect ok, probe ok"));
        let secret = Relay::offering(smbd(), count).await.instead_of(&at(&format!("secret/{name}")));
        let told_secret = told(&test_server(&secret, &identity(), &with_probe()).await);
        assert_eq!(told_secret, expected.replace("DIALECT", dialect));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_at_any_point_leaves_no_file_behind() {
    let (name, folder) = own_folder();
    let server = at(&format!("homes$/{name}"));
    let whole = Relay::to(smbd(), usize::MAX).await;
    assert_eq!(test_server(&whole.instead_of(&server), &identity(), &with_probe()).await.verdict, Verdict::Ok);
    let answers = whole.answered().len();
    assert_eq!(answers, 12);

    let mut left_behind = Vec::new();
    for cut in 0..answers {
        let relay = Relay::to(smbd(), cut).await;
        let report = test_server(&relay.instead_of(&server), &identity(), &with_probe()).await;
        let error = report.error.as_ref().unwrap();
        assert_eq!(
            report.stages.iter().filter(|stage| stage.verdict == Verdict::Ok).count(),
            [0, 1, 1, 2, 2, 2, 3][cut.min(6)]
        );
        assert!(["home.closed", "home.probe_left"].contains(&error.code()), "{cut}: {report:?}");
        if error.code() == "home.probe_left" || error.details().iter().any(|(name, _)| *name == "left_behind") {
            left_behind.push(cut);
        }
        until("the server ends the broken connection and deletes the file", || probe_files(&folder).is_empty()).await;
    }
    // From the request that makes the file up to the answer that it is gone, the report says that it may be there.
    assert_eq!(left_behind, [6, 7, 8, 9, 10, 11]);
}

#[tokio::test]
async fn a_server_that_is_down_is_refused() {
    let report = test_server(&HomeServer::parse("//127.0.0.1:9/homes$").unwrap(), &identity(), &with_probe()).await;
    assert_eq!(
        told(&report),
        "failed, negotiate failed, sign-in not-started, tree-connect not-started, probe not-started\n\
         home.unreachable: SERVER cannot be reached at 127.0.0.1:9: nothing listens there\n\
         see that the file service runs, and that the port is the right one"
    );
    assert!(report.error.unwrap().is_retryable());
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_on() {
    // The system completes connections that nobody accepts.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = at_port(&listener);
    let limits = Limits { operation: Duration::from_millis(300), ..Limits::default() };
    let report = test_server(&server, &identity(), &Options { limits, ..with_probe() }).await;
    assert_eq!(
        told(&report),
        "inconclusive, negotiate inconclusive, sign-in not-started, tree-connect not-started, probe not-started\n\
         home.timeout: SERVER did not answer within 0.3 s: the first exchange timed out\n\
         see whether the server is up and reachable, and whether a firewall drops the traffic, then test again"
    );
    assert!((300..2_000).contains(&report.ms), "{} ms", report.ms);
}

#[tokio::test]
async fn what_is_no_smb_server_is_told() {
    const NOT_SMB: &str =
        "home.protocol: SERVER: what answers there does not speak SMB\ncheck the server's address and port";
    let mut senseless = vec![0, 0, 0, 80];
    senseless.extend([b"\xFESMB".as_slice(), &[7; 76]].concat());
    let cases: [(&[u8], &str); 5] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", NOT_SMB),
        (b"\x00\xFF\xFF\xFF", NOT_SMB),
        (b"\x00\x00\x00\x04abcd", NOT_SMB),
        (
            b"\x00\x00\x00\x08\xFFSMBr\x00\x00\x00",
            "home.protocol: SERVER speaks SMB 1 only\n\
             enable SMB 2 or 3 on the server; SMB 1 is not safe and Libretto does not speak it",
        ),
        (
            b"",
            "home.closed: SERVER closed the connection during the first exchange\n\
             look at the server's log; a firewall or a server that refuses this machine does this too",
        ),
    ];
    for (answer, expected) in cases {
        let told = told(&test_server(&answering(answer).await, &identity(), &Options::default()).await);
        assert_eq!(told.split_once('\n').unwrap().1, expected, "{answer:?}");
    }
    let report = test_server(&answering(&senseless).await, &identity(), &Options::default()).await;
    assert_eq!(report.verdict, Verdict::Failed);
    assert_eq!(report.error.unwrap().code(), "home.protocol");
}

/// A server that reads the first message, says `answer` and closes.
async fn answering(answer: &[u8]) -> HomeServer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = at_port(&listener);
    let answer = answer.to_vec();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let length = client.read_u32().await.unwrap();
        client.read_exact(&mut vec![0; length as usize]).await.unwrap();
        client.write_all(&answer).await.unwrap();
    });
    server
}

fn at_port(listener: &TcpListener) -> HomeServer {
    HomeServer::parse(&format!("//{}/homes$", listener.local_addr().unwrap())).unwrap()
}
