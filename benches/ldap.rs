//! Bind tests against a real controller, through Libretto and beside it.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::{home::Home, measure, table};

const ITEMS: u32 = 500;
const AT_ONCE: u32 = 16;
const ROUNDS: usize = 3;

const SCRIPT: &str = r#"const PARAMS = #{ connection: #{ type: "connection" }, items: #{ type: "int" }, limit: #{ type: "int" } };
const GRANTS = ["directory:test"];
let items = [];
for n in 0..args::items { items.push(n) }
let connection = args::connection;
let target = connection.targets[0];
let begun = timestamp();
let results = batch::each(items, #{ limit: args::limit }, |n| ad::test_target(connection, target));
print(begun.elapsed);
for result in results { if result.verdict != "ok" { throw result } }
"#;

/// The part of the running lab's `lab.json` that is needed here.
#[derive(Deserialize)]
pub struct Lab {
    pub base: String,
    pub ca: PathBuf,
    pub admin: String,
    pub admin_password: String,
    targets: Vec<(String, IpAddr)>,
}

impl Lab {
    /// The lab that `tests/samba-lab` keeps up.
    pub fn running() -> Self {
        let folder = std::env::var_os("LIBRETTO_TEST_SAMBA").expect("benches/run ldap: it starts the controller");
        serde_json::from_slice(&std::fs::read(PathBuf::from(folder).join("lab.json")).unwrap()).unwrap()
    }

    pub fn address(&self) -> IpAddr {
        self.targets[0].1
    }
}

/// Prints the table.
pub fn figures() {
    let lab = Lab::running();
    let home = Home::new();
    let script = home.file("bind.rhai", SCRIPT);
    let password = home.file("password", &lab.admin_password);
    let (password, address) = (format!("file:{}", password.display()), lab.address().to_string());
    home.libretto(&[
        "connections",
        "add",
        "ad",
        "--name",
        "bench",
        "--domain",
        "lab.test",
        "--target",
        &address,
        "--username",
        &lab.admin,
        "--password",
        &password,
        "--ca",
        lab.ca.to_str().unwrap(),
    ]);
    let (items, limit) = (ITEMS.to_string(), AT_ONCE.to_string());
    let bench = std::env::current_exe().unwrap();
    let plain = |how| {
        vec![
            bench.to_str().unwrap().to_owned(),
            "plain".to_owned(),
            "ldap".to_owned(),
            how,
            items.clone(),
            limit.clone(),
        ]
    };
    let script = ["--home", home.path().to_str().unwrap(), "run", script.to_str().unwrap(), "connection=bench"]
        .map(str::to_owned);
    let libretto = [
        vec![crate::home::LIBRETTO.to_owned()],
        script.to_vec(),
        vec![format!("items={items}"), format!("limit={limit}")],
    ]
    .concat();
    let ways = [
        ("ldap3 as it comes", plain("as-it-comes".to_owned())),
        ("ldap3 with `TCP_NODELAY`", plain("nodelay".to_owned())),
        ("`ad::test_target` in `batch::each`", libretto),
    ];
    let mut rates = vec![Vec::new(); ways.len()];
    let mut cpus = vec![Vec::new(); ways.len()];
    // In turns; the first round warms the controller.
    for round in 0..=ROUNDS {
        for (way, (_, command)) in ways.iter().enumerate() {
            let cost = measure::run(&command.iter().map(String::as_str).collect::<Vec<_>>());
            if round > 0 {
                rates[way].push(f64::from(ITEMS) / seconds(&cost.said).as_secs_f64());
                cpus[way].push(cost.cpu());
            }
        }
    }
    let mut rows = vec![table::row(["way", "tests/s, median", "min", "max", "of ldap3", "CPU ms per test"])];
    let rates: Vec<Vec<f64>> = rates.into_iter().map(sorted).collect();
    let best = rates[0][ROUNDS / 2].max(rates[1][ROUNDS / 2]);
    for (((name, _), rates), cpus) in ways.iter().zip(&rates).zip(&cpus) {
        let middle = rates[ROUNDS / 2];
        let cpu = measure::median(cpus).as_secs_f64() * 1e3 / f64::from(ITEMS);
        let cells = [middle, rates[0], rates[ROUNDS - 1]].map(|rate| format!("{rate:.0}"));
        rows.push(
            [vec![(*name).to_owned()], cells.to_vec(), vec![format!("{:.2}", middle / best), format!("{cpu:.2}")]]
                .concat(),
        );
    }
    let about = format!(
        "{ITEMS} tests of one Samba controller, {AT_ONCE} at a time, {ROUNDS} times in turns. Each test: TCP, TLS with the CA checked, simple bind, \
         rootDSE, the domain's object, unbind. Libretto's also decrypts the password, writes the attempt to the disk before the bind and \
         clears it after (the lockout budget), and has each item in the ledger; the controller shares the processors."
    );
    table::print("LDAP bind tests", &about, &rows);
}

fn sorted(mut rates: Vec<f64>) -> Vec<f64> {
    rates.sort_unstable_by(f64::total_cmp);
    rates
}

/// The seconds that a way printed, alone on a line or after the mark of what a script says.
fn seconds(said: &str) -> Duration {
    let number = said.lines().find_map(|line| line.trim_start_matches("| ").trim().parse().ok());
    Duration::from_secs_f64(number.unwrap_or_else(|| panic!("no time in {said}")))
}
