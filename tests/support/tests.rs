//! That the support itself can be relied on: it runs, sees, compares, ends and finds what it says.

use std::time::{Duration, Instant};

use super::{
    canary::canary,
    domain::{attribute, bind},
    program::{Expect, Output, Program},
    samba::{
        bad_password_count, create_user, create_user_on, delete_user, freeze, kill, lock_after, repl_now, repl_off,
        samba, unique_name,
    },
    text::{difference, normalised},
};

const PASSWORD: &str = "Proof-of-Support-1!";

/// The shell, performing `script`.
fn shell(script: &str) -> Program {
    Program::new().executable("/bin/sh").args(["-c", script])
}

fn message_of(failure: Box<dyn std::any::Any + Send>) -> String {
    *failure.downcast::<String>().unwrap()
}

#[test]
fn a_program_has_its_own_home_input_and_environment() {
    shell(r#"cat; echo "$LIBRETTO_HOME $PWD $GREETING ${CARGO_MANIFEST_DIR-nothing}"; echo "took 12 ms" >&2; exit 3"#)
        .stdin("given\n")
        .env("GREETING", "hello")
        .run()
        .expect(Expect { code: 3, stdout: "given\n[home] [work] hello nothing\n", stderr: "took [time]\n" });
}

#[test]
fn the_built_program_starts() {
    let Output { code, stdout, .. } = Program::new().args(["--version"]).run();
    assert_eq!((code, stdout), (Some(0), concat!("libretto ", env!("CARGO_PKG_VERSION"), "\n").into()));
}

#[test]
fn a_difference_is_shown_by_its_lines() {
    let expected = "--- expected\n+++ actual\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n";
    assert_eq!(difference("one\ntwo\nthree\n", "one\nzwei\nthree\n"), expected);
    let failed = std::panic::catch_unwind(|| shell("echo two").run().expect(Expect::default()));
    assert!(message_of(failed.unwrap_err()).contains("+two"));
}

#[test]
fn what_differs_each_time_has_a_name() {
    let text = "2026-11-23T03:34:00.5Z run 0123456789ab took 1.24 s, 1 min 3 s, 250 ms at 127.0.0.1:43215, \
                127.0.0.1:40002 and dc1:636, {\"ms\":7} a1b2c3d4-0000-4000-8000-123456789abc in 3 steps";
    let named = "[when] run [run] took [time], [time], [time] at 127.0.0.1:[port], \
                 127.0.0.1:40002 and dc1:636, {\"ms\":[time]} [id] in 3 steps";
    assert_eq!(normalised(text, &[]), named);
}

#[test]
fn lines_of_json_are_read_where_the_program_ran() {
    let first = shell(r#"echo '{"event":"run-finished","exit":0}' >events"#).run();
    let again = shell("cat events; cat events").folder(first.program.folder_path()).run();
    assert_eq!(again.json_lines(), vec![serde_json::json!({ "event": "run-finished", "exit": 0 }); 2]);
}

#[test]
fn a_program_that_does_not_end_is_killed() {
    let began = Instant::now();
    let run = || shell("echo begun; exec sleep 60").limit(Duration::from_millis(300)).run();
    let message = message_of(std::panic::catch_unwind(run).unwrap_err());
    assert!(message.contains("did not end within 300ms\nstdout:\nbegun"), "{message}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_program_is_interrupted() {
    let mut running = shell("trap 'echo interrupted; exit 130' INT; echo ready; while :; do sleep 0.01; done").start();
    running.await_output("ready");
    running.signal("INT");
    running.finish().expect(Expect { code: 130, stdout: "ready\ninterrupted\n", stderr: "" });
}

#[test]
fn a_terminal_shows_what_a_person_sees() {
    let ask =
        r"stty size; stty -echo; printf 'Password: '; read p; stty echo; printf '\nbusy\r\033[Kgot %s\n' ${#p}; exit 4";
    let mut terminal = shell(ask).on_terminal();
    terminal.await_screen("Password:");
    assert_eq!(terminal.screen(), "40 100\nPassword:");
    terminal.type_line("it's secret");
    terminal.await_screen("got 11");
    canary("it's secret").assert_absent("the terminal", terminal.sent());
    let output = terminal.finish();
    assert_eq!((output.code, output.stdout.as_str()), (Some(4), "40 100\nPassword:\ngot 11"));
}

#[test]
fn a_canary_is_found_in_every_form() {
    let secret = "Tw33t & \"tweet\" 7";
    let canary = canary(secret);
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(canary.found_in(&[b"..", utf16.as_slice(), b".."].concat()), Some("UTF-16LE"));
    for before in ["", "a", "ab", "abc"] {
        let inside = format!("{before}{secret}{before}");
        assert_eq!(
            canary.found_in(data_encoding::BASE64.encode(inside.as_bytes()).as_bytes()),
            Some("UTF-8 in base64")
        );
        assert_eq!(canary.found_in(inside.as_bytes()), Some("UTF-8"));
    }
    assert_eq!(canary.found_in(br#"{"p":"Tw33t & \"tweet\" 7"}"#), Some("JSON-escaped"));
    assert_eq!(canary.found_in(b"Tw33t%20%26%20%22tweet%22%207"), Some("UTF-8 percent-encoded"));
    assert_eq!(canary.found_in(b"nothing of it"), None);

    let output = shell("mkdir -p $LIBRETTO_HOME/deep; echo 'Tw33t & \"tweet\" 7' >$LIBRETTO_HOME/deep/file").run();
    let look = || canary.assert_absent_below(output.program.home_path());
    let message = message_of(std::panic::catch_unwind(std::panic::AssertUnwindSafe(look)).unwrap_err());
    assert!(message.ends_with("deep/file, as UTF-8"), "{message}");
}

#[tokio::test]
async fn every_controller_signs_a_new_user_in() {
    let user = create_user(&unique_name("support"), PASSWORD);
    for number in 1..=3 {
        bind(samba(), number, &user.upn, &user.password).await.unwrap();
        assert!(samba().shared_folder(number).is_dir());
    }
    lock_after(&user, 5);
    assert!(bind(samba(), 2, &user.upn, "wrong").await.is_err());
    assert_eq!([1, 2, 3].map(|number| bad_password_count(&user, number)), [0, 1, 0]);
    delete_user(&user);
    assert_eq!(attribute(1, &user.dn, "cn"), None);
}

#[test]
fn replication_is_held_back_and_forced() {
    let held = repl_off(2);
    let user = create_user_on(1, &unique_name("support"), PASSWORD);
    let deadline = Instant::now() + Duration::from_secs(30);
    while attribute(3, &user.dn, "cn").is_none() {
        assert!(Instant::now() < deadline, "the third controller fetches nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(attribute(2, &user.dn, "cn"), None);
    repl_now(1, 2);
    assert_eq!(attribute(2, &user.dn, "cn"), Some(user.name.clone()));
    held.undo();
}

#[test]
fn a_controller_is_frozen_killed_and_comes_back() {
    let user = create_user(&unique_name("support"), PASSWORD);
    let answers = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let signing_in = async { bind(samba(), 3, &user.upn, PASSWORD).await.is_ok() };
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2), signing_in).await }).ok()
    };
    assert_eq!(answers(), Some(true));
    let frozen = freeze(3);
    assert_eq!(answers(), None);
    frozen.undo();
    assert_eq!(answers(), Some(true));
    let killed = kill(3);
    assert_eq!(answers(), Some(false));
    killed.undo();
    assert_eq!(answers(), Some(true));
}
