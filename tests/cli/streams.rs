//! Standard output that takes nothing any more.

use std::{
    fs::OpenOptions,
    process::{Command, Stdio},
};

use crate::support::world::World;

/// The exit code and standard error of a command whose standard output is a full disk.
fn onto_full_disk(world: &World, args: &[&str]) -> (Option<i32>, String) {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_libretto"))
        .args(args)
        .current_dir(world.folder())
        .env("LIBRETTO_HOME", world.home())
        .stdin(Stdio::null())
        .stdout(full)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

const SAID: &str = "error[usage.stdout]: standard output is not complete: No space left on device (os error 28)
  help: make room where it goes, or send it elsewhere; what a run did is in `libretto runs show`
";

#[test]
fn a_full_disk_is_told_once_and_is_no_success() {
    let world = World::new();
    world.file("many.rhai", "for n in 0..100 { print(n) }");
    world.file("fails.rhai", "step(\"One\", || 1); conn::get(\"none\")");
    for args in [&["run", "many.rhai"][..], &["list"], &["doc"], &["--help"]] {
        let (code, said) = onto_full_disk(&world, args);
        assert!(said.ends_with(SAID), "{args:?}: {said}");
        assert_eq!((code, said.matches("usage.stdout").count()), (Some(1), 1), "{args:?}: {said}");
    }
    let (code, said) = onto_full_disk(&world, &["run", "many.rhai", "--json"]);
    assert_eq!(code, Some(1));
    let error: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(error["error"]["code"], "usage.stdout");
    assert_eq!(onto_full_disk(&world, &["run", "fails.rhai"]).0, Some(1), "a failure stays one");
    assert_eq!(
        onto_full_disk(&world, &["run", "nowhere.rhai"]).0,
        Some(2),
        "a refusal stays one, and says nothing there"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let world = World::new();
    let line = format!("{} doc | head -1", env!("CARGO_BIN_EXE_libretto"));
    let output = Command::new("bash")
        .args(["-c", &format!("set -o pipefail; {line}")])
        .env("LIBRETTO_HOME", world.home())
        .output()
        .unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}
