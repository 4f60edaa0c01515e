//! The limits as they are without a config.toml: a script that runs away ends within ten seconds, and never the process.

use std::time::{Duration, Instant};

use crate::support::world::World;

/// Runs a script; the code of its error, and how long it took: the run by its own clock, which is what is promised, and the
/// program, which also waits for its turn beside the other tests.
fn ended(text: &str) -> (String, Duration, Duration) {
    let world = World::new();
    world.file("runaway.rhai", text);
    let from = Instant::now();
    let output = world.program().args(["run", "runaway.rhai", "--json"]).run();
    assert_eq!(output.code, Some(1), "{}", output.text());
    let took = from.elapsed();
    let end = output.json_lines().pop().unwrap();
    (end["error"]["code"].as_str().unwrap().to_owned(), Duration::from_millis(end["ms"].as_u64().unwrap()), took)
}

#[test]
fn an_endless_loop_ends_in_time() {
    // Steps or time, whichever comes first.
    let (code, run, took) = ended("loop { }");
    assert!(["script.too_many_operations", "script.too_long"].contains(&code.as_str()), "{code}");
    assert!(run < Duration::from_secs(10) && took < Duration::from_secs(15), "{run:?} {took:?}");
}

#[test]
fn a_loop_of_costly_steps_ends_in_time_too() {
    let (code, run, took) = ended("let nested = []; loop { nested = [nested]; }");
    assert_eq!(code, "script.too_long");
    assert!(run < Duration::from_secs(10) && took < Duration::from_secs(15), "{run:?} {took:?}");
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
fn a_run_that_never_waits_ends_in_time_however_it_is_cut_up() {
    let items = "let a = []; a.pad(40, 1); batch::each(a, #{ limit: 500 }, |x| { loop { } });";
    let nested = "fn down(n) { let a = []; a.pad(20, 1); batch::each(a, #{}, |x| down(n + 1)) } down(0);";
    let caught = "let a = []; a.pad(40, 1); loop { try { batch::each(a, #{}, |x| { loop { } }); } catch { } }";
    for text in [items, nested, caught] {
        let (code, _, took) = ended(text);
        assert_eq!(code, "script.too_long", "{text}");
        assert!(took < Duration::from_secs(15), "{text}: {took:?}");
    }
}

#[test]
fn items_that_wait_keep_those_that_compute_alive() {
    let world = World::new();
    world.file("home/config.toml", "[limits]\nbusy_seconds = 1\n");
    world.file(
        "waits.rhai",
        "fn work(ms) { let from = timestamp(); while from.elapsed < ms / 1000.0 { } }
         let r = batch::each([0, 600, 600, 600, 600], #{}, |ms| { if ms == 0 { sleep(4); } else { work(ms); } });
         print(r.filter(|x| x.ok).len());
         for n in 0..4 { batch::each([1], #{}, |x| { work(400); sleep(0.01); }); }",
    );
    let output = world.program().args(["run", "waits.rhai"]).run();
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(output.stdout.contains("| 5\n"), "{}", output.stdout);
}

#[test]
fn items_nest_as_deep_as_scripts() {
    let world = World::new();
    // Depth is what is asked here, and a busy machine takes its time.
    world.file("home/config.toml", "[limits]\nbusy_seconds = 120\n");
    world.file(
        "deep.rhai",
        "let outside = [1]; for i in 0..1400 { outside = [outside]; }
         fn nest(depth) { let m = #{ n: () }; for i in 0..depth { m = #{ n: m }; } m }
         fn lists(depth) { let m = [1]; for i in 0..depth { m = [m]; } m }
         let bodies = [
             |x| nest(1500).len(), |x| lists(1400) == lists(1400), |x| outside == outside, |x| `${outside}`.len() > 1400, |x| lists(1500),
             |x| { let f = || 1; for i in 0..10000 { let g = f; f = || g.call(); } 1 },
         ];
         let r = batch::each(bodies, #{}, |body| body.call(1));
         print(r.map(|x| x.verdict));",
    );
    let output = world.program().args(["run", "deep.rhai"]).run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{}", output.text());
    assert!(output.stdout.contains("| [\"ok\", \"ok\", \"ok\", \"ok\", \"ok\", \"ok\"]\n"), "{}", output.stdout);
}

#[test]
fn ten_thousand_items_are_in_flight_together() {
    let world = World::new();
    world.file(
        "many.rhai",
        "let a = []; a.pad(10000, 1); let from = timestamp();
         let r = batch::each(a, #{ limit: 10000 }, |x| { sleep(5); x });
         print(r.filter(|x| x.ok).len());",
    );
    let output = world.program().args(["run", "many.rhai"]).run();
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(output.stdout.contains("| 10000\n"), "{}", output.stdout);
}

#[test]
fn a_long_text_is_padded_cut_and_changed_at_once() {
    let world = World::new();
    world.file(
        "long.rhai",
        "let s = \"\"; s.pad(3000000, 'x'); s.set(1000000, 'y'); s[1000001] = 'z'; s.crop(5, 2000000); s.pop(1000); print(s.len());",
    );
    let from = Instant::now();
    let output = world.program().args(["run", "long.rhai"]).run();
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(output.stdout.contains("| 1999000\n"), "{}", output.stdout);
    // It took minutes.
    assert!(from.elapsed() < Duration::from_secs(10), "{:?}", from.elapsed());
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
    assert_eq!(ended(batch).0, "script.too_deep");
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
