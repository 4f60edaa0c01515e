//! Rotations from the command line whose password comes over standard input, or is to look in a certain way; and what is
//! refused of their connection while one is open.

use libretto::{
    connection::{self, Scope, credentials},
    secret::seal::Identity,
    store::Store,
};

use crate::{lab, lockout::Rig, support::canary::canary};

const GIVEN: &str = "Given-Over-A-Pipe-1!";

fn rig(faults: &[&str]) -> Rig {
    let rig = Rig::new(3, faults);
    rig.add("corp", rig.lab.service_account().0, "env:SERVICE", &rig.addresses());
    rig
}

/// The current password of the connection, as the store opens it.
fn current(rig: &Rig) -> String {
    let store = Store::open(rig.program.home_path()).unwrap();
    let connection = connection::get(&store, "corp", &Scope::all()).unwrap();
    let version = credentials::current(&store, &connection).unwrap().unwrap();
    credentials::open(&store, &Identity::load(&store).unwrap(), &version).unwrap().expose().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_password_comes_over_standard_input() {
    let rig = rig(&[]);
    let args = ["run", "reset_ad_creds", "connection=corp", "rotate=true", "password=-"];
    let rotated = rig.program.clone().stdin(format!("{GIVEN}\n")).args(args).run();
    assert_eq!(rotated.code, Some(0), "{}", rotated.text());
    canary(GIVEN).assert_absent("standard output", &rotated.stdout);
    canary(GIVEN).assert_absent_below(rig.program.home_path());
    assert_eq!(
        (current(&rig).as_str(), lab::data(&rig.lab, 1, rig.lab.service_account().0, GIVEN).await.as_str()),
        (GIVEN, "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_says_what_the_new_password_is_made_of() {
    let rig = rig(&[]);
    let script = "const GRANTS = [\"directory:write\", \"connection:write\"];\n\
        ad::rotate(conn::get(\"corp\"), #{ generate: #{ length: 40, alphabet: \"abXY78\", insist: true } });";
    std::fs::write(rig.program.folder_path().join("made.rhai"), script).unwrap();
    let rotated = rig.run(&["run", "made.rhai"]);
    assert_eq!(rotated.code, Some(0), "{}", rotated.text());
    let made = current(&rig);
    assert_eq!((made.len(), made.trim_matches(|one| "abXY78".contains(one))), (40, ""));
}

/// Nobody knows which password the account has: it keeps its connection, and the connection its account.
#[tokio::test(flavor = "multi_thread")]
async fn while_one_is_open_its_connection_is_neither_removed_nor_imported_over() {
    let rig = rig(&["target:1=close:modify"]);
    let rotated = rig.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true"]);
    assert_eq!(rotated.code, Some(3), "{}", rotated.text());
    let columns = "name,kind,domain,username,password\ncorp,ad,lab.test,svc-libretto@lab.test,env:RIGHT\n";
    std::fs::write(rig.program.folder_path().join("over.csv"), columns).unwrap();
    let shown = rig.run(&["connections", "show", "corp"]).stdout;
    for refused in [&["connections", "remove", "corp", "--yes"][..], &["connections", "import", "over.csv"]] {
        let output = rig.run(refused);
        assert_eq!(output.code, Some(3), "{}", output.text());
        assert!(output.stderr.starts_with("error[rotation.unfinished]: "), "{}", output.text());
        assert_eq!(rig.run(&["connections", "show", "corp"]).stdout, shown);
    }
    assert_eq!(rig.run(&["recover"]).code, Some(0));
    assert_eq!(rig.run(&["connections", "remove", "corp", "--yes"]).code, Some(0));
}
