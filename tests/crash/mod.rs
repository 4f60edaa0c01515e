//! The crash matrix: the program is killed, or its disk or network fails, at any step of a rotation against a real domain;
//! then `libretto recover`, which may be killed as well, has to know the password that is valid.
//!
//! A few trials run with all tests. `benches/crash-matrix` sets `LIBRETTO_TEST_TRIALS` and runs as many as it says.

mod judge;
mod replication;
mod subject;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use judge::Judgement;
use subject::{Fault, Subject};

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
                let subject = Subject::new(index);
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
    println!("seed {seed}\n{}", counts.table());
    assert!(counts.faults.is_empty(), "{}", counts.faults.join("\n"));
    assert!(counts.interrupted > trials / 2, "most trials have to meet their fault:\n{}", counts.table());
}

/// One rotation that meets a fault, the recovery, and what was found then.
fn perform(subject: &Subject, number: u64, chance: &mut Chance) -> Trial {
    let fault = Fault::ALL[(number % Fault::ALL.len() as u64) as usize];
    let step = 1 + chance.below(subject.steps);
    let rotation = subject.rotate(Some((fault, step)));
    let mut trial = Trial {
        fault,
        name: format!("trial {number}, {}: {} at step {step}", subject.about, fault.word()),
        interrupted: rotation.code != Some(0),
        recoveries_killed: 0,
        judgement: Judgement::default(),
    };
    // A recovery may end like the rotation did, more than once.
    while chance.below(3) == 0 {
        let fault = if chance.below(2) == 0 { Fault::KillBefore } else { Fault::KillAfter };
        if subject.recover(Some((fault, 1 + chance.below(subject.steps / 2))), false).code.is_none() {
            trial.recoveries_killed += 1;
        }
    }
    trial.judgement = judge::judge(subject, &rotation);
    trial
}

struct Trial {
    fault: Fault,
    name: String,
    interrupted: bool,
    recoveries_killed: u64,
    judgement: Judgement,
}

/// What came of all trials.
#[derive(Default)]
struct Counts {
    by_fault: BTreeMap<&'static str, [u64; 7]>,
    interrupted: u64,
    faults: Vec<String>,
}

impl Counts {
    fn add(&mut self, trial: &Trial) {
        let judged = &trial.judgement;
        let row = self.by_fault.entry(trial.fault.word()).or_default();
        let flags = [true, trial.interrupted, judged.recovered(), judged.lost, judged.locked, judged.insisted];
        for (count, flag) in row.iter_mut().zip(flags) {
            *count += u64::from(flag);
        }
        row[6] += trial.recoveries_killed;
        self.interrupted += u64::from(trial.interrupted);
        self.faults.extend(judged.faults.iter().map(|fault| format!("{}: {fault}", trial.name)));
    }

    fn table(&self) -> String {
        let mut text = String::from(
            "| fault | trials | ended early | recovered | lost | locked | recovered with `--insist` | recoveries killed on the way |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        let mut all = [0; 7];
        for (fault, row) in &self.by_fault {
            let _ = writeln!(text, "| {fault} | {} |", row.map(|count| count.to_string()).join(" | "));
            for (sum, count) in all.iter_mut().zip(row) {
                *sum += count;
            }
        }
        let _ = writeln!(text, "| all | {} |", all.map(|count| count.to_string()).join(" | "));
        text
    }
}

/// The library that `steps.c` describes, built once.
fn steps_library() -> &'static Path {
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
