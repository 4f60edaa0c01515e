//! On a terminal: questions with and without echo, the live view; elsewhere plain lines; pipes that close early.

use std::process::{Command, Stdio};

use crate::support::world::World;

const LISTED: &str = "corp  ad        lab.test  svc@lab.test\n";

#[test]
fn a_prompted_secret_is_not_echoed() {
    let world = World::new();
    let line = "connections add ad --name corp --domain lab.test --username svc@lab.test --password prompt";
    let mut started = world.program().args(line.split(' ')).on_terminal();
    started.answer_secret("password of corp:", "Typed-secret-5");
    let output = started.finish();
    output.is("exit 0
1| password of corp:
1| added corp; `libretto connections test corp` sees whether it works");
    assert_eq!(world.run("connections list").ok().stdout, LISTED);
}

#[test]
fn missing_parameters_are_asked_for() {
    let world = World::new();
    world.file(
        "ask.rhai",
        r#"const PARAMS = #{ count: #{ type: "int", help: "how many" }, pw: #{ type: "secret" } };
print(`${args::count} ${args::pw}`);"#,
    );
    let mut started = world.program().args(["run", "ask.rhai", "--color", "never"]).on_terminal();
    started.await_screen("count (how many):");
    started.type_line("5");
    started.answer_secret("pw:", "Typed-secret-5");
    started.finish().is("exit 0
1| count (how many): 5
1| pw:
1| ask.rhai run [run]
1|
1| | 5 [secret]
1|
1| ok in [time]
1| nothing was changed");
}

#[test]
fn a_removal_is_asked_for() {
    let world = World::new();
    world
        .program()
        .env("PW", "Some-secret-5")
        .args("connections add ad --name corp --domain lab.test --username svc@lab.test --password env:PW".split(' '))
        .run()
        .ok();
    for (answer, code, left) in [("n", 0, LISTED), ("y", 0, "")] {
        let mut started = world.program().args(["connections", "remove", "corp"]).on_terminal();
        started.await_screen("[y/N]:");
        started.type_line(answer);
        assert_eq!(started.finish().code, Some(code));
        assert_eq!(world.run("connections list").ok().stdout, left);
    }
}

#[test]
fn each_step_is_asked_for() {
    let world = World::new();
    world.file("two.rhai", "step(\"First\", || 1);\nstep(\"Second\", || 2);\n");
    let mut started = world.program().args(["run", "two.rhai", "--step", "--color", "never"]).on_terminal();
    started.await_screen("Perform the step \"First\"? [y/N]:");
    started.type_line("y");
    started.await_screen("Perform the step \"Second\"? [y/N]:");
    started.type_line("n");
    let output = started.finish();
    assert_eq!(output.code, Some(4), "{}", output.text());
    let runs = world.run("runs list --json").json_lines();
    let shown = world.run(&format!("runs show {}", runs[0]["run"].as_str().unwrap()));
    shown.is("exit 0
1| two.rhai run [run]
1|   begun [when] by tester
1|
1| ok            First  [time]
1| not-started   Second  [time]
1|
1| inconclusive");
}

#[test]
fn without_a_terminal_a_question_is_wrong_use_and_yes_answers_it() {
    let world = World::new();
    world.file("two.rhai", "step(\"First\", || 1);\n");
    world.run("run two.rhai --step").is("exit 2
2| error[usage.no_terminal]: --step asks before each step, and nobody can answer: standard input is not a terminal
2|   help: run on a terminal, or leave --step out");
    world.run("run two.rhai --step --yes").is("exit 0
1| two.rhai run [run]
1|
1| ok            First                                        [time]
1|
1| ok in [time]: 1 ok
1| nothing was changed");
}

#[test]
fn a_terminal_gets_a_moving_line_after_a_while_and_colours() {
    let world = World::new();
    world.file(
        "slow.rhai",
        "step(\"Wait a little\", || sleep(0.6));\nbatch::each([1, 2, 3], #{ limit: 1 }, |n| sleep(0.3));",
    );
    let mut terminal = world.program().args(["run", "slow.rhai"]).on_terminal();
    terminal.await_screen("Wait a little (");
    terminal.await_screen("] 1/3 ok 1");
    terminal.await_screen("nothing was changed");
    assert!(String::from_utf8_lossy(&terminal.sent()).contains("\u{1b}[32mok"), "no colour");
    let output = terminal.finish();
    assert!(!output.stdout.contains("] 1/3"), "the line is gone at the end:\n{}", output.stdout);
    let quiet = world.program().env("NO_COLOR", "1").args(["run", "slow.rhai", "--quiet"]).on_terminal().finish();
    assert_eq!(quiet.stdout, "", "quiet says nothing where all is well");
}

/// The line is drawn again below each line of the report: never with the name of a step that has ended.
#[test]
fn the_moving_line_names_the_step_that_goes_on() {
    let world = World::new();
    world.file("two.rhai", "step(\"First\", || sleep(0.5));\nstep(\"Second\", || sleep(0.5));\n");
    let mut terminal = world.program().args(["run", "two.rhai", "--color", "never"]).on_terminal();
    terminal.await_screen("Second (");
    terminal.await_screen("nothing was changed");
    let sent = String::from_utf8_lossy(&terminal.sent()).into_owned();
    let (_, after) = sent.split_once("ok            First").unwrap();
    assert!(!after.contains("First ("), "{after:?}");
}

#[test]
fn colours_follow_the_option_and_the_environment() {
    let world = World::new();
    world.file("one.rhai", "step(\"One\", || 1);");
    let colored = |args: &[&str], env: Option<(&str, &str)>| {
        let mut program = world.program().args([&["run", "one.rhai"], args].concat());
        if let Some((name, value)) = env {
            program = program.env(name, value);
        }
        program.run().ok().stdout.contains('\u{1b}')
    };
    assert_eq!(
        [
            colored(&[], None),
            colored(&["--color", "always"], None),
            colored(&["--color", "always"], Some(("NO_COLOR", "1"))),
            colored(&["--color", "never"], None),
        ],
        [false, true, true, false]
    );
    let on_terminal = |env: Option<(&str, &str)>| {
        let mut program = world.program().args(["run", "one.rhai"]);
        if let Some((name, value)) = env {
            program = program.env(name, value);
        }
        let mut terminal = program.on_terminal();
        terminal.await_screen("nothing was changed");
        String::from_utf8_lossy(&terminal.sent()).contains("\u{1b}[32m")
    };
    assert_eq!(
        [on_terminal(None), on_terminal(Some(("NO_COLOR", "1"))), on_terminal(Some(("TERM", "dumb")))],
        [true, false, false]
    );
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let world = World::new();
    let mut list = Command::new(env!("CARGO_BIN_EXE_libretto"))
        .arg("doc")
        .env("LIBRETTO_HOME", world.home())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(list.stdout.take());
    let output = list.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
