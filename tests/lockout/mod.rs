//! The lockout budget as users meet it: the built program, several at once, against a lab of twenty targets and real Samba.

mod lagging;
mod samba;

use libretto::lab::{Fault, Flavour, Lab, LabOptions};
use tempfile::TempDir;

use crate::{
    lab::{ALICE, administrator, read},
    support::program::{Output, Program},
};

const WRONG: &str = "Wrong-Password-9!";

/// A lab of many targets, and a home folder without connections.
pub struct Rig {
    pub lab: Lab,
    pub program: Program,
    ca: TempDir,
}

impl Rig {
    pub fn new(targets: usize, faults: &[&str]) -> Self {
        let faults = faults.iter().map(|fault| Fault::parse(fault).unwrap()).collect();
        let options = LabOptions { targets: Some(targets), faults, flavour: Flavour::Windows, ..LabOptions::default() };
        let (lab, ca) = (Lab::start(options).unwrap(), TempDir::new().unwrap());
        std::fs::write(ca.path().join("ca.pem"), lab.ca_pem()).unwrap();
        let right = lab.accounts().iter().find(|account| account.name == "alice").unwrap().password.expose().to_owned();
        let service = lab.service_account().1.expose().to_owned();
        let program = Program::new().env("WRONG", WRONG).env("RIGHT", right).env("SERVICE", service);
        Self { lab, program, ca }
    }

    pub fn addresses(&self) -> Vec<String> {
        self.lab.targets().iter().map(|target| target.address.to_string()).collect()
    }

    /// A connection of an account, which goes by this name, to these targets.
    pub fn add(&self, name: &str, username: &str, password: &str, targets: &[String]) {
        let ca = self.ca.path().join("ca.pem");
        let mut args =
            ["connections", "add", "ad", "--name", name, "--domain", "lab.test", "--username", username].to_vec();
        args.extend(["--password", password, "--ca", ca.to_str().unwrap()]);
        args.extend(targets.iter().flat_map(|target| ["--target", target]));
        assert_eq!(self.run(&args).code, Some(0));
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.program.clone().args(args).run()
    }

    /// The same program this many times at once; how each ended.
    fn at_once(&self, times: usize, args: &[&str]) -> Vec<Option<i32>> {
        let started: Vec<_> = (0..times).map(|_| self.program.clone().args(args).start()).collect();
        started.into_iter().map(|one| one.finish().code).collect()
    }

    /// The wrong passwords that all targets have counted for alice, and the targets on which she is locked.
    async fn wrong_and_locked(&self) -> (u32, usize) {
        let (mut wrong, mut locked) = (0, 0);
        for target in 1..=self.lab.targets().len() {
            let mut session = administrator(&self.lab, target).await;
            wrong += read(&mut session, ALICE, "badPwdCount").await.parse::<u32>().unwrap_or(0);
            locked += usize::from(read(&mut session, ALICE, "lockoutTime").await != "0");
        }
        (wrong, locked)
    }
}

