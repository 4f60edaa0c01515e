//! What ends a question for a secret, or a program that asks for one: the terminal's settings are then what they were.

use std::fs;

use crate::support::{terminal::Terminal, world::World};

const ADD: &str = "connections add ad --name corp --domain lab.test --username svc@lab.test --password";

/// A program that asks for a secret as many do, and is not there to put the terminal right when it is killed.
const ASKS: &str = "#!/bin/sh\nstty -echo -icanon </dev/tty\necho asks >/dev/tty\nsleep 100\n";

fn world() -> World {
    let world = World::new();
    world.program().env("PW", "Some-secret-5").args(format!("{ADD} env:PW").split(' ')).run().ok();
    world
        .file(
            "two.csv",
            "name,kind,domain,username,password\na,ad,a.test,x@a.test,prompt\nb,ad,a.test,y@a.test,prompt\n",
        )
        .file("ask.rhai", "const PARAMS = #{ pw: #{ type: \"secret\" } };\nprint(args::pw);\n")
        .file("asks.sh", ASKS);
    fs::set_permissions(world.folder().join("asks.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world
}

/// The program at a terminal, in a shell that outlives it and writes the terminal's settings down before and after.
fn at_terminal(world: &World, line: &str) -> Terminal {
    let program = env!("CARGO_BIN_EXE_libretto");
    let script = format!("trap : INT; stty -g >before; {program} {line} --color never; echo exit $?; stty -g >after");
    world.program().executable("/bin/sh").args(["-c", &script]).on_terminal()
}

/// The screen at the end, once the settings were compared.
#[track_caller]
fn left(world: &World, terminal: Terminal, what: &str) -> String {
    let screen = terminal.finish().stdout;
    let settings = |name: &str| fs::read_to_string(world.folder().join(name)).unwrap();
    assert_eq!(settings("after"), settings("before"), "{what}:\n{screen}");
    screen
}

#[test]
fn ctrl_c_at_a_question_leaves_the_terminal_as_it_was() {
    let world = world();
    for (line, question, context) in [
        (format!("{} prompt", ADD.replace("corp", "new")), "password of new", ""),
        ("connections edit corp --password prompt".to_owned(), "password of the connection", ""),
        ("connections import two.csv".to_owned(), "password of a", ""),
        ("run ask.rhai pw=prompt".to_owned(), "pw", "parameter pw: "),
        ("recover --connection corp --password prompt".to_owned(), "password", "parameter password: "),
    ] {
        let mut terminal = at_terminal(&world, &line);
        terminal.await_screen(question);
        terminal.await_silence();
        terminal.type_keys("half\x03");
        assert_eq!(
            left(&world, terminal, &line),
            format!(
                "{question}:\nerror[usage.interrupted]: {context}interrupted at the question \"{question}\"; nothing was done\nexit 130"
            ),
            "{line}"
        );
    }
    assert_eq!(world.run("connections list").ok().stdout, "corp  ad        lab.test  svc@lab.test\n");
}

#[test]
fn a_signal_at_a_question_leaves_the_terminal_as_it_was() {
    let world = world();
    let asked = |question: &str| {
        format!("error[usage.interrupted]: interrupted at the question \"{question}\"; nothing was done")
    };
    let run = "error[script.interrupted]: the run was interrupted before it began; nothing was done";
    for (line, question, said) in [
        (format!("{} prompt", ADD.replace("corp", "new")), "password of new", asked("password of new")),
        (
            "connections edit corp --password prompt".to_owned(),
            "password of the connection",
            asked("password of the connection"),
        ),
        ("connections import two.csv".to_owned(), "password of a", asked("password of a")),
        ("run ask.rhai pw=prompt".to_owned(), "pw", run.to_owned()),
        ("run ask.rhai --lab pw=prompt".to_owned(), "pw", run.to_owned()),
    ] {
        for signal in ["TERM", "HUP", "INT"] {
            let mut terminal = at_terminal(&world, &line);
            terminal.await_screen(question);
            terminal.await_silence();
            terminal.signal(signal);
            let what = format!("{line}, SIG{signal}");
            assert_eq!(left(&world, terminal, &what), format!("{question}:\n{said}\nexit 130"), "{what}");
        }
    }
    assert_eq!(world.run("connections list").ok().stdout, "corp  ad        lab.test  svc@lab.test\n");
}

#[test]
fn a_program_that_is_ended_leaves_the_terminal_as_it_was() {
    let world = world();
    let program = world.folder().join("asks.sh");
    let add = "connections add ad --name slow --domain lab.test --target 127.0.0.1 --username a@lab.test --password";
    world.run(&format!("{add} 'command:{}'", program.display())).ok();
    let before = "error[script.interrupted]: the run was interrupted before it began; nothing was done\nexit 130";
    let tested = "next: libretto runs show";
    for (line, said) in [
        (format!("run ask.rhai 'pw=command:{}'", program.display()), before),
        (format!("run ask.rhai --lab 'pw=command:{}'", program.display()), before),
        ("connections test slow".to_owned(), tested),
    ] {
        for signal in [None, Some("TERM"), Some("HUP")] {
            let mut terminal = at_terminal(&world, &line);
            terminal.await_screen("asks");
            match signal {
                None => terminal.type_keys("\x03"),
                Some(signal) => terminal.signal(signal),
            }
            let what = format!("{line}, {signal:?}");
            let screen = left(&world, terminal, &what);
            assert!(screen.contains(said) && screen.ends_with("\nexit 130"), "{what}:\n{screen}");
        }
    }
}
