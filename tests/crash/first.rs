//! The very first credential of a home: the program is killed at each step of making store, identity and connection. What is
//! left is never in the way of doing the same again, and what was stored can be opened.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use libretto::{
    connection::{self, Scope, credentials},
    secret::seal::Identity,
    store::Store,
};

use super::steps_library;
use crate::support::program::{Output, Program};

const SECRET: &str = "The-First-Of-All-1!";

/// The first connection of a home, with what `LIBRETTO_TEST_...` says.
fn add(program: &Program, orders: &[(&str, &str)]) -> Output {
    let line = "connections add ad --name corp --domain lab.test --target 127.0.0.1 --username svc@lab.test";
    let mut program = program.clone().args(line.split(' ').chain(["--password", "env:FIRST"])).env("FIRST", SECRET);
    if !orders.is_empty() {
        program = program.env("LD_PRELOAD", steps_library());
    }
    orders.iter().fold(program, |program, (name, value)| program.env(*name, *value)).run()
}

/// The password of the only connection, as the store opens it.
fn stored(home: &Path) -> String {
    let store = Store::open(home).unwrap();
    let connection = connection::get(&store, "corp", &Scope::all()).unwrap();
    let current = credentials::current(&store, &connection).unwrap().unwrap();
    let identity = Identity::load(&store).unwrap();
    credentials::open(&store, &identity, &current).unwrap().expose().to_owned()
}

/// Killed before this step; then the same again.
fn killed_before(step: u64) {
    let program = Program::new();
    let orders = [("LIBRETTO_TEST_FAULT", "kill-before"), ("LIBRETTO_TEST_AT", &*step.to_string())];
    let killed = add(&program, &orders);
    assert_eq!(killed.code, None, "step {step}: {}", killed.text());
    let again = add(&program, &[]);
    let is_there = again.stderr.contains("connection.exists");
    assert!(again.code == Some(0) || is_there, "step {step}: {}", again.text());
    assert_eq!(stored(program.home_path()), SECRET, "step {step}");
}

#[test]
fn killed_at_any_step_it_is_in_nobodys_way() {
    let program = Program::new();
    let counted = program.folder_path().join("steps");
    add(&program, &[("LIBRETTO_TEST_STEPS", counted.to_str().unwrap())]).ok();
    let steps: u64 = std::fs::read_to_string(&counted).unwrap().trim().parse().unwrap();
    assert!(steps > 30, "{steps} steps: the store, the identity and the connection are more");
    let next = AtomicU64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let step = next.fetch_add(1, Ordering::Relaxed);
                    if step > steps {
                        break;
                    }
                    killed_before(step);
                }
            });
        }
    });
}
