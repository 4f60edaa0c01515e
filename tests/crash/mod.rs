//! The crash matrix: the program is killed, or its disk or network fails, at any step of a rotation, a revocation or an undo
//! against a real domain; then `libretto recover`, which may be killed as well, has to know the password that is valid.
//!
//! A few trials run with all tests. `benches/crash-matrix` sets `LIBRETTO_TEST_TRIALS` and runs as many as it says.

mod judge;
mod replication;
mod subject;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use judge::Judgement;
use subject::{Fault, Procedure, Subject};

use libretto::{
    connection::{self, Scope, credentials},
    store::Store,
};

use crate::support::chance::Chance;

/// Trials beside all other tests: each of the faults some times, on each kind of account.
const FEW: u64 = 40;

/// The accounts that are tried at once. Each has a home of its own.
const SUBJECTS: u64 = 4;

#[test]
fn after_a_crash_at_any_step_the_valid_password_is_known_and_nothing_is_locked() {
    let trials = number("LIBRETTO_TEST_TRIALS").unwrap_or(FEW);
    let seed = number("LIBRETTO_TEST_SEED").unwrap_or(1);
    let counts = Mutex::new(Counts::default());
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for index in 0..SUBJECTS {
            let (counts, next) = (&counts, &next);
            scope.spawn(move || {
                let subject = Subject::for_trials(index);
                loop {
                    let trial = next.fetch_add(1, Ordering::Relaxed);
                    if trial >= trials {
                        break;
                    }
                    let one = perform(&subject, trial, &mut Chance::new(seed, trial));
                    counts.lock().unwrap().add(&one);
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    println!("seed {seed}\n{counts}");
    assert!(counts.faults.is_empty(), "{}", counts.faults.join("\n"));
    assert!(counts.interrupted > trials / 2, "most trials have to meet their fault:\n{counts}");
}

/// The one before signs in as well, for an hour: a recovery that kept it must not pass for a good one.
#[test]
fn a_store_that_has_the_password_before_is_found_out() {
    let subject = Subject::new(0);
    let settled = subject.recover(None, false);
    let good = judge::judge(&subject, Procedure::Rotate, "", &settled);
    assert!(good.recovered() && !good.lost, "{:?}", good.faults);

    let store = Store::open(subject.home()).unwrap();
    let connection = connection::get(&store, "corp", &Scope::all()).unwrap();
    let versions = credentials::history(&store, &connection).unwrap();
    let before = versions.iter().find(|one| one.state.as_str() == "previous").unwrap();
    credentials::promote(&store, before.id, "nowhere").unwrap();
    assert!(judge::signs_in(&subject, &judge::current(&subject, "corp")), "the hour of grace");

    let bad = judge::judge(&subject, Procedure::Rotate, "", &settled);
    let expected = format!("corp: {}\nrotation:\n{}", judge::NOT_THE_PRESENT_ONE, settled.stdout);
    assert_eq!((bad.lost, bad.locked, bad.faults), (true, false, vec![expected]));
}

/// One change that meets a fault, the recovery, and what was found then.
fn perform(subject: &Subject, number: u64, chance: &mut Chance) -> Trial {
    let fault = Fault::ALL[(number % Fault::ALL.len() as u64) as usize];
    let procedure = Procedure::ALL[chance.below(Procedure::ALL.len() as u64) as usize];
    let step = 1 + chance.below(subject.steps(procedure));
    let before = judge::current(subject, "corp");
    let rotation = subject.change(procedure, Some((fault, step)), None);
    let mut trial = Trial {
        fault,
        procedure,
        name: format!("trial {number}, {} ({}): {} at step {step}", procedure.word(), subject.about, fault.word()),
        interrupted: !procedure.is_whole(&rotation),
        recoveries_killed: 0,
        judgement: Judgement::default(),
    };
    // A recovery may end like the rotation did, more than once.
    while chance.below(3) == 0 {
        let fault = if chance.below(2) == 0 { Fault::KillBefore } else { Fault::KillAfter };
        if subject.recover(Some((fault, 1 + chance.below(subject.steps(Procedure::Rotate) / 2))), false).code.is_none()
        {
            trial.recoveries_killed += 1;
        }
    }
    trial.judgement = judge::judge(subject, procedure, &before, &rotation);
    trial
}

struct Trial {
    fault: Fault,
    procedure: Procedure,
    name: String,
    interrupted: bool,
    recoveries_killed: u64,
    judgement: Judgement,
}

/// A row of the table.
type Row = [u64; 7];

/// What came of all trials.
#[derive(Default)]
struct Counts {
    by_fault: BTreeMap<&'static str, Row>,
    by_procedure: BTreeMap<&'static str, Row>,
    interrupted: u64,
    faults: Vec<String>,
}

impl Counts {
    fn add(&mut self, trial: &Trial) {
        let judged = &trial.judgement;
        let flags = [true, trial.interrupted, judged.recovered(), judged.lost, judged.locked, judged.insisted];
        let by_fault = self.by_fault.entry(trial.fault.word()).or_default();
        for row in [by_fault, self.by_procedure.entry(trial.procedure.word()).or_default()] {
            for (count, flag) in row.iter_mut().zip(flags) {
                *count += u64::from(flag);
            }
            row[6] += trial.recoveries_killed;
        }
        self.interrupted += u64::from(trial.interrupted);
        self.faults.extend(judged.faults.iter().map(|fault| format!("{}: {fault}", trial.name)));
    }
}

/// One table by the fault, and one by what was cut short.
impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (first, rows) in [("fault", &self.by_fault), ("cut short", &self.by_procedure)] {
            let columns = "trials | ended early | recovered | lost | locked | recovered with `--insist` | recoveries killed on the way";
            writeln!(out, "| {first} | {columns} |\n|---|--:|--:|--:|--:|--:|--:|--:|")?;
            let mut all = [0; 7];
            for (word, row) in rows {
                writeln!(out, "| {word} | {} |", row.map(|count| count.to_string()).join(" | "))?;
                for (sum, count) in all.iter_mut().zip(row) {
                    *sum += count;
                }
            }
            writeln!(out, "| all | {} |\n", all.map(|count| count.to_string()).join(" | "))?;
        }
        Ok(())
    }
}

/// The library that `steps.c` describes, built once.
pub fn steps_library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("steps.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/steps.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]).arg(&library).arg(source).arg("-ldl");
        assert!(compiler.status().unwrap().success(), "steps.c does not compile");
        library
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}
