//! Programs that secrets come from (`command:`): what they say beside the secret, and what they leave running.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use crate::support::{canary::canary, world::World};

const SECRET: &str = "Half-Secret-9!";
const ASK: &str = "const PARAMS = #{ pw: #{ type: \"secret\" } };\nprint(\"has it\");\n";

/// A world with a program of these lines, and the command that asks it for a parameter.
fn asking(program: &str) -> (World, String) {
    let world = World::new();
    world.file("ask.rhai", ASK).file("vault.sh", &format!("#!/bin/sh\n{program}\n"));
    let path = world.folder().join("vault.sh");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let line = format!("run ask.rhai 'pw=command:{}'", path.display());
    (world, line)
}

#[test]
fn what_a_program_says_is_told_where_it_fails() {
    let (world, line) = asking(&format!(
        "yes | head -c 1000000 >&2; echo >&2\nprintf '\\033[2J\\033]0;owned\\007vault is sealed\\r\\n' >&2\n\
         echo {SECRET}\necho 'read {SECRET} of corp' >&2\nexit 3"
    ));
    let output = world.run(&line);
    canary(SECRET).assert_absent("standard error", &output.stderr);
    output.is("exit 2
2| error[secret.command_failed]: parameter pw: the program for the pw ended with exit status: 3
2|   = it says: y
2|   = it says: y
2|   = it says: y
2|   = it says: [2J ]0;owned vault is sealed
2|   = it says: read [secret] of corp
2|   help: run it by hand: it must print the secret alone on standard output and exit with 0");
}

#[test]
fn what_a_program_says_is_for_the_log_where_it_succeeds() {
    let (world, line) = asking(&format!("printf '\\033[31mtoken ends soon {SECRET}\\n' >&2\necho {SECRET}"));
    let quiet = world.run(&line).ok();
    assert_eq!(quiet.stderr, "");
    let told = world.run(&format!("-vv {line}")).ok();
    canary(SECRET).assert_absent("the log", &told.stderr);
    let said = told.stderr.lines().find_map(|line| line.split_once(" DEBUG the program ")).unwrap_or_default().1;
    assert_eq!(said, "for the pw says: [31mtoken ends soon [secret]");
}

/// Whether a process works in this folder.
fn is_at_work(folder: &Path) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut folders = processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok());
    folders.any(|cwd| cwd == folder)
}

#[track_caller]
fn assert_nobody_at_work(folder: &Path, what: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    while is_at_work(folder) {
        assert!(Instant::now() < until, "{what} left a process behind");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Begins, by writing a word to `PLACE`, when there is something besides it.
const SLOW: &str = "(sleep 300 & echo begun >PLACE; sleep 300)\n";

fn await_begun(world: &World) {
    let until = Instant::now() + Duration::from_secs(30);
    while !world.folder().join("begun").exists() {
        assert!(Instant::now() < until, "the program does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_program_is_ended_with_what_it_has_started() {
    let (world, line) = asking(&SLOW.replace("PLACE", "begun"));
    let running = world.program().args(crate::support::world::words(&line)).start();
    await_begun(&world);
    running.signal("TERM");
    let output = running.finish();
    assert_eq!(output.code, Some(130), "{}", output.text());
    assert_nobody_at_work(world.folder(), "SIGTERM");
}

#[test]
fn a_program_ends_when_libretto_is_killed() {
    // One that nothing else ends: it starts nothing, waits for nothing and prints nothing.
    let (world, line) = asking("echo begun >begun\nexec sleep 300");
    let running = world.program().args(crate::support::world::words(&line)).start();
    await_begun(&world);
    running.signal("KILL");
    running.finish();
    assert_nobody_at_work(world.folder(), "SIGKILL");
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let world = World::new();
    world.file("ask.rhai", ASK);
    world.run("run ask.rhai 'pw=command:/nowhere/vault get'").is("exit 2
2| error[secret.command_failed]: parameter pw: the program for the pw ended with exit status: 127
2|   = it says: it cannot be started: No such file or directory (os error 2)
2|   help: run it by hand: it must print the secret alone on standard output and exit with 0");
}

/// There it has no process group of its own, for it may ask.
#[test]
fn so_it_is_at_a_terminal() {
    for signal in ["TERM", "HUP"] {
        let (world, line) = asking(&format!("trap '' INT HUP\n{}", SLOW.replace("PLACE", "/dev/tty")));
        let shell = format!("trap : INT; {} {line}; echo exit $?", env!("CARGO_BIN_EXE_libretto"));
        let mut terminal = world.program().executable("/bin/sh").args(["-c", &shell]).on_terminal();
        terminal.await_screen("begun");
        terminal.signal(signal);
        let screen = terminal.finish().stdout;
        assert!(screen.ends_with("exit 130"), "{screen}");
        assert_nobody_at_work(world.folder(), signal);
    }
}
