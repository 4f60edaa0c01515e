//! `batch::each` over many items that wait for somebody else.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde::Deserialize;

use crate::{
    home::Home,
    measure::{self, Cost},
    table::{self, seconds},
};

const ITEMS: u64 = 10_000;
const CALLS: u64 = 4;
const ANSWER_MS: u64 = 50;

const SCRIPT: &str = r#"const PARAMS = #{ url: #{ type: "text" }, items: #{ type: "int" }, limit: #{ type: "int" } };
const GRANTS = ["http"];
let items = [];
for n in 0..args::items { items.push(n) }
batch::each(items, #{ limit: args::limit }, |n| {
    for number in 0..4 { http::get(args::url) }
});
"#;

/// Prints the table.
pub fn figures() {
    let stub = Stub::start();
    let home = Home::new();
    let script = home.file("batch.rhai", SCRIPT);
    let bench = std::env::current_exe().unwrap();
    let mut rows =
        vec![table::row(["way", "in flight", "wall s", "of the limit", "CPU s", "peak MB", "answers after ms"])];
    for limit in [64, 512, 4096_u64] {
        // 64 at a time take half a minute: a tenth of the items tells the same.
        let items = if limit < 512 { ITEMS / 10 } else { ITEMS };
        // An item is not divided: at 512 in flight 10,000 take 20 rounds, the last of them not full.
        let arithmetic = Duration::from_millis(ANSWER_MS * CALLS) * items.div_ceil(limit) as u32;
        let [url, items, limit] = [stub.url(), items.to_string(), limit.to_string()];
        let plain = measure::run(&[bench.to_str().unwrap(), "plain", "http", &url, &items, &limit]);
        rows.push(line("plain async Rust, no script, no ledger", &limit, arithmetic, &plain, &stub.seen()));
        let run = home.libretto(&[
            "run",
            script.to_str().unwrap(),
            &format!("url={url}"),
            &format!("items={items}"),
            &format!("limit={limit}"),
        ]);
        rows.push(line("`libretto run`, each item in the ledger", &limit, arithmetic, &run, &stub.seen()));
    }
    let about = format!(
        "{ITEMS} items (1,000 at 64 in flight) of {CALLS} HTTP calls of {ANSWER_MS} ms each, one after the other within an item. The limit is \
         {CALLS} x {ANSWER_MS} ms for each round of items / in flight, rounded up. The stub server has a process of its own and shares the processors; the last column is \
         how long it really took to answer. Time and memory are those of the whole process, start and end of the run included."
    );
    table::print("Batch", &about, &rows);
}

fn line(way: &str, limit: &str, arithmetic: Duration, cost: &Cost, seen: &Seen) -> Vec<String> {
    vec![
        way.to_owned(),
        limit.to_owned(),
        seconds(cost.wall()),
        format!("{:.2}", cost.wall().as_secs_f64() / arithmetic.as_secs_f64()),
        seconds(cost.cpu()),
        format!("{:.0}", cost.peak),
        format!("{:.1}", seen.microseconds as f64 / 1e3),
    ]
}

/// What the stub tells of itself.
#[derive(Deserialize)]
struct Seen {
    microseconds: u64,
}

/// The stub server's process; ended when it is dropped.
struct Stub {
    process: Child,
    port: u16,
}

impl Stub {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["stub", "http", &ANSWER_MS.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, port: line.trim().parse().unwrap() }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Since it was last asked.
    fn seen(&self) -> Seen {
        let url = format!("{}seen", self.url());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { crate::plain::client().get(url).send().await.unwrap().json().await.unwrap() })
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
