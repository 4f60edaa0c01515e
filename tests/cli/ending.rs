//! Runs that somebody stops, by whatever means, and what is told of them afterwards.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::{
    program::{Program, Running},
    world::World,
};

const SLEEP: &str = "step(\"Wait\", || { print(\"begun\"); sleep(60) });\nstep(\"Later\", || 1);";
const ROTATE: &str = "const GRANTS = [\"directory:write\", \"connection:write\"];\nad::rotate(conn::get(\"lab-ad\"));";

fn begun(program: &Program) -> Running {
    let mut running = program.start();
    running.await_output("| begun");
    running
}

/// The id of the only run in the home.
fn only_run(world: &World) -> String {
    let ledger = Connection::open(world.home().join("store.db")).unwrap();
    ledger.query_row("SELECT id FROM run", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_terminal_that_goes_away_stops_it_like_ctrl_c() {
    let world = World::new();
    world.file("long.rhai", SLEEP);
    let running = begun(&world.program().args(["run", "long.rhai"]));
    running.signal("HUP");
    let output = running.finish();
    assert_eq!(output.code, Some(130), "{}", output.text());
    assert!(output.stdout.contains("nothing was changed"), "{}", output.text());
    let shown = world.run(&format!("runs show {}", only_run(&world)));
    assert!(shown.stdout.ends_with("\ninconclusive\n"), "{}", shown.text());
}

#[test]
fn under_nohup_it_goes_on() {
    let world = World::new();
    world.file("short.rhai", "step(\"Wait\", || { print(\"begun\"); sleep(1) });");
    let program = world.program().executable("nohup").args([env!("CARGO_BIN_EXE_libretto"), "run", "short.rhai"]);
    let running = begun(&program);
    running.signal("HUP");
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{}", output.text());
}

/// A rotation in a lab with this fault whose write was announced: it is sent now.
fn sent(world: &World, fault: &str) -> Running {
    world.file("rotate.rhai", ROTATE);
    let running = world.program().args(["run", "rotate.rhai", "--lab", "--fault", fault]).start();
    let until = Instant::now() + Duration::from_secs(30);
    let sent = || -> rusqlite::Result<i64> {
        Connection::open(world.home().join("store.db"))?.query_row("SELECT count(*) FROM write", [], |row| row.get(0))
    };
    while sent().unwrap_or_default() == 0 {
        assert!(Instant::now() < until, "nothing was sent");
        std::thread::sleep(Duration::from_millis(5));
    }
    running
}

#[test]
fn a_change_that_is_answered_in_time_is_done() {
    let world = World::new();
    let running = sent(&world, "target:1=slow:300ms");
    running.signal("INT");
    let output = running.finish();
    assert_eq!(output.code, Some(130), "{}", output.text());
    assert!(output.stdout.contains("password of svc-libretto@lab.test changed in lab.test on "), "{}", output.text());
    assert!(!output.stdout.contains("nobody knows"), "{}", output.text());
}

/// Once it waits for five seconds; who asks again does not wait.
#[test]
fn a_second_ctrl_c_leaves_a_change_that_was_sent_in_doubt_at_once() {
    let ended = |again: bool| {
        let world = World::new();
        let mut running = sent(&world, "target:1=hang:modify");
        let from = Instant::now();
        running.signal("INT");
        while again && !running.has_ended() {
            running.signal("INT");
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = running.finish();
        assert_eq!(output.code, Some(3), "{}", output.text());
        assert!(output.stdout.contains("nobody knows whether this was done: password of svc-libretto@lab.test"));
        from.elapsed()
    };
    let once = ended(false);
    assert!(once >= Duration::from_secs(5), "its answer was awaited for {once:?} alone");
    // The machine may be busy: the best of a few says what the program does.
    let twice = (0..3).map(|_| ended(true)).min().unwrap();
    assert!(twice < Duration::from_secs(3), "it took {twice:?} to end");
}

#[test]
fn a_change_that_was_sent_is_awaited_and_in_doubt_without_an_answer() {
    let world = World::new();
    let running = sent(&world, "target:1=hang:modify");
    running.signal("HUP");
    let output = running.finish();
    assert_eq!(output.code, Some(3), "{}", output.text());
    let doubt = output.stdout.lines().find(|line| line.contains("nobody knows")).unwrap().trim();
    let (what, port) = doubt.rsplit_once(':').unwrap();
    assert!(port.parse::<u16>().is_ok(), "{doubt}");
    assert_eq!(
        what,
        "nobody knows whether this was done: password of svc-libretto@lab.test changed in lab.test on 127.0.0.1"
    );
}

#[test]
fn a_run_that_goes_on_is_told_from_one_that_was_killed() {
    let world = World::new();
    world.file("long.rhai", SLEEP);
    let running = begun(&world.program().args(["run", "long.rhai"]));
    let show = format!("runs show {}", only_run(&world));
    let shown = world.run(&show);
    let pid = shown.stdout.trim_end().rsplit_once("\nrunning, in process ").unwrap().1;
    assert!(pid.parse::<u32>().is_ok(), "{}", shown.text());
    assert!(world.run("runs list").stdout.contains("Z  running       long.rhai"));
    let line = |command: &str| world.run(command).json_lines().remove(0);
    assert_eq!(line("runs list --json")["running"], true);
    running.signal("KILL");
    running.finish();
    let shown = world.run(&show);
    assert!(shown.stdout.ends_with("\nwas cut short: its process ended before the run did\n"), "{}", shown.text());
    assert!(world.run("runs list").stdout.contains("Z  cut short     long.rhai"));
    assert_eq!(
        (&line("runs list --json")["running"], &line(&format!("{show} --json"))["running"]),
        (&false.into(), &false.into())
    );
}

#[test]
fn a_run_that_has_ended_leaves_no_lock() {
    let world = World::new();
    world.file("done.rhai", "print(1);");
    world.run("run done.rhai").ok();
    assert_eq!(std::fs::read_dir(world.home().join("locks")).unwrap().count(), 0);
}

#[test]
fn while_it_waits_for_a_locked_store() {
    let world = World::new();
    world.file("done.rhai", "print(1);");
    world.run("run done.rhai").ok();
    let other = Connection::open(world.home().join("store.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let running = world.program().args(["run", "done.rhai"]).start();
    // From when on it waits is nowhere to be seen; before that, the signal ends it by itself.
    let until = Instant::now() + Duration::from_secs(30);
    while std::fs::read_dir(world.home().join("locks")).unwrap().count() == 0 {
        assert!(Instant::now() < until, "it does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    let from = Instant::now();
    running.signal("INT");
    running.finish().is("exit 130
2| error[script.interrupted]: the run was interrupted before it began; nothing was done");
    assert!(from.elapsed() < Duration::from_secs(3), "it took {:?}", from.elapsed());
}
