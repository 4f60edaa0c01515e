//! What a process used: time, processor, memory. From /proc, for the standard library does not tell.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What one process used from its start to its end.
pub struct Usage {
    pub wall: Duration,
    pub cpu: Duration,
    /// The most memory that it ever held resident, in bytes.
    pub peak: u64,
}

/// Clock ticks a second, the same on every Linux that Rust's targets know.
const TICKS: u64 = 100;

/// Runs a command to its end; panics when it fails. Looks every millisecond, so memory that is held for less may be missed.
pub fn measured(command: &mut Command) -> Usage {
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let folder = format!("/proc/{}", child.id());
    let mut peak = 0;
    // a process that has ended keeps its processor times until somebody waits for it, but not its memory
    let stat = loop {
        let stat = std::fs::read_to_string(format!("{folder}/stat")).unwrap();
        let stat = stat.rsplit_once(')').unwrap().1.to_owned();
        if stat.starts_with(" Z") {
            break stat;
        }
        peak = peak.max(resident_peak(&folder).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    };
    let wall = began.elapsed();
    assert!(child.wait().unwrap().success(), "{command:?} failed");
    // fields 14 and 15 of proc(5)'s stat, the state being the third
    let ticks: u64 = stat.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Usage { wall, cpu: Duration::from_millis(ticks * 1000 / TICKS), peak }
}

fn resident_peak(folder: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("{folder}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// How long a command takes from start to exit: the median of 20 runs, after three that warm the caches.
pub fn median_wall(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut times: Vec<Duration> = (0..23)
        .map(|_| {
            let began = Instant::now();
            assert!(command.status().unwrap().success(), "{command:?} failed");
            began.elapsed()
        })
        .skip(3)
        .collect();
    times.sort();
    (times[9] + times[10]) / 2
}
