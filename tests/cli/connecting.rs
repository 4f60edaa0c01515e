//! Connections by the command line: what an option takes away, what an import changes.

use serde_json::Value;

use crate::support::world::World;

fn shown(world: &World) -> Value {
    world.run("connections show corp --json").ok().json_lines().remove(0)
}

#[test]
fn an_empty_value_takes_targets_home_servers_and_tags_away() {
    let world = World::new();
    world
        .run(
            "connections add ad --name corp --domain lab.test --username svc@lab.test --target dc1.lab.test \
             --home-server //fs1/homes$ --tag gold --tag new",
        )
        .ok();
    let before = shown(&world);
    assert_eq!((before["targets"].as_array().unwrap().len(), before["tags"].as_array().unwrap().len()), (1, 2));
    world.run("connections edit corp --target ''").ok();
    world.run("connections edit corp --home-server ''").ok();
    world.run("connections edit corp --tag ''").ok();
    let after = shown(&world);
    assert_eq!(after["targets"], "found by DNS");
    assert_eq!((&after["home_servers"], &after["tags"]), (&Value::Array(Vec::new()), &Value::Array(Vec::new())));
}
