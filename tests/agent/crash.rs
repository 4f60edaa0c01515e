//! Killed at any moment: what was acknowledged is there.

use std::{
    io::Write,
    net::TcpStream,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::served::{Served, read, request};
use crate::support::world::World;

/// Adds, then updates, connections until the agent is gone; notes what was acknowledged.
fn work(served: &Served, worker: usize, count: &AtomicUsize, acknowledged: &Mutex<Vec<(String, u64)>>) {
    for number in 0.. {
        let domain = format!("d{}-{worker}-{number}.example", count.load(Ordering::SeqCst));
        for (operation, secret) in [("Add", "the-first-secret"), ("Update", "the-second-secret")] {
            let body =
                json!({ "domain": domain, "clientId": format!("app-{domain}"), "clientSecret": secret }).to_string();
            let path = format!("/api/Connections/{operation}");
            let text = request("POST", &path, &[("Authorization", &served.bearer())], &body);
            let Ok(mut stream) = TcpStream::connect(&served.address) else { return };
            let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
            let Some(reply) = read(&mut stream) else { return };
            assert_eq!(reply.status, 200, "{reply:?}");
            let version = reply.json()["version"].as_u64().unwrap();
            acknowledged.lock().unwrap().push((domain.clone(), version));
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn killed_at_any_moment_it_has_all_that_it_acknowledged() {
    let mut world = World::new();
    let acknowledged = Mutex::new(Vec::new());
    let count = AtomicUsize::new(0);
    for kills_after in [1, 4, 9, 17, 30] {
        let served = Served::with(world, &[]);
        let goal = count.load(Ordering::SeqCst) + kills_after;
        thread::scope(|scope| {
            for worker in 0..4 {
                let (served, count, acknowledged) = (&served, &count, &acknowledged);
                scope.spawn(move || work(served, worker, count, acknowledged));
            }
            let patience = Instant::now() + Duration::from_mins(1);
            while count.load(Ordering::SeqCst) < goal && Instant::now() < patience {
                thread::yield_now();
            }
            served.running.signal("KILL");
        });
        let ended = served.running.finish();
        assert_eq!(ended.code, None, "{}", ended.stderr);
        world = served.world;
    }
    let served = Served::with(world, &[]);
    let held = served.get("/api/Connections/List").json();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 61, "{}", acknowledged.len());
    for (domain, version) in acknowledged {
        let found = held.as_array().unwrap().iter().find(|one| one["domain"] == domain.as_str());
        let found = found.unwrap_or_else(|| panic!("{domain} is lost"));
        assert!(found["version"].as_u64().unwrap() >= version, "{domain} has lost version {version}: {found}");
    }
    // and nothing is half there: the secret of each is opened, and is the one of its version
    let store = libretto::agent::service::store(&served.world.home().join("agent"), "tester").unwrap();
    let identity = libretto::secret::seal::Identity::load(&store).unwrap();
    for one in held.as_array().unwrap() {
        let connection =
            libretto::connection::get(&store, one["domain"].as_str().unwrap(), &libretto::connection::Scope::all());
        let current = libretto::connection::credentials::current(&store, &connection.unwrap()).unwrap().unwrap();
        let secret = libretto::connection::credentials::open(&store, &identity, &current).unwrap();
        let expected = if current.version == 1 { "the-first-secret" } else { "the-second-secret" };
        assert_eq!((json!(current.version), secret.expose()), (one["version"].clone(), expected), "{one}");
    }
}
