//! The limits as they are without a config.toml: a script that runs away ends within ten seconds, and never the process.

use std::time::{Duration, Instant};

use crate::support::world::World;

/// Runs a script; the code of its error and how long it took.
fn ended(text: &str) -> (String, Duration) {
    let world = World::new();
    world.file("runaway.rhai", text);
    let from = Instant::now();
    let output = world.program().args(["run", "runaway.rhai", "--json"]).run();
    assert_eq!(output.code, Some(1), "{}", output.text());
    let code = output.json_lines().last().unwrap()["error"]["code"].as_str().unwrap().to_owned();
    (code, from.elapsed())
}

#[test]
fn an_endless_loop_ends_in_time() {
    // Steps or time, whichever comes first. Ten seconds are promised; the machine is shared with the other tests.
    let (code, took) = ended("loop { }");
    assert!(["script.too_many_operations", "script.too_long"].contains(&code.as_str()), "{code}");
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn a_loop_of_costly_steps_ends_in_time_too() {
    let (code, took) = ended("let nested = []; loop { nested = [nested]; }");
    assert_eq!(code, "script.too_long");
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn values_nested_very_deeply_are_copied_and_dropped() {
    let world = World::new();
    world.file("home/config.toml", "[limits]\nbusy_seconds = 50\n");
    world.file(
        "deep.rhai",
        "let f = || 1; for i in 0..400000 { let g = f; f = || g.call(); } f = (); print(\"survived\");",
    );
    let output = world.program().args(["run", "deep.rhai"]).run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{}", output.text());
    assert!(output.stdout.contains("| survived\n"), "{}", output.stdout);
}

#[test]
fn recursion_through_everything_ends() {
    let batch = "fn down(n) { let r = batch::each([n], #{}, |x| down(x + 1)); if r[0].verdict != \"ok\" { throw r[0].error } 1 } down(0);";
    let step = "fn down(n) { step(`${n}`, || down(n + 1)) } down(0);";
    let filter = "fn down(n) { [n].filter(|x| down(x + 1)) } down(0);";
    let closure = "fn down(f, n) { f.call(f, n + 1) } down(|f, n| down(f, n), 0);";
    for text in [step, filter, closure] {
        assert_eq!(ended(text).0, "script.too_deep", "{text}");
    }
    // Each level of a batch brings a stack of its own: memory ends it, or the depth.
    let (code, _) = ended(batch);
    assert!(
        ["script.too_deep", "script.too_much_memory", "script.too_many_operations"].contains(&code.as_str()),
        "{code}"
    );
}

#[test]
fn memory_is_bounded_whatever_holds_it() {
    for text in [
        "let s = \"x\"; loop { s += s; }",
        "let a = [0]; loop { a += a; }",
        "let a = []; loop { let b = []; b.pad(1000000, 7); a.push(b); }",
        "let m = #{}; for i in 0..100000000 { m[`key ${i}`] = `a value that takes its place, again and again, ${i}`; }",
        "let b = blob(1); loop { b.append(b); }",
    ] {
        let world = World::new();
        world.file("home/config.toml", "[limits]\nmemory_mb = 32\nbusy_seconds = 50\n").file("hog.rhai", text);
        let output = world.program().args(["run", "hog.rhai", "--json"]).run();
        assert_eq!(output.code, Some(1), "{text}: {}", output.text());
        assert_eq!(output.json_lines().last().unwrap()["error"]["code"], "script.too_much_memory", "{text}");
    }
}
