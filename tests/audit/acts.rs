//! What is in the trail, and with whose name.

use std::process::Command;

use libretto::{lab::Flavour, rotation::Via, store::Store};
use serde_json::Value;

use super::{entries, told};
use crate::{
    rotation::{Rig, run},
    support::{
        canary::canary,
        text::operator,
        world::{World, words},
    },
};

const PASSWORD: &str = "Audited-Secret-1!";

/// A connection that was added, edited and removed, and a run.
fn world() -> World {
    let world = World::new();
    world.file("one.rhai", "step(\"One\", || 1);\nbatch::each([1, 2, 3], #{}, |n| n);\n");
    for line in [
        "connections add ad --name corp --domain lab.test --username svc@lab.test --password env:PW --tag gold",
        "connections edit corp --name main --target dc1.lab.test --customer contoso --password env:PW",
        "connections remove main --yes",
        "run one.rhai",
    ] {
        world.program().env("PW", PASSWORD).args(words(line)).run().ok();
    }
    world
}

#[test]
fn what_is_done_to_connections_and_in_runs_is_told_without_secrets() {
    let world = world();
    let store = Store::open(&world.home()).unwrap();
    let expected = r#"connection-added corp -: fields ["domain","username","tags"]
credential-recorded corp -: version 1, state current
connection-edited main -: fields ["name","customer","secret","targets"]
credential-recorded main -: version 2, state current
connection-removed main -: 
run-begun - -: script one.rhai
run-ended - ok: exit 0"#;
    assert_eq!(told(&store).join("\n"), expected);
    let entries = entries(&store);
    assert!(entries.iter().all(|entry| entry["operator"] == operator()), "{entries:?}");
    let run = world.run("runs list --json").json_lines()[0]["run"].clone();
    assert_eq!((&entries[5]["run"], &entries[6]["run"], &entries[0]["run"]), (&run, &run, &Value::Null));
    assert_eq!((&entries[0]["principal"], &entries[0]["account"]), (&1.into(), &"svc@lab.test".into()));
    let exported = world.run("audit export").ok();
    canary(PASSWORD).assert_absent("the export", &exported.stdout);
    canary(PASSWORD).assert_absent_below(&world.home());
}

/// Whoever passes a spent lockout budget is on record with that.
#[test]
fn that_a_run_insisted_is_told() {
    let world = World::new();
    world.file("one.rhai", "step(\"One\", || 1);\n");
    world.run("run one.rhai").ok();
    world.run("run one.rhai --insist").ok();
    let entries = entries(&Store::open(&world.home()).unwrap());
    let begun: Vec<_> = entries.iter().filter(|entry| entry["what"] == "run-begun").collect();
    assert_eq!((&begun[0]["data"]["insist"], &begun[1]["data"]["insist"]), (&Value::Null, &Value::Bool(true)));
}

#[test]
fn each_row_of_a_file_is_told_and_the_file_itself() {
    let world = World::new();
    world.file(
        "many.csv",
        "name,kind,domain,username,password,ca\none,ad,lab.test,a@lab.test,env:PW,\ntwo,ad,lab.test,b@lab.test,,\n",
    );
    world.program().env("PW", PASSWORD).args(["connections", "import", "many.csv"]).run().ok();
    world.file("again.csv", "name,tags\ntwo,gold\n");
    world.run("connections import again.csv").ok();
    // A file that is refused leaves nothing.
    world.file(
        "wrong.csv",
        "name,kind,domain,username\nthree,ad,lab.test,c@lab.test\nfour,nonsense,lab.test,d@lab.test\n",
    );
    assert_eq!(world.run("connections import wrong.csv").code, Some(2));
    let store = Store::open(&world.home()).unwrap();
    let expected = r#"connection-added one -: fields ["domain","username"]
credential-recorded one -: version 1, state current
connection-added two -: fields ["domain","username"]
connections-imported - -: 
connection-edited two -: fields ["tags"]
connections-imported - -: "#;
    assert_eq!(told(&store).join("\n"), expected);
    let numbers = entries(&store)[3]["data"].clone();
    assert_eq!((&numbers["added"], &numbers["changed"]), (&2.into(), &0.into()));
    canary(PASSWORD).assert_absent_below(&world.home());
}

#[test]
fn an_export_is_verified_without_libretto() {
    let world = world();
    let exported = world.run("audit export").ok();
    world.file("trail.jsonl", &exported.stdout);
    // As docs/audit.md has it, word for word.
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.md")).unwrap();
    let script = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let python = |file: &str| {
        let output = Command::new("python3").args(["-c", script, file]).current_dir(world.folder()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let head = entries(&Store::open(&world.home()).unwrap())[6]["hash"].as_str().unwrap().to_owned();
    assert_eq!(python("trail.jsonl"), (Some(0), format!("ok: 7 entries, head {head}\n"), String::new()));
    let shell = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let summed = Command::new("sh").args(["-c", shell]).current_dir(world.folder()).output().unwrap();
    assert_eq!(String::from_utf8(summed.stdout).unwrap(), "ok\n");
    world.file("bad.jsonl", &exported.stdout.replace("\"tags\"", "\"tag\""));
    assert_eq!(python("bad.jsonl").0, Some(1));
    world.run("audit verify trail.jsonl").is(&world.run("audit verify").text());
}

/// Two transactions of one account, one of them refused by the directory.
#[tokio::test]
async fn a_rotation_is_told_from_its_beginning_to_its_end() {
    let rig = Rig::new(Flavour::Windows, &[]);
    run(&rig.request()).await.unwrap();
    let expected = "connection-added corp -: fields [\"domain\",\"username\",\"targets\",\"ca\"]
credential-recorded corp -: version 1, state current
principal-learned - -: 
credential-recorded corp -: version 2, state candidate
rotation-begun corp -: version 2, on a target
change-sent corp -: on a target
change-acknowledged corp -: on a target
proven corp -: on a target
converged corp -: on a target
converged corp -: on a target
converge-ended corp -: 
credential-promoted corp -: version 2
promoted corp ok: ";
    assert_eq!(told(&rig.store).join("\n"), expected);
    for version in [1, 2] {
        let text = entries(&rig.store).iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        canary(rig.password(version).expose()).assert_absent("the trail", text);
    }
    let guid = &entries(&rig.store)[2]["data"]["guid"];
    assert_eq!(guid.as_str().unwrap().len(), 36, "{guid}");
}

#[tokio::test]
async fn a_refused_change_ends_as_failed() {
    let rig = Rig::new(Flavour::Windows, &["policy=unreadable"]);
    let via: Via = rig.via();
    let password = libretto::secret::Secret::new("short-one").unwrap();
    let request = libretto::rotation::Request { via: Some(via), password: Some(password), ..rig.request() };
    run(&request).await.unwrap_err();
    let told = told(&rig.store);
    assert_eq!(
        told[told.len() - 3..],
        ["change-sent corp -: on a target", "credential-retired corp -: version 2", "change-refused corp failed: "]
    );
}

/// Whoever edits a connection could otherwise put it down to somebody else.
#[test]
fn no_environment_variable_says_who_acts() {
    let world = World::new();
    let line = "connections add ad --name corp --domain lab.test --username svc@lab.test";
    let names = ["USER", "LOGNAME", "USERNAME", "SUDO_USER"];
    let forged = names.into_iter().fold(world.program(), |program, name| program.env(name, "mallory"));
    forged.args(line.split(' ')).run().ok();
    let entries = world.run("audit export").ok().json_lines();
    assert_eq!((entries.len(), entries[0]["operator"].as_str()), (1, Some(operator())));
}
