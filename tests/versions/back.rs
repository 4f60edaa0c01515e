//! `connections rollback`.

use super::Place;

#[test]
fn the_password_goes_back_and_the_run_says_so() {
    let place = Place::new(&[]).with_corp();
    place.run("run reset_ad_creds connection=corp rotate=true").ok();
    place.run("connections rollback corp").is("exit 2
2| error[usage.no_terminal]: nobody can answer \"Put the password of svc-libretto@lab.test back to that of version 1 (proven [when] on 127.0.0.1:[port]), in the directory and for corp? [y/N]\": standard input is not a terminal
2|   help: give the value as a parameter, or answer with --yes where it is a yes-or-no question");
    let output = place.run("connections rollback corp --yes");
    let text = place.world.program().normalised(&output.stdout);
    let end = "changed:
  password of svc-libretto@lab.test put back to that of version 1 (as version 3) in lab.test on 127.0.0.1:[port], current in corp\n";
    assert!(text.ends_with(end), "{}", output.text());
    assert!(text.starts_with("rollback run [run]\n"), "{}", output.text());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(states(&place), ["3 current", "2 previous", "1 retired"]);
    place.run("connections test corp --quiet").is("exit 0");
    // What is current now is what version 1 was: only the preflight can see that.
    let again = place.run("connections rollback corp --to 1 --yes");
    assert_eq!(again.code, Some(1));
    assert!(
        again.stdout.contains("the password of version 1 is that of version 3, which is in use"),
        "{}",
        again.text()
    );
    assert_eq!(states(&place), ["3 current", "2 previous", "1 retired"]);
}

#[test]
fn a_person_is_asked_before() {
    let place = Place::new(&[]).with_corp();
    place.run("run reset_ad_creds connection=corp rotate=true").ok();
    for (answer, versions) in [("n", 2), ("y", 3)] {
        let mut terminal = place.program("connections rollback corp --to 1").on_terminal();
        terminal.await_screen("[y/N]:");
        terminal.type_line(answer);
        assert_eq!(terminal.finish().code, Some(0));
        assert_eq!(place.run("connections history corp --json").stdout.lines().count(), versions);
    }
}

#[test]
fn what_cannot_go_back_is_refused_before_a_run() {
    let place = Place::new(&[]).with_corp();
    place.run("connections rollback corp --yes").is("exit 2
2| error[connection.no_former_version]: corp has no previous version that was proven
2|   help: `libretto connections history corp` shows what there is; name one with --to");
    place.run("connections rollback corp --to 9 --yes").is("exit 2
2| error[connection.unknown_version]: corp has no version 9
2|   help: it has 1");
    place.run("connections rollback crop --yes").is("exit 2
2| error[connection.unknown]: there is no connection crop
2|   help: did you mean corp?");
    assert_eq!(place.run("runs list").stdout, "");
}

/// A target that does not answer stops it, unless it is told to go on.
#[test]
fn a_target_that_is_down_stops_it_unless_it_is_told_otherwise() {
    let place = Place::new(&["target:3=down"]).with_corp();
    place.run("run reset_ad_creds connection=corp rotate=true allow_down=true --quiet --wait 1s");
    let stopped = place.run("connections rollback corp --yes");
    assert!(stopped.stdout.contains("cannot be used, and nothing was changed"), "{}", stopped.text());
    assert_eq!(stopped.code, Some(1));
    let went = place.run("connections rollback corp --yes --allow-down");
    assert!(went.stdout.contains("put back to that of version 1 (as version 3)"), "{}", went.text());
}

/// `edit` makes a password current that nobody has tried: the one before, which is nobody's but Libretto's, is not lost with it.
#[test]
fn a_typo_that_was_never_proven_is_taken_back_and_nothing_changes_in_the_directory() {
    let place = Place::new(&[]).with_corp();
    place.run("run reset_ad_creds connection=corp rotate=true").ok();
    let mistype =
        || place.program("connections edit corp --password env:WRONG").env("WRONG", "Wrong-Password-9!").run();
    mistype().ok();
    let hint = "the current version was never proven, and version 2 was: go back to it with `libretto connections rollback \
                corp --to 2`, which changes nothing in the directory; or give the right password";
    for line in ["run reset_ad_creds connection=corp rotate=true", "connections rollback corp --to 1 --yes"] {
        let refused = place.run(line);
        assert!(refused.stdout.contains(hint), "{}", refused.text());
        assert_eq!(refused.code, Some(1));
    }
    let back = place.run("connections rollback corp --to 2 --yes");
    let text = place.world.program().normalised(&back.stdout);
    let end = "changed:
  credentials of corp: version 4 for svc-libretto@lab.test is that of version 2, which 127.0.0.1:[port] accepts, and current; stored only, nothing changed in the directory\n";
    assert!(text.ends_with(end), "{}", back.text());
    assert_eq!(back.code, Some(0));
    assert_eq!(states(&place), ["4 current", "3 previous", "2 retired", "1 retired"]);
    place.run("connections test corp --quiet").is("exit 0");
    place.run("audit verify").ok();

    // Somebody has set another one since: the former signs in for an hour and would be lost then.
    mistype().ok();
    let store = rusqlite::Connection::open(place.world.home().join("store.db")).unwrap();
    store
        .execute("UPDATE credential SET proven_at = '2026-01-01T00:00:00Z', sent_at = NULL WHERE version < 5", [])
        .unwrap();
    let changed = place.run("connections rollback corp --to 4 --insist --yes");
    let text = place.world.program().normalised(&changed.stdout);
    assert!(
        text.contains("\nerror[rotation.changed_elsewhere]: the password was changed in the directory at [when], after version 4 was proven: that one signs in for an hour more at most\n")
            && text.ends_with("\nnot changed:\n  password of svc-libretto@lab.test: not changed in the directory, the old credentials stay current\nnext: libretto runs show [run]\n"),
        "{}",
        changed.text()
    );
    assert_eq!((changed.code, states(&place)[0].as_str()), (Some(1), "5 current"));
}

fn states(place: &Place) -> Vec<String> {
    let lines = place.run("connections history corp --json").json_lines();
    lines.iter().map(|one| format!("{} {}", one["version"], one["state"].as_str().unwrap())).collect()
}
