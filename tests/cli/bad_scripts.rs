//! What lies among the scripts and is none: each is told at its place, and everything else goes on.

use std::{fs, os::unix::fs::symlink};

use crate::support::world::World;

#[test]
fn a_link_that_leads_nowhere_ends_nothing() {
    for in_home in [true, false] {
        let world = World::new();
        let scripts = if in_home { world.home() } else { world.folder().to_path_buf() }.join("scripts");
        fs::create_dir_all(&scripts).unwrap();
        symlink("/nowhere/x.rhai", scripts.join("dang.rhai")).unwrap();
        for command in ["list", "run dang", "run dnag", "describe dang", "check"] {
            let output = world.run(command);
            assert!(
                matches!(output.code, Some(0 | 2)),
                "in home {in_home}, {command}: {:?} {}",
                output.code,
                output.stderr
            );
        }
        let said = world.run("run dang").stderr;
        assert!(said.contains("script.unreadable") && said.contains("a link to a file that is not there"), "{said}");
        let said = world.run("run dnag").stderr;
        assert!(said.contains("did you mean `dang`?"), "{said}");
    }
}

#[test]
fn what_cannot_be_read_is_told_at_its_place() {
    let world = World::new();
    let scripts = world.home().join("scripts");
    fs::create_dir_all(scripts.join("old.rhai")).unwrap();
    fs::write(scripts.join("latin.rhai"), b"// f\xfcr\nprint(1);\n").unwrap();
    world.file("home/scripts/tidy.rhai", "//! Tidies up.\nprint(1);\n");
    let listed = world.run("list").ok();
    assert_eq!(listed.stdout.lines().count(), 17, "{}", listed.text());
    assert!(listed.stdout.contains("old.rhai cannot be read: Is a directory"), "{}", listed.stdout);
    assert!(
        listed.stdout.contains("latin.rhai cannot be read: stream did not contain valid UTF-8"),
        "{}",
        listed.stdout
    );
    let machine = world.run("list --json").ok().json_lines();
    let broken: Vec<_> = machine.iter().filter(|line| line["error"]["code"] == "script.unreadable").collect();
    assert_eq!(broken.iter().map(|line| line["name"].as_str().unwrap()).collect::<Vec<_>>(), ["latin", "old"]);
    let checked = world.run("check");
    assert_eq!(
        (checked.code, checked.stdout.as_str()),
        (Some(2), "17 scripts checked, 2 errors\n"),
        "{}",
        checked.text()
    );
    let said = world.run("run tidi").stderr;
    assert!(said.contains("did you mean `tidy`?"), "{said}");
}

#[test]
fn a_check_of_several_goes_on_behind_one_that_cannot_be_read() {
    let world = World::new();
    fs::write(world.folder().join("a.rhai"), b"// f\xfcr\n").unwrap();
    world.file("b.rhai", "nothing();\n");
    world.run("check a.rhai gone.rhai b.rhai").is("exit 2
1| 3 scripts checked, 3 errors
2| error[script.unreadable]: [work]/a.rhai cannot be read: stream did not contain valid UTF-8
2|   help: a script is a text file in UTF-8 that this account may read
2| error[script.unknown]: there is no file gone.rhai
2|   help: `libretto list` shows the scripts that can be run by name
2| error[script.unknown_function]: there is no function `nothing`
2|   --> b.rhai:1:1
2|   |
2| 1 | nothing();
2|   | ^");
    let lines = world.run("check a.rhai b.rhai --json").json_lines();
    assert_eq!((lines.len(), &lines[0]["script"], &lines[2]["errors"]), (3, &"a.rhai".into(), &2.into()), "{lines:?}");
}
