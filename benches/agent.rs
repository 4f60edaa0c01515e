//! The Remote Agent with 10,000 connections: tests of all of them, its own processor time, its memory, its sockets.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    home::{Home, LIBRETTO},
    table::{self, seconds},
};

const DOMAINS: u64 = 10_000;
const IN_FLIGHT: usize = 512;
const ANSWER_MS: u64 = 50;

/// A process with a port; ended when it is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Deserialize)]
struct Seen {
    requests: u64,
    microseconds: u64,
    sockets: u64,
}

/// Prints the tables.
pub fn figures() {
    let cloud = cloud();
    let home = Home::new();
    import(&home);
    let agent = agent(&home, &cloud.url);
    let token = measured_token(&home);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let client = crate::plain::client();
    let idle = memory(&agent.process);
    let mut rows = vec![table::row([
        "10,000 requests, 512 in flight",
        "calls each",
        "wall s",
        "of the limit",
        "agent's CPU ms each",
        "cloud's sockets",
        "cloud answers after ms",
    ])];
    let mut memories = vec![table::row(["agent", "MB resident"]), vec!["idle, not asked yet".to_owned(), idle]];
    for (what, calls, path) in [
        ("`TestConnection`, the first of each domain", 3, "Connections/TestConnection"),
        ("`TestConnection` once more", 2, "Connections/TestConnection"),
        ("`Connections/Get`, which asks no cloud", 0, "Connections/Get"),
    ] {
        let before = cpu(&agent.process);
        let begun = Instant::now();
        runtime.block_on(requests(&client, &agent.url, path, &token));
        let (wall, cpu) = (begun.elapsed(), cpu(&agent.process).saturating_sub(before));
        let seen: Seen = runtime
            .block_on(async { client.get(format!("{}seen", cloud.url)).send().await.unwrap().json().await.unwrap() });
        assert_eq!(seen.requests, calls * DOMAINS, "{what}");
        // A test is not divided: 10,000 take 20 rounds, the last of them not full.
        let limit = Duration::from_millis(ANSWER_MS * calls) * DOMAINS.div_ceil(IN_FLIGHT as u64) as u32;
        let of_the_limit =
            if calls == 0 { "-".to_owned() } else { format!("{:.2}", wall.as_secs_f64() / limit.as_secs_f64()) };
        rows.push(vec![
            what.to_owned(),
            calls.to_string(),
            seconds(wall),
            of_the_limit,
            format!("{:.3}", cpu.as_secs_f64() * 1e3 / DOMAINS as f64),
            seen.sockets.to_string(),
            format!("{:.1}", seen.microseconds as f64 / 1e3),
        ]);
        memories.push(vec![format!("after {what}"), memory(&agent.process)]);
    }
    let about = format!(
        "The limit is calls x {ANSWER_MS} ms for each round of domains / in flight, rounded up. Agent, cloud and client are processes of their \
         own and share the processors. The first test of a domain also asks whose it is; signing in and one `$batch` are the other calls. \
         Each domain has a tenant of its own, all sign in as one app."
    );
    table::print("Remote Agent", &about, &rows);
    table::print("Remote Agent's memory", "With 10,000 connections.", &memories);
}

async fn requests(client: &reqwest::Client, url: &str, path: &str, token: &str) {
    stream::iter(0..DOMAINS)
        .map(|number| {
            let (domain, url) = (format!("d{number}.example"), format!("{url}/api/{path}"));
            let request = if path.ends_with("Get") {
                client.get(format!("{url}?domain={domain}"))
            } else {
                client.post(url).json(&domain)
            };
            let request = request.bearer_auth(token);
            tokio::spawn(async move {
                let answer: Value = request.send().await.unwrap().json().await.unwrap();
                assert_eq!(answer["domain"], domain, "{answer}");
            })
        })
        .buffer_unordered(IN_FLIGHT)
        .for_each(async |done| done.unwrap())
        .await;
}

/// The agent's store is filled as any other: through the agent each connection would be a synced write of its own.
fn import(home: &Home) {
    let secret = home.file("secret", "Bench-App-Secret-1!");
    let mut csv = String::from("name,kind,domain,client_id,secret\n");
    for number in 0..DOMAINS {
        let domain = format!("d{number}.example");
        // The others share what the first brings.
        let secret = if number == 0 { format!("file:{}", secret.display()) } else { String::new() };
        let _ = writeln!(csv, "{domain},msonline,{domain},bench-app,{secret}");
    }
    let file = home.file("agent.csv", &csv);
    let store = home.path().join("agent");
    crate::measure::run(&[
        LIBRETTO,
        "--home",
        store.to_str().unwrap(),
        "connections",
        "import",
        file.to_str().unwrap(),
    ]);
}

fn measured_token(home: &Home) -> String {
    home.libretto(&["agent", "token"]).said.trim().to_owned()
}

fn cloud() -> Server {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["stub", "cloud", &ANSWER_MS.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let port = first_line(&mut process);
    Server { process, url: format!("http://127.0.0.1:{port}/") }
}

fn agent(home: &Home, cloud: &str) -> Server {
    let mut process = Command::new(LIBRETTO)
        .args(["--home", home.path().to_str().unwrap(), "--json", "agent", "serve", "--listen", "127.0.0.1:0"])
        .args(["--cloud-login", cloud])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let started: Value = serde_json::from_str(&first_line(&mut process)).unwrap();
    let url = format!("http://{}", started["address"].as_str().unwrap());
    Server { process, url }
}

fn first_line(process: &mut Child) -> String {
    let mut line = String::new();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    // What else it says is read away, so that it never waits.
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    line.trim().to_owned()
}

/// Megabytes that are resident now.
fn memory(process: &Child) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    format!("{:.0}", kilobytes * 1024.0 / 1e6)
}

/// User and system time so far; the kernel counts in hundredths of a second (`sysconf(_SC_CLK_TCK)` on Linux).
fn cpu(process: &Child) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks = |at: usize| after_name.split_whitespace().nth(at).unwrap().parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}
