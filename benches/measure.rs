//! What a program costs: wall time, processor time and peak memory of one process, as the kernel counted them.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use serde::Deserialize;

/// What one process cost.
#[derive(Debug, Clone, Deserialize)]
pub struct Cost {
    /// Seconds from start to exit.
    wall: f64,
    /// Seconds of user and system time.
    cpu: f64,
    /// The largest resident set, in megabytes (10^6 bytes).
    pub peak: f64,
    code: i32,
    /// What it said on standard output.
    #[serde(skip)]
    pub said: String,
}

impl Cost {
    /// From start to exit.
    pub fn wall(&self) -> Duration {
        Duration::from_secs_f64(self.wall)
    }

    /// User and system time.
    pub fn cpu(&self) -> Duration {
        Duration::from_secs_f64(self.cpu)
    }
}

/// Runs a program to its end; panics unless it succeeds.
pub fn run(command: &[&str]) -> Cost {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/measure.py");
    let output = Command::new("python3").arg(script).args(command).stdin(Stdio::null()).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let figures = complaints.lines().last().unwrap_or_default();
    let mut cost: Cost = serde_json::from_str(figures).unwrap_or_else(|_| panic!("{command:?}: {complaints}"));
    cost.said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(cost.code, 0, "{command:?}: {}{complaints}", cost.said);
    cost
}

/// The middle of some times.
pub fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}
