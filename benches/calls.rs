//! What one step of a script costs.

use std::time::{Duration, Instant};

use libretto::{
    api,
    config::Limits,
    script::library::{Library, Source},
};

use crate::{home::Home, table};

/// Each line that is printed: what was measured, how often, seconds.
const SCRIPT: &str = r#"
fn tell(what, count, begun) { print(`${what};${count};${begun.elapsed}`) }
fn identity(x) { x }
let many = 1000000;
let some = 100000;
let few = 2000;

let begun = timestamp();
for n in 0..many { }
tell("loop step (`for n in 0..N {}`)", many, begun);

let begun = timestamp();
let sum = 0;
for n in 0..many { sum += n; }
tell("loop step with an addition", many, begun);

let begun = timestamp();
for n in 0..some { identity(n) }
tell("script function call", some, begun);

let closure = |x| x;
let begun = timestamp();
for n in 0..some { closure.call(n) }
tell("closure call", some, begun);

let text = "x";
let begun = timestamp();
for n in 0..some { text.len() }
tell("built-in method, `text.len()`", some, begun);

let begun = timestamp();
for n in 0..some { ad::escape(text) }
tell("operation that waits for nothing, `ad::escape(text)`", some, begun);

let begun = timestamp();
for n in 0..some { sleep(0) }
tell("operation that may wait, `sleep(0)`: to the I/O threads and back", some, begun);

let begun = timestamp();
for n in 0..some { try { ad::escape(n) } catch (e) { } }
tell("operation that refuses its argument, caught", some, begun);

let begun = timestamp();
for n in 0..some { try { throw 1 } catch (e) { } }
tell("throw and catch", some, begun);

let begun = timestamp();
for n in 0..few { step("s", || n) }
tell("`step`, with its two records in the ledger", few, begun);

let items = [];
for n in 0..(few * 5) { items.push(n) }
let begun = timestamp();
batch::each(items, #{ limit: 64 }, |n| n);
tell("item of `batch::each`, with its two records in the ledger", few * 5, begun);
"#;

/// Prints the tables.
pub fn figures() {
    let home = Home::new();
    let script = home.file("calls.rhai", SCRIPT);
    let cost = home.libretto(&["run", script.to_str().unwrap()]);
    let mut rows = vec![table::row(["in a script", "each"])];
    for line in cost.said.lines().filter_map(|line| line.strip_prefix("| ")) {
        let [what, count, seconds] = line.splitn(3, ';').collect::<Vec<_>>().try_into().unwrap();
        let each = seconds.parse::<f64>().unwrap() / count.parse::<f64>().unwrap();
        rows.push(vec![what.to_owned(), short(Duration::from_secs_f64(each))]);
    }
    table::print(
        "Calls",
        "Measured by a script that `libretto run` performs, the loop around the call included.",
        &rows,
    );
    let mut rows = vec![table::row(["before a script begins", "each"])];
    rows.extend(engine());
    table::print("Engine", "In the process, averages of 200.", &rows);
}

/// Building the engine, reading and checking a bundled script with its modules.
fn engine() -> Vec<Vec<String>> {
    const TIMES: u32 = 200;
    let limits = Limits::default();
    let nowhere = std::path::Path::new("/nonexistent");
    let library = Library::new(nowhere, nowhere);
    let source: Source = library.script("reset_ad_creds").unwrap();
    let time = |mut work: Box<dyn FnMut() + '_>| {
        let begun = Instant::now();
        (0..TIMES).for_each(|_| work());
        short(begun.elapsed() / TIMES)
    };
    let interpreter = api::interpreter(&limits);
    let script =
        interpreter.read(&library, source.clone()).unwrap_or_else(|_| panic!("a bundled script does not parse"));
    let lines = source.text.lines().count();
    let long = |lines: usize| {
        let text: String = (0..lines)
            .flat_map(|n| {
                [
                    "fn f".to_owned(),
                    n.to_string(),
                    "() { f".to_owned(),
                    ((n + 1) % lines).to_string(),
                    "() }\n".to_owned(),
                ]
            })
            .collect();
        let script = interpreter.read(&library, Source { text, ..source.clone() });
        let script = script.unwrap_or_else(|_| panic!("a long script does not parse"));
        let begun = Instant::now();
        drop(interpreter.check(&script));
        short(begun.elapsed())
    };
    vec![
        vec!["engine with all operations".to_owned(), time(Box::new(|| drop(api::interpreter(&limits))))],
        vec![
            format!("read `reset_ad_creds` ({lines} lines) and its modules"),
            time(Box::new(|| drop(interpreter.read(&library, source.clone())))),
        ],
        vec!["check it".to_owned(), time(Box::new(|| drop(interpreter.check(&script))))],
        vec!["check 2,000 functions that call each other, once".to_owned(), long(2000)],
        vec!["check 20,000 of them, once".to_owned(), long(20_000)],
    ]
}

fn short(time: Duration) -> String {
    match time.as_nanos() {
        nanos @ 0..10_000 => format!("{nanos} ns"),
        nanos => format!("{:.1} us", nanos as f64 / 1e3),
    }
}
