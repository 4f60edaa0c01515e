//! `--customer`: what a run may not see it may neither make nor name.

use crate::support::world::World;

fn adding(fields: &str) -> String {
    format!(
        "const GRANTS = [\"connection:write\"];\nconn::add(#{{ name: \"new\", domain: \"lab.test\", username: \"new@lab.test\", {fields} }});\n"
    )
}

#[test]
fn a_run_of_one_customer_adds_no_connection_of_another_and_over_none() {
    let world = World::new();
    let add = "connections add ad --domain lab.test --username admin@lab.test";
    world.run(&format!("{add} --name ca --customer alpha")).ok();
    world.run(&format!("{add} --name cb --customer beta")).ok();
    world.file("theirs.rhai", &adding("customer: \"beta\"")).file("via.rhai", &adding("via: \"cb\""));
    world.file("mine.rhai", &adding("customer: \"Alpha\", via: \"ca\""));
    let names = || world.run("connections list --json").ok().json_lines().len();
    let theirs = world.run("run theirs.rhai --customer alpha");
    assert!(
        theirs
            .stdout
            .contains("error[connection.other_customer]: this run is alpha's, and the connection would be beta's\n"),
        "{}",
        theirs.stdout
    );
    let via = world.run("run via.rhai --customer alpha");
    assert!(via.stdout.contains("error[connection.unknown]: there is no connection cb\n"), "{}", via.stdout);
    assert_eq!((theirs.code, via.code, names()), (Some(1), Some(1), 2));
    world.run("run mine.rhai --customer alpha").ok();
    assert_eq!(names(), 3);
}
