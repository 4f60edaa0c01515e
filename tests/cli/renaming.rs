//! The account of a connection: what is shown is what signs in.

use serde_json::Value;

use crate::support::world::World;

const ADD: &str = "connections add ad --name corp --domain lab.test --username old@lab.test --password env:PW";

fn world() -> World {
    let world = World::new();
    world.program().env("PW", "First-secret-5").args(ADD.split(' ')).run().ok();
    world
}

fn shown(world: &World, fields: &[&str]) -> String {
    let shown = world.run("connections show corp --json").ok().json_lines().remove(0);
    fields.iter().map(|field| shown[field].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>().join(", ")
}

#[test]
fn another_user_name_without_a_password_is_refused() {
    let world = world();
    let before = shown(&world, &["username", "credential", "changed_at"]);
    world.run("connections edit corp --username new@lab.test --tag gold").is("exit 2
2| error[connection.no_password]: new@lab.test needs a credential of its own: what is stored for corp is that of old@lab.test
2|   help: give the new account's password with it (`--password REF`; in a file the column password)");
    assert_eq!(shown(&world, &["username", "credential", "changed_at"]), before);
    // The same name is no other account, however it is written.
    world.run("connections edit corp --username OLD@lab.test").ok();
    assert_eq!(shown(&world, &["username", "credential"]), "OLD@lab.test, version 1, not yet proven");
}

#[test]
fn a_file_does_not_rename_an_account_either_and_tells_all_rows() {
    let world = world();
    world.file(
        "two.csv",
        "name,kind,domain,username,password,targets\nnext,ad,lab.test,x@lab.test,,\ncorp,,,new@lab.test,,\n\
         bad,ad,lab.test,y@lab.test,,dc:0\n",
    );
    world.run("connections import two.csv").is("exit 2
2| error[connection.import]: [work]/two.csv has 2 faults, nothing was imported
2|   = fault: row 3, column username: new@lab.test needs a credential of its own: what is stored for corp is that of old@lab.test
2|   = fault: row 4, column targets: \"dc:0\" is not a host name or address with an optional port
2|   help: correct them, then import the file again");
    assert_eq!(shown(&world, &["username"]), "old@lab.test");
}

#[test]
fn with_a_password_the_other_account_is_shown_and_used() {
    let world = world();
    let edit = ["connections", "edit", "corp", "--username", "new@lab.test", "--password", "env:PW"];
    world.program().env("PW", "Second-secret-5").args(edit).run().ok();
    assert_eq!(shown(&world, &["username", "credential", "signs_in_as"]), "new@lab.test, version 1, not yet proven, -");
    let history: Vec<Value> = world.run("connections history corp --json").ok().json_lines();
    let versions: Vec<_> = history.iter().map(|one| (one["username"].as_str(), one["state"].as_str())).collect();
    assert_eq!(versions, [(Some("new@lab.test"), Some("current"))]);
    // Back again is another account as well.
    assert_eq!(world.run("connections edit corp --username old@lab.test").code, Some(2));
}

#[test]
fn where_nothing_is_stored_there_is_nothing_to_mix_up() {
    let world = World::new();
    world.run("connections add ad --name corp --domain lab.test --username old@lab.test").ok();
    world.run("connections edit corp --username new@lab.test").ok();
    assert_eq!(shown(&world, &["username", "credential"]), "new@lab.test, -");
}
