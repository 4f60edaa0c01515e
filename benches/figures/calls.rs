//! What a step of a loop costs, a call of a closure, a call of a host operation.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{print_table, program::Program};

pub fn figure() {
    let program = Program::new();
    let rows = [
        ("loop step (`sum += i`)", "loop_step.rhai", 1_000_000),
        ("call of a closure", "closure_call.rhai", 300_000),
        ("host operation, out to the I/O runtime and back (`sleep(0)`)", "host_call.rhai", 10_000),
    ];
    let rows = rows.map(|(what, script, n)| {
        let each = best(&program, script, n).saturating_sub(best(&program, script, 0)).as_secs_f64() / f64::from(n);
        vec![
            what.to_owned(),
            if each < 1e-6 { format!("{:.0} ns", each * 1e9) } else { format!("{:.1} µs", each * 1e6) },
        ]
    });
    print_table("Calls", &["what", "each"], &rows);
}

/// The best of five: anything but the program itself only adds.
fn best(program: &Program, script: &str, n: u32) -> Duration {
    let run = || {
        let mut command = program.run(script);
        command.arg(format!("n={n}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        assert!(command.status().unwrap().success(), "{command:?} failed");
        start.elapsed()
    };
    (0..5).map(|_| run()).min().unwrap()
}
