//! `http::`: what goes over the wire, and what the run says of it.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread::JoinHandle,
};

use crate::support::{canary::canary, program::Program};

const SECRET: &str = "Canary-Http-7!\"x";

/// Takes one request and answers it, or closes without an answer; gives back what it read.
fn server(answer: Option<&'static str>) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/it", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut read = Vec::new();
        let mut buffer = [0; 4096];
        while !read.ends_with(b"}") {
            let count = stream.read(&mut buffer).unwrap();
            read.extend_from_slice(&buffer[..count]);
        }
        if let Some(answer) = answer {
            stream.write_all(answer.as_bytes()).unwrap();
        }
        String::from_utf8(read).unwrap()
    });
    (url, thread)
}

fn run(body: &str) -> crate::support::program::Output {
    let program = Program::new().env("PW", SECRET);
    let head = "const PARAMS = #{ pw: #{ type: \"secret\" } };\nconst GRANTS = [\"http\"];\n";
    std::fs::write(program.folder_path().join("send.rhai"), format!("{head}{body}")).unwrap();
    let output = program.clone().args(["run", "send.rhai", "pw=env:PW", "--json", "-vv"]).run();
    canary(SECRET).assert_absent("standard output", &output.stdout);
    canary(SECRET).assert_absent("the log", &output.stderr);
    canary(SECRET).assert_absent_below(program.home_path());
    output
}

