//! Entries that were changed, taken out, put in, reordered, cut off: each is found, by its number.

use rusqlite::Connection;

use crate::support::{text::operator, world::World};

/// Five entries or more.
fn world() -> World {
    let world = World::new();
    world.file("one.rhai", "1");
    for _ in 0..3 {
        world.run("run one.rhai").ok();
    }
    world
}

fn tamper(world: &World, sql: &str) {
    let store = Connection::open(world.home().join("store.db")).unwrap();
    store.execute_batch("DROP TRIGGER audit_unchanged; DROP TRIGGER audit_kept;").unwrap();
    store.execute_batch(sql).unwrap();
}

#[test]
fn a_sound_trail_says_how_long_it_is() {
    let world = World::new();
    world.run("audit verify").is("exit 0\n1| ok: the trail is empty");
    world.file("one.rhai", "1");
    world.run("run one.rhai").ok();
    let head = world.run("audit export").ok().json_lines()[1]["hash"].as_str().unwrap().to_owned();
    world.run("audit verify").is(&format!("exit 0\n1| ok: 2 entries, 1 of [when] to 2 of [when]\n1| head {head}"));
    world.run(&format!("audit verify --head {head}")).ok();
    let said = world.run("audit verify --json").ok();
    assert_eq!((&said.json_lines()[0]["entries"], &said.json_lines()[0]["head"]), (&2.into(), &head.into()));
}

#[test]
fn what_was_tampered_with_is_named_by_its_number() {
    for (sql, number, message) in [
        (
            "UPDATE audit SET operator = 'mallory' WHERE number = 3",
            3,
            "entry 3 was changed: its text gives another hash than it has",
        ),
        (
            "UPDATE audit SET data = '{\"exit\":0}' WHERE number = 2",
            2,
            "entry 2 was changed: its text gives another hash than it has",
        ),
        (
            "UPDATE audit SET verdict = NULL WHERE number = 6",
            6,
            "entry 6 was changed: its text gives another hash than it has",
        ),
        (
            "UPDATE audit SET hash = previous WHERE number = 4",
            4,
            "entry 4 was changed: its text gives another hash than it has",
        ),
        (
            "UPDATE audit SET what = x'ff' WHERE number = 4",
            4,
            "entry 4 was changed: its text gives another hash than it has",
        ),
        ("DELETE FROM audit WHERE number = 3", 3, "where entry 3 belongs stands entry 4"),
        ("DELETE FROM audit WHERE number < 3", 1, "where entry 1 belongs stands entry 3"),
        (
            "DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 WHERE number > 3",
            3,
            "entry 3 was changed: its text gives another hash than it has",
        ),
        (
            "UPDATE audit SET number = 100 WHERE number = 3; UPDATE audit SET number = 3 WHERE number = 4;
             UPDATE audit SET number = 4 WHERE number = 100",
            3,
            "entry 3 was changed: its text gives another hash than it has",
        ),
    ] {
        let world = world();
        // SQLite's types are strict: bytes are put in as text.
        tamper(&world, &sql.replace("x'ff'", "CAST(x'ff' AS TEXT)"));
        world.run("audit verify").is(&format!(
            "exit 1
2| error[audit.broken]: {message}
2|   = number: {number}
2|   help: entries before it are sound; compare the rest with an earlier export or a backup of the store"
        ));
    }
}

/// Whoever makes the hashes anew up to the end is found by a hash that was noted outside; whoever makes one anew at once.
#[test]
fn an_entry_that_was_made_anew_breaks_the_chain() {
    let world = world();
    let lines: Vec<String> = world.run("audit export").ok().stdout.lines().map(str::to_owned).collect();
    let forged = lines[2].replace(&format!(r#""operator":"{}""#, operator()), r#""operator":"mallory""#);
    let body = &forged[..forged.len() - 75];
    let hash = <sha2::Sha256 as sha2::Digest>::digest(body);
    let hash = data_encoding::HEXLOWER.encode(&hash);
    tamper(&world, &format!("UPDATE audit SET operator = 'mallory', hash = '{hash}' WHERE number = 3"));
    let verified = world.run("audit verify");
    verified.is("exit 1
2| error[audit.broken]: entry 4 does not continue entry 3: one of the two was put in or made anew
2|   = number: 4
2|   help: entries before it are sound; compare the rest with an earlier export or a backup of the store");
}

#[test]
fn a_cut_off_end_is_found_by_a_hash_that_was_noted() {
    let world = world();
    let head = world.run("audit export").ok().json_lines()[5]["hash"].as_str().unwrap().to_owned();
    tamper(&world, "DELETE FROM audit WHERE number > 4");
    world.run("audit verify").ok();
    world.run(&format!("audit verify --head {head}")).is(&format!(
        "exit 1
2| error[audit.head_missing]: no entry has the hash {head}: the trail's end was cut off, or the trail was made anew
2|   help: compare it with an earlier export or a backup of the store"
    ));
    world.run("audit verify --head abc").is("exit 2
2| error[audit.no_hash]: \"abc\" is no hash of an entry
2|   help: it has 64 hexadecimal digits; `libretto audit verify` shows the present one");
}

#[test]
fn exported_files_are_verified_alike() {
    let world = world();
    let all = world.run("audit export").ok().stdout;
    let lines: Vec<&str> = all.lines().collect();
    let verify = |lines: &[&str]| {
        world.file("trail.jsonl", &(lines.join("\n") + "\n"));
        world.run("audit verify trail.jsonl")
    };
    verify(&lines).ok();
    let middle = verify(&lines[2..5]).ok();
    assert!(middle.stdout.starts_with("ok: 3 entries, 3 of "), "{}", middle.stdout);
    for (lines, number) in [
        (vec![lines[0], lines[2]], 2),
        (vec![lines[0], lines[1], lines[3], lines[2]], 3),
        (vec![lines[0], "", lines[1]], 2),
        (vec![lines[0], lines[0]], 2),
        (vec![lines[1], "{}"], 3),
    ] {
        let output = verify(&lines);
        assert_eq!(output.code, Some(1), "{}", output.text());
        assert!(output.stderr.contains(&format!("  = number: {number}\n")), "{}", output.text());
    }
    assert_eq!(world.run("audit verify nowhere.jsonl").code, Some(2));
}

#[test]
fn an_export_may_begin_at_a_date() {
    let world = world();
    assert_eq!(world.run("audit export --since 2020-01-01").ok().stdout.lines().count(), 6);
    assert_eq!(world.run("audit export --since 2200-01-01T00:00:00+02:00").ok().stdout, "");
    world.run("audit export --since yesterday").is("exit 2
2| error[audit.no_date]: \"yesterday\" is no date
2|   help: write 2026-02-28, or [when]");
}

/// Not against an attacker, but against a slip of the hand.
#[test]
fn entries_are_not_changed_by_mistake() {
    let world = world();
    let store = Connection::open(world.home().join("store.db")).unwrap();
    for sql in ["UPDATE audit SET what = 'x'", "DELETE FROM audit"] {
        assert!(store.execute_batch(sql).unwrap_err().to_string().contains("of the audit trail is not"));
    }
    world.run("audit verify").ok();
}
