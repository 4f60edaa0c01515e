//! What a crash leaves behind.

use std::{os::unix::process::ExitStatusExt, process::Command, time::Duration};

use crate::support::world::World;

#[test]
fn a_crash_leaves_no_image_of_the_memory() {
    let world = World::new();
    world.file("wait.rhai", "print(\"waits\");\nsleep(100);\n");
    // With room for an image, whatever the limit of who runs the tests; a hard limit of 0 stays.
    let script = format!("ulimit -c $(ulimit -Hc); exec {} run wait.rhai", env!("CARGO_BIN_EXE_libretto"));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]).current_dir(world.folder()).env("LIBRETTO_HOME", world.home());
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let limits = format!("/proc/{}/limits", child.id());
    let core = || {
        let text = std::fs::read_to_string(&limits).unwrap();
        let line = text.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
        line.split_whitespace().skip(4).take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let from = std::time::Instant::now();
    while core() != ["0", "0"] && from.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let limit = core();
    Command::new("kill").args(["-s", "ABRT", &child.id().to_string()]).status().unwrap();
    let status = child.wait().unwrap();
    assert_eq!((limit, status.signal(), status.core_dumped()), (vec!["0".to_owned(); 2], Some(6), false));
}
