//! How much a request may bring, how long it may take, how many there may be.

use std::io::{Read, Write};

use super::served::{Served, read, request};

const SMALL: &str = "[service]\nbody_kb = 1\nhead_seconds = 1\nbody_seconds = 1\n";

#[test]
fn a_body_that_is_too_large_is_refused_however_it_comes() {
    let served = Served::configured(SMALL);
    let large = format!("\"{}\"", "x".repeat(3000));
    let refused = served.post("/api/Connections/TestConnection", &large);
    assert_eq!(refused.problem(), (413, "service.too_large".to_owned()));
    // it does not say how long it is
    let chunked = format!(
        "POST /api/Connections/TestConnection HTTP/1.1\r\nHost: agent\r\nAuthorization: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{large}\r\n0\r\n\r\n",
        served.bearer(),
        large.len()
    );
    assert_eq!(served.say(&chunked).problem(), (413, "service.too_large".to_owned()));
    // it says so and does not send it: the answer comes before
    let promised = request(
        "POST",
        "/api/Connections/TestConnection",
        &[("Authorization", &served.bearer()), ("Expect", "100-continue")],
        "",
    )
    .replace("Content-Length: 0", "Content-Length: 99999999999");
    assert_eq!(served.say(&promised).problem(), (413, "service.too_large".to_owned()));
    // without the token the body is of no interest
    let unknown = served.say(&request("POST", "/api/Connections/TestConnection", &[], &large));
    assert_eq!(unknown.problem(), (401, "service.no_token".to_owned()));
    assert_eq!(served.get("/api/Agent/Status").status, 200);
}

#[test]
fn who_takes_too_long_is_let_go() {
    let served = Served::configured(SMALL);
    // a head that does not end
    let mut slow = served.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: agent\r\nX-A: ").unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("200"), "{rest:?}");
    // nothing at all
    let mut silent = served.connect();
    assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0);
    // a body that does not end
    let text = request(
        "POST",
        "/api/Connections/TestConnection",
        &[("Authorization", &served.bearer())],
        "\"contoso.example\"",
    );
    let late = served.say(&text[..text.len() - 3]);
    assert_eq!(late.problem(), (408, "service.too_slow".to_owned()));
    assert_eq!(late.header("connection"), Some("close"));
    assert_eq!(served.get("/api/Agent/Status").status, 200);
}

#[test]
fn more_at_once_than_may_be_are_told_to_come_again() {
    let served = Served::configured("[service]\nat_once = 1\n");
    let text = request(
        "POST",
        "/api/Connections/TestConnection",
        &[("Authorization", &served.bearer())],
        "\"contoso.example\"",
    );
    let (first, rest) = text.split_at(text.len() - 3);
    let mut holding = served.connect();
    holding.write_all(first.as_bytes()).unwrap();
    // until the agent has begun with it
    let busy = loop {
        let reply = served.get("/api/Agent/Status");
        if reply.status != 200 {
            break reply;
        }
    };
    assert_eq!(busy.problem(), (503, "service.busy".to_owned()));
    assert_eq!(busy.header("retry-after"), Some("1"));
    assert_eq!(served.open("/status").status, 200);
    holding.write_all(rest.as_bytes()).unwrap();
    assert_eq!(read(&mut holding).unwrap().problem(), (404, "agent.unknown_domain".to_owned()));
    assert_eq!(served.get("/api/Agent/Status").status, 200);
}

#[test]
fn what_is_no_http_ends_only_its_own_connection() {
    let served = Served::new();
    let huge = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(200_000));
    for rubbish in ["\r\n\r\n\r\n", "HELO agent\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}rubbish", &huge] {
        let mut stream = served.connect();
        // It may close before it has read all.
        let _ = stream.write_all(rubbish.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let reply = read(&mut stream);
        assert!(reply.as_ref().is_none_or(|reply| (400..500).contains(&reply.status)), "{reply:?}");
    }
    assert_eq!(served.get("/api/Agent/Status").status, 200);
}

/// Anybody can open connections, and hold them as long as a head may take.
#[test]
fn who_has_no_token_keeps_nobody_out() {
    let served = Served::configured("[service]\nconnections = 3\nhead_seconds = 600\n");
    let _silent: Vec<_> = (0..3).map(|_| served.connect()).collect();
    let mut begun = served.connect();
    begun.write_all(b"GET / HTTP/1.1\r\nHost: agent\r\n").unwrap();
    for _ in 0..5 {
        assert_eq!(served.get("/api/Agent/Status").status, 200);
    }
}

#[test]
fn clients_wait_longer_than_what_they_ask() {
    use libretto::service::Limits;
    for (answer, agent, engine) in [(120, 130, 150), (600, 610, 630), (5, 130, 150)] {
        let limits = Limits { answer_seconds: answer, ..Limits::default() };
        let told = (limits.patience().as_secs(), limits.patience_with_engine().as_secs());
        assert_eq!(told, (agent, engine), "{answer}");
    }
}
