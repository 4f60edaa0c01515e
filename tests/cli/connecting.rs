//! Connections by the command line: what an option takes away, what an import changes.

use serde_json::Value;

use crate::support::world::World;

fn shown(world: &World) -> Value {
    world.run("connections show corp --json").ok().json_lines().remove(0)
}

#[test]
fn an_empty_value_takes_targets_home_servers_and_tags_away() {
    let world = World::new();
    world
        .run(
            "connections add ad --name corp --domain lab.test --username svc@lab.test --target dc1.lab.test \
             --home-server //fs1/homes$ --tag gold --tag new",
        )
        .ok();
    let before = shown(&world);
    assert_eq!((before["targets"].as_array().unwrap().len(), before["tags"].as_array().unwrap().len()), (1, 2));
    world.run("connections edit corp --target ''").ok();
    world.run("connections edit corp --home-server ''").ok();
    world.run("connections edit corp --tag ''").ok();
    let after = shown(&world);
    assert_eq!(after["targets"], "found by DNS");
    assert_eq!((&after["home_servers"], &after["tags"]), (&Value::Array(Vec::new()), &Value::Array(Vec::new())));
}

#[test]
fn a_file_that_says_what_is_there_changes_nothing() {
    let world = World::new();
    world.file("two.csv", "name,kind,domain,username,password\na,ad,a.test,x@a.test,env:PW\nb,ad,a.test,y@a.test,\n");
    let import = |password: &str| {
        let program = world.program().env("PW", password).args(["connections", "import", "two.csv"]);
        program.run().ok().stdout
    };
    assert_eq!(import("First-secret-5"), "2 added, 0 changed\n");
    assert_eq!(import("First-secret-5"), "0 added, 0 changed, 2 unchanged\n");
    assert_eq!(import("Other-secret-5"), "0 added, 1 changed, 1 unchanged\n");
    let versions = world.run("connections history a --json").ok().json_lines().len();
    assert_eq!(versions, 2, "the same password is not another version");
}

