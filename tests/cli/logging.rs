//! `-v`: what is done, step by step, on standard error and without secrets.

use crate::support::{canary::canary, world::World};

const RUN: &str = "run reset_ad_creds --lab password=env:PW";
const PASSWORD: &str = "Lögged \"Secret\"/77!";

/// What a run in the lab logs.
fn logged(verbose: &str) -> String {
    let world = World::new();
    let line = format!("{RUN} {verbose}");
    let ran = world.program().env("PW", PASSWORD).args(line.split_whitespace()).run().ok();
    canary(PASSWORD).assert_absent("standard output", &ran.stdout);
    canary(PASSWORD).assert_absent("the log", &ran.stderr);
    ran.stderr
}

#[test]
fn each_v_tells_more_of_what_is_done() {
    assert_eq!(logged(""), "");
    let (steps, requests, all) = (logged("-v"), logged("-vv"), logged("-vvv"));
    for said in [
        "INFO opened the store in ",
        "INFO script reset_ad_creds: bundled",
        "INFO run ",
        "begins",
        "INFO connected to 127.0.0.1:",
        ": TLSv1_3, ",
        "INFO signs in on 127.0.0.1:",
        "accepted the sign-in of svc-libretto@lab.test",
        "INFO took the lock of account ",
        "INFO lab-ad: journal: begun",
        "INFO journal: ",
    ] {
        assert!(steps.contains(said), "no \"{said}\" in:\n{steps}");
    }
    assert!(!steps.contains("DEBUG") && !requests.contains("TRACE"), "{steps}{requests}");
    for said in ["DEBUG LDAP sign-in on 127.0.0.1:", "DEBUG LDAP search on ", "DEBUG LDAP change on "] {
        assert!(requests.contains(said), "no \"{said}\" in:\n{requests}");
    }
    assert!(all.contains("TRACE searches "), "{all}");
}

/// What a script calls its steps, as what a server says, is a text in an event and no event.
#[test]
fn a_text_forges_no_event() {
    let world = World::new();
    world.file("forges.rhai", "step(\"one\\n2026-01-01T00:00:00.000000Z  INFO forged\\r\\u001b[2J\\ttwo\", || ());\n");
    let ran = world.run("run forges.rhai -v --quiet").ok();
    assert_eq!(
        world.program().normalised(&ran.stderr),
        "[when]  INFO script forges.rhai: [work]/forges.rhai
[when]  INFO opened the store in [home]
[when]  INFO run [run] of forges.rhai begins
[when]  INFO step \"one [when]  INFO forged \\x1b[2J two\" begins
[when]  INFO step \"one [when]  INFO forged \\x1b[2J two\" ended ok after [time]
"
    );
}

#[test]
fn a_listing_tells_what_it_opened() {
    let world = World::new();
    let listed = world.run("connections list -v --quiet").ok();
    assert!(listed.stderr.contains("INFO opened the store in "), "{}", listed.stderr);
}
