//! A lost or foreign identity, wherever a password is needed: nothing is sent, and no new identity is made.

use std::fs;

use libretto::store::{Store, journal};

use crate::{lockout::Rig, support::program::Output};

/// Spoils the home's identity, runs the commands, and puts it back. Nobody may sign in meanwhile.
fn with_spoilt_identity(rig: &Rig, commands: &[&[&str]]) {
    let path = rig.program.home_path().join("identity.age");
    let own = fs::read(&path).unwrap();
    let foreign = Rig::identity_of_another_home();
    for (spoilt, code) in [(None, "store.identity_lost"), (Some(foreign), "store.identity_foreign")] {
        match &spoilt {
            None => fs::remove_file(&path).unwrap(),
            Some(text) => fs::write(&path, text).unwrap(),
        }
        let before = rig.sign_ins();
        for command in commands {
            let output: Output = rig.run(command);
            let said = format!("{}{}", output.stdout, output.stderr);
            assert!(said.contains(code), "{command:?}: {}", output.text());
            assert_eq!(output.code, Some(2), "{command:?}: {}", output.text());
            assert_eq!(fs::read(&path).ok(), spoilt.clone().map(String::into_bytes), "{command:?} has made another");
        }
        assert_eq!(rig.sign_ins(), before, "somebody signed in");
    }
    fs::write(&path, own).unwrap();
}

impl Rig {
    fn identity_of_another_home() -> String {
        let other = Self::new(1, &[]);
        other.add("corp", other.lab.service_account().0, "env:SERVICE", &other.addresses());
        fs::read_to_string(other.program.home_path().join("identity.age")).unwrap()
    }

    fn sign_ins(&self) -> Vec<(usize, bool)> {
        self.lab.sign_ins(self.lab.service_account().1)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_without_it() {
    let rig = Rig::new(3, &[]);
    rig.add("corp", rig.lab.service_account().0, "env:SERVICE", &rig.addresses());
    with_spoilt_identity(
        &rig,
        &[
            &["run", "reset_ad_creds", "connection=corp", "rotate=true", "--json"],
            &["run", "reset_ad_creds", "connection=corp", "--json"],
            &["connections", "test", "corp", "--json"],
        ],
    );
    let store = Store::open(rig.program.home_path()).unwrap();
    assert!(journal::unfinished(&store).unwrap().is_empty());
    assert_eq!(rig.run(&["connections", "test", "corp"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recovered_without_it() {
    let rig = Rig::new(3, &["target:1=close:modify"]);
    rig.add("corp", rig.lab.service_account().0, "env:SERVICE", &rig.addresses());
    let rotated = rig.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true"]);
    assert_eq!(rotated.code, Some(3), "{}", rotated.text());
    with_spoilt_identity(&rig, &[&["recover", "--json"]]);
    let store = Store::open(rig.program.home_path()).unwrap();
    assert_eq!(journal::unfinished(&store).unwrap().len(), 1, "it is as open as it was");
    drop(store);
    assert_eq!(rig.run(&["recover"]).code, Some(0));
    assert_eq!(rig.run(&["connections", "test", "corp"]).code, Some(0));
}
