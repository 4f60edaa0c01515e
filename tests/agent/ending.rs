//! An orderly end: what is under way is finished, nothing new is taken, and it does not wait for ever.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::served::{Served, read, request};

/// A request that the agent waits for: all of it but its last bytes.
fn begun(served: &Served) -> (TcpStream, String) {
    let body = "\"contoso.example\"";
    let text = request(
        "POST",
        "/api/Connections/TestConnection",
        &[("Authorization", &served.bearer()), ("Expect", "100-continue")],
        body,
    );
    let (first, rest) = text.split_at(text.len() - 3);
    let mut stream = served.connect();
    stream.write_all(first.as_bytes()).unwrap();
    // "100 Continue" says that the operation has a place and that its body is read
    let mut said = [0; 25];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    (stream, rest.to_owned())
}

/// Waits until nothing is taken any more.
fn await_closed(address: &str) {
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while TcpStream::connect(address).is_ok() {
        assert!(std::time::Instant::now() < patience, "new connections are still taken");
        std::thread::yield_now();
    }
}

#[test]
fn what_is_under_way_is_finished_and_nothing_new_is_taken() {
    for signal in ["TERM", "INT"] {
        let served = Served::new();
        let (mut stream, rest) = begun(&served);
        // one that says nothing does not hold it up
        let idle = served.connect();
        served.running.signal(signal);
        await_closed(&served.address);
        stream.write_all(rest.as_bytes()).unwrap();
        assert_eq!(read(&mut stream).unwrap().problem(), (404, "agent.unknown_domain".to_owned()));
        let ended = served.running.finish();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(ended.json_lines()[1], serde_json::json!({ "event": "agent-stopped", "cut_off": 0 }));
        drop(idle);
    }
}

#[test]
fn what_does_not_end_in_its_time_is_cut_off() {
    let served = Served::configured("[service]\nstop_seconds = 1\n");
    let _begun = begun(&served);
    served.running.signal("TERM");
    let ended = served.running.finish();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.json_lines()[1], serde_json::json!({ "event": "agent-stopped", "cut_off": 1 }));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let served = Served::configured("[service]\nstop_seconds = 600\nbody_seconds = 600\n");
    let _begun = begun(&served);
    served.running.signal("INT");
    await_closed(&served.address);
    served.running.signal("INT");
    assert_eq!(served.running.finish().code, Some(1));
}

#[test]
fn a_port_that_is_taken_is_told_and_what_it_says_is_whole() {
    let (served, other) = (Served::new(), crate::support::world::World::new());
    let second = other.program().args(["agent", "serve", "--listen", &served.address]).run();
    assert_eq!((second.code, second.stdout.as_str()), (Some(2), ""));
    assert!(second.stderr.starts_with("error[service.port]: "), "{}", second.stderr);
    let mut plain = other.program().args(["agent", "serve", "--listen", "127.0.0.1:0"]).start();
    plain.await_output("Ctrl-C ends it");
    plain.signal("TERM");
    let ended = plain.finish();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let said = ended.program.normalised(&ended.stdout);
    let said = regex::Regex::new("[0-9a-f]{64}").unwrap().replace(&said, "[fingerprint]").into_owned();
    crate::support::text::assert_same(
        "what it says",
        "the Remote Agent is up: http://127.0.0.1:[port]
  page         http://127.0.0.1:[port]/swagger
  with TLS     https://127.0.0.1:[port]
  certificate  [home]/agent/certificate.pem
  fingerprint  [fingerprint] (SHA-256)
  token        `libretto agent token` prints it

Ctrl-C ends it
the Remote Agent has stopped
",
        &said,
    );
}

/// Two would each hold what the other does not know: tenants, tokens, licence profiles.
#[test]
fn a_second_agent_of_one_home_is_refused() {
    let served = Served::new();
    let second = served.world.program().args(["agent", "serve", "--listen", "127.0.0.1:0"]).run();
    assert_eq!(second.code, Some(2), "{}", second.text());
    assert!(
        second.stderr.starts_with("error[service.running]: the Remote Agent of this home is running already"),
        "{}",
        second.stderr
    );
    let (world, _) = served.stop();
    let served = Served::with(world, &[]);
    assert_eq!(served.get("/api/Agent/Status").status, 200);
}
