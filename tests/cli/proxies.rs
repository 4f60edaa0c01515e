//! Proxies that the environment names: nothing that goes to this very machine goes through one, whoever asks for it.

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{agent::served::Served, support::world::World};

/// What this machine is called, and where a server listens for that name.
const HERE: [(&str, &str); 3] = [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("[::1]", "[::1]")];
const UPPER: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
const LOWER: [&str; 3] = ["http_proxy", "https_proxy", "all_proxy"];

/// A server that counts who connects, and has nothing for anybody.
struct Counting {
    address: SocketAddr,
    count: Arc<AtomicUsize>,
}

impl Counting {
    fn on(host: &str) -> Self {
        let listener = TcpListener::bind(format!("{host}:0")).unwrap();
        let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&count);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map(Result::unwrap) {
                seen.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let _ = stream.read(&mut [0; 4096]);
                    let _ =
                        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                });
            }
        });
        Self { address, count }
    }

    /// How many have connected since the last look.
    fn take(&self) -> usize {
        self.count.swap(0, Ordering::SeqCst)
    }
}

/// A world in whose environment these variables name a proxy.
fn behind(proxy: &Counting, names: [&str; 3]) -> World {
    let address = format!("http://{}", proxy.address);
    let world = World::new().env("PW", "Canary-Proxied-7!").env("TOKEN", "Canary-Token-8!x");
    names.into_iter().fold(world, |world, name| world.env(name, &address))
}

/// Each way to this machine, with the server at its end: `127.0.0.1:PORT` and so on.
fn ways() -> Vec<(String, Counting)> {
    let way = |(name, host): (&str, &str)| {
        let server = Counting::on(host);
        (format!("{name}:{}", server.address.port()), server)
    };
    HERE.into_iter().map(way).collect()
}

#[test]
fn http_calls_with_a_secret() {
    let proxy = Counting::on("127.0.0.1");
    let ways = ways();
    let mut script = "const PARAMS = #{ pw: #{ type: \"secret\" } };\nconst GRANTS = [\"http\"];\n".to_owned();
    for scheme in ["http", "https"] {
        for (place, _) in &ways {
            let url = format!("{scheme}://{place}/");
            writeln!(script, "try {{ http::get(\"{url}\", #{{ bearer: args::pw }}) }} catch {{ }}").unwrap();
            writeln!(script, "try {{ http::send(\"POST\", \"{url}\", #{{ it: args::pw }}) }} catch {{ }}").unwrap();
            writeln!(script, "try {{ http::get(\"{url}\") }} catch {{ }}").unwrap();
        }
    }
    for names in [UPPER, LOWER] {
        let world = behind(&proxy, names);
        world.file("it.rhai", &script);
        world.run("run it.rhai pw=env:PW").ok();
        for (place, server) in &ways {
            assert_eq!(server.take(), 6, "{place}, {names:?}");
        }
        assert_eq!(proxy.take(), 0, "{names:?}");
        // It is the one that is gone through to other machines.
        world.file("far.rhai", "const GRANTS = [\"http\"];\nhttp::get(\"https://service.example/\")");
        assert_eq!(world.run("run far.rhai").code, Some(4));
        assert_eq!(proxy.take(), 1, "{names:?}");
    }
}

#[test]
fn requests_to_an_agent() {
    let proxy = Counting::on("127.0.0.1");
    let ways = ways();
    for names in [UPPER, LOWER] {
        let world = behind(&proxy, names);
        for (number, (place, _)) in ways.iter().enumerate() {
            let line = format!(
                "connections add msonline --name c{number} --domain c{number}.example --client-id app-{number} --secret env:PW \
                 --agent {place} --agent-token env:TOKEN"
            );
            world.run(&line).ok();
        }
        world.file(
            "it.rhai",
            "for conn in conn::list(#{ kind: \"msonline\" }) { agent::status(conn); try { agent::list(conn) } catch { } }",
        );
        world.run("run it.rhai").ok();
        for (place, server) in &ways {
            assert!(server.take() > 0, "{place}, {names:?}");
        }
        assert_eq!(proxy.take(), 0, "{names:?}");
    }
}

#[test]
fn requests_to_a_workflow_engine() {
    let proxy = Counting::on("127.0.0.1");
    let ways = ways();
    for names in [UPPER, LOWER] {
        for (place, server) in &ways {
            for scheme in ["http", "https"] {
                let world = behind(&proxy, names);
                let config = format!("[workflow]\nurl = \"{scheme}://{place}\"\ntoken = \"env:TOKEN\"\n");
                world.file("home/config.toml", &config).file("it.rhai", "try { we::routes() } catch { }");
                world.run("run it.rhai").ok();
                assert!(server.take() > 0, "{scheme}://{place}, {names:?}");
            }
        }
        assert_eq!(proxy.take(), 0, "{names:?}");
    }
}

#[test]
fn requests_of_an_agent_to_the_cloud() {
    let proxy = Counting::on("127.0.0.1");
    for names in [UPPER, LOWER] {
        for (place, server) in &ways() {
            let login = format!("https://{place}/");
            let served = Served::with(behind(&proxy, names), &["--cloud-login", &login]);
            assert_eq!(served.get("/api/Agent/CheckEgress").json()["reached"], false);
            assert!(server.take() > 0, "{login}, {names:?}");
        }
        assert_eq!(proxy.take(), 0, "{names:?}");
    }
}
