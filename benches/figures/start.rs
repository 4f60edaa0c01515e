//! From start to exit.

use std::process::{Command, Stdio};

use crate::{print_table, process::median_wall, program::Program};

pub fn figure() {
    let program = Program::with_many_connections();
    let mut rows = vec![row("libretto run one_line.rhai, 10,000 connections", &mut program.run("one_line.rhai"))];
    rows.push(row(
        "libretto connections list domain-77, 10,000 connections",
        program.command().args(["connections", "list", "domain-77"]),
    ));
    if let Some(python) = python() {
        rows.push(row("python3 -c pass", Command::new(python).args(["-c", "pass"])));
    }
    if found("node") {
        rows.push(row("node -e 0", Command::new("node").args(["-e", "0"])));
    }
    print_table("Start to exit", &["what", "median of 20"], &rows);
}

fn row(what: &str, command: &mut Command) -> Vec<String> {
    vec![what.to_owned(), format!("{:.1} ms", median_wall(command).as_secs_f64() * 1000.0)]
}

/// The interpreter itself: what is called `python3` may be a shell script that looks for it, and slower than it.
fn python() -> Option<String> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn found(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
