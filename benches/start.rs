//! From start to exit: what a user waits for before anything of theirs is done.

use std::{process::Command, time::Duration};

use crate::{
    home::{Home, LIBRETTO},
    measure::{self, Cost},
    table::{self, ms},
};

const CONNECTIONS: usize = 10_000;
const ROUNDS: usize = 20;
const ONE_LINE: &str = "print(\"hello\");\n";
const ONE_CONNECTION: &str =
    "const PARAMS = #{ connection: #{ type: \"connection\" } };\nprint(args::connection.name);\n";

/// Prints the tables.
pub fn figures() {
    let home = Home::new();
    home.import(CONNECTIONS);
    let (hello, one) = (home.file("hello.rhai", ONE_LINE), home.file("one.rhai", ONE_CONNECTION));
    let (hello, one) = (hello.to_str().unwrap(), one.to_str().unwrap());
    let folder = home.path().to_str().unwrap();
    let (python, node) =
        (real_path("python3", "-c", "import sys; print(sys.executable)"), real_path("node", "-p", "process.execPath"));
    let programs: [(&str, Vec<&str>); 7] = [
        ("`libretto run hello.rhai` (one line)", vec![LIBRETTO, "--home", folder, "run", hello]),
        (
            "`libretto run one.rhai connection=corp-05000`",
            vec![LIBRETTO, "--home", folder, "run", one, "connection=corp-05000"],
        ),
        ("`libretto connections list` (10,000 lines)", vec![LIBRETTO, "--home", folder, "connections", "list"]),
        (
            "`libretto connections list corp-0500*`",
            vec![LIBRETTO, "--home", folder, "connections", "list", "corp-0500*"],
        ),
        ("`libretto --version` (no store)", vec![LIBRETTO, "--version"]),
        ("`python3 -c pass`", vec![&python, "-c", "pass"]),
        ("`node -e 0`", vec![&node, "-e", "0"]),
    ];
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); programs.len()];
    // In turns, so that whatever else the machine does meets all of them.
    for round in 0..=ROUNDS {
        for ((_, command), costs) in programs.iter().zip(&mut costs) {
            let cost = measure::run(command);
            // The first round warms the caches.
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    let mut rows = vec![table::row(["start to exit", "median ms", "min", "max", "CPU ms", "peak MB"])];
    rows.extend(programs.iter().zip(&costs).map(|((name, _), costs)| line(name, costs)));
    let about = format!(
        "Start to exit, {ROUNDS} times each in turns, with {CONNECTIONS} connections in the store, each with an encrypted password. \
         A run writes itself and its script to the ledger before it begins and its verdict when it ends, each synced to the disk; \
         the last to close the store syncs it twice more."
    );
    table::print("Start", &about, &rows);
}

fn line(name: &str, costs: &[Cost]) -> Vec<String> {
    let walls: Vec<Duration> = costs.iter().map(Cost::wall).collect();
    let cpus: Vec<Duration> = costs.iter().map(Cost::cpu).collect();
    let peak = costs.iter().map(|cost| cost.peak).fold(0.0, f64::max);
    let (least, most) = (walls.iter().min().unwrap(), walls.iter().max().unwrap());
    vec![
        name.to_owned(),
        ms(measure::median(&walls)),
        ms(*least),
        ms(*most),
        ms(measure::median(&cpus)),
        format!("{peak:.0}"),
    ]
}

/// The interpreter itself: what stands in `PATH` may be a script that looks for it.
fn real_path(program: &str, flag: &str, code: &str) -> String {
    let output = Command::new(program).args([flag, code]).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