#[test]
fn an_empty_file_is_refused() {
    let world = World::new();
    world.file("none.csv", "").run("connections import none.csv").is("exit 2
2| error[connection.import_file]: [work]/none.csv is empty
2|   help: see that it was written to its end; a CSV file begins with a header such as name,kind,domain,username");
}

#[test]
fn a_mark_at_the_head_of_a_secrets_file_is_no_part_of_it() {
    let world = World::new();
    world.file("pw", "\u{feff}Marked-secret-5\n");
    let line = "connections add ad --name corp --domain lab.test --username svc@lab.test";
    world.run(&format!("{line} --password file:pw")).ok();
    // The same secret without the mark is no other version.
    world
        .file("plain", "Marked-secret-5")
        .file("one.csv", "name,kind,domain,username,password\ncorp,ad,lab.test,svc@lab.test,file:plain\n");
    assert_eq!(world.run("connections import one.csv").ok().stdout, "0 added, 0 changed, 1 unchanged\n");
}

/// A script may come later, so that a name without one is kept; but a typo would be found out when a rotation fails.
#[test]
fn a_procedure_that_is_not_there_yet_is_warned_of() {
    let world = World::new();
    world.file("home/scripts/there.rhai", "print(1);").file("scripts/elsewhere.rhai", "print(1);");
    let add = "connections add ad --name corp --domain lab.test --username svc@lab.test --password env:PW --dependent";
    let warning = |name: &str| {
        format!(
            "2| warning[dependent.missing]: there is no procedure {name} yet
2|   help: a rotation of the account's password fails without it; put it into the home's scripts folder"
        )
    };
    let added = world.program().env("PW", "Some-secret-5").args(format!("{add} elsewhere").split(' ')).run();
    added.is(&format!(
        "exit 0
1| added corp; `libretto connections test corp` sees whether it works
{}",
        warning("elsewhere")
    ));
    world
        .run("connections edit corp --dependent there --dependent nosuch")
        .is(&format!("exit 0\n1| changed corp\n{}", warning("nosuch")));
    world.run("connections edit corp --dependent nosuch --json").is("exit 0
1| {\"event\":\"edited\",\"name\":\"corp\"}
2| {\"warning\":{\"code\":\"dependent.missing\",\"message\":\"there is no procedure nosuch yet\",\"hint\":\"a rotation of the account's password fails without it; put it into the home's scripts folder\",\"verdict\":\"failed\",\"retryable\":false}}");
    world.run("connections edit corp --dependent there").is("exit 0\n1| changed corp");
    world.run("connections edit corp --dependent rollback").is("exit 0\n1| changed corp");
}

/// In a script it is a variable that is not set, and would mean: any controller that DNS knows.
#[test]
fn an_empty_target_of_a_new_connection_is_refused() {
    let world = World::new();
    let add = "connections add ad --name corp --domain lab.test --username svc@lab.test";
    let refused = world.run(&format!("{add} --target ''"));
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.starts_with("error[connection.bad_target]: \"\" is not a host name"), "{}", refused.stderr);
    for option in ["--home-server", "--tag", "--dependent"] {
        assert_eq!(world.run(&format!("{add} {option} ''")).code, Some(2), "{option}");
    }
}

#[test]
fn an_edit_that_changes_nothing_says_so() {
    let world = World::new();
    world.run("connections add ad --name corp --domain lab.test --username svc@lab.test --tag gold").ok();
    let before = shown(&world);
    let said = world.run("connections edit corp --domain lab.test --tag gold").ok().stdout;
    assert_eq!(said, "nothing to change: corp is so already\n");
    let said = world.run("connections edit corp --json").ok().stdout;
    assert_eq!(said, "{\"event\":\"unchanged\",\"name\":\"corp\"}\n");
    assert_eq!(shown(&world), before);
}

#[test]
fn a_file_of_a_spreadsheet_that_is_not_separated_by_commas_is_called_so() {
    let world = World::new();
    world.file("de.csv", "name;kind;domain;username\ncorp;ad;lab.test;svc\n");
    world.run("connections import de.csv").is("exit 2
2| error[connection.import_file]: the columns are separated by semicolons, not by commas
2|   = file: [work]/de.csv
2|   help: save the file with commas between the columns (in Excel that depends on the system's list separator)");
}

#[test]
fn a_quote_that_is_never_closed_is_a_fault() {
    let world = World::new();
    world.file("cut.csv", "name,kind,domain,username,tags\na,ad,lab.test,\"say \"\"a\"\"\",x\nb,ad,lab.test,svc,\"gold\nc,ad,lab.test,svc,\n");
    world.run("connections import cut.csv").is("exit 2
2| error[connection.import_file]: the double quote that begins a cell in line 3 is never closed
2|   = file: [work]/cut.csv
2|   help: close it, and see that the file is whole; a quote inside of quotes is written twice");
    world
        .file("rows.rhai", "const PARAMS = #{ rows: #{ type: \"csv\", help: \"rows\" } };\nprint(args::rows.len());\n");
    world.run("run rows.rhai rows=cut.csv").is("exit 2
2| error[usage.csv]: parameter rows: cut.csv, line 3: the double quote that begins a cell is never closed
2|   help: close it, and see that the file is whole");
}

#[test]
fn files_that_cannot_be_read_have_a_remedy() {
    let world = World::new();
    world.file("file.rhai", "const PARAMS = #{ it: #{ type: \"file\", help: \"one\" } };\nprint(args::it);\n");
    world.file("rows.rhai", "const PARAMS = #{ it: #{ type: \"csv\", help: \"rows\" } };\nprint(args::it.len());\n");
    world.file("uneven.csv", "a,b\n1\n").file("home/config.toml/in", "");
    for line in ["run file.rhai it=gone", "run rows.rhai it=gone", "run rows.rhai it=uneven.csv", "connections test"] {
        let refused = world.run(line);
        assert_eq!(refused.code, Some(2), "{line}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("cannot be read") && refused.stderr.contains("\n  help: "),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_script_that_changes_accounts_tells_what_is_declared_to_depend_on_them() {
    let world = World::new();
    world.file("home/scripts/pool.rhai", "");
    let add = "connections add ad --domain lab.test --username svc@lab.test --password env:PW --name";
    for (name, dependents) in
        [("corp", "--dependent pool --dependent rollback"), ("plain", ""), ("east", "--dependent pool")]
    {
        world
            .program()
            .env("PW", "Svc-Passw0rd-1!")
            .args(format!("{add} {name} {dependents}").split_whitespace())
            .run()
            .ok();
    }
    let told = world.run("describe reset_ad_creds").ok().stdout;
    assert!(told.contains("\ndeclared dependents\n  corp: pool, rollback\n  east: pool\n\ngrants\n"), "{told}");
    let told = world.run("describe reset_ad_creds --json").ok().json_lines();
    assert_eq!(told[0]["dependents"], serde_json::json!({"corp": ["pool", "rollback"], "east": ["pool"]}));
    // One that only looks has nothing to do with them.
    assert!(!world.run("describe test_connections").ok().stdout.contains("dependents"));
}
