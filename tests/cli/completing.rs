//! Completion: the scripts for shells, and what the program answers them.

use crate::support::world::World;

/// What bash is offered behind `words`, the last of which is being typed.
fn offered(world: &World, words: &[&str]) -> Vec<String> {
    let index = (words.len() - 1).to_string();
    let output = world
        .program()
        .env("LIBRETTO_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", &index)
        .env("_CLAP_IFS", "\n")
        .args([&["--"], words].concat())
        .run()
        .ok();
    output.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn every_shell_gets_its_script() {
    let world = World::new();
    for (shell, holds) in [
        ("bash", "complete -o nospace -o bashdefault -o nosort -F _clap_complete_libretto libretto"),
        ("zsh", "#compdef libretto"),
        ("fish", "complete --keep-order --exclusive --command libretto"),
        ("elvish", "edit:completion:arg-completer[libretto]"),
        ("powershell", "Register-ArgumentCompleter -Native -CommandName libretto"),
    ] {
        let output = world.program().args(["completions", shell]).run().ok();
        assert!(output.stdout.contains(holds), "{shell}: {}", output.stdout);
        assert!(output.stdout.contains("LIBRETTO_COMPLETE"), "{shell} asks by the variable that is answered");
    }
}

#[test]
fn the_bash_script_is_one() {
    let world = World::new();
    let script = world.run("completions bash").ok().stdout;
    world.file("complete.bash", &script);
    let status = std::process::Command::new("bash").args(["-n", "complete.bash"]).current_dir(world.folder()).status();
    assert!(status.unwrap().success());
}

#[test]
fn tab_offers_scripts_parameters_connections_and_grants() {
    let world = World::new();
    for name in ["corp", "coral", "branch"] {
        world
            .program()
            .env("PW", "Some-secret-5")
            .args([
                "connections",
                "add",
                "ad",
                "--name",
                name,
                "--domain",
                "lab.test",
                "--username",
                "svc@lab.test",
                "--password",
                "env:PW",
            ])
            .run()
            .ok();
    }
    world.file("scripts/tidy.rhai", "//! Tidies.\n");
    assert_eq!(
        offered(&world, &["libretto", "run", "re"]),
        ["recover", "reset_ad_creds", "reset_msonline_creds", "revoke_access"]
    );
    assert_eq!(offered(&world, &["libretto", "run", "ti"]), ["tidy"]);
    assert_eq!(offered(&world, &["libretto", "describe", "he"]), ["health_check"]);
    assert_eq!(offered(&world, &["libretto", "run", "reset_ad_creds", "pa"]), ["password="]);
    assert_eq!(
        offered(&world, &["libretto", "run", "reset_ad_creds", "connection=co"]),
        ["connection=coral", "connection=corp"]
    );
    assert_eq!(offered(&world, &["libretto", "run", "reset_ad_creds", "rotate="]), ["rotate=true", "rotate=false"]);
    assert_eq!(offered(&world, &["libretto", "connections", "show", "b"]), ["branch"]);
    assert_eq!(
        offered(&world, &["libretto", "run", "x", "--deny", "directory:"]),
        ["directory:test", "directory:write"]
    );
    let empty = World::new();
    assert_eq!(
        offered(&empty, &["libretto", "connections", "show", ""]).iter().filter(|name| !name.starts_with('-')).count(),
        0
    );
    assert!(!empty.home().join("store.db").exists(), "Tab makes nothing");
}
