//! An agent that runs, and a client for it that says exactly what it is told to say.

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use crate::support::{
    program::{Output, Running},
    world::World,
};

/// A running agent with a home of its own.
pub struct Served {
    pub world: World,
    pub running: Running,
    /// `host:port`.
    pub address: String,
    pub token: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {self:?}"))
    }

    /// Status and code of a problem, whose form is checked.
    #[track_caller]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let body = self.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        assert_eq!(body["status"], self.status);
        assert!(!text("title").is_empty() && !text("detail").is_empty() && !text("remedy").is_empty());
        (self.status, text("code"))
    }
}

/// Reads one answer to its end.
pub fn read(stream: &mut impl Read) -> Option<Reply> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(reply) = whole(&bytes) {
            return Some(reply);
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

fn whole(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().unwrap();
    if status == 100 {
        return whole(&bytes[end + 4..]);
    }
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let body = bytes.get(end + 4..end + 4 + length)?;
    Some(Reply { status, headers, body: String::from_utf8_lossy(body).into_owned() })
}

/// A request's text.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    if !body.is_empty() || method == "POST" {
        write!(text, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    format!("{text}\r\n{body}")
}

impl Served {
    pub fn new() -> Self {
        Self::with(World::new(), &[])
    }

    /// With a `config.toml`.
    pub fn configured(config: &str) -> Self {
        let world = World::new();
        world.file("home/config.toml", config);
        Self::with(world, &[])
    }

    /// With the home that is there, and more arguments.
    pub fn with(world: World, more: &[&str]) -> Self {
        Self::of("agent", world, more)
    }

    /// Another service than the agent: `workflow`.
    pub fn of(service: &str, world: World, more: &[&str]) -> Self {
        let token = token_of(service, &world, &[]);
        let mut args = vec!["-vvv", "--json", service, "serve"];
        args.extend(more);
        if !more.contains(&"--listen") {
            args.extend(["--listen", "127.0.0.1:0"]);
        }
        let mut running = world.program().limit(Duration::from_mins(2)).args(args).start();
        running.await_output(&format!("\"event\":\"{service}-started\""));
        running.await_output("}\n");
        let line = running.said().lines().next().unwrap().to_owned();
        let started: Value = serde_json::from_str(&line).unwrap();
        let address = started["address"].as_str().unwrap().to_owned();
        Self { world, running, address, token }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Says `text` and reads the answer.
    pub fn say(&self, text: &str) -> Reply {
        let mut stream = self.connect();
        stream.write_all(text.as_bytes()).unwrap();
        read(&mut stream).unwrap()
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// Without a token.
    pub fn open(&self, path: &str) -> Reply {
        self.say(&request("GET", path, &[], ""))
    }

    pub fn get(&self, path: &str) -> Reply {
        self.say(&request("GET", path, &[("Authorization", &self.bearer())], ""))
    }

    pub fn post(&self, path: &str, body: &str) -> Reply {
        let headers = [("Authorization", self.bearer()), ("Content-Type", "application/json".to_owned())];
        self.say(&request("POST", path, &headers.each_ref().map(|(name, value)| (*name, value.as_str())), body))
    }

    /// Posts to an operation of the group `Connections`.
    pub fn call(&self, operation: &str, body: &Value) -> Reply {
        self.post(&format!("/api/Connections/{operation}"), &body.to_string())
    }

    /// Ends it and answers how it ended; the home stays.
    pub fn stop(self) -> (World, Output) {
        self.running.signal("TERM");
        (self.world, self.running.finish())
    }
}

/// What `agent token` prints.
pub fn token(world: &World, more: &[&str]) -> String {
    token_of("agent", world, more)
}

/// What the `token` command of a service prints.
pub fn token_of(service: &str, world: &World, more: &[&str]) -> String {
    let output = world.program().args([[service, "token"].as_slice(), more].concat()).run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    output.stdout.lines().last().unwrap().to_owned()
}
