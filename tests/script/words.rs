//! What a script's author is shown: in the script's words, and nothing that plays tricks.

use crate::support::world::World;

fn said(text: &str, options: &str) -> String {
    let world = World::new();
    world.file("a.rhai", text);
    world.run(&format!("run a.rhai {options}")).text()
}

#[test]
fn the_languages_errors_name_the_scripts_types() {
    for (text, words) in [
        (
            "let x = 1; x.y = 2;",
            "no writable property 'y' - it cannot be set on 'integer' to a value of type 'integer'",
        ),
        ("let x = 1; print(x.y);", "unknown property 'y' - there is none on 'integer'"),
        ("let t = \"\"; t.pad(5, secret::generate());", "secret"),
    ] {
        let said = said(text, "");
        assert!(said.contains(words), "{said}");
        assert!(!["i64", "libretto::", "ImmutableString"].iter().any(|word| said.contains(word)), "{said}");
    }
}

#[test]
fn characters_that_turn_the_order_round_do_not_reach_a_terminal() {
    let said = said("print(\"a\\u202eb\\u2066c\\u200fd\\u061ce\");", "");
    assert!(said.contains("| a b c d e\n"), "{said}");
}

#[test]
fn a_very_long_line_is_drawn_around_its_place() {
    let text = format!("let a = \"{}\"; print(1 / 0); let b = \"{}\";", "x".repeat(5000), "y".repeat(5000));
    let said = said(&text, "");
    assert!(said.contains("print(1 / 0)") && said.contains("…x") && said.contains("y…"), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    let at = lines.iter().position(|line| line.contains("print(1 / 0)")).unwrap();
    let column = |line: &str, what: &str| line.split(what).next().unwrap().chars().count();
    assert_eq!(column(lines[at + 1], "^"), column(lines[at], "/ 0"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() < 300), "{said}");
}

#[test]
fn a_group_that_is_none_is_named() {
    let conn = "const GRANTS = [\"directory:write\"]; let c = conn::get(\"lab-ad\");";
    let missing = said(&format!("{conn} ad::add_to_group(c, \"alice\", \"No Such\");"), "--lab");
    assert!(missing.contains("error[ad.not_found]: there is no group 'No Such' in the directory"), "{missing}");
    let user = said(&format!("{conn} ad::add_to_group(c, \"alice\", \"bob\");"), "--lab");
    assert!(user.contains("error[ad.not_a_group]: 'bob' is an account, not a group: CN="), "{user}");
}