#[test]
fn a_secret_in_a_body_is_sent_as_it_is_and_shown_to_nobody() {
    let (url, thread) = server(Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    let output = run(&format!("http::send(\"POST\", \"{url}\", #{{ password: args::pw }}).status"));
    let sent = thread.join().unwrap();
    assert!(sent.ends_with(r#"{"password":"Canary-Http-7!\"x"}"#), "{sent}");
    let last = output.json_lines().pop().unwrap();
    assert_eq!((last["changed"][0].as_str(), output.code), (Some(format!("POST sent to {url}").as_str()), Some(0)));
    let log = output.program.normalised(&output.stderr);
    let place = output.program.normalised(&url);
    assert_eq!(
        log.lines().filter(|line| line.contains("HTTP")).collect::<Vec<_>>(),
        [format!("[when] DEBUG HTTP POST {place}: 200, [time]")]
    );
}

#[test]
fn a_secret_in_a_header_is_sent_as_it_is_and_shown_to_nobody() {
    let (url, thread) = server(Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    let headers = "#{ `X-Api-Key`: args::pw, accept: \"application/json\" }".replace('`', "\"");
    let output = run(&format!("http::send(\"POST\", \"{url}\", #{{ a: 1 }}, #{{ headers: {headers} }}).status"));
    assert_eq!(output.code, Some(0), "{}", output.text());
    let sent = thread.join().unwrap().to_lowercase();
    assert!(sent.contains(&format!("\r\nx-api-key: {}\r\n", SECRET.to_lowercase())), "{sent}");
    assert!(sent.contains("\r\naccept: application/json\r\n"), "{sent}");
}

#[test]
fn a_post_without_an_answer_is_in_doubt() {
    let (url, thread) = server(None);
    let output = run(&format!("http::send(\"POST\", \"{url}\", #{{ a: 1 }})"));
    thread.join().unwrap();
    let last = output.json_lines().pop().unwrap();
    assert_eq!((last["verdict"].as_str(), output.code), (Some("in-doubt"), Some(3)));
}

#[test]
fn a_secret_is_not_sent_in_the_clear() {
    for call in [
        "http::get(\"http://192.0.2.1/\", #{ bearer: args::pw })",
        "http::send(\"POST\", \"http://192.0.2.1/\", #{ password: args::pw })",
        "http::get(\"http://192.0.2.1/\", #{ headers: #{ key: args::pw } })",
    ] {
        let last = run(call).json_lines().pop().unwrap();
        assert_eq!(last["error"]["code"], "http.in_the_clear");
    }
}

/// A body goes along with a 307, and headers other than `Authorization` with every redirection.
#[test]
fn a_secret_is_not_handed_on_to_another_place() {
    for call in [
        "http::send(`POST`, `URL`, #{ password: args::pw })",
        "http::send(`POST`, `URL`, #{ a: 1 }, #{ headers: #{ key: args::pw } })",
        "http::send(`POST`, `URL`, #{ a: 1 }, #{ bearer: args::pw, any_status: true })",
    ] {
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let place = format!("http://{}/there", elsewhere.local_addr().unwrap());
        let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n");
        let (url, thread) = server(Some(answer.leak()));
        let last = run(&call.replace('`', "\"").replace("URL", &url)).json_lines().pop().unwrap();
        thread.join().unwrap();
        let said = format!("{url} sends on to {place}, and a secret is not handed on to another place");
        let error = &last["error"];
        assert_eq!((error["code"].as_str(), error["message"].as_str()), (Some("http.redirected"), Some(said.as_str())));
        assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[test]
fn what_breaks_off_says_what_to_do() {
    let said = |body: &str| {
        let last = run(body).json_lines().pop().unwrap();
        let error = &last["error"];
        [&error["code"], &error["hint"]].map(|text| text.as_str().unwrap_or_default().to_owned())
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/", listener.local_addr().unwrap());
    assert_eq!(
        said(&format!("http::get(\"{silent}\", #{{ timeout: 0.2 }})")),
        ["http.timeout", "give it longer with the option timeout, e.g. \"2m\""]
    );
    assert_eq!(
        said(&format!("http::send(\"POST\", \"{silent}\", #{{ a: 1 }}, #{{ timeout: 0.2 }})")),
        ["http.timeout", "see in the service whether it was done before it is sent again"]
    );
    let closing = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", closing.local_addr().unwrap());
    let thread = std::thread::spawn(move || closing.accept().unwrap().0.read(&mut [0; 4096]).unwrap());
    let broken = said(&format!("http::get(\"{url}\")"));
    thread.join().unwrap();
    assert_eq!(broken, ["http.broken", "try again; if it stays so, look into the service's log"]);
}

/// A proxy is for what is encrypted: it would read the rest.
#[test]
fn what_is_not_encrypted_goes_to_no_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut program = Program::new().env("PW", SECRET);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        program = program.env(name, &address);
    }
    let body = format!(
        "const PARAMS = #{{ pw: #{{ type: \"secret\" }} }};\nconst GRANTS = [\"http\"];\n\
         try {{ http::get(\"http://{closed}/\", #{{ bearer: args::pw }}) }} catch (e) {{ print(e.code) }}\n\
         http::send(\"POST\", \"http://{closed}/\", #{{ password: args::pw }})"
    );
    std::fs::write(program.folder_path().join("send.rhai"), body).unwrap();
    let output = program.args(["run", "send.rhai", "pw=env:PW", "--json"]).run();
    let lines = output.json_lines();
    assert!(lines.iter().any(|line| line["text"] == "http.unreachable"), "{}", output.stdout);
    assert_eq!(lines.last().unwrap()["error"]["code"], "http.unreachable", "{}", output.stdout);
    assert_eq!(proxy.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn what_is_encrypted_goes_through_the_proxy_that_is_named() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut stream = proxy.accept().unwrap().0;
        let mut first = [0; 33];
        stream.read_exact(&mut first).unwrap();
        String::from_utf8(first.to_vec()).unwrap()
    });
    let program = Program::new().env("HTTPS_PROXY", &address);
    let body = "const GRANTS = [\"http\"];\nhttp::get(\"https://service.example/\")";
    std::fs::write(program.folder_path().join("get.rhai"), body).unwrap();
    program.args(["run", "get.rhai"]).run();
    assert_eq!(thread.join().unwrap(), "CONNECT service.example:443 HTTP/");
}
