//! 10,000 items of four calls of 50 ms, 512 in flight.

use std::process::Command;

use futures_util::{StreamExt, stream};

use crate::{
    print_table,
    process::{Usage, measured},
    program::Program,
    stub::{DELAY, Stub},
};

const ITEMS: u32 = 10_000;
const CALLS: u32 = 4;
const IN_FLIGHT: u32 = 512;

pub fn figure() {
    // the last round is not full, but takes as long
    let limit = (DELAY * CALLS * ITEMS.div_ceil(IN_FLIGHT)).as_secs_f64();
    let stub = Stub::start();
    let program = Program::new();
    let this = std::env::current_exe().unwrap();
    let plain = measured(Command::new(this).args(["plain", &stub.url]));
    let scripted = measured(program.run("batch.rhai").arg(format!("url={}", stub.url)));
    let mut rows =
        vec![vec!["arithmetic".to_owned(), format!("{limit:.2} s"), "1.00".into(), String::new(), String::new()]];
    rows.push(row("plain async Rust (reqwest), no script, no ledger", &plain, limit));
    rows.push(row("`batch::each`", &scripted, limit));
    let heading = format!("{ITEMS} items of {CALLS} HTTP calls of {DELAY:?}, {IN_FLIGHT} in flight");
    print_table(&heading, &["way", "wall", "of the arithmetic", "CPU", "peak memory"], &rows);
}

fn row(way: &str, usage: &Usage, limit: f64) -> Vec<String> {
    let wall = usage.wall.as_secs_f64();
    vec![
        way.to_owned(),
        format!("{wall:.2} s"),
        format!("{:.2}", wall / limit),
        format!("{:.2} s", usage.cpu.as_secs_f64()),
        format!("{:.0} MB", usage.peak as f64 / 1e6),
    ]
}

/// The peer: the same calls without Libretto.
pub fn plain(url: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let client = reqwest::Client::new();
    let item = |_| async {
        for _ in 0..CALLS {
            client.get(url).send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
        }
    };
    runtime.block_on(stream::iter(0..ITEMS).map(item).buffer_unordered(IN_FLIGHT as usize).for_each(|()| async {}));
}
