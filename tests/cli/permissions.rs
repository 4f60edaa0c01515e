//! A home that may not be written to, not because of its disk but because of who asks.

use std::{
    fs::{self, Permissions, set_permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use crate::support::{
    program::{Output, Program},
    world::World,
};

/// Somebody who owns nothing else on this machine.
const NOBODY: u32 = 65_534;

fn allow(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The program as that one performs it.
fn as_nobody(program: &Program, executable: &Path, args: &[&str]) -> Output {
    let ids = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()];
    let all = ids.iter().map(String::as_str).chain([executable.to_str().unwrap()]).chain(args.iter().copied());
    let mut output = program.clone().executable("setpriv").args(all).run();
    // Which of the two meets the refusal, the file system or SQLite, decides whether the folder is named as well.
    output.stderr = output.stderr.replace(&format!("  = home: {}\n", program.home_path().display()), "");
    output
}

const REFUSED: &str = "exit 2
2| error[store.read_only]: the store, or the folder that it is in, may not be written to
2|   help: give this account the right to write to the home folder and its files, or choose another with --home DIR";

#[test]
fn who_may_not_write_to_the_store_is_told_so() {
    let world = World::new();
    let program = world.program().env("PW", "Some-secret-5");
    let add = "connections add ad --name corp --domain lab.test --username svc@lab.test --password env:PW";
    program.clone().args(add.split(' ')).run().ok();
    // Where anybody gets to it.
    let executable = world.folder().join("libretto");
    fs::copy(env!("CARGO_BIN_EXE_libretto"), &executable).unwrap();
    for path in [world.folder().parent().unwrap(), world.folder()] {
        allow(path, 0o755);
    }
    let again = add.replace("corp", "second");
    let commands = [vec!["connections", "list"], again.split(' ').collect()];
    let files = || fs::read_dir(world.home()).unwrap().map(|entry| entry.unwrap().path());
    // Of somebody else, and open to all for reading.
    allow(&world.home(), 0o755);
    files().for_each(|path| allow(&path, 0o644));
    for command in &commands {
        as_nobody(&program, &executable, command).is(REFUSED);
    }
    // One's own, and write-protected.
    for path in files().chain([world.home()]) {
        chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        allow(&path, if path.is_dir() { 0o500 } else { 0o400 });
    }
    for command in &commands {
        as_nobody(&program, &executable, command).is(REFUSED);
    }
    // As it should be.
    for path in files().chain([world.home()]) {
        allow(&path, if path.is_dir() { 0o700 } else { 0o600 });
    }
    let listed = as_nobody(&program, &executable, &commands[0]);
    assert!(listed.code == Some(0) && listed.stdout.starts_with("corp "), "{}", listed.text());
}
