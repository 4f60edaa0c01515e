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

#[test]
fn a_file_that_says_what_is_there_changes_nothing() {
    let world = World::new();
    world.file("two.csv", "name,kind,domain,username,password\na,ad,a.test,x@a.test,env:PW\nb,ad,a.test,y@a.test,\n");
    let import = |password: &str| {
        let program = world.program().env("PW", password).args(["connections", "import", "two.csv"]);
        program.run().ok().stdout
    };
    assert_eq!(import("First-secret-5"), "2 added, 0 changed\n");
    assert_eq!(import("First-secret-5"), "0 added, 0 changed, 2 unchanged\n");
    assert_eq!(import("Other-secret-5"), "0 added, 1 changed, 1 unchanged\n");
    let versions = world.run("connections history a --json").ok().json_lines().len();
    assert_eq!(versions, 2, "the same password is not another version");
}

#[test]
fn an_empty_file_is_refused() {
    let world = World::new();
    world.file("none.csv", "").run("connections import none.csv").is("exit 2
2| error[connection.import_file]: [work]/none.csv is empty
2|   help: see that it was written to its end; a CSV file begins with a header such as name,kind,domain,username");
}

#[test]
fn a_mark_at_the_head_of_a_secrets_file_is_no_part_of_it() {
    let world = World::new();
    world.file("pw", "\u{feff}Marked-secret-5\n");
    let line = "connections add ad --name corp --domain lab.test --username svc@lab.test";
    world.run(&format!("{line} --password file:pw")).ok();
    // The same secret without the mark is no other version.
    world
        .file("plain", "Marked-secret-5")
        .file("one.csv", "name,kind,domain,username,password\ncorp,ad,lab.test,svc@lab.test,file:plain\n");
    assert_eq!(world.run("connections import one.csv").ok().stdout, "0 added, 0 changed, 1 unchanged\n");
}
