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

use super::engine::Engine;
use crate::{
    agent::served::{read, request},
    support::world::World,
};

/// Writes routes, each twice, until the engine is gone; notes what was acknowledged.
fn work(engine: &Engine, worker: usize, count: &AtomicUsize, acknowledged: &Mutex<Vec<(String, u64)>>) {
    for number in 0.. {
        let connection = format!("c{}-{worker}-{number}", count.load(Ordering::SeqCst));
        for port in [1, 2] {
            let body = json!({ "domain": "a.example", "host": "agent1", "port": port, "token": "the-agents-token" });
            let path = format!("/api/Routes/{connection}");
            let text = request("PUT", &path, &[("Authorization", &engine.0.bearer())], &body.to_string());
            let Ok(mut stream) = TcpStream::connect(&engine.0.address) else { return };
            let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
            let Some(reply) = read(&mut stream) else { return };
            assert_eq!(reply.status, 200, "{reply:?}");
            acknowledged.lock().unwrap().push((connection.clone(), port));
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn killed_at_any_moment_it_has_every_route_that_it_acknowledged() {
    let mut world = World::new();
    let (acknowledged, count) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    for kills_after in [1, 6, 20] {
        let engine = Engine::with(world, &[]);
        let goal = count.load(Ordering::SeqCst) + kills_after;
        thread::scope(|scope| {
            for worker in 0..4 {
                let (engine, count, acknowledged) = (&engine, &count, &acknowledged);
                scope.spawn(move || work(engine, worker, count, acknowledged));
            }
            let patience = Instant::now() + Duration::from_mins(1);
            while count.load(Ordering::SeqCst) < goal && Instant::now() < patience {
                thread::yield_now();
            }
            engine.0.running.signal("KILL");
        });
        assert_eq!(engine.0.running.finish().code, None);
        world = engine.0.world;
    }
    let engine = Engine::with(world, &[]);
    let held = engine.0.get("/api/Routes").json();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 27, "{}", acknowledged.len());
    for (connection, port) in acknowledged {
        let found = held.as_array().unwrap().iter().find(|one| one["connection"] == connection.as_str());
        let found = found.unwrap_or_else(|| panic!("the route of {connection} is lost"));
        assert!(found["port"].as_u64().unwrap() >= port && found["hasToken"] == true, "{found}");
    }
}
