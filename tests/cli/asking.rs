//! What a rotation asks the directory, as `-vvv` tells it.

use std::{fmt::Write, fs};

use libretto::{
    connection::{self, Scope},
    store::Store,
};

use crate::support::world::{World, words};

/// How many searches for accounts a rotation sends where so many other connections of the domain were never tested.
fn searches(others: usize) -> usize {
    let world = World::new();
    let mut lab = world.program().args(["lab"]).start();
    lab.await_output("Ctrl-C ends it");
    let said = lab.said();
    let command = said.lines().find_map(|line| line.trim().strip_prefix("libretto ")).unwrap().to_owned();
    world.program().args(words(&command)).run().ok();
    let my_lab = connection::get(&Store::open(&world.home()).unwrap(), "my-lab", &Scope::all()).unwrap();
    let target = &my_lab.ad().unwrap().targets[0];
    let mut file = String::from("name,kind,domain,username,targets\n");
    for number in 1..=others {
        // Each in another way.
        let name = [format!("svc{number}@lab.test"), format!("LAB\\svc{number}"), format!("svc{number}")];
        writeln!(file, "c{number},ad,lab.test,{},{target}", name[number % 3]).unwrap();
    }
    fs::write(world.folder().join("others.csv"), file).unwrap();
    world.run("connections import others.csv").ok();
    let rotated = world.run("run reset_ad_creds connection=my-lab rotate=true -vvv").ok();
    lab.signal("INT");
    lab.finish();
    // How often it looks whether the change has come is a matter of time.
    rotated.stderr.lines().filter(|line| line.contains("TRACE searches ") && line.contains("objectGUID")).count()
}

/// Or a batch of thousands that were never tested would look each of them up in each of its rotations.
#[test]
fn a_rotation_asks_no_more_of_the_directory_the_more_connections_the_domain_has() {
    assert_eq!(searches(60), searches(1));
}
