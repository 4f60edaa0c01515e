//! A server that no route leads to is told from one where nothing listens.

use crate::support::world::{World, words};

/// In a network of its own, which has nothing but a loopback that is down.
#[test]
fn a_server_without_a_route_is_told_so() {
    let world = World::new();
    let add = "connections add ad --name corp --domain lab.test --username svc@lab.test --password env:PW";
    let line = format!("{add} --target 192.0.2.1 --home-server //192.0.2.1/homes$");
    world.program().env("PW", "Some-secret-5").args(words(&line)).run().ok();
    let script = "const GRANTS = [\"home:test\"];\nlet conn = conn::get(\"corp\");\n\
        let error = home::test_server(conn, conn.home_servers[0]).error;\nprint(`${error.code}: ${error.message}`);";
    world.file("look.rhai", script);
    let args = ["--net", env!("CARGO_BIN_EXE_libretto"), "run", "look.rhai"];
    let output = world.program().executable("unshare").args(args).run();
    let said = "home.unreachable: //192.0.2.1/homes$ cannot be reached at 192.0.2.1:445: there is no route to it";
    assert!(output.stdout.contains(said), "{}", output.text());
}
