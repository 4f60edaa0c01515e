//! Answers that machines and people can go on from: where nothing was found, where something is too much.

use crate::support::world::World;

#[test]
fn the_reference_is_json_for_machines() {
    let world = World::new();
    let lines = world.run("doc ad::test_targets --json").ok().json_lines();
    assert_eq!(
        (lines.len(), &lines[0]["name"], &lines[0]["grant"]),
        (1, &"ad::test_targets".into(), &"directory:test".into())
    );
    assert!(world.run("doc --json").ok().json_lines().len() > 20);
}

#[test]
fn a_check_says_to_machines_what_was_checked() {
    let world = World::new();
    world.file("one.rhai", "print(1);\n");
    let checked = world.run("check one.rhai --json").ok();
    assert_eq!(checked.stdout, "{\"event\":\"checked\",\"scripts\":1,\"errors\":0}\n");
}

#[test]
fn a_folder_without_scripts_is_refused() {
    let world = World::new();
    world.file("empty/readme.txt", "nothing").run("check empty").is("exit 2
2| error[script.none_found]: there are no scripts in empty
2|   help: name a folder with files that end in .rhai, or the files themselves");
    assert_eq!(world.run("check nowhere/").code, Some(2));
}

#[test]
fn a_mark_at_the_head_of_a_script_is_passed_over() {
    let world = World::new();
    world.file("marked.rhai", "\u{feff}//! Marked.\nprint(1);\n");
    world.run("check marked.rhai").ok();
    assert!(world.run("run marked.rhai").ok().stdout.contains("| 1\n"));
}

#[test]
fn a_script_that_is_too_long_is_refused_at_once() {
    let world = World::new();
    world.file("long.rhai", &"print(1);\n".repeat(50_001));
    world.run("check long.rhai").is("exit 2
1| 1 script checked, 1 error
2| error[script.too_long]: the script has 50001 lines and 500010 bytes; the most is 50000 lines and 1048576 bytes
2|   --> long.rhai:1
2|   |
2| 1 | print(1);
2|   help: keep data in a CSV file, given as a parameter of type csv, and split the rest into modules");
}

#[test]
fn an_empty_id_is_no_run() {
    World::new().run("runs show ''").is("exit 2
2| error[run.unknown]: an empty text is no id of a run
2|   help: `libretto runs list` shows them");
}

#[test]
fn what_is_no_domain_name_is_not_put_to_dns() {
    let world = World::new();
    // As for a connection's domain: no hyphen at either end of a label, and no address.
    for name in ["not a domain", "corp-.test", "10.0.0.1"] {
        world.file("odd.rhai", &format!("ad::discover(\"{name}\");\n"));
        let ran = world.run("run odd.rhai");
        assert_eq!(ran.code, Some(1));
        let said = format!("error[ad.bad_domain]: \"{name}\" is no domain name");
        assert!(ran.stdout.contains(&said), "{}", ran.text());
    }
}

#[test]
fn a_bad_folder_for_temporary_files_is_named() {
    let world = World::new();
    world.file("one.rhai", "print(1);\n");
    for line in ["run one.rhai --lab", "lab"] {
        let ran = world.program().env("TMPDIR", "/nowhere/tmp").args(line.split(' ')).run();
        let said =
            "error[store.no_temporary_folder]: no folder can be made in /nowhere/tmp, the folder for temporary files: ";
        let remedy = "  help: set the environment variable TMPDIR to a folder that this account may write to\n";
        assert_eq!(ran.code, Some(2), "{}", ran.text());
        assert!(ran.stderr.starts_with(said) && ran.stderr.ends_with(remedy), "{}", ran.text());
    }
}

#[test]
fn a_lab_needs_ports_that_there_are() {
    let refused = World::new().run("lab --port-base 0");
    assert_eq!(refused.code, Some(2), "{}", refused.text());
}

#[test]
fn the_next_lab_removes_what_a_killed_one_has_left() {
    let world = World::new();
    let temporary = world.folder().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let lab = || world.program().env("TMPDIR", &temporary).args(["lab"]).start();
    let folders = || {
        let mut all: Vec<_> = std::fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all
    };
    let mut killed = lab();
    killed.await_output("Ctrl-C ends it");
    let left = folders();
    assert!(!left.is_empty());
    let mut second = lab();
    second.await_output("Ctrl-C ends it");
    assert!(left.iter().all(|folder| folder.exists()), "a lab that runs keeps its folders");
    killed.signal("KILL");
    killed.finish();
    let mut third = lab();
    third.await_output("Ctrl-C ends it");
    assert!(!left.iter().any(|folder| folder.exists()), "{:?}", folders());
    for lab in [second, third] {
        lab.signal("INT");
        assert_eq!(lab.finish().code, Some(0));
    }
    assert_eq!(folders(), Vec::<std::path::PathBuf>::new());
}