/// Error codes of the items or checks of a run, sorted.
pub fn codes(output: &Output, event: &str) -> Vec<String> {
    let mut codes: Vec<String> = output
        .json_lines()
        .iter()
        .filter(|line| line["event"] == event)
        .filter_map(|line| line["error"]["code"].as_str().map(str::to_owned))
        .collect();
    codes.sort();
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_for_twenty_targets_locks_nobody_however_often_it_is_tried() {
    for faults in [&["policy=lockout:3"][..], &["policy=lockout:3", "pdc=forward"]] {
        let rig = Rig::new(20, faults);
        rig.add("corp", "alice@lab.test", "env:WRONG", &rig.addresses());
        assert_eq!(rig.at_once(3, &["connections", "test"]), [Some(1); 3]);
        assert_eq!(rig.wrong_and_locked().await, (1, 0));
        for _ in 0..3 {
            let again = rig.run(&["connections", "test", "--json"]);
            assert_eq!(
                (codes(&again, "check-finished"), again.code),
                (vec!["rotation.budget_spent".to_owned(); 20], Some(1))
            );
        }
        assert_eq!(rig.wrong_and_locked().await, (1, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_connections_of_one_account_under_all_its_names_share_the_budget() {
    let rig = Rig::new(20, &["policy=lockout:3"]);
    for (number, address) in rig.addresses().into_iter().enumerate() {
        let name = ["alice@lab.test", "LAB\\alice", "ALICE@lab.test"][number % 3];
        rig.add(&format!("c{number}"), name, "env:WRONG", &[address]);
    }
    assert_eq!(rig.at_once(3, &["connections", "test"]), [Some(1); 3]);
    assert_eq!(rig.at_once(2, &["connections", "test", "c7"]), [Some(1); 2]);
    assert_eq!(rig.wrong_and_locked().await, (1, 0));
}

/// A DN does not tell that it is alice's, whichever way it is written, until she was let in once.
#[tokio::test(flavor = "multi_thread")]
async fn one_account_by_dn_and_by_name_is_sent_one_wrong_password() {
    let spellings = [
        "CN=Alice Ahlgren,CN=Users,DC=lab,DC=test",
        "cn=alice ahlgren, cn=Users, dc=lab, dc=test",
        "CN=\\41lice Ahlgren,CN=Users,DC=lab,DC=test",
        "alice@lab.test",
        "LAB\\alice",
    ];
    for first in 0..spellings.len() {
        let rig = Rig::new(2, &["policy=lockout:3"]);
        for number in 0..spellings.len() {
            let name = spellings[(first + number) % spellings.len()];
            rig.add(&format!("c{number}"), name, "env:WRONG", &rig.addresses());
            assert_eq!(rig.run(&["connections", "test", &format!("c{number}")]).code, Some(1));
        }
        let (wrong, locked) = rig.wrong_and_locked().await;
        assert!(wrong <= 1 && locked == 0, "first as {}: {wrong}", spellings[first]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_mistypes_a_password_is_told_what_to_do_and_goes_on_from_there() {
    let rig = Rig::new(2, &["policy=lockout:3"]);
    rig.add("corp", "alice@lab.test", "env:WRONG", &rig.addresses());
    assert_eq!(rig.run(&["connections", "test", "corp"]).code, Some(1));
    assert_eq!(rig.run(&["connections", "edit", "corp", "--password", "env:RIGHT"]).code, Some(0));
    let refused = rig.run(&["connections", "test", "corp", "--json"]);
    let error =
        refused.json_lines().into_iter().find(|line| line["event"] == "check-finished").unwrap()["error"].clone();
    let until = error["details"]["until"].as_str().unwrap();
    assert_eq!(
        error["message"],
        "not tried: in the last 30 minutes 1 sign-in of alice@lab.test was not accepted, and Libretto allows no more than 1, \
         because 3 wrong passwords lock the account (assumed: nobody has read the directory's rules yet)"
    );
    assert_eq!(
        error["hint"],
        format!(
            "see that the password is right, then wait until {until}, or insist with --insist; `[lockout] threshold` in \
             config.toml says what the directory allows"
        )
    );
    let shown = rig.run(&["connections", "show", "corp"]).stdout;
    let line = format!("lockout       1 sign-in not accepted, 1 allowed, as far as is known, until {until}");
    assert!(shown.contains(&line), "{shown}");
    assert_eq!(rig.run(&["connections", "test", "corp", "--insist"]).code, Some(0));
    assert_eq!(rig.run(&["connections", "test", "corp"]).code, Some(0), "it is proven, and the refusal is forgiven");
    assert_eq!(rig.wrong_and_locked().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_known_to_allow_more_is_believed() {
    let rig = Rig::new(2, &["policy=lockout:10"]);
    rig.add("corp", "alice@lab.test", "env:RIGHT", &rig.addresses());
    assert_eq!(rig.run(&["connections", "test", "corp"]).code, Some(0));
    assert_eq!(rig.run(&["connections", "edit", "corp", "--password", "env:WRONG"]).code, Some(0));
    for attempt in 1..=9 {
        let code = codes(&rig.run(&["connections", "test", "corp", "--json"]), "check-finished").swap_remove(1);
        assert_eq!(code, if attempt <= 8 { "ad.wrong_password" } else { "rotation.budget_spent" }, "{attempt}");
    }
    assert_eq!(rig.wrong_and_locked().await, (8, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_two_wrong_passwords_lock_only_proven_ones_are_tried() {
    let rig = Rig::new(2, &["policy=lockout:2"]);
    rig.add("corp", "alice@lab.test", "env:RIGHT", &rig.addresses());
    for _ in 0..2 {
        assert_eq!(rig.run(&["connections", "test", "corp"]).code, Some(0));
    }
    assert_eq!(rig.run(&["connections", "edit", "corp", "--password", "env:WRONG"]).code, Some(0));
    let refused = rig.run(&["connections", "test", "corp", "--json"]);
    assert_eq!(codes(&refused, "check-finished"), ["rotation.budget_spent"; 2]);
    assert_eq!(rig.wrong_and_locked().await, (0, 0));
    assert_eq!(rig.run(&["connections", "test", "corp", "--insist"]).code, Some(1));
    assert_eq!(rig.wrong_and_locked().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_config_says_holds_where_nothing_is_known() {
    let rig = Rig::new(1, &["policy=lockout:0"]);
    rig.add("corp", "alice@lab.test", "env:WRONG", &rig.addresses());
    std::fs::write(rig.program.home_path().join("config.toml"), "[lockout]\nthreshold = 0\n").unwrap();
    for _ in 0..4 {
        let code = codes(&rig.run(&["connections", "test", "corp", "--json"]), "check-finished").swap_remove(0);
        assert_eq!(code, "ad.wrong_password");
    }
    assert_eq!(rig.wrong_and_locked().await, (4, 0));
}
