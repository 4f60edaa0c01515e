//! Killed before or after any step in which the program writes to a file or talks to a server; then `recover`, which is killed as
//! well now and then. Afterwards the store's current secret signs in, the registration has no orphan, the agent works.

use super::{House, faults};
use crate::{
    crash::steps_library,
    support::{chance::Chance, program::Output, world::words},
};

/// Trials; each takes about a second.
const TRIALS: u64 = 14;
/// Recoveries until one has to end well.
const RECOVERIES: usize = 4;

struct Subject {
    house: House,
    rotate: Vec<String>,
}

impl Subject {
    fn new(options: &str) -> Self {
        let house = House::new();
        let body =
            format!("{}\ncloud::rotate(conn::get(\"contoso\"), #{{ {options} }});", crate::cloud_scripts::ALL_GRANTS);
        house.office.world.file("rotate.rhai", &body);
        Self { house, rotate: words("run rotate.rhai") }
    }

    fn perform(&self, args: &[String], fault: Option<(&str, u64)>, count: Option<&str>) -> Output {
        let mut program = self.house.office.world.program().args(args).env("LD_PRELOAD", steps_library());
        if let Some((fault, step)) = fault {
            program = program.env("LIBRETTO_TEST_FAULT", fault).env("LIBRETTO_TEST_AT", step.to_string());
        }
        if let Some(path) = count {
            program = program.env("LIBRETTO_TEST_STEPS", path);
        }
        program.run()
    }

    /// Steps of what nothing disturbs.
    fn steps(&self) -> u64 {
        let counted = self.house.office.world.folder().join("steps");
        self.perform(&self.rotate, None, Some(counted.to_str().unwrap())).ok();
        std::fs::read_to_string(counted).unwrap().trim().parse().unwrap()
    }

    fn recover(&self, chance: &mut Chance, steps: u64) {
        let line = words("recover");
        while chance.below(3) == 0 {
            self.perform(&line, Some(("kill-after", 1 + chance.below(steps / 2))), None);
        }
        let mut last = None;
        for _ in 0..RECOVERIES {
            let recovered = self.perform(&line, None, None);
            if recovered.code == Some(0) {
                return;
            }
            last = Some(recovered);
        }
        panic!("{}", last.unwrap().text());
    }
}

fn try_all(options: &str, seed: u64) {
    let subject = Subject::new(options);
    let steps = subject.steps();
    let mut cut = 0;
    for trial in 0..TRIALS {
        let mut chance = Chance::new(seed, trial);
        let fault = if chance.below(2) == 0 { "kill-before" } else { "kill-after" };
        // spread over the whole of it, and by chance within each part
        let step = 1 + trial * steps / TRIALS + chance.below((steps / TRIALS).max(1));
        let ended = subject.perform(&subject.rotate, Some((fault, step)), None);
        cut += u64::from(ended.code.is_none());
        subject.recover(&mut chance, steps);
        let found = faults(&subject.house.office);
        assert_eq!(found, Vec::<String>::new(), "trial {trial}: {fault} at step {step} of {steps}\n{}", ended.text());
        subject.house.assert_agent_works();
    }
    assert!(cut > TRIALS / 2, "{cut} of {TRIALS} were cut short");
}

#[test]
fn a_rotation_that_is_killed_anywhere_loses_nothing() {
    try_all("", 7);
}

#[test]
fn a_revocation_that_is_killed_anywhere_loses_nothing() {
    try_all("revoke: \"now\"", 11);
}
