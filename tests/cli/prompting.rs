//! Ctrl-C at a question for a secret: the program ends with 130, and the terminal shows again what is typed.

use crate::support::world::World;

const ADD: &str = "connections add ad --name corp --domain lab.test --username svc@lab.test --password";

/// What is left of a terminal on which `line` was answered with Ctrl-C: the program's words, its exit code, the echo.
fn interrupted(world: &World, line: &str, question: &str) -> String {
    let program = env!("CARGO_BIN_EXE_libretto");
    let script = format!("{program} {line} --color never; echo exit $?; stty -a | grep -ow -e '-*echo' -e '-*isig'");
    let mut terminal = world.program().executable("/bin/sh").args(["-c", &script]).on_terminal();
    terminal.await_screen(question);
    terminal.await_silence();
    terminal.type_keys("half\x03");
    terminal.finish().stdout
}

#[test]
fn the_terminal_is_as_it_was_after_ctrl_c_at_a_secret() {
    let world = World::new();
    world.program().env("PW", "Some-secret-5").args(format!("{ADD} env:PW").split(' ')).run().ok();
    world
        .file(
            "two.csv",
            "name,kind,domain,username,password\na,ad,a.test,x@a.test,prompt\nb,ad,a.test,y@a.test,prompt\n",
        )
        .file("ask.rhai", "const PARAMS = #{ pw: #{ type: \"secret\" } };\nprint(args::pw);\n");
    for (line, question) in [
        (format!("{} prompt", ADD.replace("corp", "new")), "password of new"),
        ("connections edit corp --password prompt".to_owned(), "password of the connection"),
        ("connections import two.csv".to_owned(), "password of a"),
        ("run ask.rhai pw=prompt".to_owned(), "pw"),
        ("recover --connection corp --password prompt".to_owned(), "password"),
    ] {
        let expected = format!(
            "{question}:\nerror[usage.interrupted]: interrupted at the question \"{question}\"; nothing was done\nexit 130\nisig\necho"
        );
        let left =
            interrupted(&world, &line, question).replace("parameter pw: ", "").replace("parameter password: ", "");
        assert_eq!(left, expected, "{line}");
    }
    assert_eq!(world.run("connections list").ok().stdout, "corp  ad        lab.test  svc@lab.test\n");
}
