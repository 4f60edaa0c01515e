//! Several faults at once: each is told, on the terminal and afterwards.

use serde_json::Value;

use crate::support::world::World;

/// Two targets and two home servers where nobody listens.
fn nobody_listens() -> World {
    let world = World::new();
    let add = "connections add ad --name corp --domain lab.test --username svc@lab.test --password env:PW \
        --target 127.77.0.1:1 --target 127.77.0.2:1 --home-server //127.77.0.3/homes$ --home-server //127.77.0.4/homes$";
    world.program().env("PW", "Some-secret-5").args(add.split(' ')).run().ok();
    world
}

const ALL: [&str; 4] = ["127.77.0.1:1", "127.77.0.2:1", "//127.77.0.3/homes$", "//127.77.0.4/homes$"];

/// How often each of them is told as a fault.
fn told<'a>(lines: &(impl Iterator<Item = &'a str> + Clone)) -> Vec<usize> {
    let is_about = |line: &str, key: &str| {
        line.contains(&format!("did not pass; {key}: ")) || line.contains(&format!("failed        {key} "))
    };
    ALL.iter().map(|key| lines.clone().filter(|line| is_about(line, key)).count()).collect()
}

/// What stands at the end of a report: one part of the run each, and its further faults.
fn at_the_end(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.lines().filter(|line| line.trim_start().starts_with("failed"))
}

fn last_run(world: &World) -> String {
    world.run("runs list --json").ok().json_lines()[0]["run"].as_str().unwrap().to_owned()
}

/// The keys of the faults that a run's items have in their errors.
fn kept(lines: &[Value]) -> Vec<String> {
    let items = lines.iter().filter(|line| line["kind"] == "item");
    let faults = items.flat_map(|item| item["error"]["details"]["failing"].as_array().cloned().unwrap_or_default());
    faults.map(|fault| fault["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_test_names_every_target_and_home_server_that_did_not_pass() {
    let world = nobody_listens();
    let run = world.run("connections test corp");
    assert!(run.stdout.contains("4 of 4 did not pass; "), "{}", run.stdout);
    assert_eq!(told(&at_the_end(&run.stdout)), [1; 4], "{}", run.stdout);
    let id = last_run(&world);
    let shown = world.run(&format!("runs show {id}")).ok().stdout;
    // Each has its own line, and the first stands in the sentence of the step and of the item as well.
    assert_eq!(told(&shown.lines()), [3, 1, 1, 1], "{shown}");
    assert_eq!(kept(&world.run(&format!("runs show {id} --json")).ok().json_lines()), ALL);
}

#[test]
fn a_health_check_names_them_too() {
    let world = nobody_listens();
    let run = world.run("run health_check");
    // The certificates' step and the targets' tell of the targets.
    assert_eq!(told(&at_the_end(&run.stdout)), [2, 2, 1, 1], "{}", run.stdout);
    let shown = world.run(&format!("runs show {} --json", last_run(&world))).ok().json_lines();
    let (targets, homes) = ALL.split_at(2);
    assert_eq!(kept(&shown), [targets, targets, homes].concat());
}
