//! Declared procedures: performed as runs of their own when the account has a new password, against a lab in another process.

use std::time::Duration;

use libretto::{
    connection::{self, AdSettings, Change, Scope, Settings, credentials},
    secret::seal,
    store::Store,
};
use serde_json::Value;

use super::{FIRST, Service, told};
use crate::support::{
    canary::canary,
    program::{Output, Program, Running},
    samba::samba,
};

/// Hands the new password on: to an account that this run can set, so that a test can see which one it was.
const HAND_ON: &str = r#"//! Hands the password on to somebody else's system, which here is another account.
const PARAMS = #{ connection: #{ type: "connection", kind: "ad", help: "whose account has a new password" } };
const GRANTS = ["connection:secret", "directory:test", "directory:write"];
step("See that it works", || ad::test_targets(conn::get(args::connection)));
step("Hand it on", || ad::set_password(conn::get(args::connection), "bob", conn::secret(conn::get(args::connection))));
"#;

/// Says no.
const REFUSE: &str = r#"//! Cannot take it.
const PARAMS = #{ connection: #{ type: "connection", kind: "ad", help: "whose account has a new password" } };
step("Hand it on", || throw #{ code: "pool.stuck", message: "the pool does not stop" });
"#;

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A lab in a process of its own, and a program whose home has a connection to it.
struct Lab {
    running: Running,
    world: Value,
    program: Program,
}

impl Lab {
    fn new(args: &[&str], dependents: &[&str]) -> Self {
        let all = ["lab", "--json"].iter().chain(args);
        let mut running = Program::new().args(all).start();
        running.await_output("lab-started");
        let world: Value = serde_json::from_str(running.said().lines().next().unwrap()).unwrap();
        let program = Program::new().limit(Duration::from_mins(1));
        let lab = Self { running, world, program };
        lab.write("hand_on", HAND_ON);
        lab.write("refuse", REFUSE);
        let dependents = dependents.iter().flat_map(|name| ["--dependent", name]);
        let more: Vec<String> = dependents.map(str::to_owned).collect();
        assert_eq!(lab.add("my", &lab.text("username"), &more).code, Some(0));
        lab
    }

    fn text(&self, field: &str) -> String {
        text(&self.world[field])
    }

    fn write(&self, name: &str, text: &str) {
        let folder = self.program.home_path().join("scripts");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.rhai")), text).unwrap();
    }

    /// A connection to the first `targets` of the lab.
    fn add_to(&self, targets: usize, name: &str, username: &str, more: &[String]) -> Output {
        let (ca, password) = (self.text("ca"), self.text("password"));
        let mut args: Vec<String> =
            ["connections", "add", "ad", "--name", name, "--domain", "lab.test"].map(str::to_owned).into();
        args.extend(["--username", username, "--password", &password, "--ca", &ca].map(str::to_owned));
        for target in &self.world["targets"].as_array().unwrap()[..targets] {
            args.extend(["--target".to_owned(), text(&target["ldaps"])]);
        }
        args.extend(more.iter().cloned());
        self.program.clone().args(&args).run()
    }

    fn add(&self, name: &str, username: &str, more: &[String]) -> Output {
        self.add_to(3, name, username, more)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.program.clone().args(args).run()
    }

    /// The lines of a rotation's dependents and of the run's end.
    fn rotate(&self, more: &[&str]) -> (Vec<String>, Option<i32>) {
        let args = ["run", "reset_ad_creds", "connection=my", "rotate=true", "--json"];
        let run = self.run(&args.iter().chain(more).copied().collect::<Vec<_>>());
        assert_eq!(run.stderr, "");
        let keep = |line: &String| {
            !line.starts_with("  ")
                || ["hand_on", "refuse", "dependents", "undo promote"].iter().any(|word| line.contains(word))
        };
        (told(&run).into_iter().filter(keep).collect(), run.code)
    }

    fn end(self) {
        let store = Store::open(self.program.home_path()).unwrap();
        let my = connection::get(&store, "my", &Scope::all()).unwrap();
        let identity = seal::Identity::load(&store).unwrap();
        for version in credentials::history(&store, &my).unwrap() {
            let secret = credentials::open(&store, &identity, &version).unwrap();
            canary(secret.expose()).assert_absent_below(self.program.home_path());
        }
        self.running.signal("INT");
        assert_eq!(self.running.finish().code, Some(0));
    }
}

#[test]
fn a_declared_procedure_hands_the_new_password_on() {
    let lab = Lab::new(&[], &["hand_on"]);
    let shown = lab.run(&["connections", "show", "my"]).stdout;
    assert!(shown.contains("dependents    hand_on\n"), "{shown}");
    let (lines, code) = lab.rotate(&[]);
    assert_eq!(lines[..3], ["Set the service-account credentials: ok", "  dependents ok", "  hand_on for my ok"]);
    assert_eq!(code, Some(0));
    // It was a run of its own, newer than the one that started it.
    let runs = lab.run(&["runs", "list", "--json"]);
    let listed: Vec<Value> = runs.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let scripts: Vec<&str> = listed.iter().map(|run| run["script"].as_str().unwrap()).collect();
    assert_eq!(scripts, ["hand_on", "reset_ad_creds"]);
    // The other account has got the very password.
    let store = Store::open(lab.program.home_path()).unwrap();
    let my = connection::get(&store, "my", &Scope::all()).unwrap();
    let current = credentials::current(&store, &my).unwrap().unwrap();
    let secret = credentials::open(&store, &seal::Identity::load(&store).unwrap(), &current).unwrap();
    let file = lab.program.folder_path().join("new-password");
    std::fs::write(&file, secret.expose()).unwrap();
    // On the target where it was set: nobody waits for the others to have it.
    let bob = lab.add_to(1, "bob", "bob@lab.test", &[]);
    assert_eq!(bob.code, Some(0), "{}", bob.stderr);
    let password = format!("file:{}", file.display());
    assert_eq!(lab.run(&["connections", "edit", "bob", "--password", &password]).code, Some(0));
    let tested = lab.run(&["connections", "test", "bob"]);
    assert_eq!(tested.code, Some(0), "{}{}", tested.stdout, tested.stderr);
    lab.end();
}

#[test]
fn one_that_fails_leaves_the_run_partial() {
    let lab = Lab::new(&[], &["refuse", "hand_on"]);
    let (lines, code) = lab.rotate(&[]);
    assert_eq!(
        lines[..4],
        [
            "Set the service-account credentials: partial",
            "  dependents failed",
            "  hand_on for my ok",
            "  refuse for my failed"
        ]
    );
    assert!(lines[6].starts_with("partial "), "{lines:#?}");
    assert_eq!(code, Some(1));
    let tested = lab.run(&["connections", "test", "my"]);
    assert_eq!(tested.code, Some(0), "the new password is the current one: {}", tested.stdout);
    lab.end();
}

/// What could not take the password gets it from `recover`, once it can; until then every recovery says what is left.
#[test]
fn recover_hands_it_over_again() {
    let lab = Lab::new(&[], &["refuse"]);
    assert_eq!(lab.rotate(&[]).1, Some(1));
    let open = "not taken by refuse for my";
    let still = lab.run(&["recover"]);
    assert_eq!(still.code, Some(1), "{}{}", still.stdout, still.stderr);
    assert!(
        still.stdout.contains(open) && still.stdout.contains("1 of 1 dependents have not taken it"),
        "{}",
        still.stdout
    );
    lab.write("refuse", HAND_ON);
    let again = lab.run(&["recover"]);
    assert_eq!(again.code, Some(0), "{}{}", again.stdout, again.stderr);
    assert!(again.stdout.contains(open) && again.stdout.contains("ok            refuse for my"), "{}", again.stdout);
    let nothing = lab.run(&["recover"]);
    assert!(nothing.code == Some(0) && nothing.stdout.contains("nothing to recover"), "{}", nothing.stdout);
    lab.end();
}

/// A connection that was given another name is the same one.
#[test]
fn recover_hands_it_over_to_a_connection_that_was_renamed() {
    let lab = Lab::new(&[], &["refuse"]);
    assert_eq!(lab.rotate(&[]).1, Some(1));
    lab.write("refuse", HAND_ON);
    assert_eq!(lab.run(&["connections", "edit", "my", "--name", "ours"]).code, Some(0));
    let recovered = lab.run(&["recover"]);
    assert_eq!(recovered.code, Some(0), "{}{}", recovered.stdout, recovered.stderr);
    assert!(recovered.stdout.contains("ok            refuse for ours"), "{}", recovered.stdout);
    assert!(lab.run(&["recover"]).stdout.contains("nothing to recover"));
    assert_eq!(lab.run(&["connections", "edit", "ours", "--name", "my"]).code, Some(0));
    lab.end();
}

/// Where the account's other connections go is nobody's business then: only rotations follow their targets.
#[test]
fn recover_hands_it_over_though_another_connections_targets_are_not_known() {
    let lab = Lab::new(&[], &["refuse"]);
    assert_eq!(lab.add("second", &lab.text("username"), &[]).code, Some(0));
    assert_eq!(lab.rotate(&[]).1, Some(1));
    lab.write("refuse", HAND_ON);
    // It goes where DNS says by now, and DNS knows nothing.
    let store = Store::open(lab.program.home_path()).unwrap();
    let second = connection::get(&store, "second", &Scope::all()).unwrap();
    let settings = Settings::Ad(AdSettings { targets: Vec::new(), ..second.ad().unwrap().clone() });
    let discovered = Change { settings: Some(settings), ..Change::default() };
    connection::edit(&store, "second", &Scope::all(), &discovered).unwrap();
    drop(store);
    let recovered = lab.run(&["recover"]);
    assert_eq!(recovered.code, Some(0), "{}{}", recovered.stdout, recovered.stderr);
    assert!(recovered.stdout.contains("ok            refuse for my"), "{}", recovered.stdout);
    lab.end();
}

/// What a connection declares is another account's once it has one.
#[test]
fn recover_hands_nothing_to_a_connection_that_has_another_account_by_now() {
    let lab = Lab::new(&[], &["refuse"]);
    assert_eq!(lab.add("second", &lab.text("username"), &[]).code, Some(0));
    assert_eq!(lab.rotate(&[]).1, Some(1));
    lab.write("refuse", HAND_ON);
    let password = lab.text("password");
    let edit = ["connections", "edit", "my", "--username", "alice@lab.test", "--password", &password];
    assert_eq!(lab.run(&edit).code, Some(0));
    let recovered = lab.run(&["recover"]);
    assert_eq!(recovered.code, Some(0), "{}{}", recovered.stdout, recovered.stderr);
    assert!(recovered.stdout.contains("svc-libretto@lab.test (second), begun"), "{}", recovered.stdout);
    assert!(recovered.stdout.contains("skipped       refuse for my"), "{}", recovered.stdout);
    // Only what had failed before was performed.
    let runs = lab.run(&["runs", "list", "--json"]);
    assert_eq!(runs.stdout.matches("\"script\":\"refuse\"").count(), 1, "{}", runs.stdout);
    assert!(lab.run(&["recover"]).stdout.contains("nothing to recover"));
    lab.end();
}

/// A password that is only stored is handed to nobody: they are named, also those of the account's other connections.
#[test]
fn a_password_that_is_only_stored_leaves_the_declared_ones_to_be_seen_to() {
    let lab = Lab::new(&[], &["hand_on"]);
    let more = ["--dependent", "refuse"].map(str::to_owned);
    assert_eq!(lab.add("second", &lab.text("username"), &more).code, Some(0));
    assert_eq!(lab.run(&["connections", "test"]).code, Some(0));
    let given = format!("password={}", lab.text("password"));
    let stored = lab.run(&["run", "reset_ad_creds", "connection=my", &given]);
    assert_eq!(stored.code, Some(0), "{}{}", stored.stdout, stored.stderr);
    let said = "not told of it, for it was only stored: hand_on for my, refuse for second";
    assert!(
        stored.stdout.contains("See to what depends on the account") && stored.stdout.contains(said),
        "{}",
        stored.stdout
    );
    let proven = lab.run(&["run", "reset_ad_creds", "connection=my"]);
    assert!(proven.code == Some(0) && !proven.stdout.contains("not told"), "nothing is new: {}", proven.stdout);
    assert_eq!(lab.run(&["runs", "list", "--json"]).stdout.matches("hand_on").count(), 0);
    lab.end();
}

/// What a rotation changes is what the connection shows.
#[test]
fn a_rotation_after_an_edit_is_of_the_account_that_is_shown() {
    let lab = Lab::new(&[], &["hand_on"]);
    let changed = |lines: &[String]| {
        let told: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("changed: password of ")).collect();
        told.iter().filter_map(|line| line.split(' ').next()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(lab.run(&["connections", "edit", "my", "--username", "bob@lab.test"]).code, Some(2));
    assert_eq!(changed(&lab.rotate(&[]).0), "svc-libretto@lab.test");
    // The dependent has given the new password to bob as well.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pw");
    let store = Store::open(lab.program.home_path()).unwrap();
    let my = connection::get(&store, "my", &Scope::all()).unwrap();
    let current = credentials::current(&store, &my).unwrap().unwrap();
    let secret = credentials::open(&store, &seal::Identity::load(&store).unwrap(), &current).unwrap();
    std::fs::write(&file, secret.expose()).unwrap();
    drop(store);
    let password = format!("file:{}", file.display());
    assert_eq!(lab.add("admin", &lab.text("username"), &[]).code, Some(0));
    assert_eq!(lab.run(&["connections", "edit", "admin", "--password", &password]).code, Some(0));
    let edit = ["connections", "edit", "my", "--username", "bob@lab.test", "--password", &password];
    let edited = lab.run(&edit.iter().chain(&["--via", "admin", "--dependent", ""]).copied().collect::<Vec<_>>());
    assert_eq!(edited.code, Some(0), "{}", edited.stderr);
    let (lines, code) = lab.rotate(&[]);
    assert_eq!((changed(&lines).as_str(), code), ("bob@lab.test", Some(0)), "{lines:#?}");
    let shown = lab.run(&["connections", "show", "my"]).stdout;
    assert!(shown.contains("username      bob@lab.test\n") && !shown.contains("signs in as"), "{shown}");
    lab.end();
}

#[test]
fn with_undo_the_old_password_is_back() {
    let lab = Lab::new(&[], &["refuse"]);
    let (lines, code) = lab.rotate(&["on_failure=undo"]);
    assert_eq!(lines[0], "Set the service-account credentials: failed");
    assert!(lines.contains(&"  undo promote ok".to_owned()), "{lines:#?}");
    let sentence = |start: &str| lines.iter().any(|line| line.starts_with(start));
    assert!(sentence("changed: password of svc-libretto@lab.test changed in lab.test on "), "{lines:#?}");
    assert!(sentence("changed: the old password of svc-libretto@lab.test is back in lab.test on "), "{lines:#?}");
    assert_eq!(code, Some(1));
    assert_eq!(lab.run(&["connections", "test", "my"]).code, Some(0));
    // What the lab printed at first is valid again.
    let given = lab.text("password");
    assert_eq!(lab.add("again", &lab.text("username"), &[]).code, Some(0), "{given}");
    assert_eq!(lab.run(&["connections", "test", "again"]).code, Some(0));
    lab.end();
}

#[test]
fn what_cannot_be_performed_stops_it_before_anything_is_touched() {
    let lab = Lab::new(&[], &["hand_on"]);
    lab.write("lonely", "//! Takes no connection.\nprint(1);\n");
    lab.write(
        "wrong",
        "//! Is wrong.\nconst PARAMS = #{ connection: #{ type: \"connection\", help: \"\" } };\nad::nothing();\n",
    );
    for (name, said) in [
        ("nowhere", "there is no such script"),
        ("lonely", "has no parameter connection"),
        ("wrong", "it does not pass the check"),
    ] {
        assert_eq!(lab.run(&["connections", "edit", "my", "--dependent", name]).code, Some(0));
        let run = lab.run(&["run", "reset_ad_creds", "connection=my", "rotate=true"]);
        assert_eq!(run.code, Some(1), "{name}");
        let whole = format!("{}{}", run.stdout, run.stderr);
        assert!(whole.contains("rotation.dependent_down") && whole.contains(said), "{name}: {whole}");
        assert!(whole.contains("not changed in the directory, the old credentials stay current"), "{name}: {whole}");
    }
    assert_eq!(lab.run(&["connections", "edit", "my", "--dependent", ""]).code, Some(0));
    assert!(!lab.run(&["connections", "show", "my"]).stdout.contains("dependents"));
    lab.end();
}

#[test]
fn a_path_is_no_declared_procedure() {
    let lab = Lab::new(&[], &[]);
    let edited = lab.run(&["connections", "edit", "my", "--dependent", "./hand_on.rhai"]);
    assert_eq!(edited.code, Some(2));
    assert!(edited.stderr.contains("connection.bad_dependent"), "{}", edited.stderr);
    lab.end();
}

#[test]
fn the_accounts_other_connections_are_proven_on_their_own_targets() {
    let lab = Lab::new(&["--fault", "replication=300ms"], &["hand_on"]);
    assert_eq!(lab.add_to(1, "narrow", &lab.text("username"), &[]).code, Some(0));
    // Whose account it is shows when a target has accepted it.
    assert_eq!(lab.run(&["connections", "test"]).code, Some(0));
    let run = lab.run(&["run", "reset_ad_creds", "connection=narrow", "rotate=true", "--json"]);
    let lines = told(&run);
    let target = |number: usize| text(&lab.world["targets"][number]["ldaps"]);
    for line in [
        format!("  my {} ok", target(1)),
        format!("  my {} ok", target(2)),
        "  my ok".to_owned(),
        "  hand_on for my ok".to_owned(),
        "  dependents ok".to_owned(),
    ] {
        assert!(lines.contains(&line), "{line}: {lines:#?}");
    }
    assert_eq!(run.code, Some(0));
    assert_eq!(lab.run(&["connections", "test"]).code, Some(0));
    lab.end();
}

#[test]
fn access_of_somebody_who_left_ends() {
    let lab = Lab::new(&[], &["hand_on"]);
    let run = lab.run(&["run", "revoke_access", "connections=my", "--json"]);
    let lines = told(&run);
    let of = |start: &str| {
        lines.iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {lines:#?}"))
    };
    of("Change each password twice: ok");
    of("  revoke promote ok");
    of("  access ends ok");
    assert!(of("changed: password of svc-libretto@lab.test changed a second time").contains("Kerberos"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(
        run.stdout.contains("the password that was known is refused where this change has arrived"),
        "{}",
        run.stdout
    );
    assert_eq!(lab.add("left", &lab.text("username"), &[]).code, Some(0));
    assert_eq!(lab.run(&["connections", "test", "left"]).code, Some(1), "the first password");
    lab.end();
}

#[test]
fn revoke_without_rotate_is_refused() {
    let lab = Lab::new(&[], &[]);
    let run = lab.run(&["run", "reset_ad_creds", "connection=my", "revoke=now"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("revoke=now needs rotate=true"), "{}", run.stdout);
    lab.end();
}

/// On real Samba: a server that answers, with a share that is not there.
#[test]
fn a_home_server_that_does_not_let_the_account_in_makes_it_partial_or_brings_the_old_password_back() {
    let service = Service::new("dep");
    let one = samba().controller(1).1;
    let (homes, missing) = (format!("//{one}/homes$"), format!("//{one}/missing$"));
    let edit = service.run(&["connections", "edit", "corp", "--home-server", &homes, "--home-server", &missing]);
    assert_eq!(edit.code, Some(0), "{}", edit.stderr);
    let first_step = |run: &Output| {
        let keep = |line: &String| line.contains("//") || line.contains("dependents") || line.contains("promote");
        told(run).into_iter().take_while(|line| !line.starts_with("Test the")).filter(keep).collect::<Vec<_>>()
    };
    let run = service.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true", "--json"]);
    let missing_line = format!("  {missing} failed");
    let homes_line = format!("  {homes} ok");
    let expected = [homes_line.as_str(), &missing_line, "  dependents failed", "  promote ok"];
    assert_eq!((first_step(&run).join("\n"), run.code), (expected.join("\n"), Some(1)));
    assert!(run.stdout.contains("1 of 2 dependents have not taken it"), "{}", run.stdout);

    let undone = service.run(&["run", "reset_ad_creds", "connection=corp", "rotate=true", "on_failure=undo", "--json"]);
    let lines = first_step(&undone);
    assert!(lines.contains(&"  undo promote ok".to_owned()), "{lines:#?}");
    assert_eq!(undone.code, Some(1));
    assert_eq!(service.bad_passwords(), 0);
    // Two versions were made, and what is stored is what works.
    let shown = service.run(&["connections", "show", "corp"]).stdout;
    assert!(shown.contains("version 4"), "{shown}");
    let only = service.run(&["connections", "edit", "corp", "--home-server", &homes]);
    assert_eq!(only.code, Some(0));
    assert_eq!(service.run(&["connections", "test", "corp"]).code, Some(0));
}

/// On real Samba the password before the last does not bind.
#[test]
fn a_revoked_password_is_refused_by_real_controllers_at_once() {
    let service = Service::new("rvk");
    let run = service.run(&["run", "revoke_access", "connections=corp", "--json"]);
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    assert!(told(&run).contains(&"  access ends ok".to_owned()));
    for number in 1..=3 {
        let address = samba().controller(number).1;
        let bound = std::thread::scope(|scope| {
            let bind = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(crate::support::domain::bind(samba(), number, &service.upn, FIRST)).is_ok()
            };
            scope.spawn(bind).join().unwrap()
        });
        assert!(!bound, "{address} still takes the password that was known");
    }
    assert_eq!(service.run(&["connections", "test", "corp"]).code, Some(0));
}
